"""Network files of any size, as text, as a user would have written them."""

from __future__ import annotations

import base64
from ipaddress import IPv4Network
from typing import Final

from leasedline.keys import SEED_BYTES

MOST_SPOKES: Final = 16_383
"""Every spoke has a /24 of its own in `LANS`, and the first of them stays empty."""

LANS: Final = IPv4Network("10.0.0.0/10")
TUNNEL: Final = IPv4Network("10.70.0.0/16")
ENDPOINT: Final = "203.0.113.1"
_LAN_SIZE: Final = 256


def spoke_name(index: int) -> str:
    """Return the name of the spoke with that number, from 1."""
    return f"site-{index}"


def lan_of(index: int) -> IPv4Network:
    """Return the LAN of the spoke with that number, from 1.

    Raises:
        ValueError: there is no such number (1 to `MOST_SPOKES`).
    """
    if not 1 <= index <= MOST_SPOKES:
        msg = f"spoke {index} has no LAN: {LANS} holds spokes 1 to {MOST_SPOKES}"
        raise ValueError(msg)
    return IPv4Network((int(LANS.network_address) + index * _LAN_SIZE, 24))


def network_yaml(spokes: int, *, summary: bool) -> str:
    """Return the YAML of a network with one hub and that many spokes, a /24 of LAN each.

    With `summary`, spokes route one prefix to the hub; without, each lists every other LAN.

    Raises:
        ValueError: `spokes` is less than 1 or more than `MOST_SPOKES`.
    """
    lines = [f"tunnel: {TUNNEL}"]
    if summary:
        lines.append(f"summary: [{LANS}]")
    lines += ["hub:", "  name: hub", "spokes:"]
    lan_of(spokes)
    for index in range(1, spokes + 1):
        lan = lan_of(index)
        lines += [
            f"  - name: {spoke_name(index)}",
            f"    lan: {lan}",
            f"    lan_address: {lan[2]}",
            f"    gateway: {lan[1]}",
        ]
    return "\n".join(lines) + "\n"


def seed() -> str:
    """Return a seed that no stack has: any 32 bytes measure the same, and none of it is kept."""
    return base64.b64encode(bytes(range(SEED_BYTES))).decode("ascii")
