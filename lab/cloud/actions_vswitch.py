"""vSwitches: the subnets of a VPC (product Vpc)."""

from __future__ import annotations

import time
from ipaddress import IPv4Network

from lab.cloud.actions_vpc import DESCRIPTION, NAME, shown_tags
from lab.cloud.catalogue import REGIONS
from lab.cloud.errors import ApiError, depends, not_found, quota, wrong_status
from lab.cloud.registry import NUMBERED, TAGS, Answer, Call, action
from lab.cloud.state import VSwitch, new_id, second
from lab.cloud.wire import needed, param


@action(
    "Vpc",
    "CreateVSwitch",
    needed("VpcId"),
    needed("CidrBlock", "cidr"),
    needed("ZoneId"),
    param("VSwitchName", pattern=NAME),
    param("Description", pattern=DESCRIPTION),
    *TAGS,
    changes=True,
)
def create_vswitch(call: Call) -> Answer:
    """Make a subnet of a VPC in one zone; it is Pending for a while."""
    vpc = call.vpc(call.params.text("VpcId"))
    if vpc.status != "Available":
        raise wrong_status("Vpc", vpc.status)
    zone = call.params.text("ZoneId")
    if zone not in REGIONS[vpc.region].zones:
        raise not_found("InvalidZoneId.NotFound", "zone", zone)
    cidr = IPv4Network(call.params.text("CidrBlock"))
    if not cidr.subnet_of(vpc.cidr) or not 16 <= cidr.prefixlen <= 29:
        raise ApiError("InvalidCidrBlock.Malformed", "It is no subnet, /16 to /29, of the VPC.")
    others = [v for v in call.world.vswitches.values() if v.vpc == vpc.id]
    if any(other.cidr.overlaps(cidr) for other in others):
        raise ApiError("InvalidCidrBlock.Overlapped", "It overlaps another vSwitch of the VPC.")
    most = call.settings.quotas.vswitches
    if len(others) >= most:
        raise quota("QuotaExceeded.VSwitch", "vSwitches in a VPC", most)
    now = time.time()
    vswitch = VSwitch(
        id=new_id("vsw", vpc.region),
        region=vpc.region,
        name=call.params.text("VSwitchName"),
        description=call.params.text("Description"),
        created=now,
        tags=call.params.tags(),
        cidr=cidr,
        ready=now + call.settings.network_s,
        vpc=vpc.id,
        zone=zone,
    )
    call.world.vswitches[vswitch.id] = vswitch
    return {"VSwitchId": vswitch.id}


def _of_vswitch(vswitch: VSwitch, call: Call) -> Answer:
    used = sum(1 for _ in call.world.within(vswitch))
    return {
        "VSwitchId": vswitch.id,
        "VSwitchName": vswitch.name,
        "Description": vswitch.description,
        "VpcId": vswitch.vpc,
        "ZoneId": vswitch.zone,
        "CidrBlock": str(vswitch.cidr),
        "Ipv6CidrBlock": "",
        "EnabledIpv6": False,
        "AvailableIpAddressCount": vswitch.cidr.num_addresses - 4 - used,
        "CreationTime": second(vswitch.created),
        "Status": vswitch.status,
        "IsDefault": False,
        "ResourceGroupId": "rg-lab",
        "NetworkAclId": "",
        "RouteTable": {
            "RouteTableId": call.world.vpcs[vswitch.vpc].route_table,
            "RouteTableType": "System",
        },
        "Tags": shown_tags(vswitch.tags),
    }


@action("Vpc", "DescribeVSwitchAttributes", needed("VSwitchId"))
def describe_vswitch_attributes(call: Call) -> Answer:
    """Show one vSwitch."""
    return _of_vswitch(call.vswitch(call.params.text("VSwitchId")), call)


@action(
    "Vpc",
    "DescribeVSwitches",
    *(param(name) for name in ("VSwitchId", "VpcId", "ZoneId", "VSwitchName")),
    *TAGS,
    *NUMBERED,
)
def describe_vswitches(call: Call) -> Answer:
    """List vSwitches."""
    asked = call.params
    wanted = [id for id in asked.text("VSwitchId").split(",") if id]
    found = [
        vswitch
        for vswitch in call.here(call.world.vswitches)
        if (not wanted or vswitch.id in wanted)
        and asked.text("VpcId") in ("", vswitch.vpc)
        and asked.text("ZoneId") in ("", vswitch.zone)
        and asked.text("VSwitchName") in ("", vswitch.name)
        and asked.tags().items() <= vswitch.tags.items()
    ]
    shown, about = call.page(found)
    return {"VSwitches": {"VSwitch": [_of_vswitch(each, call) for each in shown]}, **about}


@action(
    "Vpc",
    "ModifyVSwitchAttribute",
    needed("VSwitchId"),
    param("VSwitchName", pattern=NAME),
    param("Description", pattern=DESCRIPTION),
    changes=True,
)
def modify_vswitch_attribute(call: Call) -> Answer:
    """Rename or describe a vSwitch."""
    vswitch = call.vswitch(call.params.text("VSwitchId"))
    vswitch.name = call.params.text("VSwitchName", vswitch.name)
    vswitch.description = call.params.text("Description", vswitch.description)
    return {}


@action("Vpc", "DeleteVSwitch", needed("VSwitchId"), changes=True)
def delete_vswitch(call: Call) -> Answer:
    """Remove a vSwitch with no instance in it."""
    vswitch = call.vswitch(call.params.text("VSwitchId"))
    if any(True for _ in call.world.within(vswitch)):
        raise depends("DependencyViolation", "Specified vSwitch has an instance in it.")
    if vswitch.status != "Available":
        raise wrong_status("VSwitch", vswitch.status)
    del call.world.vswitches[vswitch.id]
    return {}
