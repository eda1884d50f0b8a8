"""The hub in Alibaba Cloud: what is registered for it, exactly, and what is refused."""

from __future__ import annotations

import copy
import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pulumi
import pytest
import yaml

from components.hub_alibaba import AlibabaHub
from components.settings import Last, Settings, Where
from leasedline.load import load_network
from leasedline.moving import CloudHub, from_output
from tests.program.engine import Deployment, Registration, Secret, deploy
from tests.program.offices import World, world
from tests.unit.networks import RING, ROOT, SEED

ZONES: Final = "alicloud:index/getZones:getZones"
IMAGES: Final = "alicloud:ecs/getImages:getImages"
EIP: Final = "alicloud:ecs/eipAddress:EipAddress"
INSTANCE: Final = "alicloud:ecs/instance:Instance"
RULE: Final = "alicloud:ecs/securityGroupRule:SecurityGroupRule"

IMAGE: Final = "debian_12_4_x64_20G_alibase_20240126.vhd"
ANSWERS: Final = {
    ZONES: {"id": "1", "ids": ["cn-hangzhou-j", "cn-hangzhou-k"], "zones": []},
    IMAGES: {"id": "1", "ids": [IMAGE], "images": [{"id": IMAGE}]},
}
MADE: Final = {
    EIP: {"ipAddress": "203.0.113.7"},
    INSTANCE: {"publicIp": "203.0.113.8"},
}
BEFORE: Final = CloudHub(
    region="cn-hangzhou",
    zone="cn-hangzhou-k",
    instance_type="ecs.t6-c4m1.large",
    image="^debian_12_[0-9]+_x64_",
    image_id="debian_12_1_x64_20G_alibase_20230701.vhd",
    eip="own",
    charge="PostPaid",
    vswitch=None,
)
SECTION: Final = {"region": "cn-hangzhou", "admin_cidrs": ["203.0.113.250/32"]}
TAGS: Final = {"leased-line-stack": "test", "leased-line-host": "z"}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI0000")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "of nobody")


@pytest.fixture
def up(tmp_path: Path) -> Callable[..., Deployment]:
    def run(
        section: Mapping[str, Any] | None = None,
        *,
        before: CloudHub | None = None,
        ssh_key: str | None = None,
        answers: Mapping[str, Any] = ANSWERS,
        **options: Any,
    ) -> Deployment:
        file = tmp_path / "test.network.yaml"
        written = yaml.safe_load((ROOT / "stacks/lab.network.yaml").read_text("utf-8"))
        if section != {}:
            written["hub"]["alibaba"] = copy.deepcopy(dict(section or SECTION))
        file.write_text(yaml.safe_dump(written), "utf-8")
        network = load_network(file)

        def program() -> None:
            settings = Settings(
                network=network, ring=RING, hub=Where.ALIBABA, spokes=Where.LAB, ssh_key=ssh_key
            )
            last = Last(addresses={}, snapshot=None, bought=before)
            cloud = AlibabaHub("z", settings, pulumi.Output.from_input(last))
            hub = cloud.booted(cloud.placed)
            for name, value in cloud.outputs.items():
                pulumi.export(name, value)
            pulumi.export("address", hub.address)
            pulumi.export("machine", hub.machine)
            pulumi.export("login", pulumi.Output.from_input(hub.login).apply(asdict))

        return deploy(program, answers=answers, made=MADE, **options)

    return run


def refused(up: Callable[..., Deployment], *arguments: Any, **options: Any) -> str:
    registered = Deployment()
    with pytest.raises(pulumi.RunError) as caught:
        up(*arguments, into=registered, **options)
    assert INSTANCE not in [resource.type for resource in registered.resources]
    return str(caught.value)


def instance(deployment: Deployment) -> Registration:
    return deployment.one("z-instance")


# --- what is registered ---


def test_exactly_these_resources(up: Callable[..., Deployment]) -> None:
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
    up: Callable[..., Deployment],
) -> None:
    assert up().one("alibaba-cn-hangzhou").inputs == {
        "region": "cn-hangzhou",
        "accountType": "Domestic",
    }
    international = up({**SECTION, "region": "eu-central-1", "account": "international"})
    assert international.one("alibaba-eu-central-1").inputs["accountType"] == "International"


def test_the_network_and_its_firewall(up: Callable[..., Deployment]) -> None:
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


def test_the_machine(up: Callable[..., Deployment]) -> None:
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


def test_the_address_stays_when_the_machine_goes(up: Callable[..., Deployment]) -> None:
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


def test_a_dns_name_is_dialled_where_it_is_given(
    up: Callable[..., Deployment], tmp_path: Path
) -> None:
    deployment = up()
    assert deployment.outputs["login"]["host"] == "203.0.113.7"
    assert deployment.outputs["login"]["host_key"] == RING.ssh_host("z").public
    assert deployment.outputs["login"]["derived"] is True


