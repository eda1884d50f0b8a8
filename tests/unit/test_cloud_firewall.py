"""A VPC's nft table: which rule comes first, and the rules that there is no table for."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from lab.cloud.firewall import Guarded, table
from lab.cloud.parts import Rule
from lab.errors import LabError

ANYWHERE = IPv4Network("0.0.0.0/0")


def rule(**changes: Any) -> Rule:
    fields: dict[str, Any] = {
        "direction": "ingress",
        "protocol": "udp",
        "ports": (51820, 51820),
        "cidr": ANYWHERE,
        "accept": True,
        "priority": 1,
    }
    return Rule(**(fields | changes))


def hub(*rules: Rule, public: str | None = "203.0.113.1") -> Guarded:
    address = IPv4Address(public) if public else None
    return Guarded(id="i-hub", private=IPv4Address("172.16.0.5"), public=address, rules=rules)


def chain(text: str, name: str) -> list[str]:
    found = re.search(rf"chain {name} \{{\n(.*?)\n    \}}", text, re.DOTALL)
    assert found, text
    return [line.strip() for line in found[1].splitlines()]


def test_without_rules_nothing_comes_in_and_everything_goes_out() -> None:
    text = table([hub()])
    assert chain(text, "ingress-i-hub") == ["drop"]
    assert chain(text, "egress-i-hub") == ["return"]


def test_rules_go_by_priority_and_of_equals_the_one_that_drops_wins() -> None:
    ssh = rule(protocol="tcp", ports=(22, 22), cidr=IPv4Network("203.0.113.250/32"), priority=2)
    no_ssh = rule(protocol="tcp", ports=(1, 1024), accept=False, priority=2)
    ping = rule(protocol="icmp", ports=None, priority=3)
    out = rule(direction="egress", protocol="all", ports=None, accept=False)
    text = table([hub(ping, ssh, out, no_ssh, rule())])
    assert chain(text, "ingress-i-hub") == [
        "udp dport 51820-51820 accept",
        "tcp dport 1-1024 drop",
        "ip saddr 203.0.113.250/32 tcp dport 22-22 accept",
        "ip protocol icmp accept",
        "drop",
    ]
    assert chain(text, "egress-i-hub") == ["drop", "return"]


def test_without_a_public_address_there_is_no_way_out() -> None:
    text = table([hub(rule(), public=None)])
    assert "oifname wan drop" in chain(text, "forward")
    assert "nat" not in "".join(chain(text, "prerouting")[1:])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocol": "sctp", "ports": None}, "no protocol sctp, only tcp, udp, icmp, gre, all"),
        ({"protocol": "icmp", "ports": (8, 8)}, "protocol icmp has ports: only tcp and udp"),
    ],
)
def test_a_rule_that_cannot_be_enforced_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(LabError, match=words):
        table([hub(rule(**changes))])
