"""The pairs of spokes that are verified once all hosts are configured, and what came of it.

A spoke asks from its own LAN address for the far spoke's, which takes routes, allowed IPs and
forwarding on three hosts; without a LAN the tunnel address stands for it. Each pair is asked by
the spoke that is later in the network file, so that a new one asks and the others need not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address
from typing import Final, TypedDict

from leasedline.network import Network, Spoke
from leasedline.snapshot import Snapshot

LIMIT: Final = 50
"""Up to so many spokes every pair is verified: there are half as many as its square."""

CHOSEN: Final = 8
"""How many far spokes each spoke asks in a greater network: those before it in the file."""


class Pair(TypedDict):
    """What came of a pair when it was last asked: the reply's time, None without a reply."""

    answers: bool
    rtt_ms: float | None


def far_spokes(names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return whom each spoke asks, by name; one that asks nobody is left out.

    Up to `LIMIT` spokes, each asks all that stand before it in `names`. Beyond, each asks `CHOSEN`
    of them, and the first ones go on at the end: so every spoke is asked by as many.
    """
    if len(names) <= LIMIT:
        return {name: names[:place] for place, name in enumerate(names) if place}
    return {
        name: tuple(names[place - back] for back in range(1, CHOSEN + 1))
        for place, name in enumerate(names)
    }


def questions(
    network: Network, addresses: Mapping[str, IPv4Address], applied: Snapshot
) -> dict[str, str]:
    """Return what each spoke that asks is told on stdin, by name (`leased-line pairs`).

    Args:
        network: what the user wrote.
        addresses: every host's tunnel address, by name.
        applied: what the stack applies; any change of it makes other texts, and all is asked again.
    """
    state = _state(applied)
    spokes = {spoke.name: spoke for spoke in network.spokes}
    own = {name: _asked(spoke, addresses) for name, spoke in spokes.items()}
    return {
        name: "".join(
            [
                f"leased-line pairs 1\nstate {state}\n",
                *(
                    f"pair {other} {source} {target}\n"
                    for other in others
                    for source, target in _each_once(own[name], own[other])
                ),
                "end\n",
            ]
        )
        for name, others in far_spokes(tuple(spokes)).items()
    }


def results(said: Mapping[str, str]) -> dict[str, Pair]:
    """Return what came of each pair, by "a <-> c".

    Args:
        said: what `leased-line pairs` printed on each spoke that was asked to run it, by name.
    """
    found: dict[str, Pair] = {}
    for asker, text in said.items():
        for other, rtt_ms in json.loads(text).items():
            found[f"{other} <-> {asker}"] = Pair(answers=rtt_ms is not None, rtt_ms=rtt_ms)
    return dict(sorted(found.items()))


def remarks(pairs: Mapping[str, Pair], spokes: int) -> list[str]:
    """Return what people should know of `pairs` in a line of so many spokes, a line each."""
    silent = [name for name, pair in pairs.items() if not pair["answers"]]
    told = [
        f"{name}: no reply from LAN address to LAN address, and there never was one "
        '(docs/3am.md, "A pair does not answer")'
        for name in silent[:CHOSEN]
    ]
    if len(silent) > CHOSEN:
        told.append(f"{len(silent) - CHOSEN} more pairs likewise: output pairs")
    if spokes > LIMIT:
        told.append(
            f"of {spokes * (spokes - 1) // 2} pairs {len(pairs)} were verified, {CHOSEN} by each "
            f"spoke: all are up to {LIMIT} spokes"
        )
    return told


def _asked(spoke: Spoke, addresses: Mapping[str, IPv4Address]) -> list[str]:
    return [str(lan.address) for lan in spoke.lans] or [str(addresses[spoke.name])]


def _each_once(own: list[str], far: list[str]) -> Iterable[tuple[str, str]]:
    """Pair the addresses so that each LAN of both takes part, without asking all for all."""
    return ((own[n % len(own)], far[n % len(far)]) for n in range(max(len(own), len(far))))


def _state(applied: Snapshot) -> str:
    sent = "".join(
        f"{name} {host.sent.bundle} {host.sent.base_revision} {host.public_key} {host.psk}\n"
        for name, host in applied.hosts.items()
    )
    return hashlib.sha256(f"{applied.program}\n{sent}".encode()).hexdigest()
