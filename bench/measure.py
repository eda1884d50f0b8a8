"""Figures and how they are told: medians, ratios, sizes; nothing here measures by itself."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from rich.console import Console

WIDTH: Final = 100
"""Columns of a report that goes into a file."""

MIB: Final = 1 << 20
GIB: Final = 1 << 30

console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
"""Where the report goes: standard output."""


class BenchError(Exception):
    """The bench cannot go on; the text is for people and says what to do."""


@dataclass(frozen=True, slots=True)
class Timed:
    """Wall-clock seconds of repeated runs of one thing."""

    runs_s: tuple[float, ...]

    @property
    def middle_s(self) -> float:
        """The median run."""
        return median(self.runs_s)

    def __str__(self) -> str:
        """Return the median, with the number of runs where it is more than one."""
        n = len(self.runs_s)
        return seconds(self.middle_s) + (f" (median of {n})" if n > 1 else "")


def seconds(value: float) -> str:
    """Return a duration with as many digits as mean something: 7.1 ms, 71 ms, 0.71 s, 71 s."""
    if value < 0.0995:
        return f"{_short(value * 1000)} ms"
    return f"{value:.2f} s" if value < 0.995 else f"{_short(value)} s"


def ratio(theirs: float, ours: float) -> str:
    """Return how many times ours theirs is, for example `2.4 x`; `-` where ours is 0."""
    if not ours:
        return "-"
    value = theirs / ours
    return f"{value:.2f} x" if value < 0.995 else f"{_short(value)} x"


def size(count: float) -> str:
    """Return a number of bytes in KiB, MiB or GiB."""
    unit, name = next(
        (unit, name)
        for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (1024, "KiB"), (1, "B"))
        if count >= unit or unit == 1
    )
    return f"{_short(count / unit)} {name}"


def _short(value: float) -> str:
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def progress(text: str) -> None:
    """Say on standard error what is being measured now."""
    Console(stderr=True, highlight=False).print(f"bench: {text}", style="dim", markup=False)


def ran(
    command: Sequence[str],
    *,
    limit_s: float,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
) -> tuple[float, str] | None:
    """Run a command; return its wall-clock seconds and standard output, None after `limit_s`.

    Raises:
        BenchError: it failed; the text ends with what it said.
    """
    began = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    except FileNotFoundError:
        msg = f"{command[0]} is missing: run `toolchain/ensure`, then this again"
        raise BenchError(msg) from None
    took_s = time.perf_counter() - began
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        tail = "\n".join(said[-20:]) or "(it said nothing)"
        msg = f"`{' '.join(command)}` ended with {done.returncode}:\n{tail}"
        raise BenchError(msg)
    return took_s, done.stdout
