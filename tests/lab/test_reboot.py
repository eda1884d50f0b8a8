"""Reboots and power cuts: the line comes back by itself, and how long that takes is printed."""

from __future__ import annotations

import time

import pytest

from tests.lab.line import DEVICES, Line

BACK_S = 180


def wait_for_line(line: Line) -> float:
    """Wait until b and d reach each other, and return the seconds it took."""
    began = time.monotonic()
    for source, target in (("b", "d"), ("d", "b")):
        line.lab.wait_until_succeeds(
            source, "ping", "-c", "1", "-W", "1", DEVICES[target], timeout_s=BACK_S
        )
    return time.monotonic() - began


@pytest.mark.parametrize("host", ["a", "z", "c"])
def test_one_host_reboots(line: Line, host: str) -> None:
    line.lab.reboot(host)
    seconds = wait_for_line(line)
    print(f"\n{host} rebooted: the line is back {seconds:.1f} s after its SSH")
    assert line.lab.run(host, "leased-line", "status").code == 0


def test_all_hosts_reboot_at_once(line: Line) -> None:
    line.lab.reboot("z", "a", "c")
    print(f"\nall rebooted at once: the line is back {wait_for_line(line):.1f} s after their SSH")
    for host in ("z", "a", "c"):
        assert line.lab.run(host, "leased-line", "status").code == 0


def test_the_power_of_a_spoke_is_cut(line: Line) -> None:
    line.lab.kill("a")
    line.lab.start("a")
    print(f"\na was cut off: the line is back {wait_for_line(line):.1f} s after its SSH")
    assert line.lab.run("a", "leased-line", "status").code == 0


def test_up_revives_a_dead_machine_without_a_change(line: Line) -> None:
    line.lab.kill("c")
    line.make("up")
    wait_for_line(line)
