"""The network as a stack applies it, as small plain data without a secret.

It is an output of the stack, so that the next run can tell what changes and what a host was last
given. It grows with the number of hosts, not with the number of their pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from leasedline.network import Network
from leasedline.plan import HostPlan, Role

SCHEMA: Final = 1
"""Raised when an older program could not read what is written here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeLan:
    """A LAN behind a spoke: its prefix, the spoke's address in it, and its default gateway."""

    prefix: str
    next_hop: str
    gateway: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a host is given: the digest of its bundle and the two revisions.

    `revision` is a line of the configuration, `base_revision` one of the installer: raising one
    sends that part again though nothing else in it changed. `bundle` is None while the hub's
    address is not known.
    """

    bundle: str | None
    revision: int = 1
    base_revision: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """A spoke that was let go with all that is on it: its tunnel address, and what it was given."""

    address: str
    sent: Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One host: its tunnel address with prefix length, its keys by public name, what it is given.

    `psk` is the name of the key file that a spoke shares with its hub, None for the hub.
    `key_since` and `psk_since` are the ISO dates since when it has them, None where no run has
    kept them yet (leasedline.ages).
    """

    address: str
    public_key: str
    psk: str | None
    lans: tuple[OfficeLan, ...]
    sent: Sent
    key_since: str | None = None
    psk_since: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The whole network; `hosts` has the hub first, then the spokes in the file's order.

    `endpoint` is the hub's public address or DNS name, None while it is not known. `program` is
    the SHA-256 of the host program, in hexadecimal digits. `retired` are no part of the line, and
    keep their addresses until they leave the network file.
    """

    hub: str
    endpoint: str | None
    port: int
    interface: str
    mtu_bytes: int
    keepalive_s: int
    summary: tuple[str, ...]
    program: str
    hosts: Mapping[str, Host]
    retired: Mapping[str, Retired] = field(default_factory=dict)

    @property
    def spokes(self) -> dict[str, Host]:
        """All hosts but the hub."""
        return {name: host for name, host in self.hosts.items() if name != self.hub}

    def sent(self, name: str) -> Sent | None:
        """Return what a host was given last; None if it was never part of the line."""
        found = self.hosts.get(name) or self.retired.get(name)
        return found.sent if found else None

    def retire(self, names: Iterable[str]) -> dict[str, Retired]:
        """Return those of `names` that are, or were, part of the line, as they are let go."""
        gone = {}
        for name in names:
            if found := self.hosts.get(name) or self.retired.get(name):
                address = found.address.partition("/")[0]
                gone[name] = Retired(address=address, sent=found.sent)
        return gone

    def as_output(self) -> dict[str, Any]:
        """Return this as the output that `from_output` reads."""
        return {"schema": SCHEMA, **asdict(self)}


def snapshot(
    network: Network,
    plans: Mapping[str, HostPlan],
    *,
    endpoint: str | None,
    program: str,
    sent: Mapping[str, Sent],
    retired: Mapping[str, Retired] | None = None,
) -> Snapshot:
    """Return what a stack applies.

    Args:
        network: what the user wrote.
        plans: every host's plan, by name.
        endpoint: the hub's public address or DNS name, None while it is not known.
        program: the host program's SHA-256.
        sent: what each host is given, by name.
        retired: what was let go, by name.
    """
    lans = {
        spoke.name: tuple(
            OfficeLan(
                prefix=str(lan.prefix),
                next_hop=str(lan.address),
                gateway=str(lan.gateway) if lan.gateway else None,
            )
            for lan in spoke.lans
        )
        for spoke in network.spokes
    }
    return Snapshot(
        hub=network.hub.name,
        endpoint=endpoint,
        port=network.port,
        interface=network.interface,
        mtu_bytes=network.mtu,
        keepalive_s=network.keepalive,
        summary=tuple(str(prefix) for prefix in network.summary),
        program=program,
        hosts={
            name: Host(
                address=plan.address,
                public_key=plan.public_key,
                psk=_psk(plan),
                lans=lans.get(name, ()),
                sent=sent[name],
            )
            for name, plan in plans.items()
        },
        retired=retired or {},
    )


def from_output(output: Any) -> Snapshot | None:
    """Return the snapshot that a stack's output holds, None where it has none that fits.

    A stack's state has all numbers as floats, and nothing for None.
    """
    if not isinstance(output, Mapping) or output.get("schema") != SCHEMA:
        return None
    return Snapshot(
        hub=output["hub"],
        endpoint=output.get("endpoint"),
        port=int(output["port"]),
        interface=output["interface"],
        mtu_bytes=int(output["mtu_bytes"]),
        keepalive_s=int(output["keepalive_s"]),
        summary=tuple(output["summary"]),
        program=output["program"],
        hosts={
            name: Host(
                address=host["address"],
                public_key=host["public_key"],
                psk=host.get("psk"),
                lans=tuple(OfficeLan(**{"gateway": None, **lan}) for lan in host["lans"]),
                sent=_sent(host["sent"]),
                key_since=host.get("key_since"),
                psk_since=host.get("psk_since"),
            )
            for name, host in _in_order(output["hub"], output["hosts"])
        },
        # A program of before retired spokes wrote none.
        retired={
            name: Retired(address=gone["address"], sent=_sent(gone["sent"]))
            for name, gone in output.get("retired", {}).items()
        },
    )


def _sent(output: Mapping[str, Any]) -> Sent:
    return Sent(
        bundle=output.get("bundle"),
        revision=int(output["revision"]),
        base_revision=int(output["base_revision"]),
    )


def _in_order(hub: str, hosts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    # A stack's state sorts the keys of an object.
    return sorted(hosts.items(), key=lambda pair: (pair[0] != hub, pair[0]))


def _psk(plan: HostPlan) -> str | None:
    if plan.role is Role.HUB:
        return None
    return PurePosixPath(plan.peers[0].preshared_key_file).name
