"""The parts of a lab's world, as plain data, and the names that they go by.

Each part's `spec()` is the JSON that `python -m lab PART up` reads on stdin.
"""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

MANAGEMENT: Final = IPv4Network("192.0.2.0/24")
"""TEST-NET-1 (RFC 5737): QEMU's user-mode network, by which SSH comes in."""

MANAGEMENT_MACHINE: Final = IPv4Interface("192.0.2.15/24")

INTERNET: Final = "internet"

_INTERFACE_BYTES: Final = 15  # IFNAMSIZ of linux/if.h, less the closing NUL


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def spec(self) -> dict[str, Any]:
        """Return this part as plain JSON data."""
        return self.model_dump(mode="json")


class Internet(_Part):
    """The router that hub and ISPs hang on, and the bridge with the hub's line.

    With a `hub_name` it is a name server, too, which leads from there to `hub_public`.
    """

    stack: str
    hub_public: IPv4Address
    hub_name: str | None = None
    router: IPv4Address
    prefix: IPv4Network


class Device(_Part):
    """A plain device: an address and a default route, nothing of ours."""

    name: str
    address: IPv4Address


class OfficeLan(_Part):
    """One LAN of an office: a bridge in the router's namespace."""

    bridge: str
    prefix: IPv4Network
    gateway: IPv4Address
    spoke: IPv4Address
    devices: tuple[Device, ...]


class Office(_Part):
    """The ISP's router of an office (`isp` faces `isp_router` in the internet) and its LANs."""

    stack: str
    name: str
    isp: IPv4Interface
    isp_router: IPv4Address
    link: str
    """The interface in the internet's namespace that leads here."""
    udp_timeout_s: int
    lans: tuple[OfficeLan, ...]


class Nic(_Part):
    """A machine's network card, plugged into `bridge` in the namespace of `place`."""

    place: str
    bridge: str
    tap: str
    mac: str
    address: IPv4Interface
    gateway: IPv4Address | None


class Machine(_Part):
    """A VM: the hub or a spoke."""

    stack: str
    name: str
    debian: str
    memory_mib: int
    nics: tuple[Nic, ...]
    management_mac: str
    name_server: IPv4Address | None = None
    """The one that it asks; None for a machine without DNS."""


class World(_Part):
    """All of a stack's lab."""

    stack: str
    internet: Internet
    offices: tuple[Office, ...]
    machines: tuple[Machine, ...]

    @property
    def devices(self) -> dict[str, tuple[str, IPv4Address]]:
        """Each device's name with its office and address."""
        return {
            device.name: (office.name, device.address)
            for office in self.offices
            for lan in office.lans
            for device in lan.devices
        }


def namespace(stack: str, place: str) -> str:
    """Return the namespace of `place`: "internet", "isp-<office>" or "dev-<device>"."""
    return f"ll-{stack}-{place}"


def interface_name(start: str, name: str) -> str:
    """Return `start` + `name` as an interface's name, shortened by a digest if it must be."""
    full = start + name
    if len(full) <= _INTERFACE_BYTES:
        return full
    digest = hashlib.sha256(name.encode()).hexdigest()
    return start + digest[: _INTERFACE_BYTES - len(start)]


def stable_mac(*parts: str) -> str:
    """Return the card address, always the same, of what `parts` name.

    It is a locally administered unicast address (IEEE 802, the two low bits of its first byte).
    """
    digest = hashlib.sha256("/".join(parts).encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x52, 0x54, *digest[:4]))
