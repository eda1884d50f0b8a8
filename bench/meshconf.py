"""wg-meshconf generating the configuration of as many sites, in the way its README shows.

It makes a full mesh in wg-quick's format (every site a peer of every other), which is more text
than a star needs and less than a host needs: no pre-shared keys, no forwarding, no firewall, no
way onto the host.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.measure import progress, ran
from bench.networks import ENDPOINT, TUNNEL, lan_of, seed, spoke_name
from leasedline.keys import KeyRing

_PORT: Final = "51820"
_KEEPALIVE: Final = "15"
_DATABASE: Final = "database.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshCost:
    """What n spokes cost; None where it was given up after the limit.

    `added` of `sites` were added by then, `bytes` is the size of all generated files.
    """

    sites: int
    added: int
    add_s: float | None
    generate_s: float | None
    bytes: int

    @property
    def total_s(self) -> float | None:
        """Both steps together."""
        if self.add_s is None or self.generate_s is None:
            return None
        return self.add_s + self.generate_s


def generate(spokes: int, limit_s: float) -> MeshCost:
    """Add one hub and that many spokes, generate all files; each step takes `limit_s` at most.

    `addpeer` is one call for each site. Where it is given up, the rest is written into its
    database directly, so that `genconfig` can still be measured.

    Raises:
        BenchError: wg-meshconf is missing or failed.
    """
    program = str(Path(sys.executable).with_name("wg-meshconf"))
    sites = [_hub(), *map(_spoke, range(1, spokes + 1))]
    with tempfile.TemporaryDirectory(prefix="leased-line-bench-") as name:
        directory = Path(name)
        began = time.perf_counter()
        added = 0
        for site in sites:
            left_s = limit_s - (time.perf_counter() - began)
            command = [program, "addpeer", site["Name"], *_options(site)]
            if left_s <= 0 or ran(command, limit_s=left_s, directory=directory) is None:
                break
            added += 1
        add_s = time.perf_counter() - began if added == len(sites) else None
        if add_s is None:
            progress(f"wg-meshconf: addpeer given up after {limit_s:.0f} s, {added} added")
            _fill(directory / _DATABASE, sites[added:])
        done = ran([program, "genconfig", "-o", "out"], limit_s=limit_s, directory=directory)
        return MeshCost(
            sites=len(sites),
            added=added,
            add_s=add_s,
            generate_s=done[0] if done else None,
            bytes=sum(file.stat().st_size for file in directory.glob("out/*.conf")),
        )


def _hub() -> dict[str, str]:
    return {
        "Name": "hub",
        "Address": f"{TUNNEL[1]}/32",
        "Endpoint": ENDPOINT,
        "ListenPort": _PORT,
        "PersistentKeepalive": _KEEPALIVE,
    }


def _spoke(index: int) -> dict[str, str]:
    return {
        "Name": spoke_name(index),
        "Address": f"{TUNNEL[index + 1]}/32",
        "AllowedIPs": str(lan_of(index)),
        "ListenPort": _PORT,
        "PersistentKeepalive": _KEEPALIVE,
    }


def _options(site: dict[str, str]) -> list[str]:
    fields = ((field, value) for field, value in site.items() if field != "Name")
    return [word for field, value in fields for word in (f"--{field.lower()}", value)]


def _fill(database: Path, sites: list[dict[str, str]]) -> None:
    """Append sites to a database that `addpeer` has begun, with all columns that it has."""
    ring = KeyRing(seed())
    with database.open("r+", encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file))
        file.seek(0, os.SEEK_END)
        writer = csv.DictWriter(file, columns, quoting=csv.QUOTE_ALL, restval="")
        writer.writerows({**site, "PrivateKey": ring.host(site["Name"]).private} for site in sites)
