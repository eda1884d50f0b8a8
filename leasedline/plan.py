"""From the network to what each host must do: addresses, peers, routes.

A `HostPlan` holds no secret, only public keys and the names of key files. Prefixes are plain
text from here on (`192.168.201.0/24`): they were validated in `leasedline.network`, and a
thousand spokes that list each other make a million of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Final, TypedDict

from leasedline.keys import HostKey, KeyRing, PresharedKey
from leasedline.network import Network, Spoke

KEY_DIRECTORY: Final = "/etc/leased-line/keys"


class Role(StrEnum):
    """What a host is in the star: the one hub, or a spoke behind NAT."""

    HUB = "hub"
    SPOKE = "spoke"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The other end of one tunnel, as this host sees it.

    `endpoint` is address:port, or None where the peer is behind NAT and its endpoint is learned.
    """

    name: str
    public_key: str
    preshared_key_file: str
    allowed_ips: tuple[str, ...]
    endpoint: str | None
    keepalive_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlan:
    """All that one host must do.

    `address` is the tunnel address with the tunnel's prefix length. `routes` are destinations
    that leave by the tunnel; `unreachable` ones are refused where nothing more specific is known.
    `probe` is a tunnel address that must answer once the host is up (a spoke's hub).
    """

    name: str
    role: Role
    interface: str
    address: str
    port: int
    mtu_bytes: int
    public_key: str
    private_key_file: str
    peers: tuple[Peer, ...]
    routes: tuple[str, ...]
    unreachable: tuple[str, ...]
    probe: str | None


class _Common(TypedDict):
    """The part of a `HostPlan` that hub and spokes fill alike."""

    name: str
    interface: str
    address: str
    port: int
    mtu_bytes: int
    public_key: str
    private_key_file: str


def allot(network: Network, known: Mapping[str, IPv4Address]) -> dict[str, IPv4Address]:
    """Give every host its tunnel address, in bits of the tunnel that nobody has.

    An address in the network file is kept, then one that is already out (`known`, by host name,
    from the stack's last deployment) as long as it fits and is free; the rest get the lowest free
    ones, the hub first, then the spokes in the file's order. So adding a spoke never moves
    another one's address.

    Raises:
        ValueError: the tunnel is too small (`leasedline.load` refuses such a file earlier).
    """
    addresses = {h.name: h.address for h in network.hosts if h.address is not None}
    taken = set(addresses.values())
    # A tunnel that was narrowed may have made one of these of an address that is out.
    edges = (network.tunnel.network_address, network.tunnel.broadcast_address)
    for host in network.hosts:
        out = known.get(host.name)
        if host.name in addresses or out is None or out in taken:
            continue
        if out not in network.tunnel or out in edges:
            continue
        addresses[host.name] = out
        taken.add(out)
    free = (address for address in network.tunnel.hosts() if address not in taken)
    for host in network.hosts:
        if host.name not in addresses:
            address = next(free, None)
            if address is None:
                msg = f"tunnel {network.tunnel} has no address left for {host.name}: widen it"
                raise ValueError(msg)
            addresses[host.name] = address
    return addresses


class Planner:
    """Makes each host's plan; what all hosts share is worked out once.

    `endpoint` is the hub's public address or DNS name, without port.
    """

    def __init__(
        self,
        network: Network,
        ring: KeyRing,
        endpoint: str,
        addresses: Mapping[str, IPv4Address],
    ) -> None:
        """Derive all public keys and list all LANs, in the file's order."""
        self._network = network
        self._endpoint = f"{endpoint}:{network.port}"
        self._addresses = addresses
        self._hub_key = ring.host(network.hub.name, network.hub.generation)
        self._keys = {s.name: ring.host(s.name, s.generation) for s in network.spokes}
        self._psks = {
            s.name: ring.preshared(network.hub.name, s.name, s.psk_generation)
            for s in network.spokes
        }
        self._spokes = {s.name: s for s in network.spokes}
        self._lans: list[str] = []
        self._own: dict[str, slice] = {}
        for spoke in network.spokes:
            start = len(self._lans)
            self._lans += [str(lan.prefix) for lan in spoke.lans]
            self._own[spoke.name] = slice(start, len(self._lans))
        self._summary = tuple(str(prefix) for prefix in network.summary)

    def plans(self) -> Iterator[HostPlan]:
        """Yield the hub's plan, then the spokes' in the file's order."""
        yield self.hub()
        for name in self._spokes:
            yield self.spoke(name)

    def plan(self, name: str) -> HostPlan:
        """Return the plan of the host `name`."""
        return self.hub() if name == self._network.hub.name else self.spoke(name)

    def hub(self) -> HostPlan:
        """Return the hub's plan: a peer and the routes to its LANs for every spoke."""
        return HostPlan(
            **self._common(self._network.hub.name, self._hub_key),
            role=Role.HUB,
            peers=tuple(self._peer_of_hub(spoke) for spoke in self._network.spokes),
            routes=tuple(self._lans),
            unreachable=self._summary,
            probe=None,
        )

    def spoke(self, name: str) -> HostPlan:
        """Return the plan of the spoke `name`: one peer, the hub, and routes to all other LANs."""
        own = self._own[name]
        others = self._summary or (*self._lans[: own.start], *self._lans[own.stop :])
        hub = Peer(
            name=self._network.hub.name,
            public_key=self._hub_key.public,
            preshared_key_file=_path(self._psks[name]),
            allowed_ips=(str(self._network.tunnel), *others),
            endpoint=self._endpoint,
            keepalive_s=self._network.keepalive,
        )
        return HostPlan(
            **self._common(name, self._keys[name]),
            role=Role.SPOKE,
            peers=(hub,),
            routes=others,
            unreachable=(),
            probe=str(self._addresses[self._network.hub.name]),
        )

    def secrets(self, name: str) -> dict[str, str]:
        """Return the key files of the host `name`: path to secret (base64)."""
        if name == self._network.hub.name:
            keys: list[HostKey | PresharedKey] = [self._hub_key, *self._psks.values()]
        else:
            keys = [self._keys[name], self._psks[name]]
        return {_path(key): key.private if isinstance(key, HostKey) else key.secret for key in keys}

    def _peer_of_hub(self, spoke: Spoke) -> Peer:
        return Peer(
            name=spoke.name,
            public_key=self._keys[spoke.name].public,
            preshared_key_file=_path(self._psks[spoke.name]),
            allowed_ips=(f"{self._addresses[spoke.name]}/32", *self._lans[self._own[spoke.name]]),
            endpoint=None,
            keepalive_s=self._network.keepalive,
        )

    def _common(self, name: str, key: HostKey) -> _Common:
        return {
            "name": name,
            "interface": self._network.interface,
            "address": f"{self._addresses[name]}/{self._network.tunnel.prefixlen}",
            "port": self._network.port,
            "mtu_bytes": self._network.mtu,
            "public_key": key.public,
            "private_key_file": _path(key),
        }


def _path(key: HostKey | PresharedKey) -> str:
    return f"{KEY_DIRECTORY}/{key.name}"
