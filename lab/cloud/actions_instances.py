"""Instances: run, list, delete (product Ecs)."""

from __future__ import annotations

import base64
import binascii
import time
from ipaddress import IPv4Address
from typing import Final, Literal

from lab.cloud.actions_vpc import DESCRIPTION, NAME
from lab.cloud.catalogue import DISKS, IMAGES, TYPES, sold
from lab.cloud.errors import FORBIDDEN, NOT_FOUND, ApiError, invalid, quota, wrong_status
from lab.cloud.registry import NUMBERED, PAGES, TAGS, Answer, Call, action
from lab.cloud.shown import of_instance
from lab.cloud.state import Disk, Instance, VSwitch, new_id
from lab.cloud.wire import needed, param

LONGEST_USER_DATA: Final = 16 * 1024
"""Bytes, before base64."""

HOST_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,62}[A-Za-z0-9])"

_MONTHS: Final = {"Month": 1, "Year": 12}


@action(
    "Ecs",
    "RunInstances",
    needed("ImageId"),
    needed("InstanceType"),
    needed("VSwitchId"),
    param("SecurityGroupId"),
    param("SecurityGroupIds.N"),
    param("ZoneId"),
    param("InstanceName", pattern=NAME),
    param("HostName", pattern=HOST_NAME),
    param("Description", pattern=DESCRIPTION),
    param("Amount", "int", most=1),
    param("InternetChargeType", "text", "PayByTraffic", "PayByBandwidth"),
    param("InternetMaxBandwidthOut", "int", most=100),
    param("InternetMaxBandwidthIn", "int", most=200),
    param("InstanceChargeType", "text", "PostPaid", "PrePaid"),
    param("Period", "int", most=60),
    param("PeriodUnit", "text", *_MONTHS),
    param("AutoRenew", "bool"),
    param("AutoRenewPeriod", "int"),
    param("AutoPay", "bool"),
    param("SystemDisk.Category", "text", *DISKS),
    param("SystemDisk.Size", "int", most=2048),
    param("SystemDisk.DiskName", pattern=NAME),
    param("SystemDisk.Description", pattern=DESCRIPTION),
    param("SystemDisk.PerformanceLevel", "text", "PL0", "PL1", "PL2", "PL3"),
    param("SystemDisk.Encrypted", "bool"),
    param("CreditSpecification", "text", "Standard", "Unlimited"),
    param("SpotStrategy", "text", "NoSpot"),
    param("IoOptimized", "text", "optimized"),
    param("SecurityEnhancementStrategy", "text", "Active", "Deactive"),
    param("UserData", secret=True),
    param("KeyPairName"),
    param("PrivateIpAddress", "address"),
    param("PasswordInherit", "bool"),
    param("DeletionProtection", "bool"),
    param("HttpEndpoint", "text", "enabled"),
    param("HttpTokens", "text", "optional", "required"),
    *TAGS,
    changes=True,
)
def run_instances(call: Call) -> Answer:
    """Order an instance; its machine is booted in the background."""
    asked = call.params
    vswitch = call.vswitch(asked.text("VSwitchId"))
    groups = asked.texts("SecurityGroupIds") or [asked.text("SecurityGroupId")]
    for group in groups:
        if call.group(group).vpc != vswitch.vpc:
            said = "The security group and the vSwitch are in different VPCs."
            raise ApiError("InvalidSecurityGroupId.VPCMismatch", said)
    kind, image = _sold(call, vswitch)
    key_pair = asked.text("KeyPairName")
    if key_pair:
        call.key_pair(key_pair)
    most = call.settings.quotas.instances
    if len(call.here(call.world.instances)) >= most:
        raise quota("QuotaExceed.ElasticQuota", "instances", most)
    check_user_data(asked.text("UserData"))
    charge, months = _period(call)
    now = time.time()
    id = new_id("i", call.region)
    bandwidth_out = asked.number("InternetMaxBandwidthOut")
    call.world.instances[id] = Instance(
        id=id,
        region=call.region,
        name=asked.text("InstanceName", id),
        description=asked.text("Description"),
        created=now,
        since=now,
        tags=asked.tags(),
        zone=vswitch.zone,
        kind=kind,
        image=image,
        hostname=asked.text("HostName", f"iZ{id.removeprefix('i-')}Z"),
        vpc=vswitch.vpc,
        vswitch=vswitch.id,
        private=_private(call, vswitch),
        groups=groups,
        key_pair=key_pair,
        user_data=asked.text("UserData"),
        card=new_id("eni", call.region),
        disk=Disk(
            id=new_id("d", call.region),
            category=asked.text("SystemDisk.Category", "cloud_efficiency"),
            size_gib=_disk_size(call, image),
            name=asked.text("SystemDisk.DiskName"),
            description=asked.text("SystemDisk.Description"),
        ),
        charge=charge,
        period_months=months,
        auto_renew=asked.flag("AutoRenew"),
        traffic_charge=asked.text("InternetChargeType", "PayByTraffic"),
        bandwidth_out=bandwidth_out,
        bandwidth_in=asked.number("InternetMaxBandwidthIn", 200),
        public=call.world.free_public() if bandwidth_out > 0 else None,
        credit=_credit(call, kind),
        protected=asked.flag("DeletionProtection"),
        metadata_tokens=asked.text("HttpTokens", "optional"),
    )
    call.touched.add(id)
    return {"InstanceIdSets": {"InstanceIdSet": [id]}, "OrderId": "", "TradePrice": 0.0}


