"""Faults on demand, the access log, the inventory, the catalogue, the certificate."""

from __future__ import annotations

import base64
import json
import re
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from lab.cloud import catalogue, faults
from lab.cloud.api import CutError
from lab.cloud.certificate import certificate
from lab.cloud.inventory import inventory
from lab.cloud.journal import entries
from lab.cloud.registry import ACTIONS
from lab.cloud.state import Fault, Store
from lab.errors import LabError
from lab.settings import CloudSettings
from tests.unit.memory_cloud import (
    DEBIAN,
    KEY,
    PUBLIC_KEY,
    REGION,
    ZONE,
    Client,
    RefusedError,
    code,
    rpc,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


def order(client: Client, kind: str, action: str = "*", count: int = 1) -> None:
    client.world.faults.append(faults.ordered(kind, action, count))


# --- faults ---

ANSWERS = {
    "throttling": (400, "Throttling.User"),
    "status": (403, "IncorrectInstanceStatus"),
    "no-stock": (403, "OperationDenied.NoStock"),
    "quota": (403, "QuotaExceeded.Vpc"),
    "forbidden": (403, "Forbidden.RAM"),
    "internal": (500, "InternalError"),
    "unavailable": (503, "ServiceUnavailable"),
}


def test_each_kind_is_either_answered_or_cuts() -> None:
    assert {*ANSWERS, faults.CUT, faults.CUT_BEFORE} == set(faults.KINDS)


@pytest.mark.parametrize("kind", ANSWERS)
async def test_a_fault_is_answered_in_place_of_the_action(kind: str, client: Client) -> None:
    order(client, kind)
    with pytest.raises(RefusedError) as caught:
        await client.call("CreateVpc")
    assert (caught.value.status, caught.value.code) == ANSWERS[kind]
    assert not client.world.vpcs
    await client.call("CreateVpc")


async def test_a_fault_is_for_its_actions_and_as_often_as_said(client: Client) -> None:
    order(client, "throttling", "ecs:Describe*", 2)
    order(client, "status", "ReleaseEipAddress")
    await client.call("CreateVpc")
    for _ in range(2):
        assert await code(client, "DescribeInstances") == "Throttling.User"
    await client.call("DescribeInstances")
    assert await code(client, "ReleaseEipAddress", AllocationId="x") == "IncorrectEipStatus"
    assert client.world.faults == []


async def test_what_is_refused_anyway_uses_up_no_fault(client: Client) -> None:
    order(client, "throttling")
    assert await code(client, "CreateVpc", Nonsense="1") == "InvalidParameter"
    assert await code(client, "CreateVpc") == "Throttling.User"


async def test_a_cut_comes_after_the_effect_or_before_it(client: Client) -> None:
    order(client, "cut")
    with pytest.raises(CutError):
        await client.call("CreateVpc", ClientToken="t")
    (vpc,) = client.world.vpcs
    # A client that asks again with its token gets what it missed.
    assert (await client.call("CreateVpc", ClientToken="t"))["VpcId"] == vpc
    order(client, "cut-before")
    with pytest.raises(CutError):
        await client.call("CreateVpc")
    assert list(client.world.vpcs) == [vpc]


async def test_faults_outlast_a_restart(client: Client) -> None:
    order(client, "throttling", "CreateVpc", 2)
    client.cloud.store.save()
    await client.restart()
    assert await code(client, "CreateVpc") == "Throttling.User"
    await client.restart()
    assert client.world.faults == [Fault(kind="throttling", action="CreateVpc", left=1)]


def test_a_fault_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no fault 'flood': it is one of throttling, "):
        faults.ordered("flood", "*", 1)
    with pytest.raises(ValueError, match="not 0 times"):
        faults.ordered("cut", "*", 0)


# --- the log ---


async def test_the_log_says_who_asked_for_what_and_nothing_secret(client: Client) -> None:
    _vpc, vswitch, group = await client.network()
    private = base64.b64encode(b"private: TOP-SECRET").decode()
    await client.call("ImportKeyPair", KeyPairName="k1", PublicKeyBody=PUBLIC_KEY)
    await client.run(vswitch, group, UserData=private, KeyPairName="k1")
    await code(client, "DescribeVpcs", Unknown="TOP-SECRET", PageSize="TOP-SECRET")
    order(client, "cut")
    with pytest.raises(CutError):
        await client.call("DescribeVpcs")
    request = rpc("CreateVpc", "2016-04-28", {"VpcName": "n"}, own={"Signature": "TOP-SECRET"})
    await client.cloud.answer(request)
    text = client.log()
    for secret in ("TOP-SECRET", private, KEY.secret, KEY.id, PUBLIC_KEY.split()[1]):
        assert secret not in text
    told = list(entries(client.home / "access.log"))
    ran = next(entry for entry in told if entry["action"] == "RunInstances")
    assert (ran["code"], ran["status"], ran["ram"]) == ("OK", 200, "ecs:RunInstances")
    assert (ran["scheme"], ran["region"], ran["product"]) == ("RPC", REGION, "Ecs")
    assert "UserData" in ran["names"]
    assert ran["values"]["ImageId"] == DEBIAN
    assert [(entry["code"], entry["fault"]) for entry in told[-3:]] == [
        ("InvalidParameter", ""),
        ("Cut", "cut"),
        ("SignatureDoesNotMatch", ""),
    ]


def test_a_log_that_breaks_off_is_read_to_there(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    assert list(entries(log)) == []
    log.write_text('{"action": "a"}\n{"acti')
    assert list(entries(log)) == [{"action": "a"}]


async def test_every_secret_parameter_stays_out_of_the_log() -> None:
    names = {each.name for action in ACTIONS.values() for each in action.params}
    secret = {each.name for action in ACTIONS.values() for each in action.params if each.secret}
    suspicious = {name for name in names if re.search("UserData|Body|Password$|Secret", name)}
    assert suspicious == secret == {"UserData", "PublicKeyBody"}


# --- what exists ---


async def test_the_inventory_has_all_and_says_what_is_billed(client: Client) -> None:
    assert inventory(client.world) == []
    _vpc, vswitch, group = await client.network()
    await client.call("ImportKeyPair", KeyPairName="k1", PublicKeyBody=PUBLIC_KEY)
    id = await client.run(vswitch, group, InstanceName="hub")
    await client.call("AllocateEipAddress", Name="e")
    rows = inventory(client.world)
    assert {(row["kind"], row["billed"]) for row in rows} == {
        ("instance", True),
        ("eip", True),
        ("vpc", False),
        ("vswitch", False),
        ("security group", False),
        ("key pair", False),
    }
    assert rows[0] == {
        "kind": "instance",
        "id": id,
        "name": "hub",
        "region": REGION,
        "status": "Pending",
        "billed": True,
        "about": f"ecs.t6-c4m1.large {DEBIAN} 172.16.1.1",
    }
    json.dumps(rows)


def test_a_world_that_nobody_wrote_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text('{"vpcs": 3}')
    with pytest.raises(LabError, match=r"world\.json is not what the lab's cloud writes"):
        Store(path)


async def test_the_world_is_for_its_owner_alone(client: Client) -> None:
    await client.call("CreateVpc")
    assert (client.home / "world.json").stat().st_mode & 0o777 == 0o600


# --- the catalogue ---


def test_the_catalogue_is_whole() -> None:
    zones = [zone for region in catalogue.REGIONS.values() for zone in region.zones]
    assert len(zones) == len(set(zones))
    assert {"cn-hangzhou", "cn-shanghai", "cn-beijing"} <= set(catalogue.REGIONS)
    for zone, kinds in catalogue.NOT_SOLD.items():
        assert zone in zones
        assert kinds < set(catalogue.TYPES)
    for kind in catalogue.TYPES:
        sellers = [zone for zone in zones if catalogue.sold(kind, zone)]
        assert 0 < len(sellers) < len(zones), f"{kind}: one zone at least has it, one has not"
    t6 = catalogue.TYPES["ecs.t6-c4m1.large"]
    assert (t6.cpus, t6.memory_mib, t6.family) == (2, 512, "ecs.t6")
    assert (t6.kbit_per_s, t6.packets_per_s, t6.baseline_credits) == (80_000, 40_000, 6)


async def test_what_can_be_had_is_the_same_in_all_answers(client: Client) -> None:
    kind = "ecs.t6-c4m1.large"
    zones = (await client.call("DescribeZones"))["Zones"]["Zone"]
    sellers = [z["ZoneId"] for z in zones if kind in z["AvailableInstanceTypes"]["InstanceTypes"]]
    assert sellers
    assert "cn-hangzhou-b" not in sellers
    available = await client.call(
        "DescribeAvailableResource", DestinationResource="InstanceType", InstanceType=kind
    )
    assert [z["ZoneId"] for z in available["AvailableZones"]["AvailableZone"]] == sellers
    nothing = await client.call(
        "DescribeAvailableResource",
        DestinationResource="InstanceType",
        InstanceType=kind,
        ZoneId="cn-hangzhou-b",
    )
    assert nothing["AvailableZones"]["AvailableZone"] == []
    types = await client.call("DescribeInstanceTypes", "", InstanceTypes__1=kind)
    (one,) = types["InstanceTypes"]["InstanceType"]
    assert (one["MemorySize"], one["CpuCoreCount"], one["BaselineCredit"]) == (0.5, 2, 6)
    # The provider reads this as a number and fails on a text.
    assert isinstance(one["LocalStorageCapacity"], int)


async def test_images_are_found_as_the_provider_looks_for_them(client: Client) -> None:
    told = {"ImageOwnerAlias": "system", "Status": "Available", "PageSize": 100}
    images = (await client.call("DescribeImages", **told))["Images"]["Image"]
    debian = [i for i in images if re.match("^debian_12_[0-9]+_x64_", i["ImageName"])]
    assert max(debian, key=lambda image: image["CreationTime"])["ImageId"] == DEBIAN
    assert len(debian) > 1
    assert await images_of(client, ImageId=DEBIAN) == [DEBIAN]
    assert await images_of(client, ImageFamily="acs:debian_12_11_x64") == [DEBIAN]
    assert await images_of(client, ImageOwnerAlias="self") == []
    assert await images_of(client, Status="Creating,Waiting") == []
    assert len(await images_of(client, PageSize=2, PageNumber=2)) == 2


async def images_of(client: Client, **told: object) -> list[str]:
    found = await client.call("DescribeImages", **told)
    return [image["ImageId"] for image in found["Images"]["Image"]]


async def test_prices_cannot_be_taken_for_alibabas(client: Client) -> None:
    told: dict[str, object] = {"InstanceType": "ecs.t6-c4m1.large", "PriceUnit": "Hour"}
    price = (await client.call("DescribePrice", **told))["PriceInfo"]["Price"]
    assert price["Currency"] == "XTS"
    month = await client.call("DescribePrice", **{**told, "PriceUnit": "Month"})
    assert month["PriceInfo"]["Price"]["TradePrice"] > price["TradePrice"]
    parts = price["DetailInfos"]["DetailInfo"]
    assert [part["Resource"] for part in parts] == ["instanceType", "systemDisk"]
    assert sum(part["TradePrice"] for part in parts) == pytest.approx(price["TradePrice"])
    wide = await client.call("DescribePrice", **told, InternetMaxBandwidthOut=5)
    assert len(wide["PriceInfo"]["Price"]["DetailInfos"]["DetailInfo"]) == 3
    assert await code(client, "DescribePrice", InstanceType="ecs.none.large") == (
        "InvalidInstanceType.ValueNotSupported"
    )
    assert await code(client, "DescribePrice", **told, ZoneId="cn-hangzhou-b") == (
        "InvalidInstanceType.ZoneNotSupported"
    )
    await client.call("DescribePrice", **told, ZoneId=ZONE)


@pytest.mark.parametrize("product", ["Ecs", "Vpc"])
async def test_regions(product: str, client: Client) -> None:
    listed = await client.call("DescribeRegions", "", product=product)
    assert {r["RegionId"] for r in listed["Regions"]["Region"]} == set(catalogue.REGIONS)


async def test_whose_key_it_is(client: Client) -> None:
    assert (await client.call("GetCallerIdentity", ""))["AccountId"].isdigit()


# --- the rest ---


def test_the_certificate_is_for_this_machine_and_trusted_through_its_authority(
    tmp_path: Path,
) -> None:
    made = certificate(tmp_path, "cloud-lab")
    assert made.key.stat().st_mode & 0o777 == 0o600
    server = x509.load_pem_x509_certificate(made.chain.read_bytes())
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    authority = x509.load_pem_x509_certificate(made.authority.read_bytes())
    server.verify_directly_issued_by(authority)
    ssl.create_default_context(cafile=made.authority)
    before = made.chain.read_bytes()
    assert certificate(tmp_path, "cloud-lab").chain.read_bytes() == before


async def test_settings_may_change_while_it_runs(client: Client) -> None:
    client.cloud.set(CloudSettings(policy=("sts:*",)))
    assert await code(client, "DescribeVpcs") == "Forbidden.RAM"
    assert client.cloud.fleet.settings.policy == ("sts:*",)


def test_the_readme_lists_each_action_and_no_other() -> None:
    text = (ROOT / "lab" / "cloud" / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| (Ecs|Vpc|Sts) \|[^|]*\| (.+?) \|$", text, re.MULTILINE)
    listed = [(product, name) for product, cell in rows for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(listed) == sorted(ACTIONS)


def test_the_readme_lists_each_fault_and_no_other() -> None:
    text = (ROOT / "lab" / "cloud" / "README.md").read_text("utf-8")
    part = text.partition("## Faults")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.+?) \|$", part, re.MULTILINE))
    assert rows == {name: kind.text for name, kind in faults.KINDS.items()}
