"""Progress for people, on standard error: standard output is for the one line of JSON."""

from __future__ import annotations

import sys
from typing import Final

from rich.console import Console

WIDE: Final = 200
"""Columns for output that goes to a file or a program, where nothing needs to be folded."""


def say(text: str) -> None:
    """Tell the person at the keyboard what is going on."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


def console() -> Console:
    """Return standard output for tables: as wide as the terminal, or as they need."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=WIDE)
