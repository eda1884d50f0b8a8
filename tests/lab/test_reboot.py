"""Reboots and power cuts: the line comes back by itself; how long that takes is printed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from tests.lab.line import DEVICES, Line

BACK_S = 180
HUB_S = 11
"""2 s to the hub's next look, 5.4 s to its next call, and what emulated machines add."""


def wait_for_line(line: Line) -> float:
    """Wait until b and d reach each other, and return the seconds it took."""
    began = time.monotonic()
    for source, target in (("b", "d"), ("d", "b")):
        line.lab.wait_until_succeeds(
            source, "ping", "-c", "1", "-W", "1", DEVICES[target], timeout_s=BACK_S
        )
    return time.monotonic() - began


Record = Callable[[str, object], None]


@pytest.mark.parametrize("host", ["a", "z", "c"])
def test_one_host_reboots(line: Line, host: str, record_property: Record) -> None:
    boot = line.lab.succeed(host, "cat", "/proc/sys/kernel/random/boot_id")
    line.lab.reboot(host)
    assert line.lab.succeed(host, "cat", "/proc/sys/kernel/random/boot_id") != boot
    record_property("measured", f"{host} rebooted: line back {wait_for_line(line):.1f} s after SSH")
    assert line.lab.run(host, "leased-line", "status").code == 0


def test_all_hosts_reboot_at_once(line: Line, record_property: Record) -> None:
    line.lab.reboot("z", "a", "c")
    record_property("measured", f"all rebooted: line back {wait_for_line(line):.1f} s after SSH")
    for host in ("z", "a", "c"):
        assert line.lab.run(host, "leased-line", "status").code == 0


def test_a_restart_of_networkd_on_the_hub(line: Line, record_property: Record) -> None:
    """As by an upgrade of systemd's package: all peers are new, and the hub calls them itself."""
    with line.lab.pinging("b", DEVICES["d"], watch_s=3) as running:
        line.lab.run("z", "systemctl", "restart", "systemd-networkd")
    dark_s = running.result.longest_silence_s
    record_property("measured", f"networkd restarted on the hub: dark for {dark_s:.1f} s")
    assert dark_s < HUB_S
    assert line.lab.run("z", "leased-line", "status").code == 0


def test_up_revives_a_machine_whose_power_was_cut(line: Line, record_property: Record) -> None:
    line.lab.kill("a")
    out = line.make("up").stdout
    assert "unchanged" in out
    # The table at its end was measured over the line that is back.
    assert re.search(r"\bb\b.*\bd\b", out, re.S), out
    record_property("measured", f"a was cut off: line back {wait_for_line(line):.1f} s after up")
    assert line.lab.run("a", "leased-line", "status").code == 0
