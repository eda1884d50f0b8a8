"""docs/alibaba-cloud.md, its policy and the examples of a stack there, against the code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pydantic import BaseModel

from leasedline.alibaba import Alibaba
from leasedline.alibaba_errors import KNOWN
from leasedline.capacity import TYPES
from leasedline.load import load_network
from leasedline.network import SHORT_LAN, Hub, Jump, Lan, Network, Spoke, Ssh
from tests.unit.networks import ROOT

PAGE: Final = (ROOT / "docs/alibaba-cloud.md").read_text("utf-8")
EXAMPLE: Final = ROOT / "stacks/prod.network.yaml.example"
SETTINGS: Final = ROOT / "stacks/Pulumi.prod.yaml.example"
POLICY: Final = ROOT / "docs/alibaba-ram-policy.json"


def test_the_table_of_errors_is_the_codes() -> None:
    section = PAGE.split("## When Alibaba says no", 1)[1].split("\n## ", 1)[0]
    rows = [row.strip("| ").split(" | ") for row in re.findall(r"^\| `.*$", section, re.M)]
    assert rows == [
        [", ".join(f"`{code}`" for code in known.codes), known.cause, known.remedy]
        for known in KNOWN
    ]


def test_the_default_types_figures() -> None:
    section = PAGE.split("## What it carries", 1)[1].split("\n## ", 1)[0]
    name = Alibaba.model_fields["instance_type"].default
    found = TYPES[name]
    assert f"`{name}`" in section
    assert f"{found.baseline} % of each of {found.vcpu} vCPU" in section
    told = f"{found.credits_per_hour} an hour come in and {found.most_credits} are kept"
    assert told in section
    assert f"{found.mbit} Mbit/s in each direction" in section
    assert found.kpps
    assert f"{found.kpps},000 packets a second" in section
    assert f"{found.kpps // 2},000 relayed" in section


# --- the examples ---


def test_the_example_loads(tmp_path: Path) -> None:
    path = tmp_path / "prod.network.yaml"
    path.write_text(EXAMPLE.read_text("utf-8"))
    network = load_network(path)
    assert network.hub.alibaba
    assert len(network.spokes) == 2


def shown(model: type[BaseModel]) -> set[str]:
    """The fields that the example may write for a model."""
    return {*model.model_fields, *(SHORT_LAN if model is Spoke else ())}


@pytest.mark.parametrize("model", [Network, Hub, Alibaba, Spoke, Lan, Ssh, Jump])
def test_every_field_is_in_the_example(model: type[BaseModel]) -> None:
    # Also in a comment, where two fields exclude each other.
    written = set(re.findall(r"(?:^|[{,#-]) *([a-z_]+):", EXAMPLE.read_text("utf-8"), re.M))
    assert shown(model) <= written


def test_what_is_commented_out_is_valid_too(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8")
    uncommented = {
        # An adopted network instead of a new one.
        "vpc": ("# vpc:", "# vswitch:", "# security_group:", "# key_pair:"),
        "PrePaid": ("# period:", "# force_delete:"),
        "image_id": ("# image_id:",),
        "jump": ("# jump:", "#   host:", "#   port:", "#   user:", "#   host_key:"),
    }
    gone = {
        "vpc": r"(zone|vpc_cidr|vswitch_cidr|admin_cidrs|ssh_from_anywhere|ping):",
        "PrePaid": r"nothing",
        "image_id": r"image:",
        "jump": r"admin_cidrs:",
    }
    for name, lines in uncommented.items():
        changed = text.replace("charge: PostPaid", "charge: PrePaid") if name == "PrePaid" else text
        for line in lines:
            assert line in changed
            changed = changed.replace(line, line.replace("# ", "", 1).replace("#", "", 1))
        changed = re.sub(rf"^    {gone[name]}.*\n", "", changed, flags=re.M)
        path = tmp_path / f"{name}.network.yaml"
        path.write_text(changed)
        assert load_network(path).hub.alibaba, name


def test_the_settings_are_all_the_settings() -> None:
    source = (ROOT / "components/settings.py").read_text("utf-8")
    read = set(re.findall(r'config\.get\("(\w+)"\)', source)) | {"hub", "spokes"}
    settings: dict[str, Any] = yaml.safe_load(SETTINGS.read_text("utf-8"))["config"]
    assert {name.removeprefix("leased-line:") for name in settings} == read
    for value in settings.values():
        assert isinstance(value, str) or value == {"secure": "v1:what-pulumi-config-set-writes"}


# --- the policy ---


def test_the_policy_allows_single_actions_only() -> None:
    policy = json.loads(POLICY.read_text("utf-8"))
    (statement,) = policy["Statement"]
    actions = statement["Action"]
    assert policy["Version"] == "1"
    assert statement["Effect"] == "Allow"
    assert actions == sorted(set(actions))
    assert not [a for a in actions if not re.fullmatch(r"(ecs|vpc):[A-Z][A-Za-z]+", a)]
