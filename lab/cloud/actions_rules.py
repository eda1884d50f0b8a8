"""The rules of security groups (product Ecs)."""

from __future__ import annotations

import time
from ipaddress import IPv4Network
from typing import Final, Literal

from lab.cloud.actions_security import members
from lab.cloud.actions_vpc import DESCRIPTION
from lab.cloud.errors import ApiError, invalid, missing, quota
from lab.cloud.registry import Answer, Call, action
from lab.cloud.state import Permission, new_id
from lab.cloud.wire import Param, needed, param

Direction = Literal["ingress", "egress"]

WITH_PORTS: Final = ("tcp", "udp")
PORTS: Final = r"-?\d+/-?\d+"
LAST_PORT: Final = 65535


def _rule(start: str) -> tuple[Param, ...]:
    return (
        param(f"{start}IpProtocol", pattern="(?i)tcp|udp|icmp|gre|all"),
        param(f"{start}PortRange", pattern=PORTS),
        param(f"{start}SourceCidrIp", "cidr"),
        param(f"{start}DestCidrIp", "cidr"),
        param(f"{start}Policy", pattern="(?i)accept|drop"),
        param(f"{start}Priority", "int", most=100),
        param(f"{start}NicType", "text", "intranet"),
        param(f"{start}Description", pattern=DESCRIPTION),
    )


_ONE: Final = (needed("SecurityGroupId"), *_rule(""))
_RULES: Final = (*_ONE, *_rule("Permissions.N."))
_THESE: Final = param("SecurityGroupRuleId.N")
_THIS: Final = param("SecurityGroupRuleId")


def _asked(call: Call, direction: Direction) -> list[Permission]:
    """Return the rules that a request describes, as new ones.

    Raises:
        ApiError: it describes none, or one that cannot be.
    """
    flat = {each.name: call.params.text(each.name) for each in _rule("")}
    rules = call.params.items("Permissions") or [{n: v for n, v in flat.items() if v}]
    return [_permission(rule, direction, call.region) for rule in rules]


def _permission(rule: dict[str, str], direction: Direction, region: str) -> Permission:
    cidr = "SourceCidrIp" if direction == "ingress" else "DestCidrIp"
    for name in ("IpProtocol", "PortRange", cidr):
        if name not in rule:
            raise missing(name)
    protocol = rule["IpProtocol"].lower()
    first, last = (int(port) for port in rule["PortRange"].split("/"))
    none = (first, last) == (-1, -1)
    if not (1 <= first <= last <= LAST_PORT if protocol in WITH_PORTS else none):
        raise invalid("PortRange", f"It is not for {protocol}.")
    priority = int(rule.get("Priority", "1"))
    if priority < 1:
        raise invalid("Priority", "It is 1 to 100.")
    return Permission(
        id=new_id("sgr", region),
        direction=direction,
        protocol=protocol,
        ports=rule["PortRange"],
        cidr=IPv4Network(rule[cidr]),
        policy="Drop" if rule.get("Policy", "accept").lower() == "drop" else "Accept",
        priority=priority,
        description=rule.get("Description", ""),
        created=time.time(),
    )


def _authorize(call: Call, direction: Direction) -> Answer:
    group = call.group(call.params.text("SecurityGroupId"))
    known = {permission.key for permission in group.permissions}
    # As at Alibaba, a rule that is there already is no error and stays one.
    group.permissions += [rule for rule in _asked(call, direction) if rule.key not in known]
    most = call.settings.quotas.rules
    if len(group.permissions) > most:
        raise quota("AuthorizationLimitExceed", "rules in a security group", most)
    call.guarded.update(members(call, group))
    return {}


def _revoke(call: Call, direction: Direction) -> Answer:
    group = call.group(call.params.text("SecurityGroupId"))
    ids = call.params.texts("SecurityGroupRuleId")
    keys = set() if ids else {rule.key for rule in _asked(call, direction)}
    # One that is not there is no error either.
    group.permissions = [
        rule for rule in group.permissions if rule.id not in ids and rule.key not in keys
    ]
    call.guarded.update(members(call, group))
    return {}


def _describe(call: Call, direction: Direction) -> Answer:
    group = call.group(call.params.text("SecurityGroupId"))
    id = call.params.text("SecurityGroupRuleId")
    keys = set() if id else {rule.key for rule in _asked(call, direction)}
    found = [r for r in group.permissions if r.direction == direction]
    found = [r for r in found if r.id == id or r.key in keys]
    if not found:
        said = "The specified rule does not exist in the security group."
        raise ApiError("InvalidSecurityGroupRule.RuleNotExist", said)
    for rule in found:
        rule.description = call.params.text("Description", rule.description)
    return {}


@action("Ecs", "AuthorizeSecurityGroup", *_RULES, changes=True)
def authorize_security_group(call: Call) -> Answer:
    """Add rules for what comes in."""
    return _authorize(call, "ingress")


@action("Ecs", "AuthorizeSecurityGroupEgress", *_RULES, changes=True)
def authorize_security_group_egress(call: Call) -> Answer:
    """Add rules for what goes out."""
    return _authorize(call, "egress")


@action("Ecs", "RevokeSecurityGroup", *_RULES, _THESE, changes=True)
def revoke_security_group(call: Call) -> Answer:
    """Remove rules for what comes in."""
    return _revoke(call, "ingress")


@action("Ecs", "RevokeSecurityGroupEgress", *_RULES, _THESE, changes=True)
def revoke_security_group_egress(call: Call) -> Answer:
    """Remove rules for what goes out."""
    return _revoke(call, "egress")


@action("Ecs", "ModifySecurityGroupRule", *_ONE, _THIS, changes=True)
def modify_security_group_rule(call: Call) -> Answer:
    """Describe rules for what comes in; anything else is another rule."""
    return _describe(call, "ingress")


@action("Ecs", "ModifySecurityGroupEgressRule", *_ONE, _THIS, changes=True)
def modify_security_group_egress_rule(call: Call) -> Answer:
    """Describe rules for what goes out; anything else is another rule."""
    return _describe(call, "egress")
