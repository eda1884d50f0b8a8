"""The hub in Alibaba Cloud: what is registered for it, exactly."""

from __future__ import annotations

from pathlib import Path

from tests.program.alibaba import EIP, IMAGE, IMAGES, INSTANCE, RULE, SECTION, TAGS, Up, instance
from tests.program.engine import Secret
from tests.unit.networks import RING, ROOT

# --- what is registered ---


def test_exactly_these_resources(up: Up) -> None:
    deployment = up()
    assert sorted((r.type.rpartition(":")[2], r.name) for r in deployment.resources) == sorted(
        [
            ("AlibabaHub", "z"),
            ("alicloud", "alibaba-cn-hangzhou"),
            ("Network", "z-vpc"),
            ("Switch", "z-vswitch"),
            ("SecurityGroup", "z-firewall"),
            ("SecurityGroupRule", "z-wireguard"),
            ("SecurityGroupRule", "z-ssh-203.0.113.250/32"),
            ("EcsKeyPair", "z-key"),
            ("Instance", "z-instance"),
            ("EipAddress", "z-eip"),
            ("EipAssociation", "z-binding-cn-hangzhou"),
            ("Command", "z-booted"),
        ]
    )
    cloud = [r for r in deployment.resources if r.type.startswith("alicloud:")]
    assert len(cloud) == 9
    for resource in cloud:
        assert resource.parent == "AlibabaHub::z"
        assert resource.provider == "alicloud::alibaba-cn-hangzhou"
        assert resource.delete_before_replace is (resource.name == "z-binding-cn-hangzhou")
    assert list(deployment.hooks) == ["explain-z"]


def test_the_provider_is_told_region_and_account_and_no_secret(
    up: Up,
) -> None:
    assert up().one("alibaba-cn-hangzhou").inputs == {
        "region": "cn-hangzhou",
        "accountType": "Domestic",
    }
    international = up({**SECTION, "region": "eu-central-1", "account": "international"})
    assert international.one("alibaba-eu-central-1").inputs["accountType"] == "International"


def test_the_network_and_its_firewall(up: Up) -> None:
    deployment = up({**SECTION, "ping": True, "tags": {"team": "net"}})
    tags = {"team": "net", **TAGS}
    assert deployment.one("z-vpc").inputs == {
        "vpcName": "leased-line-test-z",
        "cidrBlock": "10.255.252.0/22",
        "tags": tags,
    }
    assert deployment.one("z-vswitch").inputs == {
        "vswitchName": "leased-line-test-z",
        "vpcId": "z-vpc",
        "zoneId": "cn-hangzhou-j",
        "cidrBlock": "10.255.253.32/27",
        "tags": tags,
    }
    assert deployment.one("z-firewall").inputs["vpcId"] == "z-vpc"
    rules = [r.inputs for r in deployment.resources if r.type == RULE]
    common = {
        "type": "ingress",
        "nicType": "intranet",
        "policy": "accept",
        "priority": 1,
        "securityGroupId": "z-firewall",
    }
    assert sorted(rules, key=lambda rule: str(rule["ipProtocol"])) == [
        {**common, "ipProtocol": "icmp", "portRange": "-1/-1", "cidrIp": "0.0.0.0/0"},
        {**common, "ipProtocol": "tcp", "portRange": "22/22", "cidrIp": "203.0.113.250/32"},
        {**common, "ipProtocol": "udp", "portRange": "51820/51820", "cidrIp": "0.0.0.0/0"},
    ]


def test_the_machine(up: Up) -> None:
    machine = instance(up())
    user_data = machine.inputs.pop("userData")
    assert machine.inputs == {
        "instanceName": "leased-line-test-z",
        "instanceType": "ecs.t6-c4m1.large",
        "imageId": IMAGE,
        "systemDiskCategory": "cloud_efficiency",
        "systemDiskSize": 20,
        "securityGroups": ["z-firewall"],
        "vswitchId": "z-vswitch",
        "keyName": machine.inputs["keyName"],
        "instanceChargeType": "PostPaid",
        "creditSpecification": "Standard",
        "deletionProtection": False,
        "tags": TAGS,
    }
    assert machine.inputs["keyName"].startswith("leased-line-test-z-")
    assert isinstance(user_data, Secret)
    assert user_data.value == (ROOT / "tests/unit/golden/user-data.yaml").read_text("utf-8")
    assert "userData" in machine.additional_secret_outputs
    assert set(machine.replace_on_changes) == {
        *("instanceType", "imageId", "vswitchId", "keyName", "userData")
    }
    assert machine.ignore_changes == ()


def test_the_address_stays_when_the_machine_goes(up: Up) -> None:
    deployment = up({**SECTION, "bandwidth": 5})
    assert deployment.one("z-eip").inputs == {
        "addressName": "leased-line-test-z",
        "bandwidth": "5",
        "internetChargeType": "PayByTraffic",
        "paymentType": "PayAsYouGo",
        "tags": TAGS,
    }
    assert deployment.one("z-binding-cn-hangzhou").inputs == {
        "allocationId": "z-eip",
        "instanceId": "z-instance",
        "instanceType": "EcsInstance",
    }
    assert deployment.outputs["address"] == "203.0.113.7"
    assert "internetMaxBandwidthOut" not in instance(deployment).inputs


