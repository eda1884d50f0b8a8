"""The stack `lab-bench`: a lab of its own, made for one bench and removed when it ends.

So the bench touches no stack of the user's, and a bench that was killed leaves nothing that the
next one would have to understand: it removes the whole of it first.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bench.measure import BenchError, progress, ran
from lab.settings import PROJECT

NAME: Final = "lab-bench"
TWO: Final = "bench/two.network.yaml"
THREE: Final = "bench/three.network.yaml"
SET_UP_LIMIT_S: Final = 1800.0
"""A first run may have to build the machines' image, behind slow mirrors."""

LIMIT_S: Final = 600.0
_BOOTED: Final = re.compile(r"Command lab-machine-\S+ created \(([\d.]+)s\)")
"""A machine in the output of pulumi 3.259, with the seconds that it took."""

_HOSTS: Final = f"urn:pulumi:{NAME}::leased-line::**remote:Command::**"


class Stack:
    """The stack, up or not. All its methods raise `BenchError` where a command fails."""

    name: Final = NAME

    def __init__(self) -> None:
        self.environment = _environment()

    def use(self, network: str) -> None:
        """Make that network file (absolute, or relative to the project) the stack's."""
        self.pulumi("config", "set", "leased-line:network", network)

    def up(self) -> float:
        """Run `pulumi up` as `make up` does and return its wall-clock seconds."""
        return self.up_and_boot()[0]

    def up_and_boot(self) -> tuple[float, float]:
        """Run `pulumi up`; return its wall-clock seconds, and those of a new machine's boot."""
        took_s, out = self.pulumi("up", "--yes", "--skip-preview", "--suppress-outputs")
        return took_s, max(map(float, _BOOTED.findall(out)), default=0.0)

    def unconfigure(self) -> None:
        """Take the line off all hosts, which are then as they were before; machines stay up."""
        # fmt: off
        self.pulumi("destroy", "--yes", "--skip-preview", "--target", _HOSTS, "--target-dependents")
        # fmt: on

    def logins(self) -> dict[str, dict[str, Any]]:
        """Return how each host is reached, by name (`leasedline.ssh.Login`'s fields)."""
        document: dict[str, dict[str, Any]]
        document = json.loads(self.pulumi("stack", "output", "logins", "--json")[1])
        return document

    def seed(self) -> str:
        """Return the stack's seed."""
        return self.pulumi("config", "get", "leased-line:seed")[1].strip()

    def run(self, host: str, *argv: str, stdin: str = "") -> str:
        """Run a command on a machine or device of the lab and return its standard output."""
        return self._ran(self.command(host, *argv), LIMIT_S, stdin)[1]

    def command(self, host: str, *argv: str) -> list[str]:
        """Return the command here that runs `argv` on a host of the lab."""
        return [sys.executable, "-m", "lab", "run", host, "--stack", NAME, "--", *argv]

    def pulumi(self, *arguments: str) -> tuple[float, str]:
        """Run pulumi for the stack; return its wall-clock seconds and its standard output."""
        command = ["pulumi", *arguments, "--stack", NAME, "--non-interactive"]
        return self._ran(command, LIMIT_S)

    def set_up(self) -> None:
        """Make what the stack needs: packages, image, settings; only a first run is slow."""
        packages = (PROJECT / "lab" / "packages.txt").read_text("ascii").split()
        self._ran(["toolchain/ensure", "debian", *packages], SET_UP_LIMIT_S)
        self._ran([sys.executable, "-m", "lab", "image"], SET_UP_LIMIT_S)
        self._ran(["toolchain/stack", NAME], SET_UP_LIMIT_S)

    def remove(self) -> None:
        """Remove machines, world, state and settings; nothing there is no error."""
        self._ran([sys.executable, "-m", "lab", "destroy", "--all-of", NAME], LIMIT_S)
        if NAME in self._stacks():
            # An interrupted run left its lock, and no host is left to be taken care of.
            self.pulumi("cancel", "--yes")
            self.pulumi("stack", "rm", "--yes", "--force")

    def select(self, stack: str | None) -> None:
        """Make `stack` the one that pulumi takes when none is named, if it is there."""
        if stack is not None and stack in self._stacks():
            self._ran(["pulumi", "stack", "select", stack, "--non-interactive"], LIMIT_S)

    def selected(self) -> str | None:
        """Return the stack that pulumi takes when none is named."""
        return next((name for name, current in self._stacks().items() if current), None)

    def _stacks(self) -> dict[str, bool]:
        # In a fresh clone there is no state yet, and pulumi takes that for an error.
        if not Path(urlsplit(self.environment["PULUMI_BACKEND_URL"]).path).is_dir():
            return {}
        command = ["pulumi", "stack", "ls", "--json", "--non-interactive"]
        stacks = json.loads(self._ran(command, LIMIT_S)[1])
        return {stack["name"]: stack["current"] for stack in stacks}

    def _ran(self, command: Sequence[str], limit_s: float, stdin: str = "") -> tuple[float, str]:
        done = ran(
            command,
            limit_s=limit_s,
            directory=PROJECT,
            environment=self.environment,
            stdin=stdin,
        )
        if done is None:
            msg = f"`{' '.join(command)}` did not end within {limit_s:.0f} s"
            raise BenchError(msg)
        return done


@contextmanager
def bench_stack() -> Iterator[Stack]:
    """Give the stack with machines and line up, and remove it at the end, however that comes.

    Raises:
        BenchError: it cannot be made.
    """
    stack = Stack()
    before = stack.selected()
    progress(f"lab: what an earlier, interrupted run left of stack {NAME} is removed")
    stack.remove()
    progress("lab: packages, image, stack")
    stack.set_up()
    try:
        progress("lab: z, a and c boot, and the line comes up")
        stack.use(TWO)
        stack.up()
        yield stack
    finally:
        progress(f"lab: stack {NAME} is removed")
        stack.remove()
        stack.select(before)


def _environment() -> dict[str, str]:
    """Return the environment in which pulumi works for the stack."""
    script = f'eval "$(toolchain/env {NAME})" && exec env -0'
    done = subprocess.run(
        ["sh", "-euc", script], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        msg = f"toolchain/env failed: {done.stderr.strip()}"
        raise BenchError(msg)
    return dict(pair.split("=", 1) for pair in done.stdout.split("\0") if pair)