def _sold(call: Call, vswitch: VSwitch) -> tuple[str, str]:
    """Return instance type and image, which exist and which the vSwitch's zone has.

    Raises:
        ApiError: they do not, or it has not.
    """
    kind, image = call.params.text("InstanceType"), call.params.text("ImageId")
    if call.params.text("ZoneId", vswitch.zone) != vswitch.zone:
        said = "The vSwitch is in another zone than ZoneId."
        raise ApiError("InvalidParameterValue.VSwitchZoneMismatch", said)
    if kind not in TYPES:
        said = "The specified InstanceType does not exist or beyond the permitted range."
        raise ApiError("InvalidInstanceType.ValueNotSupported", said, FORBIDDEN)
    if not sold(kind, vswitch.zone):
        said = f"The instance type {kind} is not sold in zone {vswitch.zone}."
        raise ApiError("InvalidInstanceType.NotSupported", said, FORBIDDEN)
    known = IMAGES.get(image)
    if known is None:
        said = "The specified ImageId does not exist."
        raise ApiError("InvalidImageId.NotFound", said, NOT_FOUND)
    if not known.boots:
        said = "The lab's cloud lists the specified image and cannot boot it."
        raise ApiError("ImageNotSupportInstanceType", said, FORBIDDEN)
    return kind, image


def check_user_data(text: str) -> None:
    """Hold user data against what an instance takes.

    Raises:
        ApiError: it is no base64, or too long.
    """
    try:
        size = len(base64.b64decode(text, validate=True))
    except binascii.Error:
        raise ApiError("InvalidUserData.Base64FormatInvalid", "It is no base64.") from None
    if size > LONGEST_USER_DATA:
        raise ApiError("InvalidUserData.SizeExceeded", "It has more than 16 KB before base64.")


def _period(call: Call) -> tuple[Literal["PostPaid", "PrePaid"], int]:
    if call.params.text("InstanceChargeType", "PostPaid") == "PostPaid":
        return "PostPaid", 0
    months = call.params.number("Period") * _MONTHS[call.params.text("PeriodUnit", "Month")]
    if months < 1:
        raise ApiError("InvalidPeriod", "The specified period is not valid: PrePaid needs one.")
    return "PrePaid", months


def _private(call: Call, vswitch: VSwitch) -> IPv4Address:
    if not call.params.has("PrivateIpAddress"):
        free = call.world.free_private(vswitch)
        if free is None:
            said = "The specified vSwitch has not enough IP addresses."
            raise ApiError("InvalidVSwitchId.IpNotEnough", said, FORBIDDEN)
        return free
    asked = IPv4Address(call.params.text("PrivateIpAddress"))
    if not vswitch.cidr.network_address < asked < vswitch.gateway:
        raise invalid("PrivateIpAddress", "It is not the vSwitch's to give.")
    if any(instance.private == asked for instance in call.world.within(vswitch)):
        said = "The specified private IP address is in use."
        raise ApiError("InvalidPrivateIpAddress.Duplicated", said)
    return asked


