"""What can be had, where, and for how much (products Ecs, Vpc and Sts)."""

from __future__ import annotations

from typing import Final

from lab.cloud.catalogue import (
    CURRENCY,
    DISKS,
    IMAGES,
    REGIONS,
    TYPES,
    Image,
    InstanceType,
    hourly_price,
    sold,
)
from lab.cloud.errors import ApiError, invalid, not_found
from lab.cloud.registry import Answer, Call, action
from lab.cloud.wire import needed, param

ACCOUNT: Final = "1000000000000001"
HOURS: Final = {"Hour": 1, "Day": 24, "Week": 168, "Month": 720, "Year": 8640}


@action("Sts", "GetCallerIdentity", needs_region=False)
def get_caller_identity(_call: Call) -> Answer:
    """Say whose key it is."""
    return {
        "AccountId": ACCOUNT,
        "UserId": ACCOUNT,
        "PrincipalId": ACCOUNT,
        "IdentityType": "Account",
        "Arn": f"acs:ram::{ACCOUNT}:root",
    }


@action(
    "Ecs",
    "DescribeRegions",
    *(param(name) for name in ("InstanceChargeType", "ResourceType", "AcceptLanguage")),
    needs_region=False,
)
@action("Vpc", "DescribeRegions", param("AcceptLanguage"), needs_region=False)
def describe_regions(_call: Call) -> Answer:
    """List the regions."""
    shown = [
        {
            "RegionId": region.id,
            "LocalName": region.name,
            "RegionEndpoint": f"ecs.{region.id}.aliyuncs.com",
            "Status": "available",
        }
        for region in REGIONS.values()
    ]
    return {"Regions": {"Region": shown}}


@action(
    "Ecs",
    "DescribeZones",
    *(param(name) for name in ("InstanceChargeType", "SpotStrategy", "AcceptLanguage")),
    param("Verbose", "bool"),
)
def describe_zones(call: Call) -> Answer:
    """List the region's zones and what each has."""
    shown = [
        {
            "ZoneId": zone,
            "LocalName": f"Zone {zone[-1].upper()}",
            "ZoneType": "AvailabilityZone",
            "AvailableInstanceTypes": {"InstanceTypes": [t for t in TYPES if sold(t, zone)]},
            "AvailableDiskCategories": {"DiskCategories": list(DISKS)},
            "AvailableVolumeCategories": {"VolumeCategories": list(DISKS)},
            "AvailableResourceCreation": {
                "ResourceTypes": ["VSwitch", "Instance", "Disk", "IoOptimized"]
            },
            "AvailableResources": {"ResourcesInfo": []},
            "DedicatedHostGenerations": {"DedicatedHostGeneration": []},
            "AvailableDedicatedHostTypes": {"DedicatedHostType": []},
        }
        for zone in REGIONS[call.region].zones
    ]
    return {"Zones": {"Zone": shown}}


@action(
    "Ecs",
    "DescribeAvailableResource",
    needed(
        "DestinationResource",
        "text",
        "Zone",
        "IoOptimized",
        "InstanceType",
        "SystemDisk",
        "DataDisk",
    ),
    param("ZoneId"),
    param("InstanceType"),
    param("Cores", "int"),
    param("Memory", "number"),
    *(param(name) for name in ("IoOptimized", "InstanceChargeType", "SpotStrategy", "Scope")),
    *(param(name) for name in ("SystemDiskCategory", "DataDiskCategory", "NetworkCategory")),
    param("ResourceType"),
)
def describe_available_resource(call: Call) -> Answer:
    """List, zone by zone, what of a kind can be had."""
    asked = call.params
    zones = [z for z in REGIONS[call.region].zones if asked.text("ZoneId") in ("", z)]
    shown = []
    for zone in zones:
        types = [kind.id for kind in TYPES.values() if _fits(kind, call) and sold(kind.id, zone)]
        values = {
            "Zone": [zone] if types else [],
            "IoOptimized": ["optimized"],
            "InstanceType": types,
        }.get(asked.text("DestinationResource"), list(DISKS) if types else [])
        if not values:
            continue
        supported = [
            {"Value": value, "Status": "Available", "StatusCategory": "WithStock"}
            for value in values
        ]
        resource = {
            "Type": asked.text("DestinationResource"),
            "SupportedResources": {"SupportedResource": supported},
        }
        about = {"ZoneId": zone, "RegionId": call.region, "Status": "Available"}
        resources = {"AvailableResources": {"AvailableResource": [resource]}}
        shown.append({**about, "StatusCategory": "WithStock", **resources})
    return {"AvailableZones": {"AvailableZone": shown}}


