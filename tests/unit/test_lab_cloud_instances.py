"""Instances and their machines: what is asked of them, when, and what happens when they fail."""

from __future__ import annotations

import base64
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from lab.cloud import fleet
from lab.settings import CloudSettings, Quotas
from tests.unit.memory_cloud import (
    DEBIAN,
    PUBLIC_KEY,
    REGION,
    ZONE,
    Client,
    RefusedError,
    code,
    until,
)

USER_DATA = "#cloud-config\nhostname: z\n"


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


async def refused(client: Client, vswitch: str, group: str, /, **more: object) -> str:
    with pytest.raises(RefusedError) as caught:
        await client.run(vswitch, group, **more)
    return caught.value.code


async def test_an_instance_from_its_order_to_its_end(client: Client) -> None:
    vpc, vswitch, group = await client.network()
    await client.call("ImportKeyPair", KeyPairName="k1", PublicKeyBody=PUBLIC_KEY)
    id = await client.run(
        vswitch,
        group,
        InstanceName="hub",
        HostName="hub-z",
        KeyPairName="k1",
        UserData=base64.b64encode(USER_DATA.encode()).decode(),
        SystemDisk__Category="cloud_essd",
        SystemDisk__Size=20,
        Tag__1__Key="a",
        Tag__1__Value="1",
    )
    assert (await client.instance(id))["Status"] == "Pending"
    shown = await client.until(id, "Running")
    booted = client.machines.known[id]
    assert (booted.name, booted.hostname, booted.vpc, booted.vswitch) == (
        *("hub", "hub-z"),
        *(vpc, vswitch),
    )
    assert str(booted.private) == "172.16.1.1/24"
    assert booted.gateway == IPv4Address("172.16.1.253")
    assert (booted.image, booted.memory_mib) == (DEBIAN, 512)
    assert (booted.user_data, booted.authorized_key) == (USER_DATA, PUBLIC_KEY)
    assert (booted.region, booted.zone) == (REGION, ZONE)
    assert booted.instance_type == "ecs.t6-c4m1.large"
    # It is guarded before it is on.
    assert client.machines.calls[:2] == ["protect", "start"]
    assert shown["PublicIpAddress"]["IpAddress"] == []
    assert shown["VpcAttributes"]["PrivateIpAddress"]["IpAddress"] == ["172.16.1.1"]
    assert shown["Tags"]["Tag"] == [{"TagKey": "a", "TagValue": "1"}]
    assert shown["CreditSpecification"] == "Standard"
    assert await code(client, "DeleteVSwitch", VSwitchId=vswitch) == "DependencyViolation"
    assert await code(client, "DeleteSecurityGroup", SecurityGroupId=group) == (
        "DependencyViolation"
    )
    assert await code(client, "DeleteKeyPairs", KeyPairNames='["k1"]') == (
        "InvalidParameter.KeypairAlreadyAttachedInstance"
    )
    assert await code(client, "DeleteInstance", InstanceId=id) == "IncorrectInstanceStatus"
    await client.call("DeleteInstance", InstanceId=id, Force="true")
    await client.until(id, None)
    assert client.machines.known == {}
    await client.call("DeleteVSwitch", VSwitchId=vswitch)
    await client.call("DeleteSecurityGroup", SecurityGroupId=group)
    await client.call("DeleteKeyPairs", KeyPairNames='["k1"]')


