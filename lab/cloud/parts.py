"""What the cloud's API asks of the machines behind it, as plain data and one interface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """What a virtual machine is booted from."""

    id: str
    name: str
    hostname: str
    vpc: str
    vswitch: str
    private: IPv4Interface
    """Its address in the vSwitch, with the vSwitch's prefix length."""
    gateway: IPv4Address
    image: str
    """ImageId, such as debian_12_11_x64_20G_alibase_20250601.vhd."""
    memory_mib: int
    user_data: str
    """Decoded; "" if none."""
    authorized_key: str
    """Of the key pair, in authorized_keys format; "" if none."""
    region: str
    zone: str
    instance_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a security group."""

    direction: Literal["ingress", "egress"]
    protocol: str
    """tcp, udp, icmp, gre or all."""
    ports: tuple[int, int] | None
    """First and last destination port; None where the protocol has none."""
    cidr: IPv4Network
    """Who sends (ingress) or is sent to (egress)."""
    accept: bool
    priority: int
    """1 (strongest) to 100; of two with the same, the one that drops wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The account's access key."""

    id: str
    secret: str = field(repr=False)


class Machines(Protocol):
    """The machines of one stack. Every method may run twice, blocks, and raises LabError."""

    def start(self, instance: Instance) -> None:
        """Boot the machine, or boot it again with its disk; returns when QEMU runs."""

    def stop(self, id: str) -> None:
        """Shut it down, or cut its power if it does not listen; its disk stays."""

    def remove(self, id: str) -> None:
        """Remove the machine, its disk and what was made of its network."""

    def running(self, id: str) -> bool:
        """Return whether its QEMU runs."""

    def bind(self, id: str, public: IPv4Address | None) -> None:
        """Translate the public address to the machine's, one to one; None takes it away."""

    def protect(self, id: str, rules: Sequence[Rule]) -> None:
        """Enforce these rules, of all its security groups together, and no others."""

    def remove_all(self) -> None:
        """Remove every machine of the stack, and every network."""