def test_nothing_is_done_before_the_first_boot_is_over(up: Callable[..., Deployment]) -> None:
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


def test_the_pair_in_the_cloud_is_the_derived_key(up: Callable[..., Deployment]) -> None:
    # Alibaba imports no ed25519, which a user's own key may be.
    theirs = RING.ssh_host("of-somebody")
    deployment = up(ssh_key=theirs.private)
    assert deployment.one("z-key").inputs["publicKey"] == RING.ssh_login().public
    assert f"  - {theirs.public}\n" in instance(deployment).inputs["userData"].value
    connection = deployment.one("z-booted").inputs["connection"].value
    assert connection["privateKey"] == theirs.private
    assert deployment.outputs["login"]["derived"] is False


# --- other ways ---


def test_a_fixed_address(up: Callable[..., Deployment]) -> None:
    deployment = up({**SECTION, "eip": "none", "bandwidth": 5})
    assert not [r for r in deployment.resources if "eip" in r.type.lower()]
    assert instance(deployment).inputs["internetMaxBandwidthOut"] == 5
    assert instance(deployment).inputs["internetChargeType"] == "PayByTraffic"
    assert deployment.outputs["address"] == "203.0.113.8"
    assert "Instance::z-instance" in deployment.one("z-booted").depends_on


def test_what_is_named_is_adopted(up: Callable[..., Deployment]) -> None:
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


def test_a_new_part_of_an_adopted_vpc(up: Callable[..., Deployment]) -> None:
    deployment = up({**SECTION, "vpc": "vpc-bp1", "vswitch_cidr": "172.16.9.0/24"})
    vswitch = deployment.one("z-vswitch").inputs
    assert (vswitch["vpcId"], vswitch["cidrBlock"]) == ("vpc-bp1", "172.16.9.0/24")
    assert deployment.one("z-firewall").inputs["vpcId"] == "vpc-bp1"


def test_a_paid_period_is_kept(up: Callable[..., Deployment]) -> None:
    machine = instance(up({**SECTION, "charge": "PrePaid", "period": 12}))
    assert machine.inputs["instanceChargeType"] == "PrePaid"
    assert (machine.inputs["period"], machine.inputs["periodUnit"]) == (12, "Month")
    assert machine.inputs["forceDelete"] is False
    assert machine.replace_on_changes == ()
    assert machine.ignore_changes == ("userData",)


def test_a_paid_period_is_given_up_when_told_to(up: Callable[..., Deployment]) -> None:
    section = {**SECTION, "charge": "PrePaid", "period": 12, "force_delete": True}
    machine = instance(up(section))
    assert machine.inputs["forceDelete"] is True
    assert "instanceType" in machine.replace_on_changes


def test_credits_are_for_burstable_types_alone(up: Callable[..., Deployment]) -> None:
    deployment = up({**SECTION, "instance_type": "ecs.g7.large"})
    assert "creditSpecification" not in instance(deployment).inputs


def test_a_jump_host_is_on_the_way_and_alone_let_in(up: Callable[..., Deployment]) -> None:
    host_key = RING.ssh_host("jump").public
    jump = {"host": "203.0.113.9", "user": "guest", "host_key": host_key}
    deployment = up({"region": "cn-hangzhou", "jump": jump})
    assert deployment.one("z-ssh-203.0.113.9/32").inputs["portRange"] == "22/22"
    proxy = deployment.one("z-booted").inputs["connection"].value["proxy"]
    assert (proxy["host"], proxy["user"], proxy["hostKey"]) == ("203.0.113.9", "guest", host_key)
    assert deployment.outputs["login"]["jump"]["host"] == "203.0.113.9"


# --- what is asked, and what stays ---


def test_a_new_hub_asks_for_zone_and_image(up: Callable[..., Deployment]) -> None:
    deployment = up()
    assert dict(deployment.asked) == {
        ZONES: {
            "availableInstanceType": "ecs.t6-c4m1.large",
            "availableDiskCategory": "cloud_efficiency",
            "instanceChargeType": "PostPaid",
        },
        IMAGES: {
            "owners": "system",
            "nameRegex": "^debian_12_[0-9]+_x64_",
            "mostRecent": True,
            "status": "Available",
        },
    }
    assert from_output(deployment.outputs["hub_cloud"]) == CloudHub(
        **{**asdict(BEFORE), "zone": "cn-hangzhou-j", "image_id": IMAGE}
    )


