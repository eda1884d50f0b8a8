"""What a removal leaves as somebody else has made it since, and what it says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from leasedline.bundle import bundle
from leasedline.files import File
from tests.unit.recorded import PLANNER
from tests.unit.shell import Host, Ran

FORWARD: Final = "net.ipv4.ip_forward"

# The kernel's settings are files; what systemctl is told is noted.
PRETENDED: Final = r"""
sysctl() {
    case $1 in
    -n) cat "$STATE/kernel-$2" ;;
    -q) echo "${2#*=}" >"$STATE/kernel-${2%%=*}" ;;
    esac
}
systemctl() { echo "$*" >>"$STATE/systemctl"; }
unit_states() { echo "$1 $ENABLED $ACTIVE"; }
networkctl() { cat "$STATE/links"; }
"""


def applied(host: Host, *names: str) -> list[Path]:
    """Files of a bundle that is in force."""
    paths = [host.file(name, f"{name}\n") for name in names]
    files = [File(path=str(path), text=f"{path.name}\n") for path in paths]
    host.file("state/current", bundle(PLANNER.spoke("a"), files))
    return paths


def test_what_somebody_wrote_into_a_file_of_ours_is_kept(host: Host) -> None:
    same, edited, gone = applied(host, "same", "edited", "gone")
    edited.write_text("edited\nand more\n")
    gone.unlink()
    ran = host.sh("keep_changed")
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.stdout == (
        f"{edited}: was changed here since it was applied; what it said is kept in {edited}.kept\n"
    )
    assert Path(f"{edited}.kept").read_text() == "edited\nand more\n"
    assert sorted(host.root.glob("*.kept")) == [Path(f"{edited}.kept")]
    assert same.read_text() == "same\n"


def test_between_two_bundles_nothing_is_taken_for_changed(host: Host) -> None:
    (file,) = applied(host, "file")
    file.write_text("of the bundle that was not confirmed\n")
    host.file("state/next", "another bundle\n")
    assert (host.sh("keep_changed").stdout, list(host.root.glob("*.kept"))) == ("", [])
    (host.state / "next").unlink()
    (host.state / "current").unlink()
    assert (host.sh("keep_changed").stdout, list(host.root.glob("*.kept"))) == ("", [])


@pytest.mark.parametrize(
    ("texts", "kernel", "told"),
    [
        ({}, "0", f"sysctl {FORWARD}: 0, as before"),
        ({"10.conf": "# net.ipv4.ip_forward=1\n"}, "0", f"sysctl {FORWARD}: 0, as before"),
        ({"10.conf": "net.ipv4.ip_forward = 0\n"}, "0", f"sysctl {FORWARD}: 0, as before"),
        ({"99-docker.conf": "net.ipv4.ip_forward = 1\n"}, "1", "left at 1, as"),
        ({"99-docker.conf": "-net/ipv4/ip_forward=1\n"}, "1", "left at 1, as"),
        # The last one counts.
        (
            {"10.conf": "net.ipv4.ip_forward=1\n", "20.conf": "net.ipv4.ip_forward=0\n"},
            "0",
            f"sysctl {FORWARD}: 0, as before",
        ),
    ],
)
def test_a_kernel_setting_that_another_file_wants_is_left(
    texts: dict[str, str], kernel: str, told: str, host: Host
) -> None:
    host.file(f"state/kernel-{FORWARD}", "1\n")
    for name, text in texts.items():
        host.file(f"sysctl.d/{name}", text)
    where = f"SYSCTL_FILES='{host.root}/no.conf {host.root}/sysctl.d/*.conf'"
    ran = host.sh(f"{PRETENDED}{where}\nrestore_sysctl {FORWARD} 0")
    assert (ran.code, ran.stderr) == (0, "")
    assert told in ran.stdout
    if kernel == "1":
        assert f"{host.root}/sysctl.d/99-docker.conf wants it; it was 0 before" in ran.stdout
    assert (host.state / f"kernel-{FORWARD}").read_text() == f"{kernel}\n"


def test_a_kernel_setting_that_is_as_before_is_not_told(host: Host) -> None:
    host.file(f"state/kernel-{FORWARD}", "1\n")
    assert host.sh(f"{PRETENDED}restore_sysctl {FORWARD} 1").stdout == ""


def restore_unit(host: Host, was: str, links: str) -> Ran:
    host.file("state/links", links)
    now = "ENABLED=enabled\nACTIVE=active\n"
    return host.sh(f"{PRETENDED}{now}restore_unit systemd-networkd.service {was}")


OURS_ALONE: Final = """\
  1 lo   loopback carrier     unmanaged
  2 eth0 ether    routable    unmanaged
"""
OTHERS_TOO: Final = OURS_ALONE.replace("routable    unmanaged", "routable    configured")


@pytest.mark.parametrize(
    ("was", "links", "did"),
    [
        ("enabled active", OTHERS_TOO, []),
        ("disabled active", OTHERS_TOO, ["--quiet disable systemd-networkd.service"]),
        ("enabled inactive", OURS_ALONE, ["stop systemd-networkd.service"]),
        (
            "disabled inactive",
            OURS_ALONE,
            ["--quiet disable systemd-networkd.service", "stop systemd-networkd.service"],
        ),
    ],
)
def test_a_unit_is_as_before(was: str, links: str, did: list[str], host: Host) -> None:
    ran = restore_unit(host, was, links)
    assert (ran.code, ran.stderr) == (0, "")
    log = host.state / "systemctl"
    assert (log.read_text().splitlines() if log.exists() else []) == did
    assert len(ran.lines) == len(did)


def test_networkd_that_holds_other_links_by_now_is_left_running(host: Host) -> None:
    ran = restore_unit(host, "disabled inactive", OTHERS_TOO)
    assert ran.stdout == (
        "systemd-networkd.service: left running, as networkd holds eth0 now; "
        "it was stopped before\n"
    )
    assert not (host.state / "systemctl").exists()


REMOVE: Final = "need_root() { :; }\nlock() { :; }\n"


def test_each_line_of_the_receipt_names_its_host(host: Host) -> None:
    applied(host, "file")
    host.file("state/before/settings", "")
    ran = host.sh(f"{REMOVE}take_down() {{ say one; say two; }}\nremove")
    assert (ran.code, ran.stdout) == (0, "a: one\na: two\n")


def test_a_removal_that_failed_says_how_far_it_came(host: Host) -> None:
    applied(host, "file")
    host.file("state/before/settings", "")
    ran = host.sh(f"{REMOVE}take_down() {{ say one; false; say two; }}\nremove; say over")
    assert (ran.code, ran.stdout) == (1, "a: one\n")
