"""Progress for people, on standard error: standard output is for the one line of JSON."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Tell the person at the keyboard what is going on."""
    print(f"lab: {text}", file=sys.stderr, flush=True)
