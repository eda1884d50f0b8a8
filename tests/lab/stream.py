"""A TCP stream between two machines that runs while something is changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from lab.client import Completed, Lab

KBIT_S: Final = 250
"""Eight writes a second, so that any gap shows: at 1 Mbit/s, the encryption of a stream that lasts
for minutes costs three emulated machines a quarter of a processor."""

PACING_US: Final = 50_000
"""iperf3 looks at its clock so often; at its own 1,000 that costs as much again."""

LONGEST_S: Final = 3600


@dataclass
class Stream:
    """iperf3 from `source` to `target`; the receiver tells what arrived in each second."""

    lab: Lab
    source: str
    target: str
    address: str
    """The source's."""
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    running: Future[Completed] = field(init=False)

    def start(self) -> None:
        """Return once bytes arrive."""
        self.lab.run(self.source, "iperf3", "--server", "--one-off", "--daemon")
        words: tuple[str, ...] = ("iperf3", "--client", self.address, "--reverse", "--json")
        words += ("--length", "4K", "--bitrate", f"{KBIT_S}K", "--pacing-timer", str(PACING_US))
        words += ("--time", str(LONGEST_S))
        self.running = self.pool.submit(
            self.lab.run, self.target, *words, check=False, timeout_s=LONGEST_S
        )
        arrives = "ss -Hti state established dport = :5201 | grep -q bytes_received:[0-9]"
        self.lab.wait_until_succeeds(self.target, "sh", "-c", arrives)

    @property
    def flows(self) -> bool:
        """Whether it goes on; one that was reset or hung ends by itself."""
        return not self.running.done()

    def stop(self) -> list[int]:
        """End it and return the bytes that arrived in each second.

        There is one connection: iperf3 makes none anew, and says what ended it.
        """
        assert self.flows, self.running.result()
        self.lab.run(self.target, "pkill", "-INT", "-x", "iperf3")
        told = json.loads(self.running.result(timeout=60).stdout)
        assert "interrupt" in told.get("error", "interrupt"), told["error"]
        (connection,) = told["start"]["connected"]
        seconds = [interval["sum"] for interval in told["intervals"]]
        assert {stream["socket"] for one in told["intervals"] for stream in one["streams"]} == {
            connection["socket"]
        }
        return [second["bytes"] for second in seconds]


@contextmanager
def streaming(lab: Lab, source: str, target: str, address: str) -> Iterator[Stream]:
    """Give a stream that flows, and leave none behind."""
    stream = Stream(lab, source, target, address)
    stream.start()
    try:
        yield stream
    finally:
        for host in (source, target):
            lab.run(host, "pkill", "-x", "iperf3", check=False)
        stream.pool.shutdown()


def longest_silence_s(seconds: list[int]) -> int:
    """Return the longest time in which nothing arrived, in whole seconds."""
    return max((len(list(run)) for any_, run in groupby(map(bool, seconds)) if not any_), default=0)
