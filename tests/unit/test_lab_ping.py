"""What is read off ping(8)."""

from __future__ import annotations

from lab.client import PingResult


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
