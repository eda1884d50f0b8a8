"""A change in the network's own words, held to what a slow and simple comparison finds."""

from __future__ import annotations

import json
from datetime import date
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasedline.blink import Cause
from leasedline.change import Change, change, lines
from leasedline.drift import Status
from leasedline.network import Lan, Network, Spoke
from leasedline.outlook import Outlook, look
from leasedline.report import routes
from leasedline.snapshot import Snapshot, from_output
from tests.unit.networks import ENDPOINT, RING, article, networks, one_more, with_spokes

Pair = frozenset[tuple[str, str]]


def outlook(
    network: Network,
    before: Snapshot | None = None,
    endpoint: str | None = ENDPOINT,
    statuses: dict[str, Status] | None = None,
) -> Outlook:
    return look(
        network,
        RING,
        endpoint=endpoint,
        known={},
        before=before,
        statuses=statuses or {},
        today=date(2026, 11, 24),
    )


def snapshot(network: Network, endpoint: str | None = ENDPOINT) -> Snapshot:
    return outlook(network, endpoint=endpoint).snapshot


def between(before: Network | None, now: Network) -> Change:
    return change(snapshot(before) if before else None, snapshot(now))


def told(before: Network, now: Network) -> list[str]:
    return lines(between(before, now))


def stored(found: Snapshot) -> Snapshot | None:
    """A snapshot after a stack's state had it: no None, numbers as floats, keys sorted."""

    def as_in_state(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: as_in_state(v) for k, v in sorted(value.items()) if v is not None}
        if isinstance(value, list):
            return [as_in_state(item) for item in value]
        return float(value) if isinstance(value, int) else value

    return from_output(as_in_state(json.loads(json.dumps(found.as_output()))))


def reach(network: Network) -> set[Pair]:
    """All pairs of LANs of different offices."""
    sites = [(s.name, str(lan.prefix)) for s in network.spokes for lan in s.lans]
    return {frozenset(pair) for pair in combinations(sites, 2) if pair[0][0] != pair[1][0]}


def gateway_rows(network: Network) -> set[tuple[str, str | None, str, str, str]]:
    """All static routes: office, gateway, next hop, LAN and destination."""
    return {
        (
            office,
            route["gateway"],
            route["next_hop"],
            next(
                str(lan.prefix)
                for spoke in network.spokes
                if spoke.name == office
                for lan in spoke.lans
                if str(lan.address) == route["next_hop"]
            ),
            route["destination"],
        )
        for office, rows in routes(network).items()
        for route in rows
    }


@st.composite
def two_networks(draw: st.DrawFn) -> tuple[Network, Network]:
    """A network, and one that shares some of its spokes, some of them changed."""
    before, other = draw(networks()), draw(networks())
    names = {before.hub.name, other.hub.name}
    mixed: dict[str, Spoke] = {}
    prefixes: set[object] = set()
    for spoke in draw(st.permutations([*before.spokes, *other.spokes])):
        lans = tuple(lan for lan in spoke.lans if lan.prefix not in prefixes)
        if spoke.name in mixed or spoke.name in names or draw(st.booleans()):
            continue
        prefixes |= {lan.prefix for lan in lans}
        mixed[spoke.name] = spoke.model_copy(update={"lans": lans, "address": None})
    spokes = tuple(mixed.values()) or (Spoke(name="the-last-one"),)
    summary = draw(st.sampled_from([before.summary, other.summary]))
    now = before.model_copy(update={"spokes": spokes, "summary": summary})
    return before, now


# --- properties ---


@given(two_networks())
def test_flows_open_and_close_as_pairs_appear_and_go(pair: tuple[Network, Network]) -> None:
    before, now = pair
    found = between(before, now)
    for flows, expected in (
        (found.opened, reach(now) - reach(before)),
        (found.closed, reach(before) - reach(now)),
    ):
        pairs = [
            frozenset({(f.site.office, f.site.prefix), (other.office, other.prefix)})
            for f in flows
            for other in f.others
        ]
        assert len(pairs) == len(set(pairs)), "each pair is told once"
        assert set(pairs) == expected


@given(two_networks())
def test_gateways_gain_and_lose_what_their_recipes_do(pair: tuple[Network, Network]) -> None:
    before, now = pair
    gained, lost = set(), set()
    for item in between(before, now).gateways:
        where = (item.office, item.lan.gateway, item.lan.next_hop, item.lan.prefix)
        gained |= {(*where, prefix) for prefix in item.gained}
        lost |= {(*where, prefix) for prefix in item.lost}
    assert gained == gateway_rows(now) - gateway_rows(before)
    assert lost == gateway_rows(before) - gateway_rows(now)


@given(two_networks())
def test_hosts_that_change_are_those_that_are_sent_something_else(
    pair: tuple[Network, Network],
) -> None:
    first, second = (outlook(network) for network in pair)
    hosts = change(first.snapshot, second.snapshot).hosts
    both = first.reviews.keys() & second.reviews.keys()
    assert {*hosts.joining} == second.reviews.keys() - both
    assert {*hosts.leaving} == first.reviews.keys() - both
    changed = {n for n in both if first.configuration(n) != second.configuration(n)}
    assert {*hosts.changing} == changed
    assert {*hosts.staying} == both - changed


@given(networks())
def test_nothing_is_told_where_nothing_changes(network: Network) -> None:
    now = snapshot(network)
    kept = stored(now)
    assert kept == now
    assert change(kept, now).nothing
    assert lines(change(kept, now)) == []


