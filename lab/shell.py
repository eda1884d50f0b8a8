"""Run programs of this machine, plainly or inside a network namespace, and wait for things."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from lab.errors import LabError

TIMEOUT_S: Final = 60.0
"""Nothing that the lab calls without saying otherwise takes a second; a minute is a hang."""

T = TypeVar("T")


def run(
    *argv: str,
    namespace: str | None = None,
    stdin: str | None = None,
    check: bool = True,
    timeout_s: float = TIMEOUT_S,
    directory: Path | None = None,
    what: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program and return what it said.

    Args:
        argv: the program and its arguments.
        namespace: the network namespace to run it in (ip-netns(8)), or None for the host's.
        stdin: text for its standard input, which is empty otherwise.
        check: whether an exit code other than 0 is an error.
        timeout_s: seconds until it is killed.
        directory: where to run it, or None for here.
        what: how errors call it, in place of the command.

    Raises:
        LabError: it failed, took too long, or is not installed; the text holds the command,
            fit to be pasted, and what it wrote.
    """
    command = inside(namespace, argv)
    what = what or f"`{shlex.join(command)}`"
    try:
        done = subprocess.run(
            command,
            input=stdin or "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            cwd=directory,
        )
    except FileNotFoundError:
        msg = f"{argv[0]} is not installed: `python -m lab check` names the package"
        raise LabError(msg) from None
    except subprocess.TimeoutExpired:
        msg = f"{what} did not end within {timeout_s:.0f} s"
        raise LabError(msg) from None
    if check and done.returncode != 0:
        said = "\n".join(filter(None, (done.stdout.strip(), done.stderr.strip())))
        msg = f"{what} failed with exit code {done.returncode}: {said or 'it said nothing'}"
        raise LabError(msg)
    return done


def inside(namespace: str | None, argv: Sequence[str]) -> list[str]:
    """Return the command that runs `argv` in `namespace`, or here if that is None."""
    return as_root(["ip", "netns", "exec", namespace, *argv]) if namespace else list(argv)


def as_root(argv: Sequence[str]) -> list[str]:
    """Return the command that runs `argv` as root, by a sudo that asks nothing (sudo(8))."""
    return list(argv) if os.geteuid() == 0 else ["sudo", "-n", "--", *argv]


def wait_until(
    what: str,
    probe: Callable[[], T | str],
    *,
    timeout_s: float,
    every_s: float = 0.2,
) -> T:
    """Call `probe` until it returns something other than a text, and return that.

    Args:
        what: what is awaited, for the error's text.
        probe: returns the awaited value, or the state seen as a text for people.
        timeout_s: seconds until giving up.
        every_s: seconds between two probes.

    Raises:
        LabError: not within `timeout_s`; the text has the last state seen.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        seen = probe()
        if not isinstance(seen, str):
            return seen
        if time.monotonic() >= deadline:
            msg = f"{what}: not within {timeout_s:.0f} s; last seen: {seen}"
            raise LabError(msg)
        time.sleep(every_s)
