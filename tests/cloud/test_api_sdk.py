"""Alibaba's own clients against the lab's cloud: another reading of the API than ours.

Both sign, flatten and parse by themselves, over TLS, with either signature.
"""

from __future__ import annotations

import inspect
import re
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import URLError

import pytest
from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_vpc20160428 import models as vpc_models
from darabonba.exceptions import UnretryableException

from lab.cloud import faults
from lab.cloud.parts import Key
from lab.cloud.registry import ACTIONS, EVERYWHERE, ON_CHANGES
from lab.ports import LOOPBACK
from lab.shell import wait_until
from tests.cloud.api import PATIENCE_S, REGION, SCHEMES, Api, Refusal, running
from tests.unit.memory_cloud import DEBIAN, KEY, PUBLIC_KEY, ZONE


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running(tmp_path_factory.mktemp("cloud")) as found:
        yield found


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ecs(api: Api, scheme: str) -> Any:
    return api.ecs(scheme)


@pytest.fixture
def vpc(api: Api, scheme: str) -> Any:
    return api.vpc(scheme)


def network(ecs: Any, vpc: Any) -> tuple[str, str, str]:
    """A VPC, a vSwitch, a security group."""
    tag = vpc_models.CreateVpcRequestTag(key="umlaut", value="ä +&=*~/%")
    made = vpc.create_vpc(
        vpc_models.CreateVpcRequest(
            region_id=REGION, cidr_block="172.16.0.0/16", vpc_name="von Hand", tag=[tag]
        )
    ).body
    vswitch = vpc.create_vswitch(
        vpc_models.CreateVSwitchRequest(
            region_id=REGION, vpc_id=made.vpc_id, cidr_block="172.16.1.0/24", zone_id=ZONE
        )
    ).body
    group = ecs.create_security_group(
        ecs_models.CreateSecurityGroupRequest(region_id=REGION, vpc_id=made.vpc_id)
    ).body
    return made.vpc_id, vswitch.v_switch_id, group.security_group_id


def instance(ecs: Any, id: str) -> Any:
    found = ecs.describe_instances(
        ecs_models.DescribeInstancesRequest(region_id=REGION, instance_ids=f'["{id}"]')
    )
    return next(iter(found.body.instances.instance), None)


def instance_status(ecs: Any, id: str) -> str | None:
    found = instance(ecs, id)
    return None if found is None else str(found.status)


def eip_status(vpc: Any, id: str) -> str:
    found = vpc.describe_eip_addresses(
        vpc_models.DescribeEipAddressesRequest(region_id=REGION, allocation_id=id)
    )
    return str(found.body.eip_addresses.eip_address[0].status)


def wait_for(what: str, status: str | None, read: Callable[[], str | None]) -> None:
    def probe() -> bool | str:
        seen = read()
        return seen == status or f"it is {seen}"

    wait_until(what, probe, timeout_s=PATIENCE_S, every_s=0.02)