async def test_what_the_provider_reads_of_an_instance_is_there(client: Client) -> None:
    _vpc, vswitch, group = await client.network()
    id = await client.run(vswitch, group, UserData="eA==")
    shown = await client.until(id, "Running")
    card = shown["NetworkInterfaces"]["NetworkInterface"][0]
    assert card["Type"] == "Primary"
    ids = f'["{id}"]'
    (disk,) = (await client.call("DescribeDisks", InstanceId=id, DiskType="system"))["Disks"][
        "Disk"
    ]
    assert (disk["InstanceId"], disk["Type"], disk["Size"]) == (id, "system", 40)
    assert (await client.call("DescribeDisks", InstanceId=id, DiskType="data"))["TotalCount"] == 0
    assert (await client.call("DescribeUserData", InstanceId=id))["UserData"] == "eA=="
    roles = await client.call("DescribeInstanceRamRole", InstanceIds=ids)
    assert roles["InstanceRamRoleSets"]["InstanceRamRoleSet"] == [
        {"InstanceId": id, "RamRoleName": ""}
    ]
    cards = await client.call(
        "DescribeNetworkInterfaces", NetworkInterfaceId__1=card["NetworkInterfaceId"]
    )
    (found,) = cards["NetworkInterfaceSets"]["NetworkInterfaceSet"]
    assert found["PrivateIpSets"]["PrivateIpSet"][0]["Primary"] is True
    assert found["Attachment"]["NetworkCardIndex"] == 0
    kept = await client.call("DescribeInstanceMaintenanceAttributes", InstanceId__1=id)
    (one,) = kept["MaintenanceAttributes"]["MaintenanceAttribute"]
    assert one["ActionOnMaintenance"]["Value"] == "AutoRecover"
    attribute = await client.call("DescribeInstanceAttribute", InstanceId=id)
    assert (attribute["InstanceId"], attribute["EnableJumboFrame"]) == (id, False)
    pools = await client.call("DescribeInstanceAttachmentAttributes", InstanceIds=ids)
    assert pools["Instances"]["Instance"][0]["PrivatePoolOptionsMatchCriteria"] == "None"
    renewal = await client.call("DescribeInstanceAutoRenewAttribute", InstanceId=id)
    assert renewal["InstanceRenewAttributes"]["InstanceRenewAttribute"] == []
    statuses = await client.call("DescribeInstanceStatus", InstanceId__1=id)
    assert statuses["InstanceStatuses"]["InstanceStatus"] == [
        {"InstanceId": id, "Status": "Running"}
    ]


async def test_statuses_take_their_time(tmp_path: Path) -> None:
    settings = CloudSettings(network_s=0, pending_s=0.2, starting_s=0.2, stopping_s=0.2, eip_s=0.2)
    client = Client(tmp_path, settings)
    _vpc, vswitch, group = await client.network()
    id = await client.run(vswitch, group)
    assert (await client.instance(id))["Status"] == "Pending"
    assert await code(client, "DeleteInstance", InstanceId=id, Force="true") == (
        "IncorrectInstanceStatus.Initializing"
    )
    await client.until(id, "Starting")
    assert await code(client, "StopInstance", InstanceId=id) == "IncorrectInstanceStatus"
    await client.until(id, "Running")
    eip = (await client.call("AllocateEipAddress"))["AllocationId"]
    await client.call("AssociateEipAddress", AllocationId=eip, InstanceId=id)
    assert (await client.eip(eip, "Associating"))["InstanceId"] == id
    assert await code(client, "UnassociateEipAddress", AllocationId=eip) == "IncorrectEipStatus"
    assert await code(client, "ReleaseEipAddress", AllocationId=eip) == "IncorrectEipStatus"
    await client.eip(eip, "InUse")
    await client.call("StopInstance", InstanceId=id)
    assert (await client.instance(id))["Status"] == "Stopping"
    await client.until(id, "Stopped")


async def test_start_stop_and_reboot(client: Client) -> None:
    _vpc, vswitch, group = await client.network()
    id = await client.run(vswitch, group)
    await client.until(id, "Running")
    assert await code(client, "StartInstance", InstanceId=id) == "IncorrectInstanceStatus"
    await client.call("StopInstance", InstanceId=id, StoppedMode="StopCharging")
    assert (await client.until(id, "Stopped"))["StoppedMode"] == "StopCharging"
    assert id not in client.machines.on
    assert await code(client, "StopInstance", InstanceId=id) == "IncorrectInstanceStatus"
    await client.call("StartInstance", InstanceId=id)
    await client.until(id, "Running")
    client.machines.calls.clear()
    await client.call("RebootInstance", InstanceId=id)
    assert (await client.instance(id))["Status"] == "Stopping"
    await client.until(id, "Running")
    switched = [call for call in client.machines.calls if call in ("stop", "start")]
    assert switched == ["stop", "start"]


