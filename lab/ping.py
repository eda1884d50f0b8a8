"""A ping that runs while something is changed, and what of it was lost."""

from __future__ import annotations

import re
import statistics
import subprocess
import time
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from lab.errors import LabError
from lab.shell import wait_until

INTERVAL_S: Final = 0.1
STEADY: Final = 20
"""So many replies in a row, and the line counts as up."""

STEADY_TIMEOUT_S: Final = 90.0
LATE_S: Final = 1.0
"""On a busy machine an answer may take so long."""

# ping(8) of iputils 20221126. With -D the seconds since the epoch come first, a second reply to the
# same packet is marked DUP! behind.
_REPLY: Final = re.compile(
    r"^(?:\[(\d+\.\d+)\] )?\d+ bytes from .*icmp_seq=(\d+) .*time=([\d.]+) ms", re.M
)
_SENT: Final = re.compile(r"^(\d+) packets transmitted", re.M)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The first reply to the packet `number` (from 1).

    `when` is in seconds since the epoch, 0 where ping ran without -D.
    """

    number: int
    when: float
    rtt_ms: float


def replies(output: str) -> tuple[Reply, ...]:
    """Return the replies in what ping(8) wrote, whole or so far, in the order of their packets."""
    first: dict[int, Reply] = {}
    for when, number, rtt in _REPLY.findall(output):
        reply = Reply(number=int(number), when=float(when or 0), rtt_ms=float(rtt))
        first.setdefault(reply.number, reply)
    return tuple(first[number] for number in sorted(first))


def steady(seen: tuple[Reply, ...], since: float) -> bool:
    """Return whether the last `STEADY` replies are to packets in a row and all came after then."""
    last = seen[-STEADY:]
    return (
        len(last) == STEADY
        and last[-1].number - last[0].number == STEADY - 1
        and min(reply.when for reply in last) > since
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PingResult:
    """What ping(8) counted: packets `sent`, and the replies in the order of their packets."""

    sent: int
    replies: tuple[Reply, ...] = ()

    @property
    def received(self) -> int:
        """How many were answered."""
        return len(self.replies)

    @property
    def lost(self) -> int:
        """How many went unanswered."""
        return self.sent - self.received

    @property
    def missing(self) -> tuple[int, ...]:
        """The sequence numbers (from 1) of those."""
        answered = {reply.number for reply in self.replies}
        return tuple(number for number in range(1, self.sent + 1) if number not in answered)

    @property
    def rtt_ms(self) -> float | None:
        """The median, None without an answer."""
        return statistics.median(r.rtt_ms for r in self.replies) if self.replies else None

    @property
    def longest_silence_s(self) -> float:
        """The longest time between two replies, 0 where ping ran without -D."""
        times = sorted(reply.when for reply in self.replies)
        return max((late - early for early, late in pairwise(times)), default=0.0)

    def down_s(self, since: float = 0.0) -> float:
        """Return for how long packets went unanswered between two replies, after `since`.

        `since` is in seconds since the epoch.
        """
        return sum(
            max(0.0, after.when - max(before.when, since))
            for before, after in pairwise(self.replies)
            if after.number - before.number > 1
        )

    def settled(self, in_flight: int) -> PingResult:
        """Return this less the unanswered at its end that had no time: `in_flight` at most."""
        last = self.replies[-1].number if self.replies else 0
        return replace(self, sent=max(last, self.sent - in_flight))

    @classmethod
    def parse(cls, output: str) -> PingResult:
        """Read what ping(8) of iputils prints.

        Raises:
            LabError: it never came to sending, or did not end in order.
        """
        sent = _SENT.search(output)
        if sent is None:
            msg = f"ping does not say how many packets it sent: {output.strip() or 'no output'}"
            raise LabError(msg)
        return cls(sent=int(sent[1]), replies=replies(output))


@dataclass(slots=True)
class RunningPing:
    """A `ping -D` in the background that writes into `file`."""

    process: subprocess.Popen[str]
    file: Path
    interval_s: float
    _result: list[PingResult] = field(default_factory=list)

    @property
    def result(self) -> PingResult:
        """What it counted, once its `with` block has ended.

        Raises:
            LabError: it still runs.
        """
        if not self._result:
            msg = "the ping still runs: read its result behind the with block"
            raise LabError(msg)
        return self._result[0]

    def wait_until_steady(self, watch_s: float = 0.0) -> None:
        """Wait until `STEADY` replies in a row have come, all after `watch_s` from now.

        Raises:
            LabError: not within `STEADY_TIMEOUT_S` after that.
        """
        since = time.time() + watch_s

        def probe() -> bool | str:
            output = self._output()
            if self.process.poll() is not None:
                return f"ping has ended: {output[-500:]}"
            seen = replies(output)
            if not seen:
                return "no reply yet"
            if steady(seen, since):
                return True
            last = seen[-1]
            return (
                f"the last reply was to packet {last.number}, {time.time() - last.when:.1f} s ago"
            )

        wait_until("a steady ping", probe, timeout_s=watch_s + STEADY_TIMEOUT_S)

    def ended(self) -> None:
        """Count, once it has ended in order: what was then on its way does not count as lost.

        Raises:
            LabError: it did not end in order.
        """
        in_flight = round(LATE_S / self.interval_s)
        self._result.append(PingResult.parse(self._output()).settled(in_flight))

    def _output(self) -> str:
        return self.file.read_text("ascii", errors="replace")
