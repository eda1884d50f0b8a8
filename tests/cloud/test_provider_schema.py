"""The alicloud plugin that is installed, stand-in or released, against the released Python SDK.

What is sent is decided by the SDK, what is understood by the plugin: a name, a shape or a secret
that only one of them knows would be lost or shown without a word.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import subprocess
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from pulumi import _types as sdk_types

# The SDK warns of what nothing here uses whenever it is imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_alicloud")

PROJECT = Path(__file__).parents[2]
VERSION = "3.105.0"

RESOURCES = (
    "alicloud:vpc/network:Network",
    "alicloud:vpc/switch:Switch",
    "alicloud:ecs/securityGroup:SecurityGroup",
    "alicloud:ecs/securityGroupRule:SecurityGroupRule",
    "alicloud:ecs/ecsKeyPair:EcsKeyPair",
    "alicloud:ecs/eipAddress:EipAddress",
    "alicloud:ecs/eipAssociation:EipAssociation",
    "alicloud:ecs/instance:Instance",
)
FUNCTIONS = (
    "alicloud:ecs/getImages:getImages",
    "alicloud:ecs/getInstanceTypes:getInstanceTypes",
    "alicloud:index/getZones:getZones",
)

Shape: TypeAlias = "str | tuple[str, Shape] | dict[str, Shape]"
"""A scalar's name, a list or map of something, or an object's properties."""


@pytest.fixture(scope="module")
def schema() -> Mapping[str, Any]:
    """What the installed plugin says it serves."""
    subprocess.run([PROJECT / "toolchain/ensure", "alicloud"], check=True)
    plugins = PROJECT / ".toolchain/home/plugins"
    (program,) = plugins.glob(f"resource-alicloud-v{VERSION}*/pulumi-resource-alicloud")
    answer = subprocess.run(
        ["pulumi", "package", "get-schema", os.fspath(program)],
        capture_output=True,
        text=True,
        check=True,
    )
    schema: Mapping[str, Any] = json.loads(answer.stdout)
    return schema


def snake(name: str) -> str:
    return re.sub(r"([A-Z]+)", r"_\1", name).lower().lstrip("_")


def sdk(token: str) -> tuple[Any, str]:
    """The SDK's module for a token, and the name of its class or function there."""
    _, module, name = token.split(":")
    folder, _, file = module.partition("/")
    package = ".".join(["pulumi_alicloud", *([] if folder == "index" else [folder])])
    # The SDK loads a package when something is first looked up in it (pulumi._utils.lazy_import).
    # One whose module was imported before stays without its names, for all tests of this process.
    looked_up = importlib.import_module(package)
    assert hasattr(looked_up, name) or hasattr(looked_up, snake(name))
    return importlib.import_module(f"{package}.{snake(file)}"), name


