"""Parameters: what is missing, unknown or does not fit is refused before anything happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.cloud.errors import ApiError
from lab.cloud.registry import ACTIONS
from lab.cloud.wire import Params, harmless, merged, needed, normal, param
from lab.settings import CloudSettings
from tests.unit.memory_cloud import KEY, REGION, Client, RefusedError, rpc

DECLARED = (
    needed("Name", pattern="[a-z]+"),
    param("Kind", "text", "a", "b"),
    param("Size", "int", most=10),
    param("Ready", "bool"),
    param("Cidr", "cidr"),
    param("Ids", "ids"),
    param("Tag.N.Key"),
    param("Tag.N.Value"),
    param("Key.N"),
    param("Secret", secret=True),
)


def params(**sent: str) -> Params:
    return Params("Act", DECLARED, {n.replace("__", "."): v for n, v in sent.items()})


def test_values_are_read_as_what_they_are() -> None:
    read = params(
        Name="x", Size="7", Ready="True", Ids='["a","b"]', Key__2="second", Key__1="first"
    )
    assert read.text("Name") == "x"
    assert read.text("Kind", "a") == "a"
    assert read.number("Size") == 7
    assert read.flag("Ready")
    assert read.ids("Ids") == ["a", "b"]
    assert read.texts("Key") == ["first", "second"]


def test_lists_keep_the_order_of_their_numbers_not_of_their_digits() -> None:
    read = params(Name="x", **{f"Key__{number}": str(number) for number in range(1, 12)})
    assert read.texts("Key") == [str(number) for number in range(1, 12)]


def test_tags() -> None:
    read = params(Name="x", Tag__1__Key="a", Tag__1__Value="1", Tag__2__Key="b")
    assert read.tags() == {"a": "1", "b": ""}
    with pytest.raises(ApiError, match=r"MissingParameter.*Tag\.1\.Key"):
        params(Name="x", Tag__1__Value="1").tags()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, r'MissingParameter: .*"Name"'),
        ({"Name": ""}, r'MissingParameter: .*"Name"'),
        ({"Name": "X"}, r'InvalidParameter: .*"Name" is not valid'),
        ({"Name": "x", "Nmae": "y"}, r'InvalidParameter: The action Act has no parameter "Nmae"'),
        ({"Name": "x", "Kind": "c"}, r'"Kind" is not valid. It is none of a, b'),
        ({"Name": "x", "Size": "11"}, r'"Size" is not valid. It is no whole number'),
        ({"Name": "x", "Size": "1.5"}, r'"Size" is not valid'),
        ({"Name": "x", "Size": "-2"}, r'"Size" is not valid'),
        ({"Name": "x", "Ready": "yes"}, r'"Ready" is not valid. It is no true or false'),
        ({"Name": "x", "Cidr": "10.0.0.1/8"}, r'"Cidr" is not valid. It is no IPv4 network'),
        ({"Name": "x", "Ids": "a"}, r'"Ids" is not valid. It is no JSON array of ids'),
        ({"Name": "x", "Ids": "[1]"}, r'"Ids" is not valid'),
        ({"Name": "x", "Tag__1__Kye": "a"}, r'no parameter "Tag\.1\.Kye"'),
    ],
)
def test_what_does_not_fit_is_refused(sent: dict[str, str], said: str) -> None:
    with pytest.raises(ApiError, match=said):
        params(**sent)


def test_an_action_reads_only_what_it_declares() -> None:
    with pytest.raises(AssertionError, match="reads Other and does not declare it"):
        params(Name="x").text("Other")


def test_a_name_that_is_there_twice_must_say_the_same() -> None:
    assert merged([("a", "1"), ("a", "1")]) == {"a": "1"}
    with pytest.raises(ApiError, match='"a" is there twice'):
        merged([("a", "1"), ("a", "2")])


def test_numbers_in_names() -> None:
    assert normal("Permissions.12.IpProtocol") == "Permissions.N.IpProtocol"
    assert normal("SystemDisk.Size") == "SystemDisk.Size"


def test_only_declared_values_that_are_not_secret_may_be_logged() -> None:
    sent = {"Name": "x", "Secret": "s", "Unknown": "u", "Signature": "g", "Key.1": "k"}
    names, values = harmless(DECLARED, sent)
    assert names == ["Key.1", "Name", "Secret", "Unknown"]
    assert values == {"Name": "x", "Key.1": "k"}


async def refused(
    client: Client, action: str, region: str = REGION, /, **told: object
) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        await client.call(action, region, **told)
    return caught.value


@pytest.mark.parametrize(
    "name", sorted(name for (_, name), action in ACTIONS.items() if action.needs_region)
)
async def test_every_regional_action_wants_a_region_that_exists(name: str, tmp_path: Path) -> None:
    client = Client(tmp_path)
    assert (await refused(client, name, "")).code == "MissingParameter"
    found = await refused(client, name, "cn-atlantis")
    assert (found.status, found.code) == (404, "InvalidRegionId.NotFound")


@pytest.mark.parametrize(("product", "name"), sorted(ACTIONS))
async def test_every_action_refuses_what_it_does_not_know(
    product: str, name: str, tmp_path: Path
) -> None:
    found = await refused(Client(tmp_path), name, product=product, Nonsense="1")
    assert found.code == "InvalidParameter"
    assert "Nonsense" in found.message


@pytest.mark.parametrize(("product", "name"), sorted(ACTIONS))
async def test_every_action_wants_what_it_must_have(
    product: str, name: str, tmp_path: Path
) -> None:
    must = [each.name for each in ACTIONS[product, name].params if each.required]
    if must:
        found = await refused(Client(tmp_path), name, product=product)
        assert found.code == "MissingParameter"
        assert must[0].replace(".N", ".1") in found.message


async def test_an_action_that_is_not_there(tmp_path: Path) -> None:
    client = Client(tmp_path)
    for name, version, code in (
        ("MakeCoffee", "2014-05-26", "InvalidAction.NotFound"),
        # It is Vpc's.
        ("CreateVpc", "2014-05-26", "InvalidAction.NotFound"),
        ("CreateVpc", "1999-01-01", "InvalidVersion"),
    ):
        reply = await client.cloud.answer(rpc(name, version, {"RegionId": REGION}))
        assert (reply.status, reply.body["Code"]) == (404, code)
        assert set(reply.body) == {"RequestId", "Code", "Message", "HostId"}


async def test_the_ram_policy(tmp_path: Path) -> None:
    settings = CloudSettings(policy=("ecs:Describe*", "vpc:CreateVpc"))
    client = Client(tmp_path, settings)
    await client.call("DescribeInstances")
    await client.call("CreateVpc")
    found = await refused(client, "DeleteVpc", VpcId="vpc-1")
    assert (found.status, found.code) == (403, "Forbidden.RAM")
    assert "vpc:DeleteVpc" in found.message
    assert KEY.secret not in found.message
