"""Arithmetic on IPv4 prefixes that the rules between fields need."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Final

CARRIER: Final = IPv4Network("100.64.0.0/10")
"""RFC 6598: between ISPs' NATs and their customers; Alibaba Cloud puts its DNS, package mirrors
and metadata in it (100.100.0.0/16)."""

NOT_UNICAST: Final = (
    (IPv4Network("0.0.0.0/8"), "this network (RFC 1122)"),
    (IPv4Network("127.0.0.0/8"), "loopback (RFC 1122)"),
    (IPv4Network("169.254.0.0/16"), "link-local (RFC 3927)"),
    (IPv4Network("224.0.0.0/4"), "multicast (RFC 5771)"),
    (IPv4Network("240.0.0.0/4"), "reserved and broadcast (RFC 1112)"),
)
"""Ranges from which no host has an address of its own, and what they are."""

# Shorter prefixes have a network and a broadcast address; /31 and /32 do not (RFC 3021).
_LONGEST_WITH_BROADCAST: Final = 30


def nonsense(prefix: IPv4Network) -> str | None:
    """Say why `prefix` cannot be hosts' range, as the rest of a sentence, or return None."""
    if prefix.prefixlen == 0:
        return "is the default route"
    for special, name in NOT_UNICAST:
        if prefix.overlaps(special):
            return f"overlaps {special}, {name}"
    return None


def no_host(address: IPv4Address, prefix: IPv4Network, name: str) -> str | None:
    """Say why `address` cannot be a host's in `prefix`, or return None.

    `name` is the prefix's field, as the user writes it.
    """
    if address not in prefix:
        return f"lies outside {name} {prefix}"
    if prefix.prefixlen <= _LONGEST_WITH_BROADCAST:
        if address == prefix.network_address:
            return f"is the network address of {name} {prefix}"
        if address == prefix.broadcast_address:
            return f"is the broadcast address of {name} {prefix}"
    return None


def overlaps(prefixes: Sequence[IPv4Network]) -> list[tuple[int, int]]:
    """Return pairs of positions whose prefixes overlap, the earlier position first.

    Not all pairs: for each prefix that lies inside another (or equals an earlier one), the pair
    with the narrowest that holds it. So every overlapping prefix is in a pair, and the list is
    shorter than `prefixes`. Takes n log n.
    """
    # Prefixes are nested or apart, never staggered: sorted by start, then the widest first, those
    # that hold the current one are a stack.
    starts = [int(prefix.network_address) for prefix in prefixes]
    lengths = [prefix.prefixlen for prefix in prefixes]
    pairs = []
    around: list[int] = []
    for i in sorted(range(len(prefixes)), key=lambda i: (starts[i], lengths[i], i)):
        while around and (starts[i] ^ starts[around[-1]]) >> (32 - lengths[around[-1]]):
            around.pop()
        if around:
            pairs.append((min(around[-1], i), max(around[-1], i)))
        if not around or lengths[around[-1]] != lengths[i]:
            around.append(i)
    return sorted(pairs, key=lambda pair: (pair[1], pair[0]))
