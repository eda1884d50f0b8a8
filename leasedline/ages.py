"""How old the keys are, and which ones are due to be rotated.

A key is as old as the first complete run that had it. That run's date is kept in the stack's
output `applied` (leasedline.snapshot) as long as the key stays the same, so it is no change of any
resource; a key from before dates were kept is as old as the first run that keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from leasedline.network import Network
from leasedline.snapshot import Host, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAge:
    """`host`'s key, or the pre-shared key of it and its hub; `since` is an ISO date."""

    host: str
    preshared: bool
    since: str
    age_days: int


def dated(now: Snapshot, before: Snapshot | None, today: date) -> Snapshot:
    """Return `now` with the date of each key: that of `before` where the key is the same."""
    hosts = before.hosts if before else {}
    return replace(
        now, hosts={name: _dated(host, hosts.get(name), today) for name, host in now.hosts.items()}
    )


def _dated(now: Host, before: Host | None, today: date) -> Host:
    key_since = psk_since = None
    if before is not None:
        key_since = before.key_since if before.public_key == now.public_key else None
        psk_since = before.psk_since if before.psk == now.psk else None
    return replace(
        now,
        key_since=key_since or today.isoformat(),
        psk_since=None if now.psk is None else psk_since or today.isoformat(),
    )


def ages(snapshot: Snapshot, today: date) -> Iterator[KeyAge]:
    """Yield the age of each key that has a date, the hub's first."""
    for name, host in snapshot.hosts.items():
        for preshared, since in ((False, host.key_since), (True, host.psk_since)):
            if since is not None:
                # A clock that was wrong at the time makes no key younger than new.
                age_days = max((today - date.fromisoformat(since)).days, 0)
                yield KeyAge(host=name, preshared=preshared, since=since, age_days=age_days)


def as_output(snapshot: Snapshot, today: date) -> dict[str, dict[str, dict[str, object]]]:
    """Return for each host `key` and, for a spoke, `pre_shared_key`: `since` and `age_days`."""
    told: dict[str, dict[str, dict[str, object]]] = {}
    for age in ages(snapshot, today):
        kind = "pre_shared_key" if age.preshared else "key"
        told.setdefault(age.host, {})[kind] = {"since": age.since, "age_days": age.age_days}
    return told


def due(snapshot: Snapshot, network: Network, today: date) -> tuple[str, ...]:
    """Return for people, a line each, the keys that are older than the network file allows."""
    if not network.key_age_days:
        return ()
    places = {network.hub.name: "hub"}
    places |= {spoke.name: f"spokes[{n}]" for n, spoke in enumerate(network.spokes)}
    generations = {(network.hub.name, False): network.hub.generation}
    for spoke in network.spokes:
        generations[spoke.name, False] = spoke.generation
        generations[spoke.name, True] = spoke.psk_generation
    lines = []
    for age in ages(snapshot, today):
        if age.age_days > network.key_age_days:
            what = "pre-shared key" if age.preshared else "key"
            field = "psk_generation" if age.preshared else "generation"
            lines.append(
                f"{age.host}: its {what} is {age.age_days} days old, more than key_age_days "
                f"({network.key_age_days}): set {places[age.host]}.{field} to "
                f"{generations[age.host, age.preshared] + 1} in the network file to rotate it"
            )
    return tuple(lines)
