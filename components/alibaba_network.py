"""What stands around the hub's machine in Alibaba Cloud: VPC, vSwitch, and a security group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_alicloud import ecs, vpc

from leasedline.alibaba import Alibaba, vpc_range, vswitch_range
from leasedline.network import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the network in the cloud is made of.

    `name` begins the names of its resources in the stack, `full_name` is what people see in the
    console; `zone` is None within an adopted vSwitch; `admins` are the prefixes from which SSH is
    let in; `options` are those of every resource.
    """

    name: str
    full_name: str
    tags: pulumi.Input[Mapping[str, pulumi.Input[str]]]
    network: Network
    wanted: Alibaba
    zone: pulumi.Output[str | None]
    admins: Sequence[str]
    options: Callable[[], pulumi.ResourceOptions]


def place_in_network(around: Surroundings) -> tuple[pulumi.Input[str], pulumi.Input[str]]:
    """Return the ids of security group and vSwitch, adopted or made."""
    wanted = around.wanted
    cidr: pulumi.Input[str] | None = None
    if wanted.vswitch_cidr is not None:
        cidr = str(wanted.vswitch_cidr)
    vpc_id: pulumi.Input[str] | None = wanted.vpc
    if vpc_id is None:
        lans = (lan.prefix for spoke in around.network.spokes for lan in spoke.lans)
        whole = vpc_range(wanted.vpc_cidr, (around.network.tunnel, *lans))
        cidr = cidr or around.zone.apply(lambda zone: str(vswitch_range(None, whole, zone or "a")))
        vpc_id = vpc.Network(
            f"{around.name}-vpc",
            vpc_name=around.full_name,
            cidr_block=str(whole),
            tags=around.tags,
            opts=around.options(),
        ).id
    vswitch: pulumi.Input[str] | None = wanted.vswitch
    if vswitch is None:
        vswitch = vpc.Switch(
            f"{around.name}-vswitch",
            vswitch_name=around.full_name,
            vpc_id=vpc_id,
            zone_id=around.zone,
            cidr_block=cidr,
            tags=around.tags,
            opts=around.options(),
        ).id
    return wanted.security_group or _security_group(around, vpc_id), vswitch


def _security_group(around: Surroundings, vpc_id: pulumi.Input[str]) -> pulumi.Input[str]:
    port = around.network.port
    group = ecs.SecurityGroup(
        f"{around.name}-firewall",
        security_group_name=around.full_name,
        description="Leased line: WireGuard from anywhere, SSH from the administrator",
        vpc_id=vpc_id,
        tags=around.tags,
        opts=around.options(),
    )
    rules = [("wireguard", "udp", f"{port}/{port}", "0.0.0.0/0")]
    rules += [(f"ssh-{cidr}", "tcp", "22/22", cidr) for cidr in around.admins]
    if around.wanted.ping:
        rules.append(("ping", "icmp", "-1/-1", "0.0.0.0/0"))
    for what, protocol, ports, cidr in rules:
        ecs.SecurityGroupRule(
            f"{around.name}-{what}",
            security_group_id=group.id,
            type="ingress",
            ip_protocol=protocol,
            port_range=ports,
            cidr_ip=cidr,
            policy="accept",
            priority=1,
            # Left out, the provider sends the word <nil> when it looks the rule up again.
            nic_type="intranet",
            opts=around.options(),
        )
    return group.id