async def test_a_disk_grows_and_never_shrinks(client: Client) -> None:
    _vpc, vswitch, group = await client.network()
    id = await client.run(vswitch, group, SystemDisk__Size=20)
    await client.until(id, "Running")
    listed = await client.call("DescribeDisks", InstanceId=id)
    disk = listed["Disks"]["Disk"][0]["DiskId"]
    told: dict[str, Any] = {"DiskId": disk, "NewSize": 30}
    assert await code(client, "ResizeDisk", **told) == "IncorrectInstanceStatus"
    told["Type"] = "online"
    assert await code(client, "ResizeDisk", **(told | {"DiskId": "d-none"})) == (
        "InvalidDiskId.NotFound"
    )
    await client.call("ResizeDisk", **told)
    listed = await client.call("DescribeDisks", InstanceId=id)
    assert listed["Disks"]["Disk"][0]["Size"] == 30
    assert await code(client, "ResizeDisk", **told) == "InvalidDiskSize.TooSmall"


async def test_another_type_and_user_data_count_from_the_next_start_on(client: Client) -> None:
    _vpc, vswitch, group = await client.network()
    id = await client.run(vswitch, group)
    await client.until(id, "Running")
    told: dict[str, Any] = {"InstanceId": id, "InstanceType": "ecs.e-c1m1.large"}
    assert await code(client, "ModifyInstanceSpec", **told) == "IncorrectInstanceStatus"
    await client.call("StopInstance", InstanceId=id)
    await client.until(id, "Stopped")
    assert await code(
        client, "ModifyInstanceSpec", InstanceId=id, InstanceType="ecs.none.large"
    ) == ("InvalidInstanceType.ValueNotSupported")
    await client.call("ModifyInstanceSpec", **told)
    await client.call("ModifyInstanceAttribute", InstanceId=id, UserData="eQ==", HostName="hub-y")
    assert (await client.instance(id))["CreditSpecification"] == ""
    await client.call("StartInstance", InstanceId=id)
    await client.until(id, "Running")
    booted = client.machines.known[id]
    assert (booted.memory_mib, booted.user_data, booted.hostname) == (2048, "y", "hub-y")


async def test_what_cannot_be_ordered(client: Client) -> None:
    _vpc, vswitch, group = await client.network()
    _other, _vswitch, elsewhere = await client.network()

    async def run(**more: object) -> str:
        return await refused(client, vswitch, group, **more)

    assert await run(ImageId="debian_99") == "InvalidImageId.NotFound"
    assert await run(ImageId="ubuntu_22_04_x64_20G_alibase_20250819.vhd") == (
        "ImageNotSupportInstanceType"
    )
    assert await run(InstanceType="ecs.none.large") == "InvalidInstanceType.ValueNotSupported"
    assert await run(ZoneId="cn-hangzhou-b") == "InvalidParameterValue.VSwitchZoneMismatch"
    assert await run(VSwitchId="vsw-x") == "InvalidVSwitchId.NotFound"
    assert await run(SecurityGroupIds__1="sg-x") == "InvalidSecurityGroupId.NotFound"
    assert await run(SecurityGroupIds__1=elsewhere) == "InvalidSecurityGroupId.VPCMismatch"
    assert await run(KeyPairName="none") == "InvalidKeyPair.NotFound"
    assert await run(UserData="not base64!") == "InvalidUserData.Base64FormatInvalid"
    long = base64.b64encode(b"x" * (16 * 1024 + 1)).decode()
    assert await run(UserData=long) == "InvalidUserData.SizeExceeded"
    assert await run(InstanceChargeType="PrePaid") == "InvalidPeriod"
    assert await run(SystemDisk__Size=19) == "InvalidSystemDiskSize.LessThanImageSize"
    assert await run(PrivateIpAddress="172.16.1.253") == "InvalidParameter"
    assert await run(InstanceType="ecs.e-c1m1.large", CreditSpecification="Unlimited") == (
        "InvalidParameter.CreditSpecification"
    )
    assert client.world.instances == {}


async def test_a_type_that_a_zone_does_not_sell(client: Client) -> None:
    _vpc, vswitch, group = await client.network(zone="cn-hangzhou-b")
    assert await refused(client, vswitch, group) == "InvalidInstanceType.NotSupported"
    await client.run(vswitch, group, InstanceType="ecs.e-c1m1.large")


