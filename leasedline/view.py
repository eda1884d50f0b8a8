"""A network, whole or in parts, and what several rules between its fields need of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from leasedline.alibaba import Alibaba
from leasedline.faults import Fault, FieldPath, shown, spelled
from leasedline.network import Lan, Network, Spoke
from leasedline.ranges import CARRIER, nonsense


@dataclass(frozen=True, slots=True)
class PartialLan:
    """A `Lan` whose fields are None where they were not valid."""

    prefix: IPv4Network | None = None
    address: IPv4Address | None = None
    gateway: IPv4Address | None = None


@dataclass(frozen=True, slots=True)
class PartialSsh:
    """The part of `Ssh` and `Jump` that tells one host from another."""

    host: str
    port: int
    jump: PartialSsh | None = None


@dataclass(frozen=True, slots=True)
class PartialHub:
    """A `Hub` whose fields are None where they were not valid."""

    name: str | None = None
    address: IPv4Address | None = None
    endpoint: str | None = None
    ssh: PartialSsh | None = None
    alibaba: Alibaba | None = None


@dataclass(frozen=True, slots=True)
class PartialSpoke:
    """A `Spoke` whose fields are None where they were not valid."""

    name: str | None = None
    address: IPv4Address | None = None
    lans: tuple[PartialLan, ...] = ()
    ssh: PartialSsh | None = None


@dataclass(frozen=True, slots=True)
class PartialNetwork:
    """What is valid of a faulty network; `spokes` is None where the list itself was not."""

    tunnel: IPv4Network | None = None
    summary: tuple[IPv4Network | None, ...] = ()
    hub: PartialHub = PartialHub()
    spokes: tuple[PartialSpoke, ...] | None = None


AnyNetwork = Network | PartialNetwork
Written = Callable[[FieldPath], FieldPath]


@dataclass(frozen=True, slots=True)
class OwnedLan:
    """A LAN with its place in the network and its office."""

    spoke: int
    index: int
    office: str
    lan: Lan | PartialLan
    prefix: IPv4Network

    def path(self, field: str = "prefix") -> FieldPath:
        """Return where a field of the LAN stands in the model."""
        return ("spokes", self.spoke, "lans", self.index, field)


def _lans_of(spoke: Spoke | PartialSpoke) -> Sequence[Lan | PartialLan]:
    return spoke.lans


class View:
    """A network with what several rules need of it, worked out once."""

    def __init__(
        self, network: AnyNetwork, reserved: Mapping[str, IPv4Network], written: Written
    ) -> None:
        self.network = network
        self.written = written
        spokes: Sequence[Spoke | PartialSpoke] | None = network.spokes
        self.spokes: Sequence[Spoke | PartialSpoke] = () if spokes is None else spokes
        # A tunnel or LAN that makes no sense by itself would overlap half of the others.
        self.tunnel = network.tunnel if network.tunnel and not nonsense(network.tunnel) else None
        self.lans = [
            OwnedLan(i, j, spoke.name or f"spokes[{i}]", lan, lan.prefix)
            for i, spoke in enumerate(self.spokes)
            for j, lan in enumerate(_lans_of(spoke))
            if lan.prefix is not None
        ]
        self.sound_lans = [owned for owned in self.lans if not nonsense(owned.prefix)]
        self.taken = [(CARRIER, "carrier NAT and Alibaba Cloud's own services (RFC 6598)")]
        self.taken += [(prefix, name) for name, prefix in reserved.items()]

    def fault(self, path: FieldPath, value: object, rule: str, remedy: str) -> Fault:
        """Return a fault whose path is spelled as the user wrote it."""
        return Fault(self.written(path), shown(str(value)), rule, remedy)

    def spell(self, path: FieldPath) -> str:
        """Return the path of the model as the user wrote it."""
        return spelled(self.written(path))

    def twice(self, items: Iterable[tuple[FieldPath, str]], remedy: str) -> Iterator[Fault]:
        """Fault each item whose text an earlier one has."""
        seen: dict[str, FieldPath] = {}
        for path, text in items:
            first = seen.setdefault(text, path)
            if first != path:
                yield self.fault(path, text, f"is {self.spell(first)} too", remedy)
