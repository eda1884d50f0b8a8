"""One file that a host must have, and where the program is that puts it there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

PROGRAM: Final = "/usr/local/sbin/leased-line"
"""Where the host program is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file by its absolute `path`, `mode` (octal digits), `owner` and `group`, and its text.

    Raises:
        ValueError: the text does not end in a newline, and a bundle has no way to say so.
    """

    path: str
    text: str = field(repr=False)
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"

    def __post_init__(self) -> None:
        if not self.text.endswith("\n"):
            msg = f"{self.path}: its text must end in a newline"
            raise ValueError(msg)
