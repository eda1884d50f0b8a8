"""Elastic public addresses (product Vpc)."""

from __future__ import annotations

import time

from lab.cloud.actions_vpc import DESCRIPTION, NAME, shown_tags
from lab.cloud.errors import ApiError, invalid, quota, wrong_status
from lab.cloud.registry import NUMBERED, TAGS, Answer, Call, action
from lab.cloud.state import Eip, new_id, second
from lab.cloud.wire import needed, param


@action(
    "Vpc",
    "AllocateEipAddress",
    param("Bandwidth", "int", most=500),
    param("InternetChargeType", "text", "PayByTraffic", "PayByBandwidth"),
    param("InstanceChargeType", "text", "PostPaid", "PrePaid"),
    param("PricingCycle", "text", "Month", "Year"),
    param("Period", "int", most=12),
    param("AutoPay", "bool"),
    param("ISP", "text", "BGP", "BGP_PRO"),
    param("Netmode", "text", "public"),
    param("Name", pattern=NAME),
    param("Description", pattern=DESCRIPTION),
    param("IpAddress", "address"),
    param("InstanceId"),
    *TAGS,
    changes=True,
)
def allocate_eip_address(call: Call) -> Answer:
    """Rent a public address: the asked one, or the first that is free."""
    most = call.settings.quotas.eips
    if len(call.here(call.world.eips)) >= most:
        raise quota("QuotaExceeded.Eip", "EIPs", most)
    asked = call.params
    bandwidth = asked.number("Bandwidth", 5)
    if asked.text("InternetChargeType") == "PayByTraffic" and bandwidth > 200:
        raise invalid("Bandwidth", "PayByTraffic has 200 Mbit/s at most.")
    prepaid = asked.text("InstanceChargeType") == "PrePaid"
    if prepaid and not asked.flag("AutoPay"):
        raise ApiError("InvalidOperation.NotPaid", "The lab's cloud has nobody to pay by hand.")
    now = time.time()
    eip = Eip(
        id=new_id("eip", call.region),
        region=call.region,
        name=asked.text("Name"),
        description=asked.text("Description"),
        created=now,
        since=now,
        tags=asked.tags(),
        address=call.world.free_public(asked.text("IpAddress")),
        bandwidth=bandwidth,
        traffic_charge=asked.text("InternetChargeType", "PayByBandwidth"),
        charge="PrePaid" if prepaid else "PostPaid",
        isp=asked.text("ISP", "BGP"),
    )
    call.world.eips[eip.id] = eip
    return {
        "AllocationId": eip.id,
        "EipAddress": str(eip.address),
        "ResourceGroupId": "rg-lab",
    }


def _of_eip(eip: Eip) -> Answer:
    return {
        "AllocationId": eip.id,
        "IpAddress": str(eip.address),
        "Name": eip.name,
        "Description": eip.description,
        "Status": eip.status,
        "BusinessStatus": "Normal",
        "RegionId": eip.region,
        "InstanceRegionId": eip.region if eip.instance else "",
        "InstanceId": eip.instance,
        "InstanceType": "EcsInstance" if eip.instance else "",
        # Only an EIP of a bare address has these, not one of an instance.
        "VpcId": "",
        "PrivateIpAddress": "",
        "Bandwidth": str(eip.bandwidth),
        "EipBandwidth": str(eip.bandwidth),
        "InternetChargeType": eip.traffic_charge,
        "ChargeType": eip.charge,
        "AllocationTime": second(eip.created),
        "ExpiredTime": "",
        "ISP": eip.isp,
        "Mode": "NAT",
        "Netmode": "public",
        "Zone": "",
        "BandwidthPackageId": "",
        "DeletionProtection": False,
        "HDMonitorStatus": "OFF",
        "ResourceGroupId": "rg-lab",
        "OperationLocks": {"LockReason": []},
        "SecurityProtectionTypes": {"SecurityProtectionType": []},
        "Tags": shown_tags(eip.tags),
    }


