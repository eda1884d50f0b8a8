"""A running lab as tests, benchmarks and curious people use it, in the words of NixOS' tests.

lab = Lab("lab")
lab.succeed("z", "wg", "show")
with lab.pinging("b", "192.168.200.244") as ping:
    lab.reboot("a")
print(ping.result.lost)
"""

from __future__ import annotations

import re
import shlex
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from lab import preflight, reach
from lab.errors import LabError
from lab.settings import PROJECT
from lab.shell import as_root, inside, run, wait_until
from lab.state import LabState

TIMEOUT_S: Final = 60.0
ACTION_TIMEOUT_S: Final = 420.0
"""Above what a machine's own waits add up to, so that their errors are the ones that are told."""

_REPLY: Final = re.compile(r"icmp_seq=(\d+) .*time=([\d.]+) ms")
_SENT: Final = re.compile(r"(\d+) packets transmitted")
_END_S: Final = 10.0
_LATE_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a command on a host said."""

    host: str
    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PingResult:
    """What ping(8) counted; `rtt_ms` is the median, None without an answer.

    `missing` are the sequence numbers (from 1) that were not answered.
    """

    sent: int
    received: int
    rtt_ms: float | None
    missing: tuple[int, ...] = ()

    @property
    def lost(self) -> int:
        """How many went unanswered."""
        return self.sent - self.received

    def settled(self, in_flight: int) -> PingResult:
        """Return this less the unanswered at its end that had no time: `in_flight` at most."""
        sent, missing = self.sent, self.missing
        while sent in missing and self.sent - sent < in_flight:
            sent, missing = sent - 1, missing[:-1]
        return replace(self, sent=sent, missing=missing)

    @classmethod
    def parse(cls, output: str) -> PingResult:
        """Read what ping(8) of iputils prints.

        Raises:
            LabError: it never came to sending.
        """
        sent = _SENT.search(output)
        if sent is None:
            msg = f"ping does not say how many packets it sent: {output.strip() or 'no output'}"
            raise LabError(msg)
        replies = {int(number): float(rtt) for number, rtt in _REPLY.findall(output)}
        count = int(sent[1])
        return cls(
            sent=count,
            received=len(replies),
            rtt_ms=statistics.median(replies.values()) if replies else None,
            missing=tuple(n for n in range(1, count + 1) if n not in replies),
        )


@dataclass(slots=True)
class Ping:
    """A ping in the background; `result` is there once its `with` block has ended."""

    _result: list[PingResult] = field(default_factory=list)

    @property
    def result(self) -> PingResult:
        """What it counted.

        Raises:
            LabError: it still runs.
        """
        if not self._result:
            msg = "the ping still runs: read its result behind the with block"
            raise LabError(msg)
        return self._result[0]


@dataclass(slots=True)
class Capture:
    """A packet capture; `packets` (a line each, as tcpdump -n prints) is there at its end."""

    packets: list[str] = field(default_factory=list)


class Lab:
    """The running lab of a stack. Hosts are machines, devices, "internet" and "isp-<office>"."""

    def __init__(self, stack: str, project: Path = PROJECT) -> None:
        preflight.widen_path()
        self.state = LabState(stack, project)

    def run(
        self,
        host: str,
        *argv: str,
        check: bool = True,
        input: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Completed:
        """Run a command on a host, each word as it is.

        Raises:
            LabError: no such host, no end within `timeout_s`, or, with `check`, an exit code
                other than 0.
        """
        command = reach.command(host, argv, self.state)
        what = f"`{shlex.join(argv)}` on {host}"
        try:
            done = subprocess.run(
                command,
                input=input or "",
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
            )
        except subprocess.TimeoutExpired:
            msg = f"{what} did not end within {timeout_s:.0f} s"
            raise LabError(msg) from None
        if check and done.returncode != 0:
            said = "\n".join(filter(None, (done.stdout.strip(), done.stderr.strip())))
            msg = f"{what} failed with exit code {done.returncode}: {said or 'it said nothing'}"
            raise LabError(msg)
        return Completed(host=host, code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def succeed(self, host: str, *argv: str, timeout_s: float = TIMEOUT_S) -> str:
        """Run a command that must succeed, and return its standard output."""
        return self.run(host, *argv, timeout_s=timeout_s).stdout

    def fail(self, host: str, *argv: str, timeout_s: float = TIMEOUT_S) -> Completed:
        """Run a command that must fail, and return what it said.

        Raises:
            LabError: it succeeded.
        """
        done = self.run(host, *argv, check=False, timeout_s=timeout_s)
        if done.code == 0:
            msg = f"`{shlex.join(argv)}` on {host} succeeded and should not: {done.stdout.strip()}"
            raise LabError(msg)
        return done

    def wait_until_succeeds(
        self, host: str, *argv: str, timeout_s: float = TIMEOUT_S, every_s: float = 0.5
    ) -> Completed:
        """Run a command again and again until it succeeds.

        Raises:
            LabError: it did not within `timeout_s`; the text has what it said last.
        """

        def probe() -> Completed | str:
            try:
                done = self.run(host, *argv, check=False, timeout_s=timeout_s)
            except LabError as error:
                return str(error)
            if done.code == 0:
                return done
            return f"exit code {done.code}: {(done.stderr or done.stdout).strip()}"

        what = f"`{shlex.join(argv)}` on {host} to succeed"
        return wait_until(what, probe, timeout_s=timeout_s, every_s=every_s)

    def ping(
        self, source: str, target: str, *, count: int = 5, interval_s: float = 0.2
    ) -> PingResult:
        """Ping the address `target` from the host `source`; no answer is no error."""
        argv = ("ping", "-n", "-c", str(count), "-i", str(interval_s), "-W", "2", target)
        done = self.run(source, *argv, check=False, timeout_s=count * interval_s + 30)
        if done.code not in (0, 1, 2):
            msg = f"ping did not run on {source}: {(done.stderr or done.stdout).strip()}"
            raise LabError(msg)
        if "packets transmitted" not in done.stdout:
            # ping(8) says "Network is unreachable" and nothing else where there is no route.
            return PingResult(
                sent=count, received=0, rtt_ms=None, missing=tuple(range(1, count + 1))
            )
        return PingResult.parse(done.stdout)

    @contextmanager
    def pinging(self, source: str, target: str, *, interval_s: float = 0.1) -> Iterator[Ping]:
        """Ping `target` from `source` for as long as the block runs, and a little longer.

        On a busy machine an answer may take a second. What is still on its way when ping ends was
        sent after the block.
        """
        ping = Ping()
        argv = ("ping", "-n", "-i", str(interval_s), "-W", "1", target)
        with self._background(source, *argv) as process:
            try:
                yield ping
                time.sleep(2 * _LATE_S)
            finally:
                _signal(process, signal.SIGINT)
                output, _ = process.communicate(timeout=_END_S)
        in_flight = round(_LATE_S / interval_s)
        ping._result.append(PingResult.parse(output).settled(in_flight))

    @contextmanager
    def capture(self, host: str, interface: str, *expression: str) -> Iterator[Capture]:
        """Capture what passes `interface` of a host in a namespace, for as long as the block runs.

        `expression` is tcpdump's (pcap-filter(7)); "any" is all interfaces.
        """
        capture = Capture()
        argv = ("tcpdump", "-n", "-l", "-t", "--immediate-mode", "-i", interface, *expression)
        with self._background(host, *argv, stderr=subprocess.PIPE) as process:
            self._wait_for_words(process, "listening on")
            try:
                yield capture
            finally:
                _signal(process, signal.SIGINT)
                output, _ = process.communicate(timeout=_END_S)
                capture.packets += filter(None, output.splitlines())

    def reboot(self, *names: str) -> None:
        """Reboot machines from inside, all at once, and wait until SSH is back on each."""
        self._each("reboot", names)

    def kill(self, *names: str) -> None:
        """Cut machines' power."""
        self._each("kill", names)

    def start(self, *names: str) -> None:
        """Start machines, all at once, and wait for their SSH."""
        self._each("start", names)

    def stop(self, *names: str) -> None:
        """Shut machines down, all at once."""
        self._each("stop", names)

    def _each(
        self, action: Literal["reboot", "kill", "start", "stop"], names: tuple[str, ...]
    ) -> None:
        # By the command line, which gets itself the rights that starting a machine needs.
        def act(name: str) -> None:
            words = ("-m", "lab", "machine", action, name, "--stack", self.state.stack)
            project = self.state.project
            run(sys.executable, *words, timeout_s=ACTION_TIMEOUT_S, directory=project)

        with ThreadPoolExecutor(max(len(names), 1)) as pool:
            waiting = [pool.submit(act, name) for name in names]
        for done in waiting:
            done.result()

    @contextmanager
    def _background(
        self, host: str, *argv: str, stderr: int = subprocess.DEVNULL
    ) -> Iterator[subprocess.Popen[str]]:
        """Run a command on a host in a namespace; the block must end it."""
        command = inside(reach.place_of(host, self.state), argv)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            errors="replace",
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                _signal(process, signal.SIGKILL)
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    @staticmethod
    def _wait_for_words(process: subprocess.Popen[str], words: str) -> None:
        said = []
        for line in process.stderr or ():
            said.append(line.strip())
            if words in line:
                return
        msg = f"{process.args!r} ended at once: {' '.join(said) or 'it said nothing'}"
        raise LabError(msg)


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    # Who is not root may not signal what sudo runs, and sudo passes a signal on to its command.
    run(*as_root(["kill", f"-{number.value}", str(process.pid)]), check=False)
