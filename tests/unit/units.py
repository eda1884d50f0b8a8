"""Reads systemd's unit files as systemd does: the file, then its drop-ins in order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

Section = tuple[str, tuple[tuple[str, str], ...]]


def sections(*texts: str) -> Counter[Section]:
    """Return the sections of a unit and its drop-ins, and how often each occurs.

    Each is its name and its sorted settings: neither the order of the sections nor that of the
    settings in one means anything in the files that are compared with it.
    """
    found: list[tuple[str, list[tuple[str, str]]]] = []
    for line in lines(texts):
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            found.append((heading[1], []))
        else:
            key, equals, value = line.partition("=")
            assert equals, line
            found[-1][1].append((key.strip(), value.strip()))
    return Counter((name, tuple(sorted(settings))) for name, settings in found)


def lines(texts: Iterable[str]) -> list[str]:
    """Return all lines that say something (systemd.syntax(7): `#` and `;` open comments)."""
    stripped = (line.strip() for text in texts for line in text.splitlines())
    return [line for line in stripped if line and line[0] not in "#;"]
