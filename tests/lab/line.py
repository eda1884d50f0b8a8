"""A stack that tests bring up, such as `lab-test`: made of an example's own files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final

import yaml

from lab.client import Lab
from lab.settings import PROJECT
from lab.shell import wait_until
from tests.lab.command import environment_of, run

STACK: Final = "lab-test"
DEVICES: Final = {"b": "192.168.201.55", "d": "192.168.200.244"}
TUNNEL: Final = {"z": "10.70.0.1", "a": "10.70.0.2", "c": "10.70.0.3"}


class Line:
    """The stack's commands and its running lab."""

    def __init__(
        self, stack: str = STACK, example: str = "lab", trixie: tuple[str, ...] = ("a",)
    ) -> None:
        """`trixie` are the machines with Debian 13 (systemd 257); the others have Debian 12."""
        self.stack = stack
        self._example = example
        self._trixie = trixie
        self.lab = Lab(stack)
        self.network = PROJECT / "stacks" / f"{stack}.network.yaml"
        self.settings = PROJECT / "stacks" / f"Pulumi.{stack}.yaml"
        self.seen_processes: set[tuple[str, str]] = set()

    def prepare(self) -> None:
        """Make the stack's two files of the example's, the lab's with two releases of Debian."""
        world = yaml.safe_load((PROJECT / "stacks" / f"{self._example}.lab.yaml").read_text())
        world["machines"]["each"] = {name: {"debian": "trixie"} for name in self._trixie}
        self._file("lab").write_text(yaml.safe_dump(world), encoding="utf-8")
        shutil.copy(PROJECT / "stacks" / f"{self._example}.network.yaml", self.network)

    def forget(self) -> None:
        """Remove the stack's files, settings and state."""
        self.run("pulumi", "stack", "rm", self.stack, "--yes", "--force", check=False)
        for file in (self._file("lab"), self.network, self.settings):
            file.unlink(missing_ok=True)

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment that the README tells a user to evaluate."""
        return environment_of(self.stack)

    def run(
        self, *argv: str, check: bool = True, timeout_s: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the project with the stack's environment."""
        return run(argv, self.environment, check=check, timeout_s=timeout_s)

    def pulumi(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run pulumi for the stack."""
        return self.run("pulumi", *argv, "--stack", self.stack, "--non-interactive", check=check)

    def make(self, target: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of the README's commands for the stack."""
        return self.run("make", "-s", target, f"STACK={self.stack}", check=check)

    def kill_up_once(self, begun: Callable[[], bool], timeout_s: float = 300) -> str:
        """Start `make up`, kill it and its pulumi once `begun` says so, and return its output."""
        process = self._started("make", "-s", "up", f"STACK={self.stack}")

        def far_enough() -> bool | str:
            assert process.poll() is None, f"make up ended before: {process.communicate()[0]}"
            return begun() or "it has not begun yet"

        wait_until("make up to get as far as to be killed", far_enough, timeout_s=timeout_s)
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate(timeout=30)[0]

    def kill_up_at(self, said: str, timeout_s: float = 300) -> None:
        """Start `make up`, and kill all of it once a line of its output has `said`.

        What it tells arrives at once; a question to a host takes a second on a busy machine.
        """
        process = self._started("make", "-s", "up", f"STACK={self.stack}")
        limit = threading.Timer(timeout_s, self._kill, (process,))
        limit.start()
        assert process.stdout is not None
        told = ""
        for row in process.stdout:
            told += row
            if said in row:
                break
        limit.cancel()
        assert said in told, f"make up ended before it said {said}: {told}"
        self._kill(process)
        process.communicate(timeout=30)

    def killed_after(self, seconds: float, *argv: str) -> bool:
        """Run pulumi and kill it with all that it started; return whether it was still running."""
        process = self._started("pulumi", *argv, "--stack", self.stack, "--non-interactive")
        try:
            out, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._kill(process)
            process.communicate(timeout=30)
            return True
        assert process.returncode == 0, out
        return False

    @contextmanager
    def watching_processes(self) -> Iterator[None]:
        """Collect the command line and the environment of every process that runs meanwhile."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.1):
                for file in Path("/proc").glob("[0-9]*/cmdline"):
                    try:
                        words = file.read_text(errors="replace")
                        environment = file.with_name("environ").read_text(errors="replace")
                    except OSError:
                        continue
                    self.seen_processes.add((words, environment))

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _started(self, *argv: str) -> subprocess.Popen[str]:
        """Start a command in a session of its own, which is what there is to kill."""
        return subprocess.Popen(
            argv,
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @staticmethod
    def _kill(process: subprocess.Popen[str]) -> None:
        # The engine gives each plugin a process group of its own; the session is all of them.
        subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=True)

    def _file(self, kind: str) -> Path:
        return PROJECT / "stacks" / f"{self.stack}.{kind}.yaml"
