"""What a change means for the network, in the network's own words.

Two snapshots, before and now, make a `Change`: which LANs begin or cease to reach each other,
which hosts are touched, which tunnels blink and why, which routes the offices' gateways gain or
lose. Work and memory go with what changes, not with the number of pairs of offices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from leasedline.blink import Blink, Cause, blinks, expected
from leasedline.snapshot import Host, OfficeLan, Retired, Snapshot

SHOWN: Final = 8
"""How many items of one kind are told in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A LAN and the office that it belongs to."""

    office: str
    prefix: str

    def __str__(self) -> str:
        return f"{self.prefix} ({self.office})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """One LAN and the LANs of other offices that it reaches, both ways.

    In a change every pair stands once: with the earlier of the two, if both LANs are new.
    """

    site: Site
    others: tuple[Site, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayChange:
    """Static routes that one LAN's gateway is to gain and to lose, by destination prefix."""

    office: str
    lan: OfficeLan
    gained: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Host names: new ones, gone ones, touched ones, and those that stay as they are.

    Those that are `retired` go without being touched; `returning` were retired before.
    """

    joining: tuple[str, ...]
    returning: tuple[str, ...]
    leaving: tuple[str, ...]
    retired: tuple[str, ...]
    changing: tuple[str, ...]
    staying: tuple[str, ...]
    renewed: bool
    """Whether all get another host program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """All of it; `first` is the whole network where there was none before."""

    first: Snapshot | None
    opened: tuple[Flows, ...]
    closed: tuple[Flows, ...]
    hosts: Hosts
    blinks: tuple[Blink, ...]
    gateways: tuple[GatewayChange, ...]

    @property
    def nothing(self) -> bool:
        """Whether all stays as it is."""
        hosts = self.hosts
        touched = (hosts.joining, hosts.returning, hosts.leaving, hosts.retired, hosts.changing)
        return not any((*touched, hosts.renewed, self.opened, self.closed, self.gateways))


def change(before: Snapshot | None, now: Snapshot) -> Change:
    """Return what is different in `now`; `before` is None where there was no line."""
    return Change(
        first=None if before else now,
        opened=_new_flows(before, now),
        closed=_new_flows(now, before) if before else (),
        hosts=_hosts(before, now),
        blinks=blinks(before, now) if before else (),
        gateways=tuple(_gateways(before, now)),
    )


def lines(change: Change) -> list[str]:
    """Return the change for people, a line each; none where nothing changes."""
    if change.nothing:
        return []
    if change.first:
        return _first(change.first)
    return [
        *_flow_lines("opens", change.opened),
        *_flow_lines("closes", change.closed),
        *_host_lines(change.hosts),
        *_tunnel_lines(change.blinks),
        *_gateway_lines(change.gateways),
    ]


def _first(now: Snapshot) -> list[str]:
    sites = _sites(now)
    routes = sum(1 for _ in _gateways(None, now))
    lans = f"{len(sites)} LANs" if len(sites) != 1 else "1 LAN"
    told = [
        f"a new line: hub {now.hub} at {now.endpoint or 'an address still to be allotted'}, "
        f"spokes {_some(tuple(now.spokes))}",
        f"opens {lans}, each to those of all other offices: {_some(tuple(map(str, sites)))}"
        if sites
        else "opens no LAN: no spoke has one",
    ]
    if routes:
        told.append(f"gateways of {routes} LANs need static routes: output gateway_recipes")
    return told


def _flow_lines(what: str, flows: tuple[Flows, ...]) -> Iterator[str]:
    for flow in flows[:SHOWN]:
        yield f"{what} {flow.site} <-> {_some(tuple(map(str, flow.others)))}"
    if len(flows) > SHOWN:
        yield f"{what} {len(flows) - SHOWN} more LANs likewise"


def _host_lines(hosts: Hosts) -> Iterator[str]:
    parts = [
        f"{_some(names)} {what}"
        for names, what in (
            (hosts.joining, "new"),
            (hosts.returning, "back"),
            (hosts.leaving, "cleaned and let go"),
            (hosts.retired, "retired"),
            (hosts.changing, "changed"),
            (hosts.staying, "left alone"),
        )
        if names
    ]
    yield "hosts: " + "; ".join(parts)
    if hosts.retired:
        yield (
            f"hosts: nothing dials {_some(hosts.retired)} any more, and what the line put there "
            "stays there: whoever finds such a host runs leased-line uninstall on it, as root"
        )
    if hosts.renewed:
        yield "hosts: all get another version of the host program; no session is lost for it"


def _tunnel_lines(blinks: tuple[Blink, ...]) -> Iterator[str]:
    if not blinks:
        yield "tunnels: none goes down"
    by_causes: dict[tuple[Cause, ...], list[str]] = {}
    for blink in blinks:
        by_causes.setdefault(blink.causes, []).append(blink.spoke)
    for causes, spokes in by_causes.items():
        yield f"tunnels: {_some(tuple(spokes))}: {expected(causes)}"


