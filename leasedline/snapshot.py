"""The network as a stack applies it, as small plain data without a secret.

It is an output of the stack, so that the next run can tell what changes and what a host was last
given. It grows with the number of hosts, not with the number of their pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
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
class Host:
    """One host: its tunnel address with prefix length, its keys by public name, what it is given.

    `psk` is the name of the key file that a spoke shares with its hub, None for the hub.
    """

    address: str
    public_key: str
    psk: str | None
    lans: tuple[OfficeLan, ...]
    sent: Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The whole network; `hosts` has the hub first, then the spokes in the file's order.

    `endpoint` is the hub's public address or DNS name, None while it is not known. `program` is
    the SHA-256 of the host program, in hexadecimal digits.
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

    @property
    def spokes(self) -> dict[str, Host]:
        """All hosts but the hub."""
        return {name: host for name, host in self.hosts.items() if name != self.hub}

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
) -> Snapshot:
    """Return what a stack applies.

    Args:
        network: what the user wrote.
        plans: every host's plan, by name.
        endpoint: the hub's public address or DNS name, None while it is not known.
        program: the host program's SHA-256.
        sent: what each host is given, by name.
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
                sent=Sent(
                    bundle=host["sent"].get("bundle"),
                    revision=int(host["sent"]["revision"]),
                    base_revision=int(host["sent"]["base_revision"]),
                ),
            )
            for name, host in _in_order(output["hub"], output["hosts"])
        },
    )


def _in_order(hub: str, hosts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    # A stack's state sorts the keys of an object.
    return sorted(hosts.items(), key=lambda pair: (pair[0] != hub, pair[0]))


def _psk(plan: HostPlan) -> str | None:
    if plan.role is Role.HUB:
        return None
    return PurePosixPath(plan.peers[0].preshared_key_file).name