def shape_of_hint(hint: Any) -> Shape:
    """The shape behind one of the SDK's type hints."""
    hint = sdk_types.unwrap_type(hint)
    scalars: dict[Any, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
    if hint in scalars:
        return scalars[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Sequence:
        return ("list", shape_of_hint(arguments[0]))
    if origin is Mapping:
        return ("map", shape_of_hint(arguments[1]))
    return shape_of_class(hint)


def shape_of_class(subject: type) -> Shape:
    if sdk_types.is_input_type(subject):
        fields = sdk_types.input_type_types(subject)
    elif sdk_types.is_output_type(subject):
        fields = sdk_types.output_type_types(subject)
    else:
        fields = sdk_types.resource_types(subject)
    return {name: shape_of_hint(hint) for name, hint in fields.items()}


def shape_of_spec(spec: Mapping[str, Any], types: Mapping[str, Any]) -> Shape:
    """The shape behind a type in the plugin's schema."""
    if "$ref" in spec:
        return shape_of_object(types[spec["$ref"].removeprefix("#/types/")]["properties"], types)
    if spec["type"] == "array":
        return ("list", shape_of_spec(spec["items"], types))
    if spec["type"] == "object":
        return ("map", shape_of_spec(spec["additionalProperties"], types))
    return str(spec["type"])


def shape_of_object(properties: Mapping[str, Any], types: Mapping[str, Any]) -> Shape:
    return {name: shape_of_spec(spec, types) for name, spec in properties.items()}


def required(subject: Callable[..., Any]) -> set[str]:
    parameters = list(inspect.signature(subject).parameters.values())
    empty = inspect.Parameter.empty
    return {p.name for p in parameters if p.name != "__self__" and p.default is empty}


def secrets(properties: Mapping[str, Any]) -> set[str]:
    return {snake(name) for name, spec in properties.items() if spec.get("secret")}


def sdk_secrets(subject: type) -> tuple[set[str], set[str]]:
    """The inputs and outputs that the SDK marks, as its code says; no other place lists them."""
    code = inspect.getsource(subject)
    inputs = set(re.findall(r'__dict__\["(\w+)"\] = None if .* else pulumi\.Output\.secret', code))
    listed = re.search(r"additional_secret_outputs=\[(.*?)\]", code)
    return inputs, set(re.findall(r'"(\w+)"', listed[1])) if listed else set()


def test_all_that_the_project_uses_is_served(schema: Mapping[str, Any]) -> None:
    assert set(schema["resources"]) >= set(RESOURCES)
    assert set(schema["functions"]) >= set(FUNCTIONS)


@pytest.mark.parametrize("token", RESOURCES)
def test_a_resource_is_as_in_the_sdk(token: str, schema: Mapping[str, Any]) -> None:
    module, name = sdk(token)
    released, arguments = getattr(module, name), getattr(module, f"{name}Args")
    served, types = schema["resources"][token], schema["types"]
    assert f"'{token}'" in inspect.getsource(released)
    assert shape_of_object(served["inputProperties"], types) == shape_of_class(arguments)
    assert shape_of_object(served["properties"], types) == shape_of_class(released)
    assert {snake(name) for name in served.get("requiredInputs", [])} == required(arguments)
    inputs, outputs = sdk_secrets(released)
    assert secrets(served["inputProperties"]) == inputs
    assert secrets(served["properties"]) == outputs


@pytest.mark.parametrize("token", FUNCTIONS)
def test_a_function_is_as_in_the_sdk(token: str, schema: Mapping[str, Any]) -> None:
    module, name = sdk(token)
    released, result = (
        getattr(module, snake(name)),
        getattr(module, f"{name[0].upper()}{name[1:]}Result"),
    )
    served, types = schema["functions"][token], schema["types"]
    code = inspect.getsource(released)
    assert f"'{token}'" in code
    hints = typing.get_type_hints(released)
    sent = {
        wire: shape_of_hint(hints[python])
        for wire, python in re.findall(r"__args__\['(\w+)'\] = (\w+)", code)
    }
    assert shape_of_object(served["inputs"]["properties"], types) == sent
    assert shape_of_object(served["outputs"]["properties"], types) == shape_of_class(result)
    assert {snake(name) for name in served["inputs"].get("required", [])} == required(released)


def test_the_provider_takes_what_the_sdk_gives_it(schema: Mapping[str, Any]) -> None:
    module = importlib.import_module("pulumi_alicloud.provider")
    served, types = schema["provider"]["inputProperties"], schema["types"]
    assert shape_of_object(served, types) == shape_of_class(module.ProviderArgs)
    assert secrets(served) == sdk_secrets(module.Provider)[0]


def test_what_the_cloud_says_once_is_a_secret_everywhere(schema: Mapping[str, Any]) -> None:
    """The one secret of all that is used; were it not found, the search itself would be broken."""
    module, name = sdk("alicloud:ecs/instance:Instance")
    assert sdk_secrets(getattr(module, name)) == ({"password"}, {"password"})
    assert secrets(schema["resources"]["alicloud:ecs/instance:Instance"]["properties"]) == {
        "password"
    }


def test_network_interfaces_are_one_object(schema: Mapping[str, Any]) -> None:
    """Terraform has a list here; the SDK has sent an object since before it could be several."""
    module, _ = sdk("alicloud:ecs/instance:Instance")
    shape = shape_of_class(module.InstanceArgs)
    assert isinstance(shape, dict)
    assert isinstance(shape["networkInterfaces"], dict)