async def test_a_quota_of_instances(tmp_path: Path) -> None:
    client = Client(tmp_path, CloudSettings(network_s=0, quotas=Quotas(instances=0)))
    _vpc, vswitch, group = await client.network()
    assert await refused(client, vswitch, group) == "QuotaExceed.ElasticQuota"


async def test_private_addresses_are_had_once(client: Client) -> None:
    _vpc, vswitch, group = await client.network()
    first = await client.run(vswitch, group, PrivateIpAddress="172.16.1.1")
    assert await refused(client, vswitch, group, PrivateIpAddress="172.16.1.1") == (
        "InvalidPrivateIpAddress.Duplicated"
    )
    second = await client.run(vswitch, group)
    assert client.world.instances[second].private == IPv4Address("172.16.1.2")
    assert client.world.instances[first].private == IPv4Address("172.16.1.1")


async def test_protection_and_payment_in_advance_keep_an_instance(client: Client) -> None:
    _vpc, vswitch, group = await client.network()
    id = await client.run(vswitch, group, DeletionProtection="true")
    await client.until(id, "Running")
    told: dict[str, Any] = {"InstanceId": id, "Force": "true"}
    assert await code(client, "DeleteInstance", **told) == "InvalidOperation.DeletionProtection"
    await client.call("ModifyInstanceAttribute", InstanceId=id, DeletionProtection="false")
    await client.call("DeleteInstance", **told)
    prepaid = await client.run(vswitch, group, InstanceChargeType="PrePaid", Period=1)
    shown = await client.until(prepaid, "Running")
    assert shown["InstanceChargeType"] == "PrePaid"
    told["InstanceId"] = prepaid
    assert await code(client, "DeleteInstance", **told) == "ChargeTypeViolation"
    renewal = await client.call("DescribeInstanceAutoRenewAttribute", InstanceId=prepaid)
    assert len(renewal["InstanceRenewAttributes"]["InstanceRenewAttribute"]) == 1


# --- machines that fail, and servers that are killed ---


async def test_a_machine_that_does_not_start_is_stopped_and_says_why(client: Client) -> None:
    _vpc, vswitch, group = await client.network()
    client.machines.broken.add("start")
    id = await client.run(vswitch, group)
    await client.until(id, "Stopped")
    assert "does not start: start is broken" in client.world.instances[id].trouble
    client.machines.broken.clear()
    await client.call("StartInstance", InstanceId=id)
    await client.until(id, "Running")
    assert client.world.instances[id].trouble == ""


async def test_what_fails_is_tried_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "LONGEST_WAIT_S", 0.05)
    _vpc, vswitch, group = await client.network()
    id = await client.run(vswitch, group)
    await client.until(id, "Running")
    client.machines.broken.add("bind")
    eip = (await client.call("AllocateEipAddress"))["AllocationId"]
    await client.call("AssociateEipAddress", AllocationId=eip, InstanceId=id)
    await until(lambda: "bind is broken" in client.world.instances[id].trouble)
    assert client.world.eips[eip].status == "Associating"
    client.machines.broken = {"remove"}
    await client.eip(eip, "InUse")
    await client.call("DeleteInstance", InstanceId=id, Force="true")
    await until(lambda: "remove is broken" in client.world.instances[id].trouble)
    client.machines.broken.clear()
    await client.until(id, None)


@pytest.mark.parametrize("status", ["Pending", "Starting", "Running", "Stopping"])
async def test_a_killed_server_goes_on_from_the_file(status: str, tmp_path: Path) -> None:
    client = Client(tmp_path, CloudSettings(network_s=0, pending_s=0.1, starting_s=0.1))
    _vpc, vswitch, group = await client.network()
    id = await client.run(vswitch, group)
    await client.until(id, "Running" if status == "Stopping" else status)
    if status == "Stopping":
        await client.call("DeleteInstance", InstanceId=id, Force="true")
    # Its machine may have died meanwhile.
    client.machines.on.clear()
    await client.restart()
    await client.until(id, None if status == "Stopping" else "Running")
    assert client.machines.on == (set() if status == "Stopping" else {id})
