"""A VPC as a namespace: a bridge for each vSwitch, and a line to the lab's internet.

     internet (203.0.113.254)                              namespace ll-<stack>-internet
bridge public ──┬───────────┬── ...
               wan         wan     holds the public addresses of its instances
           VPC (router) VPC (router)                       namespaces ll-<stack>-vpc-<id>
    bridge ──┬── bridge    lo: 100.100.100.200, the metadata service, and the name servers
          instance (VM)
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Final

from lab.cloud.firewall import METADATA, NAME_SERVERS, WAN, Guarded, table
from lab.cloud.parts import Instance
from lab.netns import (
    apply_sysctls,
    ensure_bridge,
    ensure_namespace,
    ensure_veth,
    exists,
    links,
    namespaces_of,
    open_tap,
    remove_namespace,
    set_addresses,
    within,
)
from lab.parts import INTERNET, Internet, interface_name, namespace
from lab.places import ROUTER, internet_up
from lab.shell import run
from lab.state import LabState

# Two instances of a vSwitch meet in the router, so a redirect to the direct way would be wrong.
_SYSCTLS: Final = ROUTER | {
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.send_redirects": "0",
    # A resolver's questions come in bursts, and to each that is not refused it waits 5 s.
    "net.ipv4.icmp_ratelimit": "0",
}

_CTNETLINK_DELETE: Final = 0x0102  # linux/netfilter/nfnetlink{,_conntrack}.h
_NLM_F_REQUEST, _NLM_F_ACK = 1, 4  # linux/netlink.h
_NLMSG_ERROR: Final = 2


class Vpc:
    """The network of one VPC of a stack's cloud."""

    def __init__(self, id: str, state: LabState, internet: Internet) -> None:
        self.id = id
        self.state = state
        self.internet = internet
        short = id.removeprefix("vpc-")
        self.namespace = namespace(state.stack, f"vpc-{short}")
        self._link = interface_name("vpc-", short)

    def ensure(self) -> None:
        """Make the VPC's router unless it is there, with its line to the lab's internet.

        The internet is brought up as the stack itself does it.
        """
        internet_up(self.internet, self.state)
        outside = namespace(self.state.stack, INTERNET)
        ensure_namespace(self.namespace, self.state.stack, _SYSCTLS)
        services = [f"{address}/32" for address in (METADATA, *NAME_SERVERS)]
        set_addresses(self.namespace, "lo", ["127.0.0.1/8", *services])
        with self.state.lock(INTERNET):
            ensure_veth(self.namespace, WAN, outside, self._link)
            run("ip", "-n", outside, "link", "set", self._link, "master", "public")

    def plug(self, instance: Instance, tap: str) -> int:
        """Plug `tap` into the instance's vSwitch, made if need be; return its descriptor."""
        bridge = _bridge(instance.vswitch)
        gateway = f"{instance.gateway}/{instance.private.network.prefixlen}"
        ensure_bridge(self.namespace, bridge, [gateway])
        # The ports see only the router, which answers ARP for the others: what passes between
        # two instances meets their security groups too.
        apply_sysctls(self.namespace, {f"net/ipv4/conf/{bridge}/proxy_arp_pvlan": "1"})
        descriptor = open_tap(self.namespace, tap, bridge)
        kind = ("type", "bridge_slave", "isolated", "on")
        run("ip", "-n", self.namespace, "link", "set", tap, *kind)
        return descriptor

    def apply(self, instances: Sequence[Guarded]) -> None:
        """Enforce what holds for the VPC's `instances`: public addresses and rules.

        Raises:
            LabError: a rule cannot be enforced; then all is as before.
        """
        run("nft", "-f", "-", namespace=self.namespace, stdin=table(instances))
        publics = sorted(one.public for one in instances if one.public is not None)
        if WAN in links(self.namespace):
            self._hold(publics)

    def remove_vswitch(self, vswitch: str) -> None:
        """Remove a vSwitch's bridge; none there is no error."""
        bridge = _bridge(vswitch)
        if self.exists and bridge in links(self.namespace):
            run("ip", "-n", self.namespace, "link", "delete", bridge)

    def remove(self) -> None:
        """Remove the VPC's router; none there is no error."""
        remove_namespace(self.namespace)

    @property
    def exists(self) -> bool:
        """Whether its router is there."""
        return exists(self.namespace)

    def _hold(self, publics: Sequence[IPv4Address]) -> None:
        before = held(self.namespace)
        set_addresses(self.namespace, WAN, [f"{public}/32" for public in publics])
        if publics:
            # Every time: an interface that loses its last address loses its routes.
            route = ("ip", "-n", self.namespace, "route", "replace")
            run(*route, str(self.internet.prefix), "dev", WAN, "scope", "link")
            run(*route, "default", "via", str(self.internet.router), "dev", WAN, "onlink")
        if set(before) != set(publics):
            # A known connection would go on being translated as before.
            within(self.namespace, forget_connections)
        for public in set(publics) - set(before):
            self._announce(public)

    def _announce(self, public: IPv4Address) -> None:
        """Let everybody on the internet's bridge ask anew who has the address."""
        for name in namespaces_of(self.state.stack):
            run("ip", "-n", name, "neighbour", "flush", "to", str(public), check=False)


def held(place: str) -> list[IPv4Address]:
    """Return the public addresses that a VPC's namespace holds."""
    shown = run("ip", "-n", place, "-br", "-4", "address", "show", WAN).stdout.split()
    return [IPv4Address(word.partition("/")[0]) for word in shown[2:]]


def forget_connections() -> None:
    """Empty the connection tracking of the namespace that this thread is in.

    ctnetlink: a delete message that names no connection means all of them.

    Raises:
        OSError: the kernel refuses.
    """
    body = struct.pack("BBH", socket.AF_UNSPEC, 0, 0)
    head = struct.pack(
        "IHHII", 16 + len(body), _CTNETLINK_DELETE, _NLM_F_REQUEST | _NLM_F_ACK, 1, 0
    )
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netfilter:
        netfilter.send(head + body)
        answer = netfilter.recv(4096)
    kind, code = struct.unpack_from("H", answer, 4)[0], struct.unpack_from("i", answer, 16)[0]
    if kind == _NLMSG_ERROR and code:
        raise OSError(-code, "the kernel's connection tracking is not emptied")


def _bridge(vswitch: str) -> str:
    return interface_name("vsw-", vswitch.removeprefix("vsw-"))