def test_a_hub_from_nothing_to_nothing(api: Api, ecs: Any, vpc: Any) -> None:
    vpc_id, vswitch, group = network(ecs, vpc)
    shown = vpc.describe_vpc_attribute(
        vpc_models.DescribeVpcAttributeRequest(region_id=REGION, vpc_id=vpc_id)
    ).body
    assert (shown.vpc_name, shown.status, shown.is_default) == ("von Hand", "Available", False)
    assert [(tag.key, tag.value) for tag in shown.tags.tag] == [("umlaut", "ä +&=*~/%")]
    ecs.authorize_security_group(
        ecs_models.AuthorizeSecurityGroupRequest(
            region_id=REGION,
            security_group_id=group,
            permissions=[
                ecs_models.AuthorizeSecurityGroupRequestPermissions(
                    ip_protocol="udp", port_range="51820/51820", source_cidr_ip="0.0.0.0/0"
                ),
                ecs_models.AuthorizeSecurityGroupRequestPermissions(
                    ip_protocol="tcp", port_range="22/22", source_cidr_ip="203.0.113.250/32"
                ),
            ],
        )
    )
    rules = ecs.describe_security_group_attribute(
        ecs_models.DescribeSecurityGroupAttributeRequest(region_id=REGION, security_group_id=group)
    ).body.permissions.permission
    assert [(rule.ip_protocol, rule.port_range) for rule in rules] == [
        ("UDP", "51820/51820"),
        ("TCP", "22/22"),
    ]
    ecs.import_key_pair(
        ecs_models.ImportKeyPairRequest(
            region_id=REGION, key_pair_name="hub-key", public_key_body=PUBLIC_KEY
        )
    )
    id = ecs.run_instances(
        ecs_models.RunInstancesRequest(
            region_id=REGION,
            image_id=DEBIAN,
            instance_type="ecs.t6-c4m1.large",
            v_switch_id=vswitch,
            security_group_ids=[group],
            key_pair_name="hub-key",
            user_data="I2Nsb3VkLWNvbmZpZwo=",
            system_disk=ecs_models.RunInstancesRequestSystemDisk(category="cloud_essd", size="20"),
            tag=[ecs_models.RunInstancesRequestTag(key="a", value="b")],
        )
    ).body.instance_id_sets.instance_id_set[0]
    wait_for("the instance to run", "Running", lambda: instance_status(ecs, id))
    found = instance(ecs, id)
    assert found.vpc_attributes.private_ip_address.ip_address == ["172.16.1.1"]
    assert (found.cpu, found.memory, found.credit_specification) == (2, 512, "Standard")
    assert api.machines.known[id].user_data == "#cloud-config\n"
    assert api.machines.known[id].authorized_key == PUBLIC_KEY
    assert len(api.machines.rules[id]) == 2
    allocated = vpc.allocate_eip_address(
        vpc_models.AllocateEipAddressRequest(
            region_id=REGION, bandwidth="5", internet_charge_type="PayByTraffic"
        )
    ).body
    eip = allocated.allocation_id
    vpc.associate_eip_address(
        vpc_models.AssociateEipAddressRequest(
            region_id=REGION, allocation_id=eip, instance_id=id, instance_type="EcsInstance"
        )
    )
    wait_for("the EIP to be bound", "InUse", lambda: eip_status(vpc, eip))
    assert str(api.machines.public[id]) == allocated.eip_address
    assert instance(ecs, id).eip_address.allocation_id == eip
    away(ecs, vpc, id, eip)
    ecs.delete_key_pairs(
        ecs_models.DeleteKeyPairsRequest(region_id=REGION, key_pair_names='["hub-key"]')
    )
    ecs.delete_security_group(
        ecs_models.DeleteSecurityGroupRequest(region_id=REGION, security_group_id=group)
    )
    vpc.delete_vswitch(vpc_models.DeleteVSwitchRequest(region_id=REGION, v_switch_id=vswitch))
    vpc.delete_vpc(vpc_models.DeleteVpcRequest(region_id=REGION, vpc_id=vpc_id))
    assert not api.cloud.store.world.instances
    assert not api.cloud.store.world.vpcs


def away(ecs: Any, vpc: Any, id: str, eip: str) -> None:
    """Take EIP and instance away again."""
    vpc.unassociate_eip_address(
        vpc_models.UnassociateEipAddressRequest(region_id=REGION, allocation_id=eip, instance_id=id)
    )
    wait_for("the EIP to be free", "Available", lambda: eip_status(vpc, eip))
    vpc.release_eip_address(
        vpc_models.ReleaseEipAddressRequest(region_id=REGION, allocation_id=eip)
    )
    ecs.stop_instance(ecs_models.StopInstanceRequest(instance_id=id))
    wait_for("the instance to stop", "Stopped", lambda: instance_status(ecs, id))
    ecs.delete_instance(ecs_models.DeleteInstanceRequest(instance_id=id))
    wait_for("the instance to go", None, lambda: instance_status(ecs, id))


def refusal(call: Any, *arguments: Any) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    return int(caught.value.status_code), str(caught.value.code)


def test_refusals_arrive_as_alibabas(api: Api, scheme: str, ecs: Any, vpc: Any) -> None:
    zones = ecs_models.DescribeZonesRequest(region_id=REGION)
    stranger = api.ecs(scheme, Key(id="nobody", secret="x"))
    assert refusal(stranger.describe_zones, zones) == (404, "InvalidAccessKeyId.NotFound")
    mistaken = api.ecs(scheme, Key(id=KEY.id, secret="wrong"))
    assert refusal(mistaken.describe_zones, zones) == (400, "SignatureDoesNotMatch")
    nowhere = ecs_models.DescribeZonesRequest(region_id="cn-atlantis")
    assert refusal(ecs.describe_zones, nowhere) == (404, "InvalidRegionId.NotFound")
    none = vpc_models.DescribeVpcAttributeRequest(region_id=REGION, vpc_id="vpc-none")
    assert refusal(vpc.describe_vpc_attribute, none) == (404, "InvalidVpcID.NotFound")
    lacking = vpc_models.CreateVSwitchRequest(region_id=REGION, vpc_id="vpc-none")
    assert refusal(vpc.create_vswitch, lacking) == (400, "MissingParameter")
    beyond = ecs_models.DescribeInstancesRequest(region_id=REGION, rdma_ip_addresses="[]")
    assert refusal(ecs.describe_instances, beyond) == (400, "InvalidParameter")
    other = ecs_models.DescribeSnapshotsRequest(region_id=REGION)
    assert refusal(ecs.describe_snapshots, other) == (404, "InvalidAction.NotFound")