@action(
    "Vpc",
    "DescribeEipAddresses",
    param("AllocationId"),
    param("EipAddress"),
    param("Status", "text", "Associating", "Unassociating", "InUse", "Available"),
    param("AssociatedInstanceId"),
    param("AssociatedInstanceType", "text", "EcsInstance"),
    param("EipName"),
    *TAGS,
    *NUMBERED,
)
def describe_eip_addresses(call: Call) -> Answer:
    """List EIPs; one that does not exist is an empty list."""
    asked = call.params
    ids = [id for id in asked.text("AllocationId").split(",") if id]
    addresses = [address for address in asked.text("EipAddress").split(",") if address]
    found = [
        eip
        for eip in call.here(call.world.eips)
        if (not ids or eip.id in ids)
        and (not addresses or str(eip.address) in addresses)
        and asked.text("Status") in ("", eip.status)
        and asked.text("AssociatedInstanceId") in ("", eip.instance)
        and asked.text("EipName") in ("", eip.name)
        and asked.tags().items() <= eip.tags.items()
    ]
    shown, about = call.page(found)
    return {"EipAddresses": {"EipAddress": [_of_eip(eip) for eip in shown]}, **about}


@action(
    "Vpc",
    "ModifyEipAddressAttribute",
    needed("AllocationId"),
    param("Bandwidth", "int", most=500),
    param("Name", pattern=NAME),
    param("Description", pattern=DESCRIPTION),
    changes=True,
)
def modify_eip_address_attribute(call: Call) -> Answer:
    """Rename an EIP, describe it, or change its bandwidth."""
    eip = call.eip(call.params.text("AllocationId"))
    eip.name = call.params.text("Name", eip.name)
    eip.description = call.params.text("Description", eip.description)
    eip.bandwidth = call.params.number("Bandwidth", eip.bandwidth)
    return {}


@action(
    "Vpc",
    "AssociateEipAddress",
    needed("AllocationId"),
    needed("InstanceId"),
    param("InstanceType", "text", "EcsInstance"),
    param("Mode", "text", "NAT"),
    param("PrivateIpAddress", "address"),
    changes=True,
)
def associate_eip_address(call: Call) -> Answer:
    """Give an instance an EIP; it is Associating until the instance has it."""
    eip = call.eip(call.params.text("AllocationId"))
    instance = call.instance(call.params.text("InstanceId"))
    if eip.status != "Available":
        raise wrong_status("Eip", eip.status)
    if instance.status not in ("Running", "Stopped") or instance.released:
        raise wrong_status("instance", instance.status)
    if call.params.text("PrivateIpAddress", str(instance.private)) != str(instance.private):
        raise invalid("PrivateIpAddress", "It is not that of the instance.")
    if instance.public is not None:
        said = "The instance has a public address of its own."
        raise ApiError("InvalidStatus.InstanceHasBandWidth", said)
    if call.world.eip_of(instance.id) is not None:
        said = "The instance has another EIP."
        raise ApiError("InvalidAssociation.Duplicated", said)
    eip.instance, eip.status, eip.since = instance.id, "Associating", time.time()
    call.touched.add(instance.id)
    return {}


@action(
    "Vpc",
    "UnassociateEipAddress",
    needed("AllocationId"),
    param("InstanceId"),
    param("InstanceType", "text", "EcsInstance"),
    param("Force", "bool"),
    param("PrivateIpAddress", "address"),
    changes=True,
)
def unassociate_eip_address(call: Call) -> Answer:
    """Take an EIP from its instance; it is Unassociating until the instance is without it."""
    eip = call.eip(call.params.text("AllocationId"))
    if call.params.text("InstanceId") not in ("", eip.instance):
        said = "The EIP is not associated with the instance."
        raise ApiError("InvalidAssociation.NotFound", said, 404)
    if eip.status != "InUse":
        raise wrong_status("Eip", eip.status)
    eip.status, eip.since = "Unassociating", time.time()
    call.touched.add(eip.instance)
    return {}


@action("Vpc", "ReleaseEipAddress", needed("AllocationId"), changes=True)
def release_eip_address(call: Call) -> Answer:
    """Give an EIP back, which no instance has."""
    eip = call.eip(call.params.text("AllocationId"))
    if eip.status != "Available":
        raise wrong_status("Eip", eip.status)
    if eip.charge == "PrePaid":
        said = "The EIP is paid for in advance and stays until then."
        raise ApiError("InvalidOperation.ChargeType", said)
    del call.world.eips[eip.id]
    return {}
