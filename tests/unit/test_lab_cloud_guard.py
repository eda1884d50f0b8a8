"""Public addresses and security groups: what an instance's machine is told of them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from lab.cloud import fleet
from lab.cloud.parts import Rule
from tests.unit.memory_cloud import PUBLIC_KEY, Client, code, until


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


# --- public addresses ---


async def test_an_eip_moves_from_one_instance_to_another(client: Client) -> None:
    _vpc, vswitch, group = await client.network()
    old, new = [await client.run(vswitch, group) for _ in range(2)]
    for id in (old, new):
        await client.until(id, "Running")
    made = await client.call("AllocateEipAddress")
    eip, address = made["AllocationId"], IPv4Address(made["EipAddress"])
    await client.call("AssociateEipAddress", AllocationId=eip, InstanceId=old)
    await client.eip(eip, "InUse")
    assert client.machines.public == {old: address, new: None}
    assert (await client.instance(old))["EipAddress"]["IpAddress"] == str(address)
    told: dict[str, Any] = {"AllocationId": eip, "InstanceId": new}
    assert await code(client, "AssociateEipAddress", **told) == "IncorrectEipStatus"
    assert await code(client, "ReleaseEipAddress", AllocationId=eip) == "IncorrectEipStatus"
    assert await code(client, "UnassociateEipAddress", **told) == "InvalidAssociation.NotFound"
    await client.call("UnassociateEipAddress", AllocationId=eip, InstanceId=old)
    await client.eip(eip, "Available")
    await client.call("AssociateEipAddress", **told)
    await client.eip(eip, "InUse")
    assert client.machines.public == {old: None, new: address}
    second = (await client.call("AllocateEipAddress"))["AllocationId"]
    told["AllocationId"] = second
    assert await code(client, "AssociateEipAddress", **told) == "InvalidAssociation.Duplicated"
    await client.call("DeleteInstance", InstanceId=new, Force="true")
    await client.until(new, None)
    await client.eip(eip, "Available")
    await client.call("ReleaseEipAddress", AllocationId=eip)


async def test_bandwidth_gives_a_fixed_address(client: Client) -> None:
    _vpc, vswitch, group = await client.network()
    id = await client.run(vswitch, group, InternetMaxBandwidthOut=5)
    shown = await client.until(id, "Running")
    assert shown["PublicIpAddress"]["IpAddress"] == ["203.0.113.1"]
    assert client.machines.public[id] == IPv4Address("203.0.113.1")
    eip = await client.call("AllocateEipAddress")
    assert eip["EipAddress"] == "203.0.113.2"
    told: dict[str, Any] = {"AllocationId": eip["AllocationId"], "InstanceId": id}
    assert await code(client, "AssociateEipAddress", **told) == (
        "InvalidStatus.InstanceHasBandWidth"
    )
    await client.call("ModifyInstanceNetworkSpec", InstanceId=id, InternetMaxBandwidthOut=0)
    await until(lambda: client.machines.public[id] is None)
    assert await code(client, "AllocatePublicIpAddress", InstanceId=id) == "MissingParameter"
    await client.call("ModifyInstanceNetworkSpec", InstanceId=id, InternetMaxBandwidthOut=1)
    given = await client.call("AllocatePublicIpAddress", InstanceId=id)
    await until(lambda: client.machines.public[id] == IPv4Address(given["IpAddress"]))


# --- security groups ---

UDP: dict[str, Any] = {
    "Permissions__1__IpProtocol": "udp",
    "Permissions__1__PortRange": "51820/51820",
    "Permissions__1__SourceCidrIp": "0.0.0.0/0",
    "Permissions__1__Policy": "accept",
    "Permissions__1__Priority": 1,
    "Permissions__1__NicType": "intranet",
    "Permissions__1__Description": "WireGuard",
}
SSH: dict[str, Any] = {
    "IpProtocol": "TCP",
    "PortRange": "22/22",
    "SourceCidrIp": "203.0.113.250/32",
    "Policy": "drop",
    "Priority": 3,
}
ANYWHERE = IPv4Network("0.0.0.0/0")
LET_UDP_IN = Rule(
    direction="ingress",
    protocol="udp",
    ports=(51820, 51820),
    cidr=ANYWHERE,
    accept=True,
    priority=1,
)


async def test_rules_are_enforced_when_the_answer_is_there(client: Client) -> None:
    _vpc, vswitch, group = await client.network()
    await client.call("AuthorizeSecurityGroup", SecurityGroupId=group, **UDP)
    id = await client.run(vswitch, group)
    await client.until(id, "Running")
    assert list(client.machines.rules[id]) == [LET_UDP_IN]
    await client.call("AuthorizeSecurityGroup", SecurityGroupId=group, **SSH)
    assert [rule.protocol for rule in client.machines.rules[id]] == ["udp", "tcp"]
    assert client.machines.rules[id][1].accept is False
    egress = {"IpProtocol": "all", "PortRange": "-1/-1", "DestCidrIp": "10.0.0.0/8"}
    await client.call("AuthorizeSecurityGroupEgress", SecurityGroupId=group, **egress)
    assert client.machines.rules[id][2].direction == "egress"
    assert client.machines.rules[id][2].ports is None
    await client.call("RevokeSecurityGroupEgress", SecurityGroupId=group, **egress)
    await client.call("RevokeSecurityGroup", SecurityGroupId=group, **SSH)
    assert list(client.machines.rules[id]) == [LET_UDP_IN]


async def test_rules_are_shown_as_they_were_given(client: Client) -> None:
    _vpc, _vswitch, group = await client.network()
    for _ in range(2):
        await client.call("AuthorizeSecurityGroup", SecurityGroupId=group, **UDP)
    told: dict[str, Any] = {"SecurityGroupId": group, "Direction": "ingress", "NicType": "<nil>"}
    shown = await client.call("DescribeSecurityGroupAttribute", **told)
    (rule,) = shown["Permissions"]["Permission"]
    assert rule["IpProtocol"] == "UDP"
    assert (rule["PortRange"], rule["SourceCidrIp"]) == ("51820/51820", "0.0.0.0/0")
    assert (rule["Policy"], rule["Priority"]) == ("Accept", "1")
    assert rule["Description"] == "WireGuard"
    flat = {n.removeprefix("Permissions__1__"): v for n, v in UDP.items()} | {"Description": "x"}
    await client.call("ModifySecurityGroupRule", SecurityGroupId=group, **flat)
    shown = await client.call("DescribeSecurityGroupAttribute", SecurityGroupId=group)
    assert shown["Permissions"]["Permission"][0]["Description"] == "x"
    await client.call(
        "RevokeSecurityGroup",
        SecurityGroupId=group,
        SecurityGroupRuleId__1=rule["SecurityGroupRuleId"],
    )
    flat["PortRange"] = "1/1"
    assert await code(client, "ModifySecurityGroupRule", SecurityGroupId=group, **flat) == (
        "InvalidSecurityGroupRule.RuleNotExist"
    )
    egress = {"IpProtocol": "all", "PortRange": "-1/-1", "DestCidrIp": "10.0.0.0/8"}
    assert await code(client, "ModifySecurityGroupEgressRule", SecurityGroupId=group, **egress) == (
        "InvalidSecurityGroupRule.RuleNotExist"
    )


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"PortRange": "0/70000"}, "InvalidParameter"),
        ({"PortRange": "-1/-1"}, "InvalidParameter"),
        ({"PortRange": "9/8"}, "InvalidParameter"),
        ({"PortRange": "22"}, "InvalidParameter"),
        ({"IpProtocol": "icmp"}, "InvalidParameter"),
        ({"IpProtocol": "sctp"}, "InvalidParameter"),
        ({"Priority": "0"}, "InvalidParameter"),
        ({"Priority": "101"}, "InvalidParameter"),
        ({"SourceCidrIp": "203.0.113.1/24"}, "InvalidParameter"),
        ({"SourceCidrIp": ""}, "MissingParameter"),
        ({"NicType": "internet"}, "InvalidParameter"),
        ({"SecurityGroupId": "sg-x"}, "InvalidSecurityGroupId.NotFound"),
    ],
)
async def test_a_rule_that_cannot_be(changed: dict[str, str], refusal: str, client: Client) -> None:
    _vpc, _vswitch, group = await client.network()
    told = {"SecurityGroupId": group, **SSH, **changed}
    assert await code(client, "AuthorizeSecurityGroup", **told) == refusal


async def test_who_is_in_a_group_reaches_the_others_unless_it_says_not(client: Client) -> None:
    _vpc, vswitch, group = await client.network()
    first, second = [await client.run(vswitch, group) for _ in range(2)]
    for id in (first, second):
        await client.until(id, "Running")
    await until(lambda: len(client.machines.rules[first]) == 1)
    (rule,) = client.machines.rules[first]
    assert (rule.cidr, rule.protocol) == (IPv4Network("172.16.1.2/32"), "all")
    assert rule.priority == fleet.INNER_PRIORITY
    told: dict[str, Any] = {"SecurityGroupId": group, "InnerAccessPolicy": "Drop"}
    await client.call("ModifySecurityGroupPolicy", **told)
    assert list(client.machines.rules[first]) == []
    told["InnerAccessPolicy"] = "Accept"
    await client.call("ModifySecurityGroupPolicy", **told)
    await client.call("DeleteInstance", InstanceId=second, Force="true")
    await client.until(second, None)
    await until(lambda: list(client.machines.rules[first]) == [])


async def test_groups_are_joined_and_left(client: Client) -> None:
    vpc, vswitch, group = await client.network()
    made = await client.call("CreateSecurityGroup", VpcId=vpc, SecurityGroupName="second")
    second = made["SecurityGroupId"]
    await client.call("AuthorizeSecurityGroup", SecurityGroupId=second, **UDP)
    id = await client.run(vswitch, group)
    await client.until(id, "Running")
    told: dict[str, Any] = {"InstanceId": id, "SecurityGroupId": second}
    assert await code(client, "LeaveSecurityGroup", **told) == "InstanceNotInSecurityGroup"
    await client.call("JoinSecurityGroup", **told)
    assert list(client.machines.rules[id]) == [LET_UDP_IN]
    assert await code(client, "JoinSecurityGroup", **told) == "InvalidInstanceId.AlreadyExists"
    await client.call("LeaveSecurityGroup", InstanceId=id, SecurityGroupId=group)
    assert await code(client, "LeaveSecurityGroup", **told) == "InstanceLastSecurityGroup"
    await client.call("ModifyInstanceAttribute", InstanceId=id, SecurityGroupIds__1=group)
    assert list(client.machines.rules[id]) == []
    found = await client.call("DescribeSecurityGroups", SecurityGroupName="second")
    (only,) = found["SecurityGroups"]["SecurityGroup"]
    assert (only["SecurityGroupId"], only["EcsCount"]) == (second, 0)
    await client.call("ModifySecurityGroupAttribute", SecurityGroupId=second, Description="d")
    found = await client.call("DescribeSecurityGroups", SecurityGroupIds=f'["{second}"]')
    assert found["SecurityGroups"]["SecurityGroup"][0]["Description"] == "d"
    assert (await client.call("DescribeSecurityGroups", SecurityGroupId="x"))["TotalCount"] == 0


async def test_keys_are_attached_and_detached(client: Client) -> None:
    _vpc, vswitch, group = await client.network()
    for name in ("k1", "k2"):
        await client.call("ImportKeyPair", KeyPairName=name, PublicKeyBody=PUBLIC_KEY)
    id = await client.run(vswitch, group, KeyPairName="k1")
    await client.until(id, "Running")
    told: dict[str, Any] = {"InstanceIds": f'["{id}"]'}
    assert await code(client, "DetachKeyPair", **told, KeyPairName="k2") == "InvalidParameter"
    await client.call("DetachKeyPair", **told, KeyPairName="k1")
    assert (await client.instance(id))["KeyPairName"] == ""
    await client.call("AttachKeyPair", **told, KeyPairName="k2")
    assert (await client.instance(id))["KeyPairName"] == "k2"
