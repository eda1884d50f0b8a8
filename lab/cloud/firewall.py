"""A VPC's nft table: public addresses one to one, and the security groups' rules. Pure.

The instances' ports are kept apart on their bridge (see `lab.cloud.network`), so every packet to
or from one passes the forward chain, also between two of the same vSwitch. Rules are met by the
private address: after the translation of what comes in, before that of what goes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from lab.cloud.parts import Rule
from lab.errors import LabError

METADATA: Final = IPv4Address("100.100.100.200")
"""Where Alibaba Cloud's metadata service is, seen from every instance of a VPC."""

NAME_SERVERS: Final = (IPv4Address("100.100.2.136"), IPv4Address("100.100.2.138"))
"""Alibaba Cloud's, which each of its images asks. Here they know no names, and say so at once:
who waits for an answer to a name, cloud-init first of all, waits 15 s for a silent one."""

WAN: Final = "wan"
"""A VPC's interface towards the internet."""

_PORTS: Final = ("tcp", "udp")
_PROTOCOLS: Final = (*_PORTS, "icmp", "gre")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """An instance as its VPC's table knows it."""

    id: str
    private: IPv4Address
    public: IPv4Address | None
    rules: tuple[Rule, ...]


def table(instances: Sequence[Guarded]) -> str:
    """Return the nft program that puts a VPC's table in the place of the last one, at once.

    What is established stays allowed, as security groups do; what has no rule is dropped when it
    comes in and accepted when it goes out.

    Raises:
        LabError: a rule has a protocol that the lab cannot match, or ports without one.
    """
    publics = {one.private: one.public for one in instances if one.public is not None}
    return "\n".join(
        [
            "table ip vpc",
            "delete table ip vpc",
            "table ip vpc {",
            *(line for one in instances for line in _chains(one)),
            *_chain("prerouting", "type nat hook prerouting priority dstnat", _inward(publics)),
            *_chain("postrouting", "type nat hook postrouting priority srcnat", _outward(publics)),
            *_chain("input", "type filter hook input priority filter; policy drop", _input()),
            *_chain(
                "forward",
                "type filter hook forward priority filter; policy drop",
                _forward(instances, publics),
            ),
            "}",
            "",
        ]
    )


def _chain(name: str, hook: str, lines: Iterator[str]) -> list[str]:
    head = [f"        {hook};"] if hook else []
    return [f"    chain {name} {{", *head, *(f"        {line}" for line in lines), "    }"]


def _inward(publics: Mapping[IPv4Address, IPv4Address]) -> Iterator[str]:
    for private, public in publics.items():
        yield f"ip daddr {public} dnat to {private}"


def _outward(publics: Mapping[IPv4Address, IPv4Address]) -> Iterator[str]:
    for private, public in publics.items():
        yield f"oifname {WAN} ip saddr {private} snat to {public}"


def _input() -> Iterator[str]:
    yield "iifname lo accept"
    yield f"iifname {WAN} drop"
    yield "ct state established,related accept"
    yield "icmp type echo-request accept"
    yield f"ip daddr {METADATA} tcp dport 80 accept"
    yield f"ip daddr {{ {', '.join(str(server) for server in NAME_SERVERS)} }} reject"


def _forward(
    instances: Sequence[Guarded], publics: Mapping[IPv4Address, IPv4Address]
) -> Iterator[str]:
    yield "ct state established,related accept"
    # From outside only by a public address; to the outside only with one.
    yield f"iifname {WAN} ct status & dnat != dnat drop"
    if publics:
        own = ", ".join(str(private) for private in publics)
        yield f"oifname {WAN} ip saddr != {{ {own} }} drop"
    else:
        yield f"oifname {WAN} drop"
    for one in instances:
        yield f"iifname != {WAN} ip saddr {one.private} jump egress-{one.id}"
    if instances:
        known = ", ".join(str(one.private) for one in instances)
        yield f"iifname != {WAN} ip saddr != {{ {known} }} drop"
    yield f"oifname {WAN} accept"
    for one in instances:
        yield f"ip daddr {one.private} goto ingress-{one.id}"


def _chains(one: Guarded) -> Iterator[str]:
    for direction, last, verdict in (("ingress", "drop", "accept"), ("egress", "return", "return")):
        rules = [rule for rule in one.rules if rule.direction == direction]
        rules.sort(key=lambda rule: (rule.priority, rule.accept))
        lines = [f"{_match(rule)}{verdict if rule.accept else 'drop'}" for rule in rules]
        yield from _chain(f"{direction}-{one.id}", "", iter([*lines, last]))


def _match(rule: Rule) -> str:
    words = []
    if rule.cidr.prefixlen:
        words.append(f"ip {'saddr' if rule.direction == 'ingress' else 'daddr'} {rule.cidr}")
    if rule.ports is not None:
        if rule.protocol not in _PORTS:
            msg = f"a rule for protocol {rule.protocol} has ports: only tcp and udp have them"
            raise LabError(msg)
        words.append(f"{rule.protocol} dport {rule.ports[0]}-{rule.ports[1]}")
    elif rule.protocol in _PROTOCOLS:
        words.append(f"ip protocol {rule.protocol}")
    elif rule.protocol != "all":
        known = ", ".join((*_PROTOCOLS, "all"))
        msg = f"the lab's security groups know no protocol {rule.protocol}, only {known}"
        raise LabError(msg)
    return "".join(f"{word} " for word in words)