def test_a_running_hub_stays_and_asks_nothing(up: Callable[..., Deployment]) -> None:
    deployment = up(before=BEFORE)
    assert deployment.asked == []
    assert instance(deployment).inputs["imageId"] == BEFORE.image_id
    assert deployment.one("z-vswitch").inputs["zoneId"] == "cn-hangzhou-k"
    assert not [line for line in deployment.logged if "replaced" in line]


def test_what_is_written_is_not_asked_for(up: Callable[..., Deployment]) -> None:
    deployment = up({**SECTION, "zone": "cn-hangzhou-i", "image_id": "m-bp1"})
    assert deployment.asked == []
    assert deployment.one("z-vswitch").inputs["zoneId"] == "cn-hangzhou-i"
    assert deployment.one("z-vswitch").inputs["cidrBlock"] == "10.255.253.0/27"
    assert instance(deployment).inputs["imageId"] == "m-bp1"


def test_another_type_stays_in_its_zone_and_the_outage_is_told(
    up: Callable[..., Deployment],
) -> None:
    deployment = up({**SECTION, "instance_type": "ecs.t6-c2m1.large"}, before=BEFORE)
    assert deployment.one("z-vswitch").inputs["zoneId"] == "cn-hangzhou-k"
    assert instance(deployment).inputs["imageId"] == IMAGE
    (line,) = [line for line in deployment.logged if "replaced" in line]
    assert line == (
        "the hub's machine is replaced (instance_type ecs.t6-c4m1.large -> ecs.t6-c2m1.large, "
        f"image_id {BEFORE.image_id} -> {IMAGE}): the public address moves to the new one as "
        "soon as that runs, and the line is down until it has booted, one to three minutes"
    )


def test_another_region_is_another_provider_and_the_move_is_told(
    up: Callable[..., Deployment],
) -> None:
    answers = {**ANSWERS, ZONES: {"id": "1", "ids": ["cn-beijing-h"], "zones": []}}
    deployment = up({**SECTION, "region": "cn-beijing"}, before=BEFORE, answers=answers)
    cloud = [r for r in deployment.resources if r.type.startswith("alicloud:")]
    assert {r.provider for r in cloud} == {"alicloud::alibaba-cn-beijing"}
    assert {r.replacement_trigger for r in cloud} == {"cn-beijing"}
    # The old machine keeps its address until all is on the new one.
    assert deployment.one("z-binding-cn-beijing")
    (line,) = [line for line in deployment.logged if "moves to a new address" in line]
    assert "region cn-hangzhou -> cn-beijing" in line


def test_the_capacity_is_told_and_exported(up: Callable[..., Deployment]) -> None:
    lines = up().outputs["hub_capacity"]
    assert lines[0].startswith("ecs.t6-c4m1.large: 2 vCPU, 0.5 GiB; 5 % of each vCPU for ever")
    assert "\n".join(lines) in up(preview=True).logged
    assert not up().logged


def test_a_preview_asks_for_the_price_and_goes_on_without(
    up: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", "127.0.0.1:1")
    (line,) = [line for line in up(preview=True).logged if "price" in line]
    assert line.startswith("no price: ")
    assert not [line for line in up().logged if "price" in line]


# --- the whole program ---


@pytest.fixture(scope="module")
def offices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("keys"), 2) as built:
        yield built


def test_the_whole_program(offices: World, tmp_path: Path) -> None:
    written = yaml.safe_load((ROOT / "stacks/lab.network.yaml").read_text("utf-8"))
    written["hub"]["alibaba"] = dict(SECTION)
    for spoke, office in zip(written["spokes"], offices.offices, strict=True):
        spoke["ssh"] = {"host": "127.0.0.1", "port": office.port, "host_key": office.host_key}
    file = tmp_path / "test.network.yaml"
    file.write_text(yaml.safe_dump(written), "utf-8")
    deployment = deploy(
        lambda: runpy.run_path(str(ROOT / "__main__.py")),
        config={"network": str(file), "hub": "alibaba"},
        secrets={"seed": SEED, "sshPrivateKey": offices.key},
        answers=ANSWERS,
        made=MADE,
    )
    assert deployment.outputs["hub_endpoint"] == "203.0.113.7:51820"
    assert from_output(deployment.outputs["hub_cloud"])
    for part in ("base", "config"):
        command = deployment.one(f"z-{part}")
        assert command.deleted_with == "Instance::z-instance"
        assert {"Command::z-booted", "EipAssociation::z-binding-cn-hangzhou"} <= command.depends_on
        # Another machine behind the same address is another create, and so an update.
        assert command.inputs["create"].endswith(f" # z-instance {IMAGE}")
        assert " # " not in deployment.one(f"a-{part}").inputs["create"]
        assert deployment.one(f"a-{part}").deleted_with == ""
    shown = json.dumps([clear(r.inputs) for r in deployment.resources])
    assert RING.ssh_login().public in shown
    lines = [key.splitlines()[2] for key in (RING.ssh_host("z").private, offices.key)]
    assert not [secret for secret in (*lines, SEED, RING.host("z").private) if secret in shown]


