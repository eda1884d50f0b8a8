"""Rules between fields: overlaps against an oracle that compares all pairs, and the rest alone."""

import itertools
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leasedline.network import Hub, Lan, Network, Spoke, Ssh
from leasedline.ranges import no_host, nonsense, overlaps
from leasedline.rules import (
    NetworkError,
    PartialHub,
    PartialLan,
    PartialNetwork,
    PartialSpoke,
    PartialSsh,
    check,
    cross_faults,
)

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


def spoke(name: str, prefix: str | None = None) -> Spoke:
    if prefix is None:
        return Spoke(name=name)
    lan = IPv4Network(prefix)
    return Spoke(name=name, lans=(Lan(prefix=lan, address=lan[1]),))


def network(*spokes: Spoke, tunnel: str = "10.70.0.0/16", **more: object) -> Network:
    fields = {"tunnel": tunnel, "hub": Hub(name="z"), "spokes": spokes, **more}
    return Network.model_validate(fields)


def texts(broken: Network | PartialNetwork) -> list[str]:
    return [str(fault) for fault in cross_faults(broken)]


# ---- overlaps

# Few and short prefixes, so that they meet.
PREFIXES = st.builds(
    lambda bits, length: IPv4Network((bits << 24 | bits << 12, length), strict=False),
    st.integers(0, 15),
    st.integers(0, 32),
)


def related(pairs: list[tuple[int, int]], count: int) -> set[frozenset[int]]:
    """The groups of positions that `pairs` connect."""
    group = {i: frozenset([i]) for i in range(count)}
    for i, j in pairs:
        union = group[i] | group[j]
        group.update(dict.fromkeys(union, union))
    return set(group.values())


@settings(deadline=None, max_examples=500)
@given(prefixes=st.lists(PREFIXES, max_size=12))
def test_overlaps_agree_with_comparing_all_pairs(prefixes: list[IPv4Network]) -> None:
    every = [
        (i, j) for (i, a), (j, b) in itertools.combinations(enumerate(prefixes), 2) if a.overlaps(b)
    ]
    found = overlaps(prefixes)
    assert set(found) <= set(every)
    assert {i for pair in found for i in pair} == {i for pair in every for i in pair}
    assert related(found, len(prefixes)) == related(every, len(prefixes))
    assert len(found) < max(1, len(prefixes))


def test_each_prefix_is_paired_with_the_narrowest_around_it() -> None:
    texts = ["10.0.0.0/8", "10.1.1.0/24", "10.2.0.0/16", "10.1.0.0/16", "10.1.1.0/24"]
    assert overlaps([IPv4Network(text) for text in texts]) == [(0, 2), (0, 3), (1, 3), (1, 4)]


def test_ten_thousand_equal_lans_give_a_fault_each_and_no_more() -> None:
    lan = PartialLan(prefix=IPv4Network("192.168.1.0/24"))
    spokes = tuple(PartialSpoke(name=f"s{i}", lans=(lan,)) for i in range(10_000))
    assert len(cross_faults(PartialNetwork(spokes=spokes))) == 9_999


@settings(deadline=None, max_examples=200)
@given(
    summary=st.lists(PREFIXES, min_size=1, max_size=4),
    lans=st.lists(PREFIXES, min_size=1, max_size=8),
)
def test_summary_holds_a_lan_as_comparing_all_says(
    summary: list[IPv4Network], lans: list[IPv4Network]
) -> None:
    parts = PartialNetwork(
        summary=tuple(summary),
        spokes=tuple(PartialSpoke(lans=(PartialLan(prefix=lan),)) for lan in lans),
    )
    named = {fault.path[1] for fault in cross_faults(parts) if "lies in no prefix" in fault.rule}
    sound = not any(nonsense(prefix) for prefix in summary)
    assert named == {
        i
        for i, lan in enumerate(lans)
        if sound and not nonsense(lan) and not any(lan.subnet_of(prefix) for prefix in summary)
    }


# ---- single rules that a file's table does not reach


def test_a_sound_network_is_returned() -> None:
    sound = network(spoke("a", "192.168.1.0/24"), spoke("b"))
    assert check(sound) is sound


def test_a_network_made_in_python_keeps_the_same_rules() -> None:
    with pytest.raises(NetworkError) as caught:
        check(network(spoke("a", "192.168.1.0/24"), spoke("b", "192.168.0.0/16")))
    assert str(caught.value).splitlines() == [
        "spokes[1].lans[0].prefix 192.168.0.0/16 of office b overlaps spokes[0].lans[0].prefix "
        "192.168.1.0/24 of office a: give each office a range of its own",
        "1 fault in the network",
    ]


def test_reserved_ranges() -> None:
    faults = cross_faults(
        network(spoke("a", "192.168.1.0/24"), tunnel="172.16.9.0/24"),
        reserved={"the hub's VPC": IPv4Network("172.16.0.0/12"), "x": IPv4Network("1.0.0.0/8")},
    )
    assert [str(fault) for fault in faults] == [
        "tunnel 172.16.9.0/24 overlaps 172.16.0.0/12, the hub's VPC: choose a private range that "
        "no office uses, for example 10.70.0.0/16"
    ]