def _disk_size(call: Call, image: str) -> int:
    least = IMAGES[image].size_gib
    size = call.params.number("SystemDisk.Size", max(least, 40))
    if size < least:
        said = f"The system disk is smaller than its image, {least} GiB."
        raise ApiError("InvalidSystemDiskSize.LessThanImageSize", said, FORBIDDEN)
    return size


def _credit(call: Call, kind: str) -> str:
    burstable = TYPES[kind].baseline_credits > 0
    asked = call.params.text("CreditSpecification")
    if asked and not burstable:
        said = "Only burstable instance types have a CreditSpecification."
        raise ApiError("InvalidParameter.CreditSpecification", said)
    return asked or ("Standard" if burstable else "")


@action(
    "Ecs",
    "DescribeInstances",
    param("InstanceIds", "ids"),
    *(param(name) for name in ("InstanceName", "VpcId", "VSwitchId", "ZoneId", "KeyPairName")),
    *(param(name) for name in ("SecurityGroupId", "InstanceType", "ImageId", "Status")),
    param("InstanceNetworkType", "text", "vpc", "classic"),
    param("PrivateIpAddresses", "ids"),
    param("PublicIpAddresses", "ids"),
    param("EipAddresses", "ids"),
    param("AdditionalAttributes.N"),
    *TAGS,
    *PAGES,
)
def describe_instances(call: Call) -> Answer:
    """List instances; one that does not exist is an empty list."""
    found = [i for i in call.here(call.world.instances) if _wanted(i, call)]
    shown, about = call.page(found)
    return {"Instances": {"Instance": [of_instance(i, call.world) for i in shown]}, **about}


def _wanted(instance: Instance, call: Call) -> bool:
    asked = call.params
    eip = call.world.eip_of(instance.id)
    values = {
        "InstanceName": instance.name,
        "VpcId": instance.vpc,
        "VSwitchId": instance.vswitch,
        "ZoneId": instance.zone,
        "KeyPairName": instance.key_pair,
        "InstanceType": instance.kind,
        "ImageId": instance.image,
        "Status": instance.status,
        "InstanceNetworkType": "vpc",
    }
    lists = {
        "InstanceIds": instance.id,
        "PrivateIpAddresses": str(instance.private),
        "PublicIpAddresses": str(instance.public),
        "EipAddresses": str(eip.address) if eip is not None else "",
    }
    return (
        all(asked.text(name) in ("", value) for name, value in values.items())
        and all(not asked.has(name) or value in asked.ids(name) for name, value in lists.items())
        and asked.text("SecurityGroupId") in ("", *instance.groups)
        and asked.tags().items() <= instance.tags.items()
    )


@action(
    "Ecs",
    "DescribeInstanceStatus",
    param("InstanceId.N"),
    param("ZoneId"),
    *NUMBERED,
)
def describe_instance_status(call: Call) -> Answer:
    """List instances' statuses and nothing else."""
    ids = call.params.texts("InstanceId")
    found = [
        instance
        for instance in call.here(call.world.instances)
        if (not ids or instance.id in ids) and call.params.text("ZoneId") in ("", instance.zone)
    ]
    shown, about = call.page(found)
    statuses = [{"InstanceId": each.id, "Status": each.status} for each in shown]
    return {"InstanceStatuses": {"InstanceStatus": statuses}, **about}


@action(
    "Ecs",
    "DeleteInstance",
    needed("InstanceId"),
    param("Force", "bool"),
    param("TerminateSubscription", "bool"),
    changes=True,
    needs_region=False,
)
def delete_instance(call: Call) -> Answer:
    """Give an instance back, stopped or by force; an EIP stays and is free then."""
    instance = call.instance(call.params.text("InstanceId"))
    if instance.protected:
        said = "The instance is protected against deletion."
        raise ApiError("InvalidOperation.DeletionProtection", said, FORBIDDEN)
    if instance.charge == "PrePaid" and not call.params.flag("TerminateSubscription"):
        said = "The instance is paid for in advance."
        raise ApiError("ChargeTypeViolation", said, FORBIDDEN)
    if instance.released:
        return {}
    if instance.status == "Pending":
        said = "The specified instance is initializing."
        raise ApiError("IncorrectInstanceStatus.Initializing", said, FORBIDDEN)
    if instance.status != "Stopped" and not call.params.flag("Force"):
        raise wrong_status("instance", instance.status)
    instance.released, instance.again = True, False
    call.world.moved(instance, "Stopping")
    call.touched.add(instance.id)
    return {}
