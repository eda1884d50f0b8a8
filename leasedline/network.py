"""What the user wrote: the network as frozen, validated data.

Shapes live here, single fields' rules in `leasedline.fields`; rules that compare fields with each
other live in `leasedline.rules`, so that `leasedline.load` can report all faults of a file at
once. The text under a field is what editors show and `docs/network-file.md` explains.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field, model_validator

from leasedline.alibaba import Alibaba
from leasedline.fields import (
    Address,
    Endpoint,
    Generation,
    HostName,
    InterfaceName,
    Jump,
    KeepaliveSeconds,
    KeyAgeDays,
    Model,
    Mtu,
    Port,
    Prefix,
    Ssh,
)

__all__ = [
    "SHORT_LAN",
    "Address",
    "Alibaba",
    "HostName",
    "Hub",
    "Jump",
    "Lan",
    "Network",
    "Spoke",
    "Ssh",
]

SHORT_LAN: Final = {"lan": "prefix", "lan_address": "address", "gateway": "gateway"}
"""The fields of a spoke with one LAN, and what each is called in a list of LANs."""


class Lan(Model):
    """One of an office's LANs, seen from its spoke."""

    prefix: Prefix
    """The LAN's range, which no other LAN may overlap."""
    address: Address = Field(examples=["192.168.201.247"])
    """The spoke's own address in that LAN: what the office's gateway routes to."""
    gateway: Address | None = Field(default=None, examples=["192.168.201.1"])
    """The LAN's default gateway: where the static routes belong."""


class Hub(Model):
    """The one host with a public address."""

    name: HostName = Field(examples=["z"])
    """Name of the host, used in the stack's resources and outputs."""
    address: Address | None = Field(default=None, examples=["10.70.0.1"])
    """Its tunnel address; left out, the first free one of the tunnel."""
    endpoint: Endpoint | None = Field(default=None, examples=["203.0.113.1"])
    """Public address or DNS name that the spokes dial; a hub that the stack places has its own."""
    ssh: Ssh | None = Field(
        default=None, examples=[{"host": "203.0.113.1", "host_key": "ssh-ed25519 AAAAC3Nza..."}]
    )
    """How it is reached; a hub that the stack places brings its own."""
    alibaba: Alibaba | None = Field(default=None, examples=[{"region": "cn-hangzhou"}])
    """What is bought in Alibaba Cloud for a stack whose hub is placed there."""
    generation: Generation = 1
    """Counts its private keys: raise it to rotate."""


class Spoke(Model):
    """One office's Linux box behind NAT.

    In YAML a single LAN is `lan`, `lan_address` and `gateway`; several are a list `lans` of
    `prefix`, `address` and `gateway`. Here it is always `lans`.
    """

    name: HostName = Field(examples=["a"])
    """Name of the host and of its office, used in the stack's resources and outputs."""
    address: Address | None = Field(default=None, examples=["10.70.0.2"])
    """Its tunnel address; left out, one is allotted in a stable order."""
    lans: tuple[Lan, ...] = Field(
        default=(), examples=[[{"prefix": "192.168.201.0/24", "address": "192.168.201.247"}]]
    )
    """The office's LANs; none for a lone server."""
    ssh: Ssh | None = Field(
        default=None, examples=[{"host": "192.168.201.247", "host_key": "ssh-ed25519 AAAAC3N..."}]
    )
    """How it is reached; a machine of the lab brings its own."""
    generation: Generation = 1
    """Counts its private keys: raise it to rotate."""
    psk_generation: Generation = 1
    """Counts its pre-shared keys with the hub: raise it to rotate."""
    retired: bool = False
    """Whether its host is gone: the line goes on without it, and nothing dials it."""

    @model_validator(mode="before")
    @classmethod
    def _one_lan(cls, data: Any) -> Any:
        """Turn the short form of one LAN into the list form, leaving the caller's data alone.

        Both forms at once stay as they are, and the short one is then an unknown field: raising
        here would hide every other fault of the spoke.
        """
        if not isinstance(data, dict) or "lan" not in data or "lans" in data:
            return data
        rest = {k: v for k, v in data.items() if k not in SHORT_LAN}
        one = {long: data[short] for short, long in SHORT_LAN.items() if short in data}
        return rest | {"lans": (one,)}


class Network(Model):
    """The whole network file."""

    tunnel: Prefix = Field(examples=["10.70.0.0/16"])
    """Range of all tunnel addresses."""
    port: Port = Field(default=51820, examples=[51820])
    """UDP port of all hosts."""
    mtu: Mtu = 1280
    """Greatest packet in the tunnel, in bytes."""
    keepalive: KeepaliveSeconds = 15
    """Seconds between two keepalives, which hold the offices' NAT open."""
    key_age_days: KeyAgeDays = 365
    """Days after which a run warns that a key is due to be rotated; 0 for never."""
    interface: InterfaceName = "wg0"
    """Name of the WireGuard interface on all hosts."""
    summary: tuple[Prefix, ...] = Field(default=(), examples=[["192.168.0.0/16"]])
    """Prefixes that stand in every spoke for the list of all other LANs."""
    hub: Hub = Field(examples=[{"name": "z"}])
    """The host that every spoke dials."""
    spokes: tuple[Spoke, ...] = Field(
        examples=[[{"name": "a", "lan": "192.168.201.0/24", "lan_address": "192.168.201.247"}]]
    )
    """The offices' Linux boxes, at least one."""

    @property
    def hosts(self) -> tuple[Hub | Spoke, ...]:
        """The hub, then the spokes in the file's order."""
        return (self.hub, *self.spokes)

    @property
    def retired(self) -> tuple[str, ...]:
        """The names of the spokes that are retired."""
        return tuple(spoke.name for spoke in self.spokes if spoke.retired)

    @property
    def active(self) -> Network:
        """The network without its retired spokes, so perhaps without any."""
        return self.model_copy(
            update={"spokes": tuple(spoke for spoke in self.spokes if not spoke.retired)}
        )
