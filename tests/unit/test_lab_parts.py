"""The lab's parts that need no root: archives, identities, sources, preflight, command lines."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from lab import cli, preflight, ssh
from lab.errors import LabError
from lab.identity import identity
from lab.image import Image, _remove_superseded, server
from lab.initrd import archive, directory, file
from lab.parts import Machine
from lab.ping import PingResult
from lab.qemu import command_line
from lab.settings import PROJECT, load_settings
from lab.shell import run, wait_until
from lab.sources import debian_sources
from lab.state import LabState
from lab.world import world
from leasedline.load import load_network

PINGED = """\
PING 10.70.0.2 (10.70.0.2) 56(84) bytes of data.
64 bytes from 10.70.0.2: icmp_seq=1 ttl=64 time=9.00 ms
64 bytes from 10.70.0.2: icmp_seq=3 ttl=64 time=2.00 ms
64 bytes from 10.70.0.2: icmp_seq=3 ttl=64 time=4.00 ms (DUP!)
64 bytes from 10.70.0.2: icmp_seq=4 ttl=64 time=3.00 ms

--- 10.70.0.2 ping statistics ---
5 packets transmitted, 3 received, +1 duplicates, 40% packet loss, time 805ms
"""


@pytest.fixture(scope="module")
def spoke() -> Machine:
    network = load_network(PROJECT / "stacks" / "lab.network.yaml")
    return world(network, load_settings("lab"), "lab").machines[1]


def members(data: bytes) -> dict[str, tuple[int, int, bytes]]:
    """Read a newc archive back: mode, owner and content by path."""
    found: dict[str, tuple[int, int, bytes]] = {}
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        size, length = fields[6], fields[11]
        name = data[at + 110 : at + 110 + length - 1].decode()
        start = at + 110 + length
        start += -start % 4
        if name == "TRAILER!!!":
            return found
        found[name] = (fields[1], fields[2], data[start : start + size])
        at = start + size
        at += -at % 4


def test_an_archive_reads_back_with_its_parents_first() -> None:
    read = members(archive({"etc/ssh/key": file("secret", 0o600, 1000), "dev": directory()}))
    assert list(read) == ["dev", "etc", "etc/ssh", "etc/ssh/key"]
    assert read["etc/ssh/key"] == (0o100600, 1000, b"secret")
    assert read["etc"][0] == 0o040755


def made_identity(spoke: Machine, host_key: str = "HOST KEY") -> dict[str, tuple[int, int, bytes]]:
    return members(
        identity(spoke, host_key=host_key, host_public_key="ssh-ed25519 AAA", authorized_key="me")
    )


def test_an_identity_holds_name_keys_and_addresses(spoke: Machine) -> None:
    read = made_identity(spoke)
    assert read["identity/etc/hostname"][2] == b"a\n"
    assert read["identity/etc/ssh/ssh_host_ed25519_key"][0] == 0o100600
    assert read["identity/home/admin/.ssh/authorized_keys"][1] == 1000
    lan = read["identity/etc/systemd/network/10-lab-lan0-0.network"][2].decode()
    assert f"MACAddress={spoke.nics[0].mac}" in lan
    assert "Address=192.168.201.247/24\nGateway=192.168.201.1" in lan
    assert len(read["identity/etc/machine-id"][2]) == 33


def test_an_identitys_digest_changes_with_what_it_holds(spoke: Machine) -> None:
    digest = "identity/etc/.leased-line-lab"
    assert made_identity(spoke)[digest] == made_identity(spoke)[digest]
    assert made_identity(spoke)[digest] != made_identity(spoke, "OTHER")[digest]


def test_a_machines_command_line(spoke: Machine, tmp_path: Path) -> None:
    image = Image(disk=tmp_path / "disk", kernel=tmp_path / "kernel", initrd=tmp_path / "initrd")
    home = tmp_path / "with, comma"
    line = command_line(spoke, image, accel="kvm", home=home, port=22200, taps=[7])
    assert "guest=ll-lab-a" in line
    assert "tap,id=nic0,fd=7" in line
    assert any("restrict=on" in w and "127.0.0.1:22200-192.0.2.15:22" in w for w in line)
    assert any("with,, comma/overlay.qcow2" in w for w in line)
    assert line[line.index("-cpu") + 1] == "host"
    assert line[line.index("-pidfile") + 1] == os.fspath(home / "pid")


def test_ping_results_count_each_answer_once() -> None:
    result = PingResult.parse(PINGED)
    assert (result.sent, result.received, result.lost) == (5, 3, 2)
    assert result.missing == (2, 5)
    assert result.rtt_ms == 3.0


def test_a_ping_that_never_sent_is_an_error() -> None:
    with pytest.raises(LabError, match="does not say how many"):
        PingResult.parse("ping: connect: Network is unreachable")


DEB822 = """\
# a comment
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb-src
URIs: http://mirror.example/debian
Suites: bookworm
Components: main
"""


def apt(tmp_path: Path, files: dict[str, str], release: str) -> tuple[Path, Path]:
    home = tmp_path / "apt"
    (home / "sources.list.d").mkdir(parents=True)
    for name, text in files.items():
        (home / name).write_text(text)
    (tmp_path / "os-release").write_text(release)
    return home, tmp_path / "os-release"


DEBIAN = "ID=debian\nVERSION_CODENAME=bookworm\n"


def test_debians_own_sources_are_turned_to_the_wanted_release(tmp_path: Path) -> None:
    other = "Types: deb\nURIs: http://vendor.example\nSuites: bookworm\nComponents: stable\n"
    files = {"sources.list.d/debian.sources": DEB822, "sources.list.d/other.sources": other}
    found = debian_sources("trixie", *apt(tmp_path, files, DEBIAN))
    assert found is not None
    assert found.suffix == ".sources"
    assert "Suites: trixie trixie-updates\n" in found.text
    assert "Signed-By: /usr/share/keyrings" in found.text
    assert found.text.count("URIs:") == 1
    assert "bookworm" not in found.text
    assert "vendor" not in found.text


def test_one_line_sources_are_read_too(tmp_path: Path) -> None:
    lines = (
        "# deb http://off.example bookworm main\n"
        "deb [signed-by=/k] http://mirror.example bookworm-security main contrib\n"
        "deb http://vendor.example stable main\n"
    )
    found = debian_sources("bookworm", *apt(tmp_path, {"sources.list": lines}, DEBIAN))
    assert found is not None
    assert found.text == "deb [signed-by=/k] http://mirror.example bookworm-security main\n"


def test_another_distribution_has_no_debian_sources(tmp_path: Path) -> None:
    files = {"sources.list": "deb http://mirror.example jammy main\n"}
    assert debian_sources("bookworm", *apt(tmp_path, files, "ID=ubuntu\n")) is None


def test_another_release_is_another_image() -> None:
    assert server("bookworm").digest == server("bookworm").digest
    assert server("bookworm").digest != server("trixie").digest


def test_a_superseded_image_goes_unless_a_disk_is_made_on_it(tmp_path: Path) -> None:
    state = LabState("x", tmp_path)
    names = ("new", "used", "in-the-cloud", "old")
    new, used, clouds, old = (state.cache / f"image-bookworm-{name}" for name in names)
    other = state.cache / "image-trixie-other"
    for home in (new, used, clouds, old, other):
        home.mkdir(parents=True)
        home.with_name(f"{home.name}.log").write_text("")
    (state.machine("z")).mkdir(parents=True)
    (state.machine("z") / "image").write_text(os.fspath(used))
    (state.cloud / "instances/i-1").mkdir(parents=True)
    (state.cloud / "instances/i-1/image").write_text(os.fspath(clouds))
    _remove_superseded("bookworm", new, state)
    left = sorted(path.name for path in state.cache.iterdir() if path.is_dir())
    assert left == [path.name for path in (clouds, new, used, other)]
    assert not old.with_name(f"{old.name}.log").exists()


def test_preflight_names_every_missing_program_and_package(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 900000 kB\nMemAvailable:     102400 kB\n")
    found = preflight.faults(
        LabState("x", tmp_path),
        which=lambda name: None if name.startswith("qemu") else f"/usr/bin/{name}",
        tun=tmp_path / "tun",
        meminfo=meminfo,
    )
    text = "\n".join(found)
    assert "qemu-system-x86_64, qemu-img not installed: run `apt-get install" in text
    assert "qemu-system-x86 qemu-utils" in text
    assert "modprobe tun" in text
    assert "100 MiB of memory available" in text


def test_every_needed_package_is_in_the_list_that_make_reads() -> None:
    listed = (PROJECT / "lab" / "packages.txt").read_text().split()
    assert listed == sorted(listed)
    assert set(preflight.PROGRAMS.values()) <= set(listed)


def test_without_root_and_sudo_the_lab_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(LabError, match="log in as root, or install sudo"):
        preflight.become_root(["check"])


def test_with_a_sudo_that_asks_the_lab_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text("#!/bin/sh\nexit 1\n")
    sudo.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(LabError, match="run `sudo -v`, then this again"):
        preflight.become_root(["check"])


def test_a_failed_command_can_be_pasted() -> None:
    with pytest.raises(
        LabError, match=r"`sh -c 'echo no >&2; exit 3'` failed with exit code 3: no"
    ):
        run("sh", "-c", "echo no >&2; exit 3")


def test_a_command_for_a_host_fails_in_its_own_words() -> None:
    with pytest.raises(LabError, match=r"^`apt` on z failed with exit code 3: out\nno$"):
        run("sh", "-c", "echo no >&2; echo out; exit 3", what="`apt` on z")
    with pytest.raises(LabError, match=r"^`apt` on z did not end within 0 s$"):
        run("sleep", "60", timeout_s=0.1, what="`apt` on z")


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(LabError, match="no-such-program is not installed"):
        run("no-such-program")


def test_a_wait_tells_what_it_saw_last() -> None:
    with pytest.raises(LabError, match="the moon: not within 0 s; last seen: clouds"):
        wait_until("the moon", lambda: "clouds", timeout_s=0, every_s=0.01)


def test_ssh_trusts_one_key_and_asks_nothing(tmp_path: Path) -> None:
    words = ssh.command(LabState("x", tmp_path), "z", 22200, "true")
    assert "StrictHostKeyChecking=yes" in words
    assert "BatchMode=yes" in words
    assert words[-2:] == ["127.0.0.1", "true"]


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
    [
        (
            ["machine", "up", "z"],
            "{}",
            "standard input is no machine's spec, stack: Field required",
        ),
        (["internet", "up"], "no JSON", "standard input is no internet's spec"),
        (["run", "nobody", "--", "true"], "", "has no host nobody"),
        (["machine", "start", "nobody"], "", "has no machine nobody"),
        (["gateway", "nowhere"], "", "office nowhere is not up"),
    ],
)
def test_bad_input_is_told_without_a_trace(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    stdin: str,
    said: str,
) -> None:
    monkeypatch.setattr("lab.cli.become_root", lambda words: None)
    monkeypatch.setattr("lab.preflight.faults", lambda state: [])
    monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    assert cli.main([*words[:2], "--stack", "unittest", *words[2:]]) in (1, 2)
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


def test_all_that_a_machine_lacks_ends_with_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lab.cli.become_root", lambda words: None)
    monkeypatch.setattr("lab.preflight.faults", lambda state: ["no qemu: get it", "no ip: get it"])
    assert cli.main(["check"]) == 2
    assert capsys.readouterr().err == "lab: no qemu: get it\nlab: no ip: get it\n"
