"""What the stack is told: its settings, its secrets and its network file, checked as one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

import pulumi

from leasedline import moving
from leasedline.keys import KeyRing, SeedError
from leasedline.load import load_network
from leasedline.moving import CloudHub
from leasedline.network import Network
from leasedline.rules import NetworkError
from leasedline.snapshot import Snapshot, from_output

# Seconds between attempts to read the state; the engine saves within milliseconds.
READ_AGAIN_S: Final = (0.1, 0.2, 0.4, 0.8, 1.6)


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


def last_run() -> Last:
    """Return what the last complete run left, read from the stack's own outputs.

    A reference of the stack to itself (StackReference) would fail the run now and then: Pulumi's
    file backend replaces the `.attrs` file beside the state in place, so that whoever reads while
    the engine saves finds it empty ("failed to load checkpoint: EOF", pulumi 3.259 with gocloud's
    fileblob). The engine's function behind the reference can be asked again.

    Raises:
        pulumi.RunError: the stack's state cannot be read; the text says why.
    """
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    for wait_s in (*READ_AGAIN_S, None):
        try:
            found = pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": name})
        # The SDK raises nothing narrower.
        except Exception as error:
            if wait_s is None:
                msg = f"what the last run of {name} left cannot be read: {error}"
                raise pulumi.RunError(msg) from None
            time.sleep(wait_s)
        else:
            break
    return _last(found.value["outputs"])


def _last(outputs: Mapping[str, Any]) -> Last:
    endpoints: Mapping[str, Any] = outputs.get("endpoints") or {}
    snapshot = from_output(outputs.get("applied"))
    gone = snapshot.retired if snapshot else {}
    return Last(
        addresses={n: IPv4Address(host["tunnel_address"]) for n, host in endpoints.items()}
        | {name: IPv4Address(retired.address) for name, retired in gone.items()},
        snapshot=snapshot,
        bought=moving.from_output(outputs.get("hub_cloud")),
    )