def clear(value: Any) -> Any:
    """What whoever reads the state without its passphrase sees."""
    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, dict):
        return {key: clear(item) for key, item in value.items()}
    return [clear(item) for item in value] if isinstance(value, list) else value


def test_only_a_stack_with_its_hub_there_imports_the_sdk() -> None:
    code = (
        "import sys, ast, pathlib;"
        "tree = ast.parse(pathlib.Path('__main__.py').read_text());"
        "names = [n.module for n in tree.body if isinstance(n, ast.ImportFrom)];"
        "[__import__(name) for name in names];"
        "sys.exit(any('alicloud' in m or 'alibabacloud' in m for m in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


# --- what is refused ---


def test_no_section(up: Callable[..., Deployment]) -> None:
    said = refused(up, {})
    assert said.startswith("hub z is to be in Alibaba Cloud, and the network file does not say ")


@pytest.mark.parametrize(
    ("gone", "missing"),
    [
        (("ID", "SECRET"), "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
        (("SECRET",), "ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
    ],
)
def test_no_credentials(
    up: Callable[..., Deployment],
    monkeypatch: pytest.MonkeyPatch,
    gone: tuple[str, ...],
    missing: str,
) -> None:
    for name in gone:
        monkeypatch.delenv(f"ALIBABA_CLOUD_ACCESS_KEY_{name}")
    assert refused(up).startswith(
        f"there are no credentials for Alibaba Cloud, {missing} not set: make an access key"
    )


def test_other_credentials_will_do(
    up: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
    monkeypatch.setenv("ALICLOUD_PROFILE", "office")
    assert instance(up())


def test_behind_a_router_the_administrators_address_is_not_guessed(
    up: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Loopback: what a socket that leads to this machine leaves from.
    monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", "127.0.0.1:9")
    said = refused(up, {"region": "cn-hangzhou"})
    assert said.startswith(
        "from where SSH to the hub is let in cannot be known: this machine is 127.0.0.1, and a "
        "router gives it another address on the way out: write where you work from as admin_cidrs"
    )


def test_a_global_address_is_taken(
    up: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ipaddress import IPv4Address

    monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", "127.0.0.1:9")
    monkeypatch.setattr(
        "components.alibaba_access._own_address", lambda host, port: IPv4Address("8.8.4.4")
    )
    assert up({"region": "cn-hangzhou"}).one("z-ssh-8.8.4.4/32")


def test_an_api_without_an_address(
    up: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", "no-such-name.invalid")
    said = refused(up, {"region": "cn-hangzhou"})
    assert "the name of Alibaba Cloud's API, no-such-name.invalid, has no address here" in said


def test_a_key_with_a_passphrase(up: Callable[..., Deployment]) -> None:
    assert refused(up, ssh_key="-----BEGIN").startswith("the stack's sshPrivateKey is no private")


def test_a_type_that_is_not_sold(up: Callable[..., Deployment]) -> None:
    answers = {**ANSWERS, ZONES: {"id": "1", "ids": [], "zones": []}}
    assert refused(up, answers=answers) == (
        "region cn-hangzhou sells no ecs.t6-c4m1.large with a cloud_efficiency disk now: write "
        "another instance_type, disk_category or region"
    )


def test_an_image_that_is_not_there(up: Callable[..., Deployment]) -> None:
    answers = {**ANSWERS, IMAGES: {"id": "1", "ids": [], "images": []}}
    assert refused(up, answers=answers) == (
        "region cn-hangzhou has no system image whose name fits ^debian_12_[0-9]+_x64_: write "
        "another image, or an image_id"
    )


def test_an_api_that_refuses_is_told_in_one_line(up: Callable[..., Deployment]) -> None:
    error = (
        "[ERROR] terraform-provider-alicloud/alicloud/data_source_alicloud_zones.go:350: "
        "Datasource alicloud_zones DescribeZones Failed!!! [SDK alibaba-cloud-sdk-go ERROR]:\n"
        "SDK.ServerError\nErrorCode: InvalidAccessKeyId.NotFound\nRecommend: \nRequestId: 0\n"
        "Message: Specified access key is not found."
    )
    assert refused(up, answers={**ANSWERS, ZONES: error}) == (
        "Alibaba Cloud does not say which zones of cn-hangzhou sell ecs.t6-c4m1.large: "
        "DescribeZones: Alibaba Cloud does not know the access key "
        "(InvalidAccessKeyId.NotFound): check ALIBABA_CLOUD_ACCESS_KEY_ID, and that the key is "
        "enabled in the RAM console"
    )
