"""VPCs (product Vpc)."""

from __future__ import annotations

import time
from ipaddress import IPv4Network
from typing import Final

from lab.cloud.errors import ApiError, depends, quota, wrong_status
from lab.cloud.registry import NUMBERED, TAGS, Answer, Call, action
from lab.cloud.state import Vpc, new_id, second
from lab.cloud.wire import needed, param

PRIVATE: Final = tuple(
    IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
NAME: Final = r"(?!https?://).{1,128}"
DESCRIPTION: Final = r"(?!https?://).{0,256}"


@action(
    "Vpc",
    "CreateVpc",
    param("CidrBlock", "cidr"),
    param("VpcName", pattern=NAME),
    param("Description", pattern=DESCRIPTION),
    *TAGS,
    changes=True,
)
def create_vpc(call: Call) -> Answer:
    """Make a VPC; it is Pending for a while."""
    cidr = IPv4Network(call.params.text("CidrBlock", "172.16.0.0/12"))
    if not any(cidr.subnet_of(private) for private in PRIVATE) or not 8 <= cidr.prefixlen <= 28:
        raise ApiError("InvalidCidrBlock.Malformed", "Specified CIDR block is not valid.")
    most = call.settings.quotas.vpcs
    if len(call.here(call.world.vpcs)) >= most:
        raise quota("QuotaExceeded.Vpc", "VPCs", most)
    now = time.time()
    vpc = Vpc(
        id=new_id("vpc", call.region),
        region=call.region,
        name=call.params.text("VpcName"),
        description=call.params.text("Description"),
        created=now,
        tags=call.params.tags(),
        cidr=cidr,
        ready=now + call.settings.network_s,
        router=new_id("vrt", call.region),
        route_table=new_id("vtb", call.region),
    )
    call.world.vpcs[vpc.id] = vpc
    return {"VpcId": vpc.id, "VRouterId": vpc.router, "RouteTableId": vpc.route_table}


def shown_tags(tags: dict[str, str]) -> Answer:
    """Return tags as the actions of Vpc show them."""
    return {"Tag": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _of_vpc(vpc: Vpc, call: Call) -> Answer:
    inside = [v.id for v in call.world.vswitches.values() if v.vpc == vpc.id]
    return {
        "VpcId": vpc.id,
        "VpcName": vpc.name,
        "Description": vpc.description,
        "CidrBlock": str(vpc.cidr),
        "RegionId": vpc.region,
        "Status": vpc.status,
        "CreationTime": second(vpc.created),
        "VRouterId": vpc.router,
        "IsDefault": False,
        "ResourceGroupId": "rg-lab",
        "EnabledIpv6": False,
        "Ipv6CidrBlock": "",
        "Ipv6CidrBlocks": {"Ipv6CidrBlock": []},
        "DnsHostnameStatus": "DISABLED",
        "SecondaryCidrBlocks": {"SecondaryCidrBlock": []},
        "UserCidrs": {"UserCidr": []},
        "VSwitchIds": {"VSwitchId": inside},
        "Tags": shown_tags(vpc.tags),
    }


@action("Vpc", "DescribeVpcAttribute", needed("VpcId"), param("IsDefault", "bool"))
def describe_vpc_attribute(call: Call) -> Answer:
    """Show one VPC."""
    vpc = call.vpc(call.params.text("VpcId"))
    groups = [group for group in call.world.groups.values() if group.vpc == vpc.id]
    return {
        **_of_vpc(vpc, call),
        "ClassicLinkEnabled": False,
        "AssociatedCens": {"AssociatedCen": []},
        "CloudResources": {
            "CloudResourceSetType": [
                {"ResourceType": "VRouter", "ResourceCount": 1},
                {"ResourceType": "SecurityGroup", "ResourceCount": len(groups)},
            ]
        },
    }


@action("Vpc", "DescribeVpcs", param("VpcId"), param("VpcName"), *TAGS, *NUMBERED)
def describe_vpcs(call: Call) -> Answer:
    """List VPCs."""
    wanted = [id for id in call.params.text("VpcId").split(",") if id]
    name = call.params.text("VpcName")
    found = [
        vpc
        for vpc in call.here(call.world.vpcs)
        if (not wanted or vpc.id in wanted)
        and name in ("", vpc.name)
        and call.params.tags().items() <= vpc.tags.items()
    ]
    shown, about = call.page(found)
    of_each = [
        {**_of_vpc(vpc, call), "RouterTableIds": {"RouterTableIds": [vpc.route_table]}}
        for vpc in shown
    ]
    return {"Vpcs": {"Vpc": of_each}, **about}


@action(
    "Vpc",
    "DescribeRouteTableList",
    param("VpcId"),
    param("RouterId"),
    param("RouteTableId"),
    param("RouterType"),
    *NUMBERED,
)
def describe_route_table_list(call: Call) -> Answer:
    """List route tables: each VPC has its own, and no other."""
    id = call.params.text("VpcId")
    shown, about = call.page([v for v in call.here(call.world.vpcs) if id in ("", v.id)])
    tables = [
        {
            "VpcId": vpc.id,
            "RouteTableId": vpc.route_table,
            "RouterId": vpc.router,
            "RouterType": "VRouter",
            "RouteTableType": "System",
            "RouteTableName": "",
            "Description": "",
            "AssociateType": "VSwitch",
            "ResourceGroupId": "rg-lab",
            "RoutePropagationEnable": True,
            "CreationTime": second(vpc.created),
            "Status": "Available",
            "VSwitchIds": {
                "VSwitchId": [v.id for v in call.world.vswitches.values() if v.vpc == vpc.id]
            },
            "Tags": {"Tag": []},
        }
        for vpc in shown
    ]
    return {"RouterTableList": {"RouterTableListType": tables}, **about}


@action(
    "Vpc",
    "ModifyVpcAttribute",
    needed("VpcId"),
    param("VpcName", pattern=NAME),
    param("Description", pattern=DESCRIPTION),
    changes=True,
)
def modify_vpc_attribute(call: Call) -> Answer:
    """Rename or describe a VPC."""
    vpc = call.vpc(call.params.text("VpcId"))
    vpc.name = call.params.text("VpcName", vpc.name)
    vpc.description = call.params.text("Description", vpc.description)
    return {}


@action("Vpc", "DeleteVpc", needed("VpcId"), param("ForceDelete", "bool"), changes=True)
def delete_vpc(call: Call) -> Answer:
    """Remove a VPC with nothing in it."""
    vpc = call.vpc(call.params.text("VpcId"))
    if any(vswitch.vpc == vpc.id for vswitch in call.world.vswitches.values()):
        raise depends("DependencyViolation.VSwitch", "Specified VPC has a vSwitch in it.")
    if any(group.vpc == vpc.id for group in call.world.groups.values()):
        raise depends("DependencyViolation.SecurityGroup", "Specified VPC has a security group.")
    if vpc.status != "Available":
        raise wrong_status("Vpc", vpc.status)
    del call.world.vpcs[vpc.id]
    return {}
