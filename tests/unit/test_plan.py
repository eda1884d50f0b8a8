"""The plan: who has which address, who routes what, and whom a new spoke disturbs."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasedline.bundle import bundle, configuration
from leasedline.network import Hub, Lan, Network, Spoke
from leasedline.plan import HostPlan, Peer, Planner, Role, allot
from tests.unit.networks import (
    ENDPOINT,
    RING,
    article,
    networks,
    one_more,
    planner,
    plans,
    with_spokes,
)


def prefixes(texts: tuple[str, ...]) -> list[IPv4Network]:
    return [IPv4Network(text) for text in texts]


def lans(spoke: Spoke) -> set[str]:
    return {str(lan.prefix) for lan in spoke.lans}


def key_file(name: str) -> str:
    return f"/etc/leased-line/keys/{name}"


def test_the_articles_hub() -> None:
    def peer(name: str, address: str, lan: str) -> Peer:
        return Peer(
            name=name,
            public_key=RING.host(name).public,
            preshared_key_file=key_file(RING.preshared("z", name).name),
            allowed_ips=(address, lan),
            endpoint=None,
            keepalive_s=15,
        )

    assert plans(article())["z"] == HostPlan(
        name="z",
        role=Role.HUB,
        interface="wg0",
        address="10.70.0.1/16",
        port=51820,
        mtu_bytes=1280,
        public_key=RING.host("z").public,
        private_key_file=key_file(RING.host("z").name),
        peers=(
            peer("a", "10.70.0.2/32", "192.168.201.0/24"),
            peer("c", "10.70.0.3/32", "192.168.200.0/24"),
        ),
        routes=("192.168.201.0/24", "192.168.200.0/24"),
        unreachable=(),
        probe=None,
    )


def test_the_articles_spoke() -> None:
    assert plans(article())["a"] == HostPlan(
        name="a",
        role=Role.SPOKE,
        interface="wg0",
        address="10.70.0.2/16",
        port=51820,
        mtu_bytes=1280,
        public_key=RING.host("a").public,
        private_key_file=key_file(RING.host("a").name),
        peers=(
            Peer(
                name="z",
                public_key=RING.host("z").public,
                preshared_key_file=key_file(RING.preshared("z", "a").name),
                allowed_ips=("10.70.0.0/16", "192.168.200.0/24"),
                endpoint="203.0.113.1:51820",
                keepalive_s=15,
            ),
        ),
        routes=("192.168.200.0/24",),
        unreachable=(),
        probe="10.70.0.1",
    )


@given(network=networks(), data=st.data())
def test_plans_come_hub_first_then_in_the_files_order(
    network: Network, data: st.DataObject
) -> None:
    plan = planner(network)
    all_plans = list(plan.plans())
    assert [p.name for p in all_plans] == [host.name for host in network.hosts]
    assert [p.role for p in all_plans] == [Role.HUB, *[Role.SPOKE] * len(network.spokes)]
    one = data.draw(st.sampled_from(all_plans))
    assert plan.plan(one.name) == one


def test_an_unknown_host_has_no_plan() -> None:
    with pytest.raises(KeyError):
        planner(article()).plan("nobody")


@given(network=networks(summary=True))
def test_with_a_summary_a_new_spoke_changes_no_other(network: Network) -> None:
    before = planner(network)
    grown = with_spokes(network, *network.spokes, one_more(network))
    # A running stack knows the addresses that are out.
    after = Planner(grown, RING, ENDPOINT, allot(grown, allot(network, {})))
    for spoke in network.spokes:
        assert configuration(before.spoke(spoke.name)) == configuration(after.spoke(spoke.name))
        assert before.secrets(spoke.name) == after.secrets(spoke.name)


@given(network=networks(summary=False))
def test_without_a_summary_a_new_spoke_only_adds_lines(network: Network) -> None:
    before = planner(network)
    grown = with_spokes(network, *network.spokes, one_more(network))
    after = Planner(grown, RING, ENDPOINT, allot(grown, allot(network, {})))
    for host in network.hosts:
        old = configuration(before.plan(host.name)).splitlines()[:-1]
        new = iter(configuration(after.plan(host.name)).splitlines()[:-1])
        # Each old line is found again, in order: `in` moves the iterator on.
        assert all(line in new for line in old)
        assert before.secrets(host.name).items() <= after.secrets(host.name).items()


@given(network=networks(), data=st.data())
def test_the_order_of_the_spokes_means_nothing(network: Network, data: st.DataObject) -> None:
    out = allot(network, {})
    shuffled = with_spokes(network, *data.draw(st.permutations(network.spokes)))
    before = Planner(network, RING, ENDPOINT, allot(network, out))
    after = Planner(shuffled, RING, ENDPOINT, allot(shuffled, out))
    for host in network.hosts:
        assert ordered(before.plan(host.name)) == ordered(after.plan(host.name))
        assert before.secrets(host.name) == after.secrets(host.name)


def ordered(plan: HostPlan) -> HostPlan:
    """The same plan, whatever order its lists came in."""
    peers = (replace(p, allowed_ips=tuple(sorted(p.allowed_ips))) for p in plan.peers)
    return replace(
        plan,
        peers=tuple(sorted(peers, key=lambda peer: peer.name)),
        routes=tuple(sorted(plan.routes)),
    )


# --- addresses ---


@given(network=networks())
def test_every_host_has_an_address_of_its_own_in_the_tunnel(network: Network) -> None:
    addresses = allot(network, {})
    assert set(addresses) == {host.name for host in network.hosts}
    assert len(set(addresses.values())) == len(addresses)
    assert set(addresses.values()) <= set(IPv4Network("10.70.0.0/26").hosts())


@given(network=networks())
def test_an_address_in_the_file_wins(network: Network) -> None:
    out = {host.name: IPv4Address(f"10.70.1.{n}") for n, host in enumerate(network.hosts, 1)}
    addresses = allot(network, out)
    for host in network.hosts:
        assert addresses[host.name] == (host.address or out[host.name])


@given(network=networks(), data=st.data())
def test_a_new_spoke_anywhere_moves_no_address_that_is_out(
    network: Network, data: st.DataObject
) -> None:
    out = allot(network, {})
    place = data.draw(st.integers(0, len(network.spokes)))
    grown = with_spokes(
        network, *network.spokes[:place], one_more(network), *network.spokes[place:]
    )
    addresses = allot(grown, out)
    assert out.items() <= addresses.items()
    assert len(set(addresses.values())) == len(addresses)


@given(network=networks(), data=st.data())
def test_a_spoke_that_goes_moves_no_other(network: Network, data: st.DataObject) -> None:
    out = allot(network, {})
    gone = data.draw(st.sampled_from(network.spokes))
    shrunk = with_spokes(network, *(spoke for spoke in network.spokes if spoke is not gone))
    assert allot(shrunk, out) == {name: a for name, a in out.items() if name != gone.name}


@given(network=networks(), data=st.data())
def test_whatever_is_out_no_two_hosts_collide(network: Network, data: st.DataObject) -> None:
    """Such as after an edit that gives one host the address of another."""
    anywhere = st.integers(0, 40).map(lambda n: IPv4Address("10.70.0.0") + n)
    out = {host.name: data.draw(anywhere) for host in network.hosts}
    addresses = allot(network, out)
    assert len(set(addresses.values())) == len(network.hosts)
    tunnel = network.tunnel
    assert all(tunnel[0] < address < tunnel[-1] for address in addresses.values())


def test_addresses_left_out_are_allotted_from_below_the_hub_first() -> None:
    network = Network(
        tunnel=IPv4Network("10.9.0.0/29"),
        hub=Hub(name="h"),
        spokes=(
            Spoke(name="p"),
            Spoke(name="q", address=IPv4Address("10.9.0.2")),
            Spoke(name="r"),
        ),
    )
    addresses = {name: str(address) for name, address in allot(network, {}).items()}
    assert addresses == {"h": "10.9.0.1", "p": "10.9.0.3", "q": "10.9.0.2", "r": "10.9.0.4"}


def test_an_address_of_another_tunnel_is_given_up() -> None:
    network = article().model_copy(update={"tunnel": IPv4Network("10.71.0.0/24")})
    hosts = [host.model_copy(update={"address": None}) for host in network.hosts]
    moved = network.model_copy(update={"hub": hosts[0], "spokes": tuple(hosts[1:])})
    addresses = allot(moved, allot(article(), {}))
    assert [str(address) for address in addresses.values()] == [
        "10.71.0.1",
        "10.71.0.2",
        "10.71.0.3",
    ]


def test_a_full_tunnel_is_named_with_the_host_that_found_no_room() -> None:
    network = Network(
        tunnel=IPv4Network("10.9.0.0/30"),
        hub=Hub(name="h"),
        spokes=(Spoke(name="p"), Spoke(name="q")),
    )
    with pytest.raises(ValueError, match=r"tunnel 10\.9\.0\.0/30 has no address left for q: widen"):
        allot(network, {})


# --- routes ---


@given(network=networks())
def test_no_two_peers_of_the_hub_claim_an_address(network: Network) -> None:
    hub = plans(network)[network.hub.name]
    claimed = [prefix for peer in hub.peers for prefix in prefixes(peer.allowed_ips)]
    assert not [pair for pair in combinations(claimed, 2) if pair[0].overlaps(pair[1])]


@given(network=networks(summary=False))
def test_every_lan_is_routed_by_all_but_its_own_spoke(network: Network) -> None:
    found = plans(network)
    everywhere = set().union(*(lans(spoke) for spoke in network.spokes))
    assert set(found[network.hub.name].routes) == everywhere
    for spoke in network.spokes:
        plan = found[spoke.name]
        assert set(plan.routes) == everywhere - lans(spoke)
        assert len(plan.routes) == len(set(plan.routes))
        assert not plan.unreachable


@given(network=networks(summary=True))
def test_a_summary_stands_for_the_list_and_stops_at_the_hub(network: Network) -> None:
    found = plans(network)
    summary = tuple(str(prefix) for prefix in network.summary)
    hub = found[network.hub.name]
    assert set(hub.routes) == set().union(*(lans(spoke) for spoke in network.spokes))
    assert hub.unreachable == summary
    for spoke in network.spokes:
        assert found[spoke.name].routes == summary
        assert found[spoke.name].unreachable == ()


@given(network=networks())
def test_what_a_host_routes_into_the_tunnel_a_peer_takes(network: Network) -> None:
    """A route without allowed IPs loses packets (ENOKEY), allowed IPs without a route the way."""
    for plan in planner(network).plans():
        routed = set(plan.routes)
        allowed = {prefix for peer in plan.peers for prefix in peer.allowed_ips}
        tunnel = {str(network.tunnel)} | {f"{a}/32" for a in allot(network, {}).values()}
        assert routed == allowed - tunnel
        assert allowed & tunnel


@given(network=networks())
def test_the_hub_knows_each_spoke_by_its_address_and_lans(network: Network) -> None:
    addresses = allot(network, {})
    hub = plans(network)[network.hub.name]
    assert [peer.name for peer in hub.peers] == [spoke.name for spoke in network.spokes]
    for peer, spoke in zip(hub.peers, network.spokes, strict=True):
        assert set(peer.allowed_ips) == {f"{addresses[spoke.name]}/32"} | lans(spoke)
        assert peer.endpoint is None


def test_a_spoke_with_several_lans() -> None:
    def lan(prefix: str) -> Lan:
        network = IPv4Network(prefix)
        return Lan(prefix=network, address=network[2])

    a, c = article().spokes
    wide = a.model_copy(update={"lans": (*a.lans, lan("172.20.8.0/23"), lan("172.21.0.0/16"))})
    found = plans(with_spokes(article(), wide, c, Spoke(name="lone-server")))
    all_of_a = ("192.168.201.0/24", "172.20.8.0/23", "172.21.0.0/16")
    assert found["z"].peers[0].allowed_ips == ("10.70.0.2/32", *all_of_a)
    assert found["z"].routes == (*all_of_a, "192.168.200.0/24")
    assert found["c"].routes == all_of_a
    assert found["c"].peers[0].allowed_ips == ("10.70.0.0/16", *all_of_a)
    assert found["a"].routes == ("192.168.200.0/24",)
    assert found["lone-server"].routes == (*all_of_a, "192.168.200.0/24")
    assert found["z"].peers[2].allowed_ips == ("10.70.0.4/32",)


@given(network=networks())
def test_a_plan_holds_no_secret(network: Network) -> None:
    plan = planner(network)
    secrets = [text for host in network.hosts for text in plan.secrets(host.name).values()]
    for host in plan.plans():
        shown = f"{host!r}{configuration(host)}{bundle(host, ())}"
        assert not [secret for secret in secrets if secret in shown]
