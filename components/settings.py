"""What the stack is told: its settings, its secrets and its network file, checked as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pulumi

from components.known import known_now
from leasedline import moving
from leasedline.keys import KeyRing, SeedError
from leasedline.load import load_network
from leasedline.moving import CloudHub
from leasedline.network import Network
from leasedline.rules import NetworkError
from leasedline.snapshot import Snapshot, from_output


class Where(StrEnum):
    """Where a host is. The hub's and the spokes' places are chosen apart."""

    EXISTING = "existing"
    LAB = "lab"
    ALIBABA = "alibaba"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that the program was told; `ssh_key` is the stack's own SSH key, if it has one."""

    network: Network
    ring: KeyRing
    hub: Where
    spokes: Where
    ssh_key: str | None


def read_settings() -> Settings:
    """Read configuration and network file of the current stack.

    Raises:
        pulumi.RunError: something is missing or wrong; the text lists every fault.
    """
    config = pulumi.Config()
    faults: list[str] = []
    path = Path(config.get("network") or f"stacks/{pulumi.get_stack()}.network.yaml")
    network = ring = None
    try:
        network = load_network(path)
    except NetworkError as error:
        faults.append(str(error))
    try:
        ring = KeyRing(config.get("seed"))
    except SeedError as error:
        faults.append(str(error))
    places = {}
    for what in ("hub", "spokes"):
        value = config.get(what) or Where.EXISTING
        possible = [place for place in Where if what == "hub" or place is not Where.ALIBABA]
        if value in possible:
            places[what] = Where(value)
        else:
            faults.append(
                f"leased-line:{what} is {value}, and a place is one of {', '.join(possible)}: "
                f"pulumi config set {what} {Where.EXISTING}"
            )
    if faults or network is None or ring is None:
        raise pulumi.RunError("\n".join(faults))
    return Settings(
        network=network,
        ring=ring,
        hub=places["hub"],
        spokes=places["spokes"],
        ssh_key=config.get("sshPrivateKey"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """What the stack's last complete run left: the addresses it gave out, and its snapshot.

    `snapshot` is None where there was no such run, `bought` where it bought no hub in a cloud.
    """

    addresses: Mapping[str, IPv4Address]
    snapshot: Snapshot | None
    bought: CloudHub | None = None


def last_run() -> pulumi.Output[Last]:
    """Return what the last complete run left, read from the stack's own outputs."""
    itself = pulumi.StackReference(
        "itself", f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    )
    # By way of the value: no host depends on the reference.
    outputs: pulumi.Output[dict[str, Any] | None]
    outputs = pulumi.Output.from_input(known_now(itself.outputs))
    return outputs.apply(_last)


def _last(outputs: Mapping[str, Any] | None) -> Last:
    outputs = outputs or {}
    endpoints: Mapping[str, Any] = outputs.get("endpoints") or {}
    return Last(
        addresses={n: IPv4Address(host["tunnel_address"]) for n, host in endpoints.items()},
        snapshot=from_output(outputs.get("applied")),
        bought=moving.from_output(outputs.get("hub_cloud")),
    )
