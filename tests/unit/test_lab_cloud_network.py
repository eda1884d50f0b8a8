"""VPCs, vSwitches, security groups, key pairs, EIPs: each action, and what depends on what."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lab.settings import CloudSettings, Quotas
from tests.unit.memory_cloud import PUBLIC_KEY, ZONE, Client, code


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


# --- VPCs and vSwitches ---


async def test_a_vpc_from_its_creation_to_its_end(client: Client) -> None:
    made = await client.call(
        "CreateVpc", VpcName="n", Description="d", CidrBlock="10.1.0.0/16", Tag__1__Key="k"
    )
    shown = await client.call("DescribeVpcAttribute", VpcId=made["VpcId"])
    assert shown["VpcName"] == "n"
    assert shown["CidrBlock"] == "10.1.0.0/16"
    assert shown["Status"] == "Available"
    assert shown["Tags"] == {"Tag": [{"Key": "k", "Value": ""}]}
    assert (shown["IsDefault"], shown["EnabledIpv6"], shown["ClassicLinkEnabled"]) == (False,) * 3
    tables = await client.call("DescribeRouteTableList", VpcId=made["VpcId"])
    (table,) = tables["RouterTableList"]["RouterTableListType"]
    assert table["RouteTableType"] == "System"
    assert table["RouteTableId"] == made["RouteTableId"]
    await client.call("ModifyVpcAttribute", VpcId=made["VpcId"], VpcName="m")
    listed = await client.call("DescribeVpcs", VpcId=made["VpcId"])
    assert [vpc["VpcName"] for vpc in listed["Vpcs"]["Vpc"]] == ["m"]
    await client.call("DeleteVpc", VpcId=made["VpcId"])
    assert await code(client, "DescribeVpcAttribute", VpcId=made["VpcId"]) == (
        "InvalidVpcID.NotFound"
    )


@pytest.mark.parametrize("cidr", ["8.8.8.0/24", "10.0.0.0/29", "172.0.0.0/8"])
async def test_a_vpc_is_private_and_of_a_size(cidr: str, client: Client) -> None:
    assert await code(client, "CreateVpc", CidrBlock=cidr) == "InvalidCidrBlock.Malformed"


async def test_a_vpc_is_pending_for_a_while_and_not_to_be_used_then(tmp_path: Path) -> None:
    client = Client(tmp_path, CloudSettings(network_s=0.2))
    vpc = (await client.call("CreateVpc"))["VpcId"]
    vswitch: dict[str, Any] = {"VpcId": vpc, "ZoneId": ZONE, "CidrBlock": "172.16.1.0/24"}
    assert (await client.call("DescribeVpcAttribute", VpcId=vpc))["Status"] == "Pending"
    assert await code(client, "CreateVSwitch", **vswitch) == "IncorrectVpcStatus"
    assert await code(client, "DeleteVpc", VpcId=vpc) == "IncorrectVpcStatus"
    await asyncio.sleep(0.25)
    made = (await client.call("CreateVSwitch", **vswitch))["VSwitchId"]
    shown = await client.call("DescribeVSwitchAttributes", VSwitchId=made)
    assert shown["Status"] == "Pending"
    assert await code(client, "DeleteVSwitch", VSwitchId=made) == "IncorrectVSwitchStatus"


async def test_a_vswitch_from_its_creation_to_its_end(client: Client) -> None:
    vpc, vswitch, _group = await client.network()
    await client.call("ModifyVSwitchAttribute", VSwitchId=vswitch, VSwitchName="s")
    shown = await client.call("DescribeVSwitchAttributes", VSwitchId=vswitch)
    assert shown["VSwitchName"] == "s"
    assert (shown["VpcId"], shown["ZoneId"]) == (vpc, ZONE)
    assert shown["AvailableIpAddressCount"] == 252
    listed = await client.call("DescribeVSwitches", VpcId=vpc)
    assert [each["VSwitchId"] for each in listed["VSwitches"]["VSwitch"]] == [vswitch]
    assert (await client.call("DescribeVSwitches", VpcId="x"))["TotalCount"] == 0
    await client.call("DeleteVSwitch", VSwitchId=vswitch)
    gone = await code(client, "DescribeVSwitchAttributes", VSwitchId=vswitch)
    assert gone == "InvalidVSwitchId.NotFound"


async def test_a_vswitch_is_in_its_vpc_and_beside_the_others(client: Client) -> None:
    vpc, _vswitch, _group = await client.network()

    async def refused(cidr: str, zone: str = ZONE) -> str:
        return await code(client, "CreateVSwitch", VpcId=vpc, ZoneId=zone, CidrBlock=cidr)

    assert await refused("10.0.0.0/24") == "InvalidCidrBlock.Malformed"
    assert await refused("172.16.1.128/25") == "InvalidCidrBlock.Overlapped"
    assert await refused("172.16.2.0/30") == "InvalidCidrBlock.Malformed"
    assert await refused("172.16.2.0/24", "cn-shanghai-b") == "InvalidZoneId.NotFound"


async def test_a_vpc_goes_last(client: Client) -> None:
    vpc, vswitch, group = await client.network()
    assert await code(client, "DeleteVpc", VpcId=vpc) == "DependencyViolation.VSwitch"
    await client.call("DeleteVSwitch", VSwitchId=vswitch)
    assert await code(client, "DeleteVpc", VpcId=vpc) == "DependencyViolation.SecurityGroup"
    await client.call("DeleteSecurityGroup", SecurityGroupId=group)
    await client.call("DeleteVpc", VpcId=vpc)


async def test_regions_know_nothing_of_each_other(client: Client) -> None:
    vpc, vswitch, group = await client.network()
    other = "cn-beijing"
    for action, told, refusal in (
        ("DescribeVpcAttribute", {"VpcId": vpc}, "InvalidVpcID.NotFound"),
        ("DescribeVSwitchAttributes", {"VSwitchId": vswitch}, "InvalidVSwitchId.NotFound"),
        (
            "DescribeSecurityGroupAttribute",
            {"SecurityGroupId": group},
            "InvalidSecurityGroupId.NotFound",
        ),
    ):
        assert await code(client, action, other, **told) == refusal


async def test_a_client_token_makes_once(client: Client) -> None:
    first = await client.call("CreateVpc", ClientToken="t", VpcName="n")
    again = await client.call("CreateVpc", ClientToken="t", VpcName="n")
    assert again["VpcId"] == first["VpcId"]
    assert again["RequestId"] != first["RequestId"]
    assert len(client.world.vpcs) == 1
    refusal = await code(client, "CreateVpc", ClientToken="t", VpcName="m")
    assert refusal == "IdempotentParameterMismatch"
    await client.restart()
    assert (await client.call("CreateVpc", ClientToken="t", VpcName="n"))["VpcId"] == (
        first["VpcId"]
    )


async def test_a_dry_run_says_whether_it_would_do_and_does_nothing(client: Client) -> None:
    assert await code(client, "CreateVpc", DryRun="true") == "DryRunOperation"
    assert await code(client, "CreateVpc", DryRun="true", CidrBlock="8.0.0.0/8") == (
        "InvalidCidrBlock.Malformed"
    )
    assert not client.world.vpcs


async def test_pages(client: Client) -> None:
    for number in range(5):
        await client.call("CreateVpc", VpcName=f"n{number}")

    async def names(**told: object) -> tuple[list[str], int]:
        listed = await client.call("DescribeVpcs", **told)
        return [vpc["VpcName"] for vpc in listed["Vpcs"]["Vpc"]], listed["TotalCount"]

    assert await names(PageSize=2) == (["n0", "n1"], 5)
    assert await names(PageSize=2, PageNumber=3) == (["n4"], 5)
    assert await code(client, "DescribeVpcs", MaxResults=3) == "InvalidParameter"


async def test_pages_by_tokens(client: Client) -> None:
    vpc, _vswitch, first = await client.network()
    made = await client.call("CreateSecurityGroup", VpcId=vpc)

    async def ids(**told: object) -> tuple[list[str], str]:
        found = await client.call("DescribeSecurityGroups", MaxResults=1, **told)
        groups = found["SecurityGroups"]["SecurityGroup"]
        return [group["SecurityGroupId"] for group in groups], found["NextToken"]

    shown, token = await ids()
    assert shown == [first]
    assert await ids(NextToken=token) == ([made["SecurityGroupId"]], "")
    refusal = await code(client, "DescribeSecurityGroups", NextToken="nonsense")
    assert refusal == "InvalidParameter"


@pytest.mark.parametrize(
    ("quota", "action", "refusal"),
    [
        ("vpcs", "CreateVpc", "QuotaExceeded.Vpc"),
        ("eips", "AllocateEipAddress", "QuotaExceeded.Eip"),
    ],
)
async def test_quotas(quota: str, action: str, refusal: str, tmp_path: Path) -> None:
    client = Client(tmp_path, CloudSettings(quotas=Quotas(**{quota: 1})))
    await client.call(action)
    assert await code(client, action) == refusal
    await client.call(action, "cn-shanghai")


# --- tags ---


async def test_tags_come_and_go(client: Client) -> None:
    vpc, vswitch, group = await client.network()
    eip = (await client.call("AllocateEipAddress"))["AllocationId"]
    for kind, id in (("VPC", vpc), ("VSWITCH", vswitch), ("EIP", eip)):
        told = {"product": "Vpc", "ResourceType": kind, "ResourceId__1": id}
        await client.call("TagResources", **told, Tag__1__Key="a", Tag__1__Value="1")
        await client.call("TagResources", **told, Tag__1__Key="b")
        await client.call("UnTagResources", **told, TagKey__1="b")
    shown = await client.call("DescribeVpcAttribute", VpcId=vpc)
    assert shown["Tags"] == {"Tag": [{"Key": "a", "Value": "1"}]}
    found = await client.call("DescribeEipAddresses", Tag__1__Key="a", Tag__1__Value="1")
    assert found["TotalCount"] == 1
    told = {"product": "Ecs", "ResourceType": "securitygroup", "ResourceId__1": group}
    await client.call("TagResources", **told, Tag__1__Key="a", Tag__1__Value="1")
    listed = await client.call("DescribeTags", ResourceType="securitygroup", ResourceId=group)
    assert listed["Tags"]["Tag"] == [{"TagKey": "a", "TagValue": "1"}]
    await client.call("UntagResources", **told, All="true")
    listed = await client.call("DescribeTags", ResourceType="securitygroup", ResourceId=group)
    assert listed["Tags"]["Tag"] == []
    assert await code(client, "UntagResources", **told) == "InvalidParameter"
    image = {"product": "Ecs", "ResourceType": "image", "ResourceId__1": "x", "Tag__1__Key": "a"}
    assert await code(client, "TagResources", **image) == "InvalidParameter"


# --- key pairs ---


async def test_a_key_pair_from_its_import_to_its_end(client: Client) -> None:
    told = {"KeyPairName": "key-1", "PublicKeyBody": PUBLIC_KEY}
    made = await client.call("ImportKeyPair", **told, Tag__1__Key="a")
    assert len(bytes.fromhex(made["KeyPairFingerPrint"])) == 16
    assert await code(client, "ImportKeyPair", **told) == "KeyPair.AlreadyExist"
    await client.call("ImportKeyPair", "cn-shanghai", **told)
    listed = await client.call("DescribeKeyPairs", KeyPairName="key-1", IncludePublicKey="true")
    (pair,) = listed["KeyPairs"]["KeyPair"]
    assert (pair["KeyPairName"], pair["PublicKey"]) == ("key-1", PUBLIC_KEY)
    assert pair["Tags"]["Tag"] == [{"TagKey": "a", "TagValue": ""}]
    for pattern, number in (("key*", 1), ("*-1", 1), ("*ey*", 1), ("k", 0), ("x*", 0)):
        found = await client.call("DescribeKeyPairs", KeyPairName=pattern)
        assert found["TotalCount"] == number, pattern
    await client.call("DeleteKeyPairs", KeyPairNames='["key-1","no-such"]')
    assert (await client.call("DescribeKeyPairs"))["TotalCount"] == 0


@pytest.mark.parametrize(
    "body", ["nonsense", "ssh-ed25519 AAAA", "-----BEGIN RSA PRIVATE KEY-----"]
)
async def test_a_key_must_be_a_public_one(body: str, client: Client) -> None:
    refusal = await code(client, "ImportKeyPair", KeyPairName="k1", PublicKeyBody=body)
    assert refusal == "InvalidPublicKeyBody.Malformed"
    assert body not in client.log()


# --- EIPs ---


async def test_an_eip_from_its_allocation_to_its_release(client: Client) -> None:
    told = {"Bandwidth": 5, "InternetChargeType": "PayByTraffic", "Name": "e"}
    made = await client.call("AllocateEipAddress", **told)
    assert made["EipAddress"] == "203.0.113.1"
    second = await client.call("AllocateEipAddress")
    assert second["EipAddress"] == "203.0.113.2"
    await client.call("ModifyEipAddressAttribute", AllocationId=made["AllocationId"], Bandwidth=9)
    (shown,) = (await client.call("DescribeEipAddresses", EipName="e"))["EipAddresses"][
        "EipAddress"
    ]
    assert shown["Bandwidth"] == "9"
    assert shown["Status"] == "Available"
    assert shown["ChargeType"] == "PostPaid"
    # A value here makes the provider replace each association.
    assert (shown["VpcId"], shown["PrivateIpAddress"]) == ("", "")
    await client.call("ReleaseEipAddress", AllocationId=made["AllocationId"])
    found = await client.call("DescribeEipAddresses", AllocationId=made["AllocationId"])
    assert found["EipAddresses"]["EipAddress"] == []
    again = await client.call("ReleaseEipAddress", AllocationId=second["AllocationId"])
    assert set(again) == {"RequestId"}
    first_again = await client.call("AllocateEipAddress")
    assert first_again["EipAddress"] == "203.0.113.1"


async def test_an_address_is_had_once(client: Client) -> None:
    made = await client.call("AllocateEipAddress", IpAddress="203.0.113.7")
    assert made["EipAddress"] == "203.0.113.7"
    for address in ("203.0.113.7", "203.0.113.254", "198.51.100.1"):
        refusal = await code(client, "AllocateEipAddress", IpAddress=address)
        assert refusal == "InvalidIpAddress.NotAvailable"


async def test_traffic_has_a_limit_of_its_own(client: Client) -> None:
    told = {"InternetChargeType": "PayByTraffic", "Bandwidth": 201}
    assert await code(client, "AllocateEipAddress", **told) == "InvalidParameter"