def test_a_dns_name_is_dialled_where_it_is_given(up: Up, tmp_path: Path) -> None:
    deployment = up()
    assert deployment.outputs["login"]["host"] == "203.0.113.7"
    assert deployment.outputs["login"]["host_key"] == RING.ssh_host("z").public
    assert deployment.outputs["login"]["derived"] is True


def test_nothing_is_done_before_the_first_boot_is_over(up: Up) -> None:
    booted = up().one("z-booted")
    assert "EipAssociation::z-binding-cn-hangzhou" in booted.depends_on
    assert booted.deleted_with == "Instance::z-instance"
    assert "delete" not in booted.inputs
    assert booted.inputs["create"].endswith(f" # z-instance {IMAGE}")
    connection = booted.inputs["connection"].value
    assert connection["hostKey"] == RING.ssh_host("z").public
    assert connection["privateKey"] == RING.ssh_login().private
    assert connection["dialErrorLimit"] == 60
    assert booted.timeouts == ("25m", "25m", "")


def test_the_pair_in_the_cloud_is_the_derived_key(up: Up) -> None:
    # Alibaba imports no ed25519, which a user's own key may be.
    theirs = RING.ssh_host("of-somebody")
    deployment = up(ssh_key=theirs.private)
    assert deployment.one("z-key").inputs["publicKey"] == RING.ssh_login().public
    assert f"  - {theirs.public}\n" in instance(deployment).inputs["userData"].value
    connection = deployment.one("z-booted").inputs["connection"].value
    assert connection["privateKey"] == theirs.private
    assert deployment.outputs["login"]["derived"] is False


# --- other ways ---


def test_a_fixed_address(up: Up) -> None:
    deployment = up({**SECTION, "eip": "none", "bandwidth": 5})
    assert not [r for r in deployment.resources if "eip" in r.type.lower()]
    assert instance(deployment).inputs["internetMaxBandwidthOut"] == 5
    assert instance(deployment).inputs["internetChargeType"] == "PayByTraffic"
    assert deployment.outputs["address"] == "203.0.113.8"
    assert "Instance::z-instance" in deployment.one("z-booted").depends_on


def test_what_is_named_is_adopted(up: Up) -> None:
    deployment = up(
        {
            "region": "cn-hangzhou",
            "vpc": "vpc-bp1",
            "vswitch": "vsw-bp1",
            "security_group": "sg-bp1",
            "key_pair": "office-admin",
            "eip": "eip-bp1",
        }
    )
    assert sorted(r.type for r in deployment.resources if r.type.startswith("alicloud:")) == [
        "alicloud:ecs/eipAssociation:EipAssociation",
        INSTANCE,
    ]
    inputs = instance(deployment).inputs
    assert (inputs["vswitchId"], inputs["securityGroups"], inputs["keyName"]) == (
        "vsw-bp1",
        ["sg-bp1"],
        "office-admin",
    )
    assert deployment.one("z-binding-cn-hangzhou").inputs["allocationId"] == "eip-bp1"
    assert deployment.read == [(EIP, "z-eip-bp1", "eip-bp1")]
    assert [token for token, _ in deployment.asked] == [IMAGES]
    assert "zone" not in deployment.outputs["hub_cloud"]


def test_a_new_part_of_an_adopted_vpc(up: Up) -> None:
    deployment = up({**SECTION, "vpc": "vpc-bp1", "vswitch_cidr": "172.16.9.0/24"})
    vswitch = deployment.one("z-vswitch").inputs
    assert (vswitch["vpcId"], vswitch["cidrBlock"]) == ("vpc-bp1", "172.16.9.0/24")
    assert deployment.one("z-firewall").inputs["vpcId"] == "vpc-bp1"


def test_a_paid_period_is_kept(up: Up) -> None:
    machine = instance(up({**SECTION, "charge": "PrePaid", "period": 12}))
    assert machine.inputs["instanceChargeType"] == "PrePaid"
    assert (machine.inputs["period"], machine.inputs["periodUnit"]) == (12, "Month")
    assert machine.inputs["forceDelete"] is False
    assert machine.replace_on_changes == ()
    assert machine.ignore_changes == ("userData",)


def test_a_paid_period_is_given_up_when_told_to(up: Up) -> None:
    section = {**SECTION, "charge": "PrePaid", "period": 12, "force_delete": True}
    machine = instance(up(section))
    assert machine.inputs["forceDelete"] is True
    assert "instanceType" in machine.replace_on_changes


def test_credits_are_for_burstable_types_alone(up: Up) -> None:
    deployment = up({**SECTION, "instance_type": "ecs.g7.large"})
    assert "creditSpecification" not in instance(deployment).inputs


def test_a_jump_host_is_on_the_way_and_alone_let_in(up: Up) -> None:
    host_key = RING.ssh_host("jump").public
    jump = {"host": "203.0.113.9", "user": "guest", "host_key": host_key}
    deployment = up({"region": "cn-hangzhou", "jump": jump})
    assert deployment.one("z-ssh-203.0.113.9/32").inputs["portRange"] == "22/22"
    proxy = deployment.one("z-booted").inputs["connection"].value["proxy"]
    assert (proxy["host"], proxy["user"], proxy["hostKey"]) == ("203.0.113.9", "guest", host_key)
    assert deployment.outputs["login"]["jump"]["host"] == "203.0.113.9"
