"""A running lab as tests, benchmarks and curious people use it, in the words of NixOS' tests.

lab = Lab("lab")
lab.succeed("z", "wg", "show")
with lab.pinging("b", "192.168.200.244") as ping:
    lab.reboot("a")
print(ping.result.lost)
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Literal

from lab import preflight, reach
from lab.errors import LabError
from lab.ping import INTERVAL_S, PingResult, RunningPing
from lab.settings import PROJECT
from lab.shell import TIMEOUT_S, as_root, inside, run, wait_until
from lab.state import LabState

ACTION_TIMEOUT_S: Final = 420.0
"""Above what a machine's own waits add up to, so that their errors are the ones that are told."""

_END_S: Final = 10.0
_LONGEST_S: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a command on a host said."""

    host: str
    code: int
    stdout: str
    stderr: str


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
        done = run(
            *reach.command(host, argv, self.state),
            stdin=input,
            check=check,
            timeout_s=timeout_s,
            what=f"`{shlex.join(argv)}` on {host}",
        )
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
            return PingResult(sent=count)
        return PingResult.parse(done.stdout)

    @contextmanager
    def pinging(
        self, source: str, target: str, *, interval_s: float = INTERVAL_S, watch_s: float = 0.0
    ) -> Iterator[RunningPing]:
        """Ping `target` from a device `source` while the block runs.

        The line is up before the block begins (`lab.ping.STEADY` replies in a row) and again
        `watch_s` after it has ended; its result tells what was lost in between.

        Raises:
            LabError: the line is not up.
        """
        # Ends by itself where its test was killed. Not by -w, which ends at the first error.
        count = round(_LONGEST_S / interval_s)
        argv = ("ping", "-n", "-D", "-c", str(count), "-i", str(interval_s), target)
        with tempfile.TemporaryDirectory(prefix="leased-line-ping-") as home:
            file = Path(home, "ping")
            with file.open("w") as out, self._background(source, *argv, stdout=out) as process:
                ping = RunningPing(process, file, interval_s)
                ping.wait_until_steady()
                yield ping
                ping.wait_until_steady(watch_s)
                _signal(process, signal.SIGINT)
                process.wait(_END_S)
                ping.ended()

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
        self,
        host: str,
        *argv: str,
        stdout: int | IO[str] = subprocess.PIPE,
        stderr: int = subprocess.DEVNULL,
    ) -> Iterator[subprocess.Popen[str]]:
        """Run a command on a host in a namespace; the block must end it."""
        command = inside(reach.place_of(host, self.state), argv)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
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
