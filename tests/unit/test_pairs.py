"""Whom each spoke asks, what it is told, and what is made of the answers."""

from __future__ import annotations

import re
from datetime import date
from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given

from leasedline.network import Network, Spoke
from leasedline.outlook import Outlook, look
from leasedline.pairs import CHOSEN, LIMIT, far_spokes, questions, remarks, results
from leasedline.plan import allot
from tests.unit.networks import ENDPOINT, RING, ROOT, article, networks, one_more, with_spokes
from tests.unit.test_host_pairs import Asking
from tests.unit.test_host_pairs import asking as asking


def outlook(network: Network, before: Outlook | None = None) -> Outlook:
    return look(
        network,
        RING,
        endpoint=ENDPOINT,
        known={},
        before=before.snapshot if before else None,
        statuses={},
        today=date(2026, 11, 24),
    )


def asked(text: str) -> list[tuple[str, str, str]]:
    return re.findall(r"^pair (\S+) (\S+) (\S+)$", text, re.MULTILINE)


@pytest.mark.parametrize("count", [1, 2, 3, LIMIT])
def test_every_pair_once(count: int) -> None:
    names = tuple(f"s{n}" for n in range(count))
    pairs = [frozenset((a, b)) for a, others in far_spokes(names).items() for b in others]
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == set(map(frozenset, combinations(names, 2)))


@pytest.mark.parametrize("count", [LIMIT + 1, 1000])
def test_a_large_network_asks_a_bounded_choice(count: int) -> None:
    names = tuple(f"s{n}" for n in range(count))
    found = far_spokes(names)
    assert {len(others) for others in found.values()} == {CHOSEN}
    pairs = [frozenset((a, b)) for a, others in found.items() for b in others]
    assert len(set(pairs)) == len(pairs) == CHOSEN * count
    assert found == far_spokes(names)
    by_target = [other for others in found.values() for other in others]
    assert {by_target.count(name) for name in names} == {CHOSEN}


@given(networks())
def test_each_lan_of_both_takes_part(network: Network) -> None:
    addresses = allot(network, {})
    told = questions(network, addresses, outlook(network).snapshot)
    spokes = {spoke.name: spoke for spoke in network.spokes}

    def own(name: str) -> set[str]:
        lans = {str(lan.address) for lan in spokes[name].lans}
        return lans or {str(addresses[name])}

    for place, name in enumerate(spokes):
        found = asked(told.get(name, ""))
        assert {other for other, _, _ in found} == set(list(spokes)[:place])
        for other in list(spokes)[:place]:
            assert {source for to, source, _ in found if to == other} == own(name)
            assert {target for to, _, target in found if to == other} == own(other)


def test_any_change_anywhere_asks_again_and_none_asks_nobody() -> None:
    first = outlook(article())
    assert outlook(article(), first).pairs == first.pairs
    rotated = [s.model_copy(update={"psk_generation": 2}) for s in article().spokes[:1]]
    for changed in (
        article().model_copy(update={"keepalive": 20}),
        with_spokes(article(), *article().spokes, one_more(article())),
        with_spokes(article(), *rotated, *article().spokes[1:]),
    ):
        assert outlook(changed, first).pairs["c"] != first.pairs["c"]


def test_the_host_program_understands_it(asking: Asking) -> None:
    told = outlook(article()).pairs["c"]
    asking.replies("192.168.201.247", 8.5)
    ran = asking.raw(told)
    assert (ran.code, ran.stderr) == (0, "")
    assert results({"c": ran.stdout}) == {"a <-> c": {"answers": True, "rtt_ms": 8.5}}


def test_what_is_told_of_pairs_that_do_not_answer() -> None:
    found = results({"c": '{"a":1.5,"b":null}', "b": '{"a":2}'})
    assert list(found) == ["a <-> b", "a <-> c", "b <-> c"]
    (line,) = remarks(found, 3)
    assert line.startswith("b <-> c: no reply from LAN address to LAN address")
    many = results({"z9": "{" + ",".join(f'"s{n}":null' for n in range(20)) + "}"})
    lines = remarks(many, 21)
    assert len(lines) == CHOSEN + 1
    assert lines[-1] == "12 more pairs likewise: output pairs"


def test_the_page_says_from_when_on_it_is_a_choice() -> None:
    page = (ROOT / "docs" / "3am.md").read_text("utf-8")
    assert f"Beyond {LIMIT} offices each asks only the {CHOSEN} before it" in page


def test_a_choice_is_told_as_such() -> None:
    pairs = results({"b": '{"a":1}'})
    assert remarks(pairs, LIMIT) == []
    (line,) = remarks(pairs, LIMIT + 1)
    assert line.startswith("of 1275 pairs 1 were verified, 8 by each spoke")


def test_a_spoke_without_a_lan_stands_for_itself() -> None:
    lone = with_spokes(article(), *article().spokes, Spoke(name="e"))
    told = outlook(lone)
    address = str(allot(lone, {})["e"])
    assert IPv4Network(f"{address}/32").subnet_of(lone.tunnel)
    assert asked(told.pairs["e"]) == [
        ("a", address, "192.168.201.247"),
        ("c", address, "192.168.200.248"),
    ]
