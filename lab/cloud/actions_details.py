"""What an instance is made of, one action for each part of it (product Ecs)."""

from __future__ import annotations

from lab.cloud.actions_tags import shown_tags
from lab.cloud.errors import missing
from lab.cloud.registry import NUMBERED, PAGES, TAGS, Answer, Call, action
from lab.cloud.shown import of_instance, private_ips
from lab.cloud.state import Instance, minute, second
from lab.cloud.wire import needed, param
from lab.parts import stable_mac


def _chosen(call: Call, ids: list[str]) -> list[Instance]:
    return [i for i in call.here(call.world.instances) if not ids or i.id in ids]


@action(
    "Ecs",
    "DescribeDisks",
    param("InstanceId"),
    param("DiskIds", "ids"),
    param("DiskType", "text", "all", "system", "data"),
    *(param(name) for name in ("Category", "Status", "ZoneId", "DiskName")),
    *TAGS,
    *PAGES,
)
def describe_disks(call: Call) -> Answer:
    """List disks: each instance has its system disk, and there are no others."""
    asked = call.params
    id = asked.text("InstanceId")
    found = [
        instance
        for instance in _chosen(call, [id] if id else [])
        if asked.text("DiskType") != "data"
        and (not asked.has("DiskIds") or instance.disk.id in asked.ids("DiskIds"))
        and asked.text("Category") in ("", instance.disk.category)
        and asked.text("Status") in ("", "All", "In_use")
        and asked.text("ZoneId") in ("", instance.zone)
        and asked.text("DiskName") in ("", instance.disk.name)
        and asked.tags().items() <= instance.disk.tags.items()
    ]
    shown, about = call.page(found)
    return {"Disks": {"Disk": [_of_disk(instance) for instance in shown]}, **about}


def _of_disk(instance: Instance) -> Answer:
    disk = instance.disk
    essd = disk.category == "cloud_essd"
    return {
        "DiskId": disk.id,
        "DiskName": disk.name,
        "Description": disk.description,
        "Category": disk.category,
        "Size": disk.size_gib,
        "Type": "system",
        "Status": "In_use",
        "Device": "/dev/xvda",
        "InstanceId": instance.id,
        "ImageId": instance.image,
        "RegionId": instance.region,
        "ZoneId": instance.zone,
        "CreationTime": second(instance.created),
        "AttachedTime": second(instance.created),
        "DiskChargeType": instance.charge,
        "DeleteWithInstance": True,
        "DeleteAutoSnapshot": True,
        "EnableAutoSnapshot": True,
        "Portable": False,
        "Encrypted": False,
        "KMSKeyId": "",
        "MultiAttach": "Disabled",
        "ResourceGroupId": "",
        "StorageClusterId": "",
        "AutoSnapshotPolicyId": "",
        "SourceSnapshotId": "",
        **({"PerformanceLevel": "PL1"} if essd else {}),
        "OperationLocks": {"OperationLock": []},
        "Tags": shown_tags(disk.tags),
    }


@action("Ecs", "DescribeUserData", needed("InstanceId"))
def describe_user_data(call: Call) -> Answer:
    """Return an instance's user data, in base64."""
    instance = call.instance(call.params.text("InstanceId"))
    about = {"InstanceId": instance.id, "RegionId": instance.region}
    return {**about, "UserData": instance.user_data}


@action(
    "Ecs",
    "DescribeInstanceRamRole",
    param("InstanceIds", "ids"),
    param("RamRoleName"),
    *NUMBERED,
)
def describe_instance_ram_role(call: Call) -> Answer:
    """List instances with their RAM roles: nobody has one."""
    found = _chosen(call, call.params.ids("InstanceIds"))
    roles = [{"InstanceId": instance.id, "RamRoleName": ""} for instance in found]
    sets = {"InstanceRamRoleSet": roles}
    return {"InstanceRamRoleSets": sets, "RegionId": call.region, "TotalCount": len(roles)}


@action(
    "Ecs",
    "DescribeNetworkInterfaces",
    param("NetworkInterfaceId.N"),
    *(param(name) for name in ("InstanceId", "VSwitchId", "VpcId", "SecurityGroupId", "Type")),
    *TAGS,
    *PAGES,
)
def describe_network_interfaces(call: Call) -> Answer:
    """List network cards: each instance has its primary one, and there are no others."""
    asked = call.params
    cards = asked.texts("NetworkInterfaceId")
    found = [
        instance
        for instance in call.here(call.world.instances)
        if (not cards or instance.card in cards)
        and asked.text("InstanceId") in ("", instance.id)
        and asked.text("VSwitchId") in ("", instance.vswitch)
        and asked.text("VpcId") in ("", instance.vpc)
        and asked.text("SecurityGroupId") in ("", *instance.groups)
        and asked.text("Type") in ("", "Primary")
        and not asked.tags()
    ]
    shown, about = call.page(found)
    sets = {"NetworkInterfaceSet": [_of_card(instance, call) for instance in shown]}
    return {"NetworkInterfaceSets": sets, **about}