def _gateway_lines(gateways: tuple[GatewayChange, ...]) -> Iterator[str]:
    # Most gateways gain and lose the same: each such set is told once.
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[GatewayChange]] = {}
    for item in gateways:
        alike.setdefault((item.gained, item.lost), []).append(item)
    groups = list(alike.items())
    for (gained, lost), items in groups[:SHOWN]:
        where = tuple(
            f"{item.lan.gateway or item.lan.prefix} ({item.office}, via {item.lan.next_hop})"
            for item in items
        )
        what = [
            f"{verb} {_some(prefixes)}"
            for verb, prefixes in (("gain", gained), ("lose", lost))
            if prefixes
        ]
        yield f"gateways: {_some(where)}: {' and '.join(what)}"
    rest = sum(len(items) for _, items in groups[SHOWN:])
    if rest:
        yield f"gateways: {rest} more change: output gateway_recipes"


def _some(items: tuple[str, ...]) -> str:
    """Name up to `SHOWN` items, and count the rest."""
    more = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _sites(snapshot: Snapshot | None) -> list[Site]:
    spokes: Mapping[str, Host] = snapshot.spokes if snapshot else {}
    return [Site(office=name, prefix=lan.prefix) for name, h in spokes.items() for lan in h.lans]


def _new_flows(before: Snapshot | None, now: Snapshot | None) -> tuple[Flows, ...]:
    """Return the flows of `now` that `before` has not.

    Two LANs that were both there before reached each other before.
    """
    were = set(_sites(before))
    sites = _sites(now)
    new = [site for site in sites if site not in were]
    told: set[Site] = set()
    found = []
    for site in new:
        told.add(site)
        others = tuple(o for o in sites if o.office != site.office and o not in told)
        if others:
            found.append(Flows(site=site, others=others))
    return tuple(found)


def _hosts(before: Snapshot | None, now: Snapshot) -> Hosts:
    were: Mapping[str, Host] = before.hosts if before else {}
    gone: Mapping[str, Retired] = before.retired if before else {}
    both = [name for name in now.hosts if name in were]
    changing = [name for name in both if _differs(were[name], now.hosts[name])]
    return Hosts(
        joining=tuple(n for n in now.hosts if n not in were and n not in gone),
        returning=tuple(name for name in now.hosts if name in gone),
        leaving=tuple(n for n in were if n not in now.hosts and n not in now.retired),
        retired=tuple(name for name in were if name in now.retired),
        changing=tuple(changing),
        staying=tuple(name for name in both if name not in set(changing)),
        renewed=bool(before and before.program != now.program),
    )


def _differs(before: Host, now: Host) -> bool:
    # An unknown digest is that of a bundle with an address that is still to be allotted.
    return before.sent != now.sent


def _gateways(before: Snapshot | None, now: Snapshot) -> Iterator[GatewayChange]:
    were: Mapping[str, Host] = before.spokes if before else {}
    are = now.spokes
    all_before, all_now = _destinations(before), _destinations(now)
    added = all_now.keys() - all_before.keys()
    removed = all_before.keys() - all_now.keys()
    for office in dict.fromkeys((*were, *are)):
        lans_before = were[office].lans if office in were else ()
        lans_now = are[office].lans if office in are else ()
        own_before = _own(before, lans_before)
        own_now = _own(now, lans_now)
        # What changes for a LAN that stays: few destinations, however many there are.
        gained = _sorted((added | (own_before & all_now.keys())) - own_now, all_now)
        lost = _sorted((removed | (own_now & all_before.keys())) - own_before, all_before)
        for lan in lans_now:
            if lan in lans_before:
                yield from _if_any(office, lan, gained, lost)
            else:
                yield from _if_any(office, lan, _sorted(all_now.keys() - own_now, all_now), ())
        for lan in lans_before:
            if lan not in lans_now:
                every = _sorted(all_before.keys() - own_before, all_before)
                yield from _if_any(office, lan, (), every)


def _destinations(snapshot: Snapshot | None) -> dict[str, int]:
    """Return what gateways route into the line, with each prefix's place in the order."""
    if snapshot is None:
        return {}
    prefixes = snapshot.summary or [site.prefix for site in _sites(snapshot)]
    return {prefix: place for place, prefix in enumerate(prefixes)}


def _own(snapshot: Snapshot | None, lans: tuple[OfficeLan, ...]) -> set[str]:
    """Return what an office's own gateways need no route for."""
    if snapshot is None or snapshot.summary:
        return set()
    return {lan.prefix for lan in lans}


def _sorted(prefixes: set[str], places: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted(prefixes, key=places.__getitem__))


def _if_any(
    office: str, lan: OfficeLan, gained: tuple[str, ...], lost: tuple[str, ...]
) -> Iterator[GatewayChange]:
    if gained or lost:
        yield GatewayChange(office=office, lan=lan, gained=gained, lost=lost)
