"""What is read off ping(8)."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.ping import STEADY, PingResult, Reply, RunningPing, replies, steady


def output(sent: int, *, unanswered: tuple[int, ...]) -> str:
    replies = [
        f"64 bytes from 192.168.200.244: icmp_seq={number} ttl=61 time=5.0 ms"
        for number in range(1, sent + 1)
        if number not in unanswered
    ]
    counts = f"{sent} packets transmitted, {len(replies)} received, 0% packet loss, time 1000ms"
    return "\n".join([*replies, "", "--- 192.168.200.244 ping statistics ---", counts, ""])


def test_what_had_no_time_to_be_answered_is_not_lost() -> None:
    result = PingResult.parse(output(30, unanswered=(7, 28, 29, 30))).settled(10)
    assert (result.sent, result.received, result.missing) == (27, 26, (7,))
    assert result.lost == 1


def test_a_line_that_went_dead_stays_lost() -> None:
    result = PingResult.parse(output(30, unanswered=tuple(range(11, 31)))).settled(10)
    assert (result.sent, result.missing) == (20, tuple(range(11, 21)))


PING = """\
PING 192.168.200.244 (192.168.200.244) 56(84) bytes of data.
[1700000000.000000] 64 bytes from 192.168.200.244: icmp_seq=1 ttl=61 time=5.21 ms
[1700000000.100000] 64 bytes from 192.168.200.244: icmp_seq=2 ttl=61 time=5.10 ms
[1700000000.100900] 64 bytes from 192.168.200.244: icmp_seq=2 ttl=61 time=6.00 ms (DUP!)
From 192.168.201.1 icmp_seq=3 Destination Host Unreachable
[1700000001.600000] 64 bytes from 192.168.200.244: icmp_seq=17 ttl=61 time=4.90 ms
"""
END = """\

--- 192.168.200.244 ping statistics ---
{sent} packets transmitted, 3 received, +1 duplicates, 82% packet loss, time 1700ms
rtt min/avg/max/mdev = 4.900/5.070/5.210/0.130 ms
"""


def test_pings_are_read_while_they_run() -> None:
    assert [reply.number for reply in replies(PING)] == [1, 2, 17]
    with pytest.raises(LabError, match="does not say how many"):
        PingResult.parse(PING)


def test_lost_packets_and_how_long_none_came() -> None:
    seen = PingResult.parse(PING + END.format(sent=17))
    assert (seen.sent, seen.lost) == (17, 14)
    assert seen.longest_silence_s == pytest.approx(1.5)
    assert seen.down_s() == pytest.approx(1.5)
    assert seen.down_s(1700000001.0) == pytest.approx(0.6)
    assert seen.down_s(1700000002.0) == 0


def test_steady_needs_replies_in_a_row_that_came_late_enough() -> None:
    row = tuple(Reply(number=n, when=n / 10, rtt_ms=5) for n in range(1, STEADY + 1))
    gap = tuple(Reply(number=r.number + (r.number > 5), when=r.when, rtt_ms=5) for r in row)
    assert steady(row, since=0.05)
    assert not steady(row, since=0.1)
    assert not steady(row[1:], since=0.05)
    assert not steady(gap, since=0.05)


def test_a_real_ping_is_understood_and_ends_in_order(tmp_path: Path) -> None:
    file = tmp_path / "ping"
    command = ["ping", "-n", "-D", "-i", "0.01", "127.0.0.1"]
    with file.open("w") as out, subprocess.Popen(command, stdout=out, text=True) as process:
        ping = RunningPing(process, file, 0.01)
        ping.wait_until_steady()
        process.send_signal(signal.SIGINT)
        process.wait(10)
    ping.ended()
    assert ping.result.sent >= STEADY
    assert ping.result.missing == ()


def test_a_ping_that_ended_is_no_steady_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.ping.STEADY_TIMEOUT_S", 0.1)
    file = tmp_path / "ping"
    with file.open("w") as out, subprocess.Popen(["true"], stdout=out, text=True) as process:
        process.wait(10)
    with pytest.raises(LabError, match="ping has ended"):
        RunningPing(process, file, 0.1).wait_until_steady()
