"""Any sound network loads, and no damage to its file ends in a stack trace."""

from __future__ import annotations

import copy
import random
import re
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from leasedline.load import NetworkError, load_network
from leasedline.network import Network
from tests.unit.networks import HOST_KEY

NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    """A network file's data with no fault in it."""
    names = draw(st.lists(NAMES, min_size=2, max_size=8, unique=True))
    length = draw(st.integers(20, 30))
    numbers = st.integers(0, 2 ** (length - 12) - 1)
    free = iter(draw(st.lists(numbers, min_size=24, max_size=24, unique=True)))
    tunnel = IPv4Network(draw(st.sampled_from(["10.70.0.0/16", "10.0.0.0/8", "192.168.9.0/28"])))
    allotted = draw(st.permutations(range(1, 15)))

    def host(i: int) -> dict[str, Any]:
        data: dict[str, Any] = {"name": names[i]}
        if draw(st.booleans()):
            data["address"] = str(tunnel[allotted[i]])
        if draw(st.booleans()):
            data["ssh"] = {"host": f"host{i}.example", "host_key": HOST_KEY}
        return data

    def lan() -> tuple[str, str, str]:
        start = IPv4Address("172.16.0.0") + next(free) * 2 ** (32 - length)
        prefix = IPv4Network((start, length))
        return str(prefix), str(prefix[1]), str(prefix[2])

    spokes = []
    for i in range(1, len(names)):
        spoke = host(i)
        if draw(st.booleans()):
            spoke |= zip(("lan", "lan_address", "gateway"), lan(), strict=True)
        else:
            keys = ("prefix", "address", "gateway")
            count = draw(st.integers(0, 3))
            spoke["lans"] = [dict(zip(keys, lan(), strict=True)) for _ in range(count)]
        spokes.append(spoke)
    data: dict[str, Any] = {"tunnel": str(tunnel), "hub": host(0), "spokes": spokes}
    if draw(st.booleans()):
        data["summary"] = ["172.16.0.0/12"]
    if draw(st.booleans()):
        data["port"] = draw(st.integers(1, 65535))
    return data


def loads(directory: Path, text: str) -> Network:
    path = directory / "net.yaml"
    path.write_text(text, "utf-8", "surrogatepass")
    return load_network(path)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("properties")


@settings(deadline=None, max_examples=60)
@given(data=networks(), flow=st.sampled_from([True, False, None]))
def test_every_valid_network_loads(directory: Path, data: dict[str, Any], flow: bool) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, sort_keys=False)
    assert loads(directory, text) == Network.model_validate(data)


@settings(deadline=None, max_examples=30)
@given(data=networks(), seed=st.integers())
def test_the_order_of_spokes_and_fields_does_not_matter(
    directory: Path, data: dict[str, Any], seed: int
) -> None:
    shuffled = copy.deepcopy(data)
    random.Random(seed).shuffle(shuffled["spokes"])  # noqa: S311
    first = loads(directory, yaml.safe_dump(data, sort_keys=False))
    second = loads(directory, yaml.safe_dump(shuffled, sort_keys=True))
    assert {spoke.name: spoke for spoke in first.spokes} == {
        spoke.name: spoke for spoke in second.spokes
    }


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.binary(max_size=8)
    | st.text(max_size=12)
    | st.sampled_from(["0.0.0.0/0", "10.0.0.0/8", "224.0.0.1", "a", "::1", "1:30", "=", "<<"])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(), SCALARS, max_size=3)
FAULT = re.compile(r"\S+net\.yaml:\d+(:\d+)?: .+: .+")


def assert_told_well(directory: Path, text: str) -> None:
    """Either the text loads, or every line but the count says file and line, in our words."""
    try:
        loads(directory, text)
    except NetworkError as error:
        *lines, count = str(error).splitlines()
        assert re.fullmatch(r"\d+ faults? in \S+net\.yaml.*", count)
        assert lines
        for line in lines:
            # An encoding has no lines; everything else has.
            assert FAULT.fullmatch(line) or "is not UTF-8" in line
            assert "Input should" not in line
            assert "does not belong here" not in line


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of nested data."""
    if not isinstance(data, dict | list):
        return []
    keys = list(data) if isinstance(data, dict) else list(range(len(data)))
    return [(data, key) for key in keys] + [at for key in keys for at in places(data[key])]


@settings(deadline=None, max_examples=300)
@given(data=networks(), draw=st.data())
def test_a_changed_field_never_ends_in_a_stack_trace(
    directory: Path, data: dict[str, Any], draw: st.DataObject
) -> None:
    data = copy.deepcopy(data)
    for _ in range(draw.draw(st.integers(1, 3))):
        container, key = draw.draw(st.sampled_from(places(data)))
        match draw.draw(st.sampled_from(["drop", "change", "add"])):
            case "drop" if len(data) > 1:
                del container[key]
            case "add" if isinstance(container, dict):
                container[draw.draw(st.text(max_size=8) | NAMES)] = draw.draw(VALUES)
            case _:
                container[key] = draw.draw(VALUES)
    assert_told_well(directory, yaml.safe_dump(data, allow_unicode=draw.draw(st.booleans())))


@settings(deadline=None, max_examples=300)
@given(data=networks(), draw=st.data())
def test_changed_characters_never_end_in_a_stack_trace(
    directory: Path, data: dict[str, Any], draw: st.DataObject
) -> None:
    text = yaml.safe_dump(data, sort_keys=False)
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(text)))
        cut = draw.draw(st.integers(0, 3))
        new = draw.draw(
            st.text(
                st.sampled_from("\t\n :-[]{}&*!|>'\"%@`#?,<a0\\\x00\u2028") | st.characters(),
                max_size=3,
            )
        )
        text = text[:at] + new + text[at + cut :]
    assert_told_well(directory, text)
