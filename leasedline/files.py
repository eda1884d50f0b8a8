"""One file that a host must have."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file by its absolute `path`, `mode` (octal digits), `owner` and `group`, and its text."""

    path: str
    text: str = field(repr=False)
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"
