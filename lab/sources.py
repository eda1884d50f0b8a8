"""Where Debian comes from: the package sources of this machine, turned to another release."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

APT: Final = Path("/etc/apt")
OS_RELEASE: Final = Path("/etc/os-release")


@dataclass(frozen=True, slots=True)
class Sources:
    """Package sources as a file for apt; the suffix says in which of its two formats."""

    text: str
    suffix: str


def debian_sources(debian: str, apt: Path = APT, os_release: Path = OS_RELEASE) -> Sources | None:
    """Return this machine's own sources of Debian itself, for the release `debian`.

    Other vendors' sources are left out. None where this machine runs no Debian or has no such
    source: mmdebstrap then takes Debian's own servers.
    """
    release = os_release.read_text(encoding="utf-8")
    own = re.search(r'^VERSION_CODENAME="?([a-z]+)"?$', release, re.MULTILINE)
    if own is None or not re.search(r'^ID="?debian"?$', release, re.MULTILINE):
        return None
    stanzas = [_turned(stanza, own[1], debian) for stanza in _stanzas(apt)]
    found = [stanza for stanza in stanzas if stanza]
    if found:
        return Sources("\n".join(found), ".sources")
    lines = [_turned_line(line, own[1], debian) for line in _lines(apt)]
    found = [line for line in lines if line]
    return Sources("".join(found), ".list") if found else None


def _stanzas(apt: Path) -> Iterator[str]:
    for path in sorted((apt / "sources.list.d").glob("*.sources")):
        text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        yield from (
            f"{stanza.strip()}\n" for stanza in re.split(r"\n\s*\n", text) if stanza.strip()
        )


def _turned(stanza: str, own: str, debian: str) -> str:
    """Return a deb822 stanza (sources.list(5)) for `debian`, or nothing if it is not Debian's."""
    fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", stanza, re.MULTILINE))
    suites = [suite for suite in fields.get("Suites", "").split() if _is_debian(suite, own)]
    off = fields.get("Enabled", "yes") == "no" or "deb" not in fields.get("Types", "").split()
    if not suites or off or "main" not in fields.get("Components", "").split():
        return ""
    kept = {"URIs": fields["URIs"], "Suites": " ".join(s.replace(own, debian) for s in suites)}
    signed = {"Signed-By": fields["Signed-By"]} if fields.get("Signed-By") else {}
    whole = {"Types": "deb"} | kept | {"Components": "main"} | signed
    return "".join(f"{name}: {value}\n" for name, value in whole.items())


def _lines(apt: Path) -> Iterator[str]:
    paths = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]
    for path in paths:
        if path.exists():
            yield from path.read_text(encoding="utf-8").splitlines()


def _turned_line(line: str, own: str, debian: str) -> str:
    parts = re.match(r"\s*deb\s+(\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.*\bmain\b.*)$", line)
    if parts is None or not _is_debian(parts[3], own):
        return ""
    return f"deb {parts[1] or ''}{parts[2]} {parts[3].replace(own, debian)} main\n"


def _is_debian(suite: str, own: str) -> bool:
    return suite in (own, f"{own}-updates", f"{own}-security", f"{own}/updates")
