"""What is wrong with a network, in words for the person who wrote it.

A rule on a single field raises `BrokenRule` (see `leasedline.network`); a rule between fields
makes a `Fault` (see `leasedline.rules`); all faults together travel as one `NetworkError`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FieldPath = tuple[str | int, ...]
"""Where a field stands: ("spokes", 2, "lan") is spelled spokes[2].lan."""

SHOWN_FAULTS: Final = 100
"""Longer lists come from one mistake in a generated file; the rest is only counted."""

_SHOWN_CHARACTERS: Final = 60

# A WireGuard key is 32 bytes in base64 (wg(8)); whatever field it landed in, it is not repeated.
_KEY_TEXT = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=|PRIVATE KEY")


class BrokenRule(ValueError):  # noqa: N818 -- pydantic asks for a ValueError; no one else sees it
    """A value that its field does not take.

    `rule` says what is wrong as the rest of a sentence whose subject is the field and its value;
    `remedy` says what to write.
    """

    def __init__(self, *, rule: str, remedy: str) -> None:
        super().__init__(f"{rule}: {remedy}")
        self.rule = rule
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    `path` and `value` are the subject, `rule` the rest of the sentence, `remedy` what to do.
    `value` is empty where the field's content does not matter or must not be shown. `file` and
    `line` (from 1) are empty and 0 for a network that comes from no file; `column` (from 1) is
    only known for faults of YAML's syntax.
    """

    path: FieldPath
    value: str
    rule: str
    remedy: str
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        # A field's name is the user's text too where it is an unknown one.
        path = tuple(shown(step) if isinstance(step, str) else step for step in self.path)
        subject = spelled(path) or ("the file" if self.file else "the network")
        sentence = " ".join(part for part in (subject, self.value, self.rule) if part)
        return f"{where + ': ' if where else ''}{sentence}: {self.remedy}"


class NetworkError(Exception):
    """A network that breaks rules; `faults` holds all of them and `str()` is for people."""

    def __init__(self, faults: Sequence[Fault], file: Path | None = None) -> None:
        self.faults = tuple(faults)
        self.file = file
        super().__init__(*self.faults)

    def __str__(self) -> str:
        count = len(self.faults)
        lines = [str(fault) for fault in self.faults[:SHOWN_FAULTS]]
        noun = "fault" if count == 1 else "faults"
        rest = f", the first {SHOWN_FAULTS} are shown" if count > SHOWN_FAULTS else ""
        return "\n".join([*lines, f"{count} {noun} in {self.file or 'the network'}{rest}"])


def spelled(path: FieldPath) -> str:
    """Return `path` as a person writes it: spokes[2].lan."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def shown(text: str) -> str:
    """Return `text` fit for a message: one line, not long, and never a key."""
    if _KEY_TEXT.search(text):
        return "(not shown: it looks like a key)"
    # Control characters could forge further lines of the message or drive the terminal.
    line = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode()
        for c in text[: _SHOWN_CHARACTERS + 1]
    )
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[: _SHOWN_CHARACTERS - 3]}..."
