"""An instance as the actions of Ecs show it."""

from __future__ import annotations

from typing import Any

from lab.cloud.actions_tags import shown_tags
from lab.cloud.catalogue import IMAGES, TYPES
from lab.cloud.state import Instance, World, minute
from lab.parts import stable_mac

FAR: float = 4070937600.0
"""When what is paid by use expires, as Ecs says it: 2099."""


def of_instance(instance: Instance, world: World) -> dict[str, Any]:
    """Return an instance as DescribeInstances lists it."""
    kind, image = TYPES[instance.kind], IMAGES[instance.image]
    months = instance.period_months * 30 * 86400
    return {
        "InstanceId": instance.id,
        "InstanceName": instance.name,
        "Description": instance.description,
        "RegionId": instance.region,
        "ZoneId": instance.zone,
        "HostName": instance.hostname,
        "SerialNumber": instance.card.removeprefix("eni-"),
        "ClusterId": "",
        "Status": instance.status,
        "StoppedMode": _stopped_mode(instance),
        "CreationTime": minute(instance.created),
        "StartTime": minute(instance.started) if instance.started else "",
        "ExpiredTime": minute(instance.created + months if months else FAR),
        "AutoReleaseTime": "",
        "ImageId": instance.image,
        "OSName": image.os,
        "OSNameEn": image.os,
        "OSType": "linux",
        "InstanceType": instance.kind,
        "InstanceTypeFamily": kind.family,
        "Cpu": kind.cpus,
        "Memory": kind.memory_mib,
        "GPUAmount": 0,
        "GPUSpec": "",
        "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": kind.cpus, "TopologyType": "", "Numa": ""},
        "CreditSpecification": instance.credit,
        "InstanceChargeType": instance.charge,
        "InstanceNetworkType": "vpc",
        "InternetChargeType": instance.traffic_charge,
        "InternetMaxBandwidthOut": instance.bandwidth_out,
        "InternetMaxBandwidthIn": instance.bandwidth_in,
        "KeyPairName": instance.key_pair,
        "DeletionProtection": instance.protected,
        "SpotStrategy": "NoSpot",
        "SpotPriceLimit": 0.0,
        "SpotDuration": 0,
        "SpotInterruptionBehavior": "Terminate",
        "IoOptimized": True,
        "DeviceAvailable": True,
        "Recyclable": False,
        "SaleCycle": "",
        "VlanId": "",
        "HpcClusterId": "",
        "DeploymentSetId": "",
        "ResourceGroupId": "",
        "LocalStorageAmount": 0,
        "LocalStorageCapacity": 0,
        "PublicIpAddress": {"IpAddress": [str(instance.public)] if instance.public else []},
        "InnerIpAddress": {"IpAddress": []},
        "EipAddress": _eip(instance, world),
        "VpcAttributes": {
            "VpcId": instance.vpc,
            "VSwitchId": instance.vswitch,
            "PrivateIpAddress": {"IpAddress": [str(instance.private)]},
            "NatIpAddress": "",
        },
        "SecurityGroupIds": {"SecurityGroupId": instance.groups},
        "NetworkInterfaces": {"NetworkInterface": [_card(instance)]},
        "OperationLocks": {"LockReason": []},
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": instance.metadata_tokens,
            "HttpPutResponseHopLimit": 1,
        },
        "DedicatedHostAttribute": {"DedicatedHostId": "", "DedicatedHostName": ""},
        "DedicatedInstanceAttribute": {"Affinity": "", "Tenancy": ""},
        "EcsCapacityReservationAttr": {
            "CapacityReservationId": "",
            "CapacityReservationPreference": "",
        },
        "HibernationOptions": {"Configured": False},
        "ImageOptions": {"LoginAsNonRoot": False},
        "AdditionalInfo": {"EnableHighDensityMode": False},
        "RdmaIpAddress": {"IpAddress": []},
        "Tags": shown_tags(instance.tags),
    }


def _stopped_mode(instance: Instance) -> str:
    if instance.status != "Stopped":
        return "Not-applicable"
    return "StopCharging" if instance.stopped_free else "KeepCharging"


def _eip(instance: Instance, world: World) -> dict[str, Any]:
    eip = world.eip_of(instance.id)
    if eip is None:
        return {"AllocationId": "", "IpAddress": "", "InternetChargeType": ""}
    return {
        "AllocationId": eip.id,
        "IpAddress": str(eip.address),
        "InternetChargeType": eip.traffic_charge,
        "Bandwidth": eip.bandwidth,
        "IsSupportUnassociate": True,
    }


def private_ips(instance: Instance) -> dict[str, Any]:
    """Return the addresses of an instance's card."""
    only = {"Primary": True, "PrivateIpAddress": str(instance.private)}
    return {"PrivateIpSet": [only]}


def _card(instance: Instance) -> dict[str, Any]:
    return {
        "NetworkInterfaceId": instance.card,
        "Type": "Primary",
        "MacAddress": stable_mac(instance.card),
        "PrimaryIpAddress": str(instance.private),
        "PrivateIpSets": private_ips(instance),
        "Ipv6Sets": {"Ipv6Set": []},
    }
