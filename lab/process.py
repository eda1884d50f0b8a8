"""Processes that outlive the command that started them, known by their pid files."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, TextIO

from lab.errors import LabError
from lab.settings import PROJECT
from lab.shell import wait_until
from lab.state import give, make_directory, write

EXIT_TIMEOUT_S: Final = 20
READY_TIMEOUT_S: Final = 60
"""A daemon is ready within a second; on a machine that is busy with others, later."""

PID_FILE: Final = "--pid-file"
"""The option by which each of the lab's daemons is told where to write its pid."""

SHORT_PID_FILE: Final = "-x"
"""The same of dnsmasq(8), whose long option wants the file in the same word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process, known by its pid file; the pid alone may since be somebody else's."""

    pid_file: Path

    def pid(self) -> int | None:
        """Return the pid if it runs and is the one that wrote the file."""
        try:
            pid = int(self.pid_file.read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return pid if os.fsencode(self.pid_file) in words else None

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Send `how` and wait for the end; not running is no error.

        Raises:
            LabError: it does not end.
        """
        with self._open() as process:
            if process is not None:
                signal.pidfd_send_signal(process, how)
                _wait_for_end(process, self.pid_file, EXIT_TIMEOUT_S)
        self.pid_file.unlink(missing_ok=True)

    def signal(self, number: signal.Signals) -> None:
        """Send `number`; not running is no error."""
        with self._open() as process:
            if process is not None:
                signal.pidfd_send_signal(process, number)

    def wait_for_end(self, timeout_s: float) -> None:
        """Wait until it has ended.

        Raises:
            LabError: it runs on.
        """
        with self._open() as process:
            if process is not None:
                _wait_for_end(process, self.pid_file, timeout_s)
        self.pid_file.unlink(missing_ok=True)

    def start_daemon(self, module: str, *arguments: str) -> None:
        """Start the lab's `module` as a daemon, and return once it has written its pid file.

        What it says goes into a log beside the pid file. A daemon that runs is left alone.

        Raises:
            LabError: it ends at once, or is not ready in time; the text has its last words.
        """
        if self.pid() is not None:
            return
        make_directory(self.pid_file.parent)
        self.pid_file.unlink(missing_ok=True)
        log = self.pid_file.with_suffix(".log")
        # Without -B, root would leave byte code in the person's own tree. setsid(1) has it belong
        # to nobody here, so that nobody has to wait for its end.
        command = [sys.executable, "-B", "-m", module, *arguments, PID_FILE, str(self.pid_file)]
        ended, its_end = os.pipe()
        with os.fdopen(ended) as at_its_end, log.open("ab") as output:
            give(log)
            try:
                subprocess.run(
                    ["setsid", "--fork", *command],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=PROJECT,
                    pass_fds=[its_end],
                    check=True,
                )
            finally:
                os.close(its_end)
            self._wait_for_ready(module, log, at_its_end)

    def _wait_for_ready(self, module: str, log: Path, at_its_end: TextIO) -> None:
        """Wait for the pid file, or for the end of the pipe that only the daemon has open."""

        def ready() -> bool | str:
            if self.pid() is not None or select.select([at_its_end], [], [], 0)[0]:
                return True
            return "it runs and is not ready"

        wait_until(f"{module} to be ready, see {log}", ready, timeout_s=READY_TIMEOUT_S)
        if self.pid() is None:
            said = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
            msg = f"{module} ends at once; {log} ends with\n{said}"
            raise LabError(msg)

    @contextmanager
    def _open(self) -> Iterator[int | None]:
        """Hold a descriptor of the process (pidfd_open(2)), or None if it does not run."""
        pid = self.pid()
        try:
            process = os.pidfd_open(pid) if pid is not None else None
        except ProcessLookupError:
            process = None
        try:
            # Asked again: the number may have become somebody else's before it was opened.
            yield process if self.pid() == pid else None
        finally:
            if process is not None:
                os.close(process)


def say_ready(pid_file: Path) -> None:
    """Write this process's pid file: what `start_daemon` waits for."""
    write(pid_file, f"{os.getpid()}\n")


def stray_daemons(directory: Path) -> list[int]:
    """Return the pids of the lab's daemons whose pid files are, or were, under `directory`."""
    found = []
    options = (PID_FILE.encode(), SHORT_PID_FILE.encode())
    for pid, words in command_lines():
        files = [after for word, after in pairwise(words) if word in options]
        if any(file.startswith(os.fsencode(directory) + b"/") for file in files):
            found.append(pid)
    return found


def command_lines() -> Iterator[tuple[int, list[bytes]]]:
    """Yield the pid and the words of every process on this machine."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield int(path.parent.name), path.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue


def _wait_for_end(process: int, pid_file: Path, timeout_s: float) -> None:
    # A dying process has no command line any more and still has its port and its taps; the
    # descriptor is readable once its last thread has let go of them.
    poll = select.poll()
    poll.register(process, select.POLLIN)
    if not poll.poll(timeout_s * 1000):
        msg = f"the process of {pid_file.parent.name} ({pid_file}) runs on after {timeout_s:.0f} s"
        raise LabError(msg)