def test_what_is_needed_stays(ecs: Any, vpc: Any) -> None:
    vpc_id, vswitch, group = network(ecs, vpc)
    gone = vpc_models.DeleteVpcRequest(region_id=REGION, vpc_id=vpc_id)
    assert refusal(vpc.delete_vpc, gone) == (400, "DependencyViolation.VSwitch")
    vpc.delete_vswitch(vpc_models.DeleteVSwitchRequest(region_id=REGION, v_switch_id=vswitch))
    assert refusal(vpc.delete_vpc, gone) == (400, "DependencyViolation.SecurityGroup")
    ecs.delete_security_group(
        ecs_models.DeleteSecurityGroupRequest(region_id=REGION, security_group_id=group)
    )
    vpc.delete_vpc(gone)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [("throttling", (400, "Throttling.User")), ("no-stock", (403, "OperationDenied.NoStock"))],
)
def test_faults_arrive(kind: str, answer: tuple[int, str], api: Api, ecs: Any) -> None:
    api.cloud.store.world.faults.append(faults.ordered(kind, "DescribeZones", 1))
    zones = ecs_models.DescribeZonesRequest(region_id=REGION)
    assert refusal(ecs.describe_zones, zones) == answer
    assert len(ecs.describe_zones(zones).body.zones.zone) == 4


def test_a_cut_connection_has_had_its_effect(api: Api, vpc: Any, scheme: str) -> None:
    known = set(api.cloud.store.world.vpcs)
    api.cloud.store.world.faults.append(faults.ordered("cut", "CreateVpc", 1))
    order = vpc_models.CreateVpcRequest(region_id=REGION, client_token=f"once-{scheme}")
    with pytest.raises(UnretryableException, match="without response"):
        vpc.create_vpc(order)
    (made,) = set(api.cloud.store.world.vpcs) - known
    assert vpc.create_vpc(order).body.vpc_id == made
    vpc.delete_vpc(vpc_models.DeleteVpcRequest(region_id=REGION, vpc_id=made))


def test_the_catalogue_is_read(ecs: Any) -> None:
    types = ecs.describe_instance_types(ecs_models.DescribeInstanceTypesRequest()).body
    t6 = next(t for t in types.instance_types.instance_type if "t6-c4m1" in t.instance_type_id)
    assert (t6.memory_size, t6.instance_bandwidth_tx, t6.instance_pps_tx) == (0.5, 80_000, 40_000)
    images = ecs.describe_images(
        ecs_models.DescribeImagesRequest(region_id=REGION, image_owner_alias="system")
    ).body.images.image
    assert DEBIAN in [image.image_id for image in images]
    price = ecs.describe_price(
        ecs_models.DescribePriceRequest(
            region_id=REGION, instance_type="ecs.t6-c4m1.large", price_unit="Hour"
        )
    ).body.price_info.price
    assert (price.currency, price.trade_price > 0) == ("XTS", True)


def test_the_server_is_trusted_through_its_own_authority_alone(api: Api) -> None:
    url = f"https://{LOOPBACK}:{api.port}/"
    strict = ssl.create_default_context()
    with pytest.raises(URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(url, context=strict)


def test_the_labs_own_paths_want_the_secret(api: Api) -> None:
    trusted = ssl.create_default_context(cafile=str(api.certificate.authority))
    for header in ({}, {"Authorization": "Bearer wrong"}):
        request = urllib.request.Request(
            f"https://{LOOPBACK}:{api.port}/lab/inventory", headers=header
        )
        with pytest.raises(URLError, match="403"):
            urllib.request.urlopen(request, context=trusted)  # noqa: S310


@pytest.mark.parametrize(
    ("product", "models"), [("Ecs", ecs_models), ("Vpc", vpc_models)], ids=["Ecs", "Vpc"]
)
def test_every_declared_parameter_is_one_that_the_client_sends(product: str, models: Any) -> None:
    for (found, name), action in ACTIONS.items():
        if found == product:
            known = parameters(getattr(models, f"{name}Request"), models)
            unknown = {each.name for each in action.params} - known
            # All actions take these, also those whose client has no field for them.
            assert unknown <= {each.name for each in (*EVERYWHERE, *ON_CHANGES)}, name


def parameters(model: Any, models: Any, before: str = "") -> set[str]:
    """The parameters of a client's request as they are declared here, with N for a number."""
    wire = {name.lower(): name for name in re.findall(r"m\.get\('([^']+)'\)", source(model))}
    found = set()
    for field, hint in inspect.signature(model.__init__).parameters.items():
        name = wire.get(field.replace("_", "").lower())
        if name is None:
            continue
        is_list = str(hint.annotation).startswith("List[")
        full = f"{before}{name}.N" if is_list else f"{before}{name}"
        inner = re.search(r"main_models\.(\w+)", str(hint.annotation))
        if inner:
            found |= parameters(getattr(models, inner[1]), models, f"{full}.")
        else:
            found.add(full)
    return found


def source(model: Any) -> str:
    return inspect.getsource(model.from_map)