def _fits(kind: InstanceType, call: Call) -> bool:
    memory = call.params.text("Memory")
    return (
        call.params.text("InstanceType") in ("", kind.id)
        and call.params.number("Cores", kind.cpus) == kind.cpus
        and (not memory or float(memory) * 1024 == kind.memory_mib)
    )


@action(
    "Ecs",
    "DescribeInstanceTypes",
    param("InstanceTypes.N"),
    param("InstanceTypeFamily"),
    param("MinimumEniIpv6AddressQuantity", "int"),
    param("MinimumEniPrivateIpAddressQuantity", "int"),
    param("GPUSpec"),
    param("MaxResults", "int", most=100),
    param("NextToken"),
    needs_region=False,
)
def describe_instance_types(call: Call) -> Answer:
    """List instance types: those of these names or of a family, or all."""
    names = call.params.texts("InstanceTypes")
    family = call.params.text("InstanceTypeFamily")
    shown = [
        {
            "InstanceTypeId": kind.id,
            "InstanceTypeFamily": kind.family,
            "InstanceFamilyLevel": kind.level,
            "CpuCoreCount": kind.cpus,
            "CpuArchitecture": "X86",
            "MemorySize": kind.memory_mib / 1024,
            "BaselineCredit": kind.baseline_credits,
            "InitialCredit": kind.initial_credits,
            "InstanceBandwidthRx": kind.kbit_per_s,
            "InstanceBandwidthTx": kind.kbit_per_s,
            "InstancePpsRx": kind.packets_per_s,
            "InstancePpsTx": kind.packets_per_s,
            "EniQuantity": 2,
            "EniPrivateIpAddressQuantity": 2,
            "EniIpv6AddressQuantity": 1,
            "GPUAmount": 0,
            "GPUSpec": "",
            "LocalStorageAmount": 0,
            "LocalStorageCapacity": 0,
            "LocalStorageCategory": "",
            "NvmeSupport": "unsupported",
        }
        for kind in TYPES.values()
        if (not names or kind.id in names) and family in ("", kind.family)
    ]
    return {"InstanceTypes": {"InstanceType": shown}, "NextToken": ""}


def _of_image(image: Image) -> Answer:
    disk = {"Device": "/dev/xvda", "Size": str(image.size_gib), "Type": "system", "Format": ""}
    return {
        "ImageId": image.id,
        "ImageName": image.id,
        "ImageFamily": image.family,
        "ImageOwnerAlias": "system",
        "ImageVersion": "v2",
        "Architecture": "x86_64",
        "OSName": image.os,
        "OSNameEn": image.os,
        "OSType": "linux",
        "Platform": image.platform,
        "Size": image.size_gib,
        "Status": "Available",
        "Usage": "instance",
        "CreationTime": image.created,
        "Description": "",
        "Progress": "100%",
        "ProductCode": "",
        "IsSelfShared": "",
        "IsCopied": False,
        "IsSubscribed": False,
        "IsSupportCloudinit": True,
        "IsSupportIoOptimized": True,
        "DiskDeviceMappings": {"DiskDeviceMapping": [{**disk, "SnapshotId": ""}]},
        "Tags": {"Tag": []},
    }