def _of_card(instance: Instance, call: Call) -> Answer:
    eip = call.world.eip_of(instance.id)
    public = {"AllocationId": eip.id, "PublicIpAddress": str(eip.address)} if eip else {}
    return {
        "NetworkInterfaceId": instance.card,
        "NetworkInterfaceName": "",
        "Description": "",
        "Type": "Primary",
        "Status": "InUse",
        "InstanceId": instance.id,
        "VpcId": instance.vpc,
        "VSwitchId": instance.vswitch,
        "ZoneId": instance.zone,
        "MacAddress": stable_mac(instance.card),
        "PrivateIpAddress": str(instance.private),
        "PrivateIpSets": private_ips(instance),
        "Ipv6Sets": {"Ipv6Set": []},
        "AssociatedPublicIp": public,
        "Attachment": {"InstanceId": instance.id, "DeviceIndex": 0, "NetworkCardIndex": 0},
        "NetworkInterfaceTrafficMode": "Standard",
        "QueueNumber": 1,
        "QueuePairNumber": 1,
        "SourceDestCheck": False,
        "DeleteOnRelease": True,
        "ServiceManaged": False,
        "ResourceGroupId": "",
        "CreationTime": second(instance.created),
        "SecurityGroupIds": {"SecurityGroupId": instance.groups},
        "Tags": {"Tag": []},
    }


@action(
    "Ecs",
    "DescribeInstanceMaintenanceAttributes",
    param("InstanceId.N"),
    *NUMBERED,
)
def describe_instance_maintenance_attributes(call: Call) -> Answer:
    """List what happens to instances when their host is maintained."""
    found = _chosen(call, call.params.texts("InstanceId"))
    policies = ["Stop", "AutoRecover", "AutoRedeploy"]
    shown = [
        {
            "InstanceId": instance.id,
            "MaintenanceWindows": {"MaintenanceWindow": []},
            "NotifyOnMaintenance": False,
            "ActionOnMaintenance": {
                "Value": "AutoRecover",
                "DefaultValue": "AutoRecover",
                "SupportedValues": {"SupportedValue": policies},
            },
        }
        for instance in found
    ]
    attributes = {"MaintenanceAttribute": shown}
    about = {"TotalCount": len(shown), "PageNumber": 1, "PageSize": 10}
    return {"MaintenanceAttributes": attributes, **about}


@action("Ecs", "DescribeInstanceAttribute", needed("InstanceId"), needs_region=False)
def describe_instance_attribute(call: Call) -> Answer:
    """Show one instance."""
    instance = call.instance(call.params.text("InstanceId"))
    shown = of_instance(instance, call.world)
    left_out = ("Tags", "NetworkInterfaces", "MetadataOptions", "CpuOptions", "AdditionalInfo")
    kept = {name: value for name, value in shown.items() if name not in left_out}
    about = {"CreationTime": minute(instance.created), "IoOptimized": "optimized"}
    return {**kept, **about, "EnableJumboFrame": False, "EnableNetworkEncryption": False}


@action(
    "Ecs",
    "DescribeInstanceAttachmentAttributes",
    needed("InstanceIds", "ids"),
    *NUMBERED,
)
def describe_instance_attachment_attributes(call: Call) -> Answer:
    """List the private pools that instances draw from: none."""
    shown = [
        {
            "InstanceId": instance.id,
            "PrivatePoolOptionsMatchCriteria": "None",
            "PrivatePoolOptionsId": "",
        }
        for instance in _chosen(call, call.params.ids("InstanceIds"))
    ]
    about = {"TotalCount": len(shown), "PageNumber": 1, "PageSize": 10}
    return {"Instances": {"Instance": shown}, **about}


@action("Ecs", "DescribeInstanceAutoRenewAttribute", param("InstanceId"), *NUMBERED)
def describe_instance_auto_renew_attribute(call: Call) -> Answer:
    """List which of the instances that are paid for in advance are renewed by themselves."""
    if not call.params.has("InstanceId"):
        raise missing("InstanceId")
    ids = call.params.text("InstanceId").split(",")
    shown = [
        {
            "InstanceId": instance.id,
            "AutoRenewEnabled": instance.auto_renew,
            "RenewalStatus": "AutoRenewal" if instance.auto_renew else "Normal",
            "PeriodUnit": "Month",
            "Duration": 1 if instance.auto_renew else 0,
        }
        for instance in _chosen(call, ids)
        if instance.charge == "PrePaid"
    ]
    about = {"TotalCount": len(shown), "PageNumber": 1, "PageSize": 10}
    return {"InstanceRenewAttributes": {"InstanceRenewAttribute": shown}, **about}
