"""Who reaches whom: every pair of machines and devices, pinged, with round-trip times."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from rich.table import Table

from lab.client import Lab
from lab.errors import LabError
from lab.ping import PingResult
from lab.progress import console, say
from lab.reach import devices
from lab.state import LabState
from leasedline.load import load_network

AT_ONCE: Final = 8
"""Pings in flight: more would measure this machine's processors, not the line."""

INTERVAL_S: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a pair: `office` is None for the hub."""

    name: str
    address: str
    office: str | None
    is_machine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A measured pair; `result` is None where nothing is promised or measured."""

    source: End
    target: End
    result: PingResult

    @property
    def kept(self) -> bool:
        """Whether anything came back."""
        return self.result.received > 0


def table(options: argparse.Namespace, state: LabState) -> int:
    """Print who reaches whom; 1 if a promised pair does not reach, else 0."""
    lab = Lab(state.stack, state.project)
    pairs = measure(lab, ends(lab), options.count)
    console().print(_shown(state.stack, pairs))
    broken = [pair for pair in pairs if not pair.kept]
    for pair in broken:
        say(f"{pair.source.name} does not reach {pair.target.name} ({pair.target.address})")
    return 1 if broken or not pairs else 0


def ends(lab: Lab) -> list[End]:
    """Return the machines with their tunnel addresses, and the devices with their LAN's.

    Raises:
        LabError: no machine runs.
    """
    network = load_network(lab.state.project / "stacks" / f"{lab.state.stack}.network.yaml")
    names = [host.name for host in network.active.hosts if host.name in lab.state.machines()]
    if not names:
        msg = f"stack {lab.state.stack} has no machines: `make up STACK={lab.state.stack}`"
        raise LabError(msg)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        addresses = pool.map(lambda name: _tunnel_address(lab, name, network.interface), names)
        found = [
            End(
                name=name,
                address=address,
                office=None if name == network.hub.name else name,
                is_machine=True,
            )
            for name, address in zip(names, addresses, strict=True)
        ]
    found += [
        End(name=name, address=str(device.address), office=office, is_machine=False)
        for name, (office, device) in sorted(devices(lab.state).items())
        if office not in network.retired
    ]
    return found


def promised(source: End, target: End) -> bool:
    """Return whether the line promises that `source` reaches `target`.

    Machines reach each other's tunnel addresses, devices the devices of other offices.
    """
    if source.name == target.name or source.is_machine != target.is_machine:
        return False
    return source.is_machine or source.office != target.office


def measure(lab: Lab, found: Sequence[End], count: int) -> list[Pair]:
    """Ping every promised pair `count` times, several pairs at once."""
    pairs = [(s, t) for s in found for t in found if promised(s, t)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = pool.map(
            lambda pair: lab.ping(
                pair[0].name, pair[1].address, count=count, interval_s=INTERVAL_S
            ),
            pairs,
        )
        return [
            Pair(source=source, target=target, result=result)
            for (source, target), result in zip(pairs, results, strict=True)
        ]


def _tunnel_address(lab: Lab, name: str, interface: str) -> str:
    # The machine's own word: addresses that the network file leaves open are allotted elsewhere.
    shown = lab.run(name, "ip", "-j", "-4", "address", "show", "dev", interface, check=False)
    if shown.code != 0 or not json.loads(shown.stdout or "[]"):
        msg = (
            f"machine {name} has no address on {interface}: the line is not up there, "
            f"`make up STACK={lab.state.stack}`"
        )
        raise LabError(msg)
    return str(json.loads(shown.stdout)[0]["addr_info"][0]["local"])


def _shown(stack: str, pairs: Sequence[Pair]) -> Table:
    shown = Table(title=f"Who reaches whom in stack {stack} (median round trip, loss)")
    targets = {pair.source.name: pair.source.address for pair in pairs}
    shown.add_column("from \\ to")
    for name, address in targets.items():
        shown.add_column(f"{name}\n{address}", justify="right", no_wrap=True)
    measured = {(pair.source.name, pair.target.name): pair for pair in pairs}
    for name in dict.fromkeys(pair.source.name for pair in pairs):
        cells = [measured.get((name, target)) for target in targets]
        shown.add_row(name, *(_cell(pair) for pair in cells))
    return shown


def _cell(pair: Pair | None) -> str:
    if pair is None:
        return ""
    if not pair.kept or pair.result.rtt_ms is None:
        return "[bold red]no answer[/]"
    lost = 100 * (pair.result.sent - pair.result.received) / pair.result.sent
    return f"{pair.result.rtt_ms:.1f} ms" + (f" [red]{lost:.0f} %[/]" if lost else "")