@action(
    "Ecs",
    "DescribeImages",
    param("ImageId"),
    param("ImageName"),
    param("ImageFamily"),
    param("ImageOwnerAlias", "text", "system", "self", "others", "marketplace"),
    param("Architecture", "text", "i386", "x86_64", "arm64"),
    param("OSType", "text", "linux", "windows"),
    param("InstanceType"),
    *(param(name) for name in ("Status", "Usage", "ActionType", "SnapshotId")),
    *(
        param(name, "bool")
        for name in ("IsSupportIoOptimized", "IsSupportCloudinit", "ShowExpired")
    ),
    param("PageNumber", "int"),
    param("PageSize", "int", most=100),
)
def describe_images(call: Call) -> Answer:
    """List images; all are Alibaba's own, for Linux on x86_64."""
    asked = call.params
    ids = [id for id in asked.text("ImageId").split(",") if id]
    ours = (
        asked.text("ImageOwnerAlias") in ("", "system")
        and asked.text("Architecture") in ("", "x86_64")
        and asked.text("OSType") in ("", "linux")
        and "Available" in asked.text("Status", "Available").split(",")
    )
    found = [
        image
        for image in IMAGES.values()
        if ours
        and (not ids or image.id in ids)
        and asked.text("ImageName").strip("*") in image.id
        and asked.text("ImageFamily") in ("", image.family)
    ]
    size, number = asked.number("PageSize", 10), max(asked.number("PageNumber", 1), 1)
    shown = [_of_image(image) for image in found[(number - 1) * size : number * size]]
    about = {"TotalCount": len(found), "PageNumber": number, "PageSize": size}
    return {"Images": {"Image": shown}, "RegionId": call.region, **about}


@action(
    "Ecs",
    "DescribePrice",
    param("ResourceType", "text", "instance"),
    needed("InstanceType"),
    param("ImageId"),
    param("ZoneId"),
    param("PriceUnit", "text", *HOURS),
    param("Period", "int"),
    param("Amount", "int", most=1000),
    param("InstanceNetworkType", "text", "vpc"),
    param("IoOptimized", "text", "optimized"),
    param("InternetChargeType", "text", "PayByTraffic", "PayByBandwidth"),
    param("InternetMaxBandwidthOut", "int", most=100),
    param("SystemDisk.Category", "text", *DISKS),
    param("SystemDisk.Size", "int"),
    param("SystemDisk.PerformanceLevel"),
    param("SpotStrategy", "text", "NoSpot"),
)
def describe_price(call: Call) -> Answer:
    """Say what an instance costs, in a currency that no price is ever in."""
    asked = call.params
    kind = TYPES.get(asked.text("InstanceType"))
    if kind is None:
        raise not_found("InvalidInstanceType.ValueNotSupported", "InstanceType", "")
    zone = asked.text("ZoneId")
    if zone and not sold(kind.id, zone):
        said = "The instance type is not sold in the zone."
        raise ApiError("InvalidInstanceType.ZoneNotSupported", said, 403)
    if asked.number("Amount", 1) < 1:
        raise invalid("Amount", "It is 1 or more.")
    hours = HOURS[asked.text("PriceUnit", "Hour")] * max(asked.number("Period", 1), 1)
    hours *= asked.number("Amount", 1)
    megabits = asked.number("InternetMaxBandwidthOut")
    parts = {"instanceType": hourly_price(kind) * hours, "systemDisk": 0.1 * hours}
    if megabits:
        # By traffic: XTS for a GB; by bandwidth: for the time.
        by_traffic = asked.text("InternetChargeType", "PayByTraffic") == "PayByTraffic"
        parts["bandwidth"] = 1.0 if by_traffic else 0.01 * megabits * hours
    details = [{"Resource": name, **_price(value)} for name, value in parts.items()]
    price = {**_price(sum(parts.values())), "Currency": CURRENCY}
    return {
        "PriceInfo": {
            "Price": {**price, "DetailInfos": {"DetailInfo": details}},
            "Rules": {"Rule": []},
        }
    }


def _price(value: float) -> Answer:
    rounded = round(value, 4)
    return {"OriginalPrice": rounded, "DiscountPrice": 0.0, "TradePrice": rounded}
