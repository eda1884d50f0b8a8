"""Rules between the fields of a network: what pydantic, looking at one field, cannot see.

Everything is n log n or better in the number of spokes, and works on parts: a bad field in one
spoke does not hide an overlap between two others.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from leasedline.alibaba_rules import alibaba_faults
from leasedline.faults import Fault, FieldPath, NetworkError
from leasedline.fields import is_dns_name
from leasedline.network import Jump, Network, Ssh
from leasedline.ranges import CARRIER, no_host, nonsense, overlaps
from leasedline.view import (
    AnyNetwork,
    OwnedLan,
    PartialHub,
    PartialLan,
    PartialNetwork,
    PartialSpoke,
    PartialSsh,
    View,
    Written,
)

__all__ = [
    "Fault",
    "NetworkError",
    "PartialHub",
    "PartialLan",
    "PartialNetwork",
    "PartialSpoke",
    "PartialSsh",
    "check",
    "cross_faults",
]

_OWN_RANGE: Final = "choose one of the office's own, for example 192.168.201.0/24"
_ALLOT: Final = "or leave it out and one is allotted"


def check(network: Network, *, reserved: Mapping[str, IPv4Network] | None = None) -> Network:
    """Return `network` if it keeps all rules between its fields.

    `reserved` holds ranges that are taken already, by name, such as "the hub's VPC".

    Raises:
        NetworkError: with every fault.
    """
    faults = cross_faults(network, reserved=reserved)
    if faults:
        raise NetworkError(faults)
    return network


def cross_faults(
    network: AnyNetwork,
    *,
    reserved: Mapping[str, IPv4Network] | None = None,
    written: Written = lambda path: path,
) -> list[Fault]:
    """Return every broken rule between the fields that `network` has.

    `written` turns a path of the model into the one that the user wrote (a single LAN is
    `spokes[0].lans[0].prefix` in the model and `spokes[0].lan` in a file).
    """
    view = View(network, reserved or {}, written)
    return [fault for rule in _RULES for fault in rule(view)]


def _names(view: View) -> Iterator[Fault]:
    if view.network.spokes is not None and not view.network.spokes:
        remedy = "write at least one, for example spokes: [{name: a}]"
        yield view.fault(("spokes",), "", "has no spoke", remedy)
    names: list[tuple[FieldPath, str]] = [(("hub", "name"), view.network.hub.name or "")]
    names += [(("spokes", i, "name"), spoke.name or "") for i, spoke in enumerate(view.spokes)]
    given = (item for item in names if item[1])
    yield from view.twice(given, "give each host a name of its own")


def _tunnel(view: View) -> Iterator[Fault]:
    tunnel, path = view.network.tunnel, ("tunnel",)
    if tunnel is None:
        return
    remedy = "choose a private range that no office uses, for example 10.70.0.0/16"
    if why := nonsense(tunnel):
        yield view.fault(path, tunnel, why, remedy)
        return
    for other, name in view.taken:
        if tunnel.overlaps(other):
            yield view.fault(path, tunnel, f"overlaps {other}, {name}", remedy)
    hosts = 1 + len(view.spokes)
    room = max(0, tunnel.num_addresses - 2)
    if hosts > room:
        rule = f"has room for {room} hosts, and the hub and its spokes are {hosts}"
        yield view.fault(path, tunnel, rule, f"take a /{32 - (hosts + 1).bit_length()} or wider")


def _tunnel_addresses(view: View) -> Iterator[Fault]:
    given: list[tuple[FieldPath, IPv4Address]] = []
    if view.network.hub.address is not None:
        given.append((("hub", "address"), view.network.hub.address))
    given += [
        (("spokes", i, "address"), spoke.address)
        for i, spoke in enumerate(view.spokes)
        if spoke.address is not None
    ]
    if view.tunnel is not None:
        used = {address for _, address in given}
        free = next((host for host in view.tunnel.hosts() if host not in used), None)
        remedy = f"write a free one, for example {free}" if free else "widen the tunnel"
        for path, address in given:
            if why := no_host(address, view.tunnel, "tunnel"):
                yield view.fault(path, address, why, f"{remedy}, {_ALLOT}")
    texts = ((path, str(address)) for path, address in given)
    yield from view.twice(texts, f"give each host its own, {_ALLOT}")


def _lans(view: View) -> Iterator[Fault]:
    for owned in view.lans:
        of_office, prefix = f"of office {owned.office}", owned.prefix
        if why := nonsense(prefix):
            yield view.fault(owned.path(), prefix, f"{of_office} {why}", _OWN_RANGE)
            continue
        for other, name in view.taken:
            if prefix.overlaps(other):
                rule = f"{of_office} overlaps {other}, {name}"
                yield view.fault(owned.path(), prefix, rule, "renumber the office's LAN")
        if view.tunnel is not None and prefix.overlaps(view.tunnel):
            rule = f"{of_office} overlaps tunnel {view.tunnel}"
            remedy = "choose another tunnel range, or renumber the office's LAN"
            yield view.fault(owned.path(), prefix, rule, remedy)
        yield from _lan_hosts(view, owned)


def _lan_hosts(view: View, owned: OwnedLan) -> Iterator[Fault]:
    address, gateway = owned.lan.address, owned.lan.gateway
    for field, host, other in (("address", address, gateway), ("gateway", gateway, address)):
        why = None if host is None else no_host(host, owned.prefix, view.spell(owned.path()))
        if why:
            free = next((host for host in owned.prefix.hosts() if host != other), None)
            remedy = f"write a host address of it, for example {free}" if free else "widen it"
            yield view.fault(owned.path(field), host, why, remedy)
    if address is not None and address == gateway:
        rule = f"is {view.spell(owned.path('gateway'))} too"
        remedy = "write the spoke's own address; the gateway is the office's router"
        yield view.fault(owned.path("address"), address, rule, remedy)


def _lan_overlaps(view: View) -> Iterator[Fault]:
    for i, j in overlaps([owned.prefix for owned in view.sound_lans]):
        first, second = view.sound_lans[i], view.sound_lans[j]
        rule = (
            f"of office {second.office} overlaps {view.spell(first.path())} {first.prefix} "
            f"of office {first.office}"
        )
        owner = "LAN" if first.spoke == second.spoke else "office"
        remedy = f"give each {owner} a range of its own"
        yield view.fault(second.path(), second.prefix, rule, remedy)


def _summary(view: View) -> Iterator[Fault]:
    sound: list[tuple[int, IPv4Network]] = []
    for i, prefix in enumerate(view.network.summary):
        if prefix is None:
            continue
        path = ("summary", i)
        if why := nonsense(prefix):
            remedy = "write the range that holds the offices' LANs, for example 192.168.0.0/16"
            yield view.fault(path, prefix, why, remedy)
            continue
        sound.append((i, prefix))
        if prefix.overlaps(CARRIER):
            rule = f"overlaps {CARRIER}, {view.taken[0][1]}"
            yield view.fault(path, prefix, rule, "write narrower prefixes")
        if view.tunnel is not None and prefix.overlaps(view.tunnel):
            rule = f"overlaps tunnel {view.tunnel}"
            remedy = "write narrower prefixes, or choose another tunnel range"
            yield view.fault(path, prefix, rule, remedy)
    for a, b in overlaps([prefix for _, prefix in sound]):
        (i, first), (j, second) = sound[a], sound[b]
        rule = f"overlaps summary[{i}] {first}"
        yield view.fault(("summary", j), second, rule, "keep only the wider one")
    if len(sound) == len(view.network.summary) and sound:
        yield from _outside_summary(view, sorted(prefix for _, prefix in sound))


def _outside_summary(view: View, summary: list[IPv4Network]) -> Iterator[Fault]:
    """Fault each LAN that no summary prefix holds: nobody would have a route to it."""
    # Of sorted prefixes only an outermost one can hold a LAN that no nested one holds.
    outer: list[IPv4Network] = []
    for prefix in summary:
        if not outer or not prefix.subnet_of(outer[-1]):
            outer.append(prefix)
    starts = [int(prefix.network_address) for prefix in outer]
    for owned in view.sound_lans:
        at = bisect_right(starts, int(owned.prefix.network_address)) - 1
        if at < 0 or not owned.prefix.subnet_of(outer[at]):
            rule = f"of office {owned.office} lies in no prefix of summary"
            remedy = f"add a prefix that holds it to summary, for example {owned.prefix}"
            yield view.fault(owned.path(), owned.prefix, rule, remedy)


def _endpoint(view: View) -> Iterator[Fault]:
    text, path = view.network.hub.endpoint, ("hub", "endpoint")
    if text is None or is_dns_name(text):
        return
    endpoint = IPv4Network(text)
    if why := nonsense(endpoint):
        remedy = "write the address that the offices dial, for example 203.0.113.1"
        yield view.fault(path, text, why, remedy)
        return
    routed: list[tuple[str, IPv4Network]] = []
    if view.tunnel is not None:
        routed.append(("tunnel", view.tunnel))
    routed += [(f"summary[{i}]", p) for i, p in enumerate(view.network.summary) if p is not None]
    routed += [(view.spell(owned.path()), owned.prefix) for owned in view.sound_lans]
    for name, prefix in routed:
        if endpoint.subnet_of(prefix):
            rule = f"lies in {name} {prefix}, so that the tunnel's own packets would go into it"
            remedy = "write the hub's public address, or change that range"
            yield view.fault(path, text, rule, remedy)
            return


def _ssh(view: View) -> Iterator[Fault]:
    hosts: list[tuple[FieldPath, str]] = []
    if view.network.hub.ssh is not None:
        hosts.append((("hub", "ssh", "host"), _reached(view.network.hub.ssh)))
    hosts += [
        (("spokes", i, "ssh", "host"), _reached(spoke.ssh))
        for i, spoke in enumerate(view.spokes)
        if spoke.ssh is not None
    ]
    remedy = "two hosts cannot be one machine, so give each its own host, port or jump"
    yield from view.twice(hosts, remedy)


def _reached(ssh: Ssh | Jump | PartialSsh) -> str:
    """Spell the way to a host, so that two hosts with one way can be told."""
    server = f"{ssh.host.lower()}:{ssh.port}"
    jump = None if isinstance(ssh, Jump) else ssh.jump
    return f"{server} through {_reached(jump)}" if jump is not None else server


_RULES: Final = (
    _names,
    _tunnel,
    _tunnel_addresses,
    _lans,
    _lan_overlaps,
    _summary,
    _endpoint,
    _ssh,
    alibaba_faults,
)
