"""Which tunnels are down for a moment during a change, why, and for how long.

What the host program changes live costs nothing: peers, allowed IPs, keepalive, addresses,
routes, MTU (`wg set`, wg(8), touches no peer that it does not name). What is left is here,
each with the source of its length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from leasedline.snapshot import Host, Snapshot

# The hub is changed first, then the spokes side by side; until a spoke has its part, the two ends
# do not know each other. Measured in the lab by 10 pings a second from b to d, on two cores without
# KVM: port 12.8 s, hub's key 17.7 s, interface 18.4 s. Nearly all of it is the
# time that emulated machines take to run the host program.
_UNTIL_ITS_OWN: Final = "down from the hub's part of it to the spoke's, 13 to 18 s in the lab"


class Cause(Enum):
    """Why a tunnel blinks: what changes, and how long it is down then."""

    INTERFACE = ("the interface gets another name", _UNTIL_ITS_OWN)
    HUB_KEY = ("the hub's key changes", _UNTIL_ITS_OWN)
    # The hub serves both keys and follows the spoke: the host program's 70-former.sh.
    SPOKE_KEY = ("the spoke's key changes", "down for less than a second")
    PORT = ("the port changes", _UNTIL_ITS_OWN)
    ENDPOINT = ("the hub's address changes", "down until the hub answers there")
    # The session lives on with the keys that it has (0 of 665 pings lost in the lab). Only a
    # handshake that falls between the two parts fails, and is tried again after REKEY_TIMEOUT
    # (whitepaper of WireGuard, 6.1).
    PSK = ("the pre-shared key changes", "stays up, 5 s down if a handshake falls in between")

    def __init__(self, what: str, how_long: str) -> None:
        self.what = what
        self.how_long = how_long


@dataclass(frozen=True, slots=True, kw_only=True)
class Blink:
    """The tunnel of one spoke and all that makes it blink, the longest first."""

    spoke: str
    causes: tuple[Cause, ...]


def blinks(before: Snapshot, now: Snapshot) -> tuple[Blink, ...]:
    """Return the tunnels of both snapshots that are down for a moment on the way."""
    common = tuple(_of_all(before, now))
    found = []
    for name, host in now.spokes.items():
        was = before.spokes.get(name)
        if was is None:
            continue
        causes = (*common, *_of_one(was, host))
        if causes:
            found.append(Blink(spoke=name, causes=causes))
    return tuple(found)


def expected(causes: tuple[Cause, ...]) -> str:
    """Return for people what makes a tunnel blink and for how long."""
    return "; ".join(f"{cause.what}: {cause.how_long}" for cause in causes)


def _of_all(before: Snapshot, now: Snapshot) -> Iterator[Cause]:
    if before.interface != now.interface:
        yield Cause.INTERFACE
    if before.hosts[before.hub].public_key != now.hosts[now.hub].public_key:
        yield Cause.HUB_KEY
    if before.port != now.port:
        yield Cause.PORT
    if before.endpoint != now.endpoint:
        yield Cause.ENDPOINT


def _of_one(before: Host, now: Host) -> Iterator[Cause]:
    if before.public_key != now.public_key:
        yield Cause.SPOKE_KEY
    if before.psk != now.psk:
        yield Cause.PSK
