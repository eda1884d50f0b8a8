"""The access log: a line of JSON for each request, without anything secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.state import give, make_directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request."""

    time: str
    request: str
    product: str
    action: str
    ram: str
    """The action's name in a RAM policy; "" if there is no such action."""
    region: str
    method: str
    scheme: str
    """RPC or ACS3-HMAC-SHA256; "" if it was not signed."""
    names: list[str]
    """Of all its parameters."""
    values: dict[str, str]
    """Of those that are known to be harmless."""
    status: int
    """0 where the connection was cut."""
    code: str
    """OK, or why it was refused."""
    fault: str
    """What was made to go wrong; "" if nothing was."""


class Journal:
    """The file that the entries are appended to."""

    def __init__(self, path: Path) -> None:
        """Append to `path`, which need not be there."""
        self._path = path
        make_directory(path.parent)

    def write(self, entry: Entry) -> None:
        """Append an entry."""
        new = not self._path.exists()
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
        if new:
            give(self._path)


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries of a log, oldest first; none if there is no log."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            # The last one may be half there after a power cut.
            if line.endswith("\n"):
                yield json.loads(line)