@given(networks())
def test_a_new_spoke_blinks_nobody(network: Network) -> None:
    found = between(network, with_spokes(network, *network.spokes, one_more(network)))
    assert found.blinks == ()
    assert found.closed == ()
    assert not found.nothing


@given(two_networks())
def test_only_tunnels_that_stay_blink(pair: tuple[Network, Network]) -> None:
    before, now = pair
    both = {s.name for s in before.spokes} & {s.name for s in now.spokes}
    assert {blink.spoke for blink in between(before, now).blinks} <= both


# --- which tunnels blink ---


def changed(**update: object) -> Network:
    return article().model_copy(update=update)


def with_a(**update: object) -> Network:
    a, c = article().spokes
    return with_spokes(article(), a.model_copy(update=update), c)


def with_hub(**update: object) -> Network:
    return changed(hub=article().hub.model_copy(update=update))


@pytest.mark.parametrize(
    ("now", "blinking"),
    [
        (changed(keepalive=20), {}),
        (changed(mtu=1380), {}),
        (changed(spokes=article().spokes[:1]), {}),
        (with_a(lans=()), {}),
        (with_a(generation=2), {"a": (Cause.SPOKE_KEY,)}),
        (with_a(psk_generation=2), {"a": (Cause.PSK,)}),
        (with_hub(generation=2), {"a": (Cause.HUB_KEY,), "c": (Cause.HUB_KEY,)}),
        (changed(port=51821), {"a": (Cause.PORT,), "c": (Cause.PORT,)}),
        (changed(interface="wg1"), {"a": (Cause.INTERFACE,), "c": (Cause.INTERFACE,)}),
    ],
)
def test_which_tunnels_blink(now: Network, blinking: dict[str, tuple[Cause, ...]]) -> None:
    found = between(article(), now)
    assert {blink.spoke: blink.causes for blink in found.blinks} == blinking
    assert ("tunnels: none goes down" in lines(found)) == (not blinking)


def test_a_hub_that_moves() -> None:
    moved = change(snapshot(article()), snapshot(article(), endpoint="203.0.113.7"))
    assert {blink.causes for blink in moved.blinks} == {(Cause.ENDPOINT,)}
    assert moved.hosts.changing == ("a", "c")
    unknown = change(snapshot(article()), snapshot(article(), endpoint=None))
    assert unknown.hosts.changing == ("z", "a", "c")


# --- the words ---


def test_a_new_line() -> None:
    assert lines(change(None, snapshot(article()))) == [
        "a new line: hub z at 203.0.113.1, spokes a, c",
        "opens 2 LANs, each to those of all other offices: 192.168.201.0/24 (a), "
        "192.168.200.0/24 (c)",
        "gateways of 2 LANs need static routes: output gateway_recipes",
    ]
    first = lines(change(None, snapshot(article(), endpoint=None)))
    assert first[0].startswith("a new line: hub z at an address still to be allotted, spokes")


def test_a_spoke_less() -> None:
    now = changed(spokes=article().spokes[:1])
    assert told(article(), now) == [
        "closes 192.168.200.0/24 (c) <-> 192.168.201.0/24 (a)",
        "hosts: c cleaned and let go; z, a changed",
        "tunnels: none goes down",
        "gateways: 192.168.201.1 (a, via 192.168.201.247): lose 192.168.200.0/24",
        "gateways: 192.168.200.1 (c, via 192.168.200.248): lose 192.168.201.0/24",
    ]


def test_a_key_that_is_rotated() -> None:
    shown = told(article(), with_a(generation=2))
    assert shown[0] == "hosts: z, a changed; c left alone"
    assert shown[1] == "tunnels: a: the spoke's key changes: down for less than a second"
    assert len(shown) == 2


def test_an_office_whose_spoke_gets_another_address() -> None:
    lan = article().spokes[0].lans[0]
    now = with_a(lans=(lan.model_copy(update={"address": lan.prefix[9]}),))
    assert told(article(), now) == [
        "hosts: z, a, c left alone",
        "tunnels: none goes down",
        "gateways: 192.168.201.1 (a, via 192.168.201.9): gain 192.168.200.0/24",
        "gateways: 192.168.201.1 (a, via 192.168.201.247): lose 192.168.200.0/24",
    ]


def test_a_host_that_is_brought_back() -> None:
    before = snapshot(article())
    drifted = Status(
        program=before.program,
        bundle=before.hosts["a"].sent.bundle,
        revision=1,
        differences=("interface wg0: is down",),
    )
    ahead = outlook(article(), before, statuses={"a": drifted})
    assert ahead.warnings == ("a: interface wg0: is down",)
    assert ahead.changes == ("hosts: a changed; z, c left alone", "tunnels: none goes down")


def star(spokes: int) -> Network:
    prefixes = IPv4Network("172.16.0.0/12").subnets(new_prefix=24)
    return with_spokes(
        article(),
        *(
            Spoke(name=f"s{n}", lans=(Lan(prefix=lan, address=lan[2], gateway=lan[1]),))
            for n, lan in zip(range(spokes), prefixes, strict=False)
        ),
    )


def test_many_offices_take_few_lines() -> None:
    now = snapshot(star(200))
    assert sum(map(len, lines(change(None, now)))) < 1000
    shown = lines(change(now, snapshot(star(201))))
    assert len(shown) == 5
    assert sum(map(len, shown)) < 1500
    assert "and 192 more" in shown[0]