@pytest.mark.parametrize("prefix", ["0.0.0.0/8", "127.1.0.0/16", "169.254.0.0/24", "224.0.0.0/24"])
@pytest.mark.parametrize("field", ["tunnel", "lan", "summary"])
def test_ranges_that_hold_no_hosts(prefix: str, field: str) -> None:
    net = IPv4Network(prefix)
    parts = {
        "tunnel": PartialNetwork(tunnel=net),
        "summary": PartialNetwork(summary=(net,)),
        "lan": PartialNetwork(spokes=(PartialSpoke("a", lans=(PartialLan(net),)),)),
    }
    (text,) = texts(parts[field])
    assert f"{prefix} " in text
    assert "(RFC" in text


@pytest.mark.parametrize(
    "prefix", ["30.0.0.0/24", "203.0.113.0/24", "10.0.0.0/9", "100.128.0.0/24"]
)
def test_public_ranges_may_be_a_lan(prefix: str) -> None:
    assert texts(network(spoke("a", prefix), tunnel="172.20.0.0/16")) == []


def test_a_lan_of_one_or_two_addresses_has_no_broadcast_address() -> None:
    one, two = IPv4Network("192.168.1.5/32"), IPv4Network("192.168.1.6/31")
    lans = (Lan(prefix=one, address=one[0]), Lan(prefix=two, address=two[1], gateway=two[0]))
    assert texts(network(Spoke(name="a", lans=lans))) == []


def test_a_gateway_that_does_not_fit_a_lan_of_one_address() -> None:
    one = IPv4Network("192.168.1.5/32")
    lan = Lan(prefix=one, address=one[0], gateway=IPv4Address("192.168.1.1"))
    assert texts(network(Spoke(name="a", lans=(lan,)))) == [
        "spokes[0].lans[0].gateway 192.168.1.1 lies outside spokes[0].lans[0].prefix "
        "192.168.1.5/32: widen it"
    ]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10.0.0.0", "is the network address of tunnel 10.0.0.0/30"),
        ("10.0.0.1", None),
        ("10.0.0.2", None),
        ("10.0.0.3", "is the broadcast address of tunnel 10.0.0.0/30"),
        ("10.0.0.4", "lies outside tunnel 10.0.0.0/30"),
    ],
)
def test_hosts_of_a_prefix(address: str, why: str | None) -> None:
    assert no_host(IPv4Address(address), IPv4Network("10.0.0.0/30"), "tunnel") == why


@pytest.mark.parametrize(
    ("length", "spokes", "fits"),
    [(32, 1, False), (31, 1, False), (30, 1, True), (30, 2, False), (29, 5, True), (29, 6, False)],
)
def test_room_in_the_tunnel(length: int, spokes: int, fits: bool) -> None:
    offices = [spoke(f"s{i}") for i in range(spokes)]
    faults = texts(network(*offices, tunnel=f"10.70.0.0/{length}"))
    assert (faults == []) is fits
    if not fits:
        wider = int(faults[0].rsplit("/", 1)[1].split()[0])
        assert texts(network(*offices, tunnel=f"10.70.0.0/{wider}")) == []
        assert texts(network(*offices, tunnel=f"10.70.0.0/{wider + 1}")) != []


@pytest.mark.parametrize(
    ("endpoint", "faults"),
    [
        ("203.0.113.1", 0),
        ("hub.example", 0),
        ("10.0.0.1", 0),
        ("127.0.0.1", 1),
        ("0.0.0.0", 1),  # noqa: S104
        ("10.70.9.9", 1),
        ("192.168.1.9", 1),
        ("192.168.77.1", 1),
    ],
)
def test_endpoint(endpoint: str, faults: int) -> None:
    hub = Hub(name="z", endpoint=endpoint)
    office = spoke("a", "192.168.1.0/24")
    found = texts(network(office, hub=hub, summary=(IPv4Network("192.168.0.0/16"),)))
    assert len(found) == faults
    assert all(text.startswith(f"hub.endpoint {endpoint} ") for text in found)


def test_one_ssh_server_behind_two_jumps_is_two() -> None:
    def reached(jump: str | None, port: int = 22) -> PartialSsh:
        return PartialSsh("10.1.0.2", port, None if jump is None else PartialSsh(jump, 22))

    ways = [reached(None), reached(None, 2222), reached("a.example"), reached("b.example")]
    parts = PartialNetwork(
        hub=PartialHub(ssh=reached("A.example")),
        spokes=tuple(PartialSpoke(ssh=way) for way in ways),
    )
    assert texts(parts) == [
        "spokes[2].ssh.host 10.1.0.2:22 through a.example:22 is hub.ssh.host too: two hosts "
        "cannot be one machine, so give each its own host, port or jump"
    ]


def test_the_models_and_their_parts_are_judged_alike() -> None:
    ssh = Ssh(host="h.example", host_key=HOST_KEY)
    both: list[Network | PartialNetwork] = [
        network(Spoke(name="a", ssh=ssh), Spoke(name="z", ssh=ssh)),
        PartialNetwork(
            tunnel=IPv4Network("10.70.0.0/16"),
            hub=PartialHub(name="z"),
            spokes=(
                PartialSpoke(name="a", ssh=PartialSsh("h.example", 22)),
                PartialSpoke(name="z", ssh=PartialSsh("h.example", 22)),
            ),
        ),
    ]
    assert texts(both[0]) == texts(both[1])
    assert len(texts(both[0])) == 2
