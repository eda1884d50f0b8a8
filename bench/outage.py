"""A ping that runs while something is changed, and what of it was lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from bench.measure import BenchError
from lab.errors import LabError
from lab.shell import wait_until

INTERVAL_S: Final = 0.1
STEADY: Final = 20
"""So many replies in a row, and the line counts as up."""

STEADY_TIMEOUT_S: Final = 90.0
_STOP_TIMEOUT_S: Final = 10.0

# ping(8) of iputils 20221126 with -D: seconds since the epoch come first, a second reply to the
# same packet is marked DUP! behind.
_REPLY: Final = re.compile(r"^\[(\d+\.\d+)\] \d+ bytes from .*icmp_seq=(\d+) ")
_SENT: Final = re.compile(r"^(\d+) packets transmitted, ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pings:
    """What ping(8) wrote: packets sent, and each answered one's number with its reply's time.

    `sent` is None while ping still runs.
    """

    sent: int | None
    replies: tuple[tuple[int, float], ...]

    def steady(self, since: float) -> bool:
        """Whether the last `STEADY` replies are to packets in a row and all came after `since`."""
        last = self.replies[-STEADY:]
        return (
            len(last) == STEADY
            and last[-1][0] - last[0][0] == STEADY - 1
            and min(when for _, when in last) > since
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Packets `sent` and `lost`, and the longest time between two replies, in seconds."""

    sent: int
    lost: int
    longest_silence_s: float


def parse(text: str) -> Pings:
    """Read what `ping -D` wrote, whole or so far."""
    replies: dict[int, float] = {}
    sent = None
    for line in text.splitlines():
        if reply := _REPLY.match(line):
            replies.setdefault(int(reply[2]), float(reply[1]))
        elif summary := _SENT.match(line):
            sent = int(summary[1])
    return Pings(sent=sent, replies=tuple(sorted(replies.items())))


def outage(pings: Pings) -> Outage:
    """Count what was lost.

    A last packet without an answer was still on its way when ping was stopped: it is not counted.

    Raises:
        BenchError: ping did not end in order, or nothing was ever answered.
    """
    if pings.sent is None or not pings.replies:
        msg = "ping got no answer at all, or was killed: is the line up (make status)?"
        raise BenchError(msg)
    sent = pings.sent - (pings.sent - pings.replies[-1][0] == 1)
    times = sorted(when for _, when in pings.replies)
    return Outage(
        sent=sent,
        lost=sent - len(pings.replies),
        longest_silence_s=max((later - earlier for earlier, later in pairwise(times)), default=0.0),
    )


class RunningPing:
    """A ping that writes into a file."""

    def __init__(self, process: subprocess.Popen[bytes], file: Path) -> None:
        self._process = process
        self._file = file

    def pings(self) -> Pings:
        """Return what it has seen so far."""
        return parse(self._file.read_text("ascii", errors="replace"))

    def wait_until_steady(self, watch_s: float = 0.0) -> None:
        """Wait until `STEADY` replies in a row have come, all after `watch_s` from now.

        Raises:
            BenchError: not within `STEADY_TIMEOUT_S` after that.
        """
        since = time.time() + watch_s

        def probe() -> bool | str:
            if self._process.poll() is not None:
                return f"ping has ended: {self._file.read_text('ascii', errors='replace')[-500:]}"
            pings = self.pings()
            if not pings.replies:
                return "no reply yet"
            number, when = pings.replies[-1]
            if pings.steady(since):
                return True
            return f"the last reply was to packet {number}, {time.time() - when:.1f} s ago"

        try:
            wait_until("a steady ping", probe, timeout_s=watch_s + STEADY_TIMEOUT_S)
        except LabError as error:
            raise BenchError(str(error)) from error

    def stop(self) -> Outage:
        """End it in order and return what it saw.

        Raises:
            BenchError: it does not end, or nothing was ever answered.
        """
        self._interrupt()
        return outage(self.pings())

    def _interrupt(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def running(command: Sequence[str], directory: Path) -> Iterator[RunningPing]:
    """Run a `ping -D` command while the block runs; it is ended at the latest with the block.

    It has a session of its own, so that Ctrl-C reaches the block first.
    """
    with tempfile.TemporaryDirectory(prefix="leased-line-bench-") as home:
        file = Path(home, "ping")
        with file.open("wb") as out:
            process = subprocess.Popen(
                command,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        ping = RunningPing(process, file)
        try:
            yield ping
        finally:
            ping._interrupt()
