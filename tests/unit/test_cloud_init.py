"""User data: the golden text, what cloud-init makes of it, and its script on a scratch machine."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from leasedline.cloud_init import BOOTED, PREPARE, user_data
from leasedline.keys import SshKey
from tests.unit.networks import RING, article, planner

GOLDEN: Final = Path(__file__).parent / "golden" / "user-data.yaml"


def text() -> str:
    return user_data("z", RING.ssh_host("z"), RING.ssh_login().public)


def data() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text())
    return loaded


def test_golden(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("write_golden"):
        GOLDEN.write_text(text(), "utf-8")
    # A change of this text is a new machine for every hub in a cloud.
    assert text() == GOLDEN.read_text("utf-8")


def test_the_host_key_is_pinned_and_no_other_is_made() -> None:
    key = RING.ssh_host("z")
    assert text().startswith("#cloud-config\n")
    assert data()["ssh_keys"] == {"ed25519_private": key.private, "ed25519_public": key.public}
    assert data()["ssh_deletekeys"] is True
    assert data()["ssh_authorized_keys"] == [RING.ssh_login().public]


def test_no_key_of_the_line_is_in_it() -> None:
    plan = planner(article())
    secrets = [RING.host("z").private, *plan.secrets("z").values(), *plan.secrets("a").values()]
    secrets.append(RING.ssh_login().private.splitlines()[3])
    assert not [secret for secret in secrets if secret in text()]


def test_too_long_is_refused() -> None:
    long = SshKey(private="x" * 16 * 1024, public="ssh-ed25519 A")
    with pytest.raises(ValueError, match=r"^the user data of z has 1\d+ bytes, and the cloud take"):
        user_data("z", long, "ssh-ed25519 B")


# --- its script ---


def script(tmp_path: Path, memory_kib: int = 8_000_000) -> Path:
    """The script, with the files of the system moved into `tmp_path`."""
    (written,) = data()["write_files"]
    assert written["path"] == PREPARE
    moved = written["content"]
    for path in ("/proc/meminfo", "/proc/swaps", "/etc/fstab", "/swapfile"):
        assert path in moved
        moved = moved.replace(path, f"{tmp_path}{path}")
    for name in ("proc", "etc", "bin"):
        (tmp_path / name).mkdir()
    (tmp_path / "proc/meminfo").write_text(f"MemTotal: {memory_kib} kB\n")
    (tmp_path / "proc/swaps").write_text("Filename Type Size Used Priority\n")
    (tmp_path / "etc/fstab").write_text("")
    program = tmp_path / "prepare"
    program.write_text(moved)
    for tool in ("awk", "wc", "seq", "paste", "grep", "mv", "cat", "sh", "chmod"):
        (tmp_path / "bin" / tool).symlink_to(f"/usr/bin/{tool}")
    give(tmp_path, "sleep", ":")
    for name in ("fallocate", "mkswap", "swapon"):
        give(tmp_path, name, f'echo "{name} $*" >>{tmp_path}/calls')
    return program


def give(tmp_path: Path, name: str, body: str) -> None:
    tool = tmp_path / "bin" / name
    tool.write_text(f"#!/bin/sh\n{body}\n")
    tool.chmod(0o755)


def run(tmp_path: Path, program: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", program],
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )


def calls(tmp_path: Path) -> list[str]:
    file = tmp_path / "calls"
    return file.read_text().splitlines() if file.exists() else []


def test_nothing_is_asked_of_a_mirror_where_nothing_is_missing(tmp_path: Path) -> None:
    program = script(tmp_path)
    for name in ("wg", "nft", "ip", "ping"):
        give(tmp_path, name, ":")
    give(tmp_path, "apt-get", "exit 1")
    ran = run(tmp_path, program)
    assert (ran.returncode, ran.stderr, calls(tmp_path)) == (0, "", [])


def test_a_mirror_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    program = script(tmp_path)
    for name in ("ip", "ping"):
        give(tmp_path, name, ":")
    give(
        tmp_path,
        "apt-get",
        f'echo "apt-get $*" >>{tmp_path}/calls\n'
        f'[ "$(wc -l <{tmp_path}/calls)" -gt 2 ] || exit 1\n'
        f'if [ "$1" = install ]; then cd {tmp_path}/bin && cat sleep >wg && cat sleep >nft && '
        "chmod 755 wg nft; fi",
    )
    ran = run(tmp_path, program)
    assert ran.returncode == 0, ran.stderr
    assert [line.split()[1] for line in calls(tmp_path)] == ["update"] * 3 + ["install"]
    assert calls(tmp_path)[-1].endswith(" wireguard-tools nftables")


def test_a_mirror_that_never_comes_ends_in_one_line(tmp_path: Path) -> None:
    program = script(tmp_path)
    give(tmp_path, "apt-get", f"echo >>{tmp_path}/calls; exit 100")
    ran = run(tmp_path, program)
    assert ran.returncode == 1
    assert ran.stderr == (
        "leased-line: not to be had from the mirror: wireguard-tools nftables iproute2 "
        "iputils-ping\n"
    )
    assert len(calls(tmp_path)) == 5


@pytest.mark.parametrize(("memory_kib", "has_swap"), [(466_000, True), (2_000_000, False)])
def test_a_small_machine_gets_swap_first(tmp_path: Path, memory_kib: int, has_swap: bool) -> None:
    program = script(tmp_path, memory_kib)
    for name in ("wg", "nft", "ip", "ping"):
        give(tmp_path, name, ":")
    (tmp_path / "swapfile").touch()
    assert run(tmp_path, program).returncode == 0
    assert (calls(tmp_path) == [f"swapon {tmp_path}/swapfile"]) is has_swap
    assert bool((tmp_path / "etc/fstab").read_text()) is has_swap


def test_swap_that_cannot_be_made_stops_nothing(tmp_path: Path) -> None:
    program = script(tmp_path, 466_000)
    for name in ("wg", "nft", "ip", "ping"):
        give(tmp_path, name, ":")
    give(tmp_path, "fallocate", "exit 1")
    ran = run(tmp_path, program)
    assert (ran.returncode, ran.stderr) == (
        0,
        "leased-line: no swap could be made; going on without\n",
    )


def test_shellcheck(tmp_path: Path) -> None:
    (written,) = data()["write_files"]
    for name, body in (("prepare", written["content"]), ("booted", f"#!/bin/sh\n{BOOTED}\n")):
        (tmp_path / name).write_text(body)
        subprocess.run(["shellcheck", tmp_path / name], check=True)


def test_a_machine_without_cloud_init_is_ready(tmp_path: Path) -> None:
    ran = subprocess.run(
        ["/bin/sh", "-c", BOOTED], env={"PATH": str(tmp_path)}, capture_output=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
