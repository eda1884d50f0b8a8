"""The hub in Alibaba Cloud: what is asked, told and kept, and the program as a whole."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from leasedline.moving import CloudHub, from_output
from tests.program.alibaba import ANSWERS, BEFORE, IMAGE, IMAGES, MADE, SECTION, ZONES, Up, instance
from tests.program.engine import Secret, clear, deploy
from tests.program.offices import World, world
from tests.unit.networks import RING, ROOT, SEED

# --- what is asked, and what stays ---


def test_a_new_hub_asks_for_zone_and_image(up: Up) -> None:
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


def test_a_running_hub_stays_and_asks_nothing(up: Up) -> None:
    deployment = up(before=BEFORE)
    assert deployment.asked == []
    assert instance(deployment).inputs["imageId"] == BEFORE.image_id
    assert deployment.one("z-vswitch").inputs["zoneId"] == "cn-hangzhou-k"
    assert not [line for line in deployment.logged if "replaced" in line]


def test_a_zone_that_is_written_is_asked_for_once_and_an_image_is_not(up: Up) -> None:
    written = {**SECTION, "zone": "cn-hangzhou-k", "image_id": "m-bp1"}
    deployment = up(written)
    assert [asked for asked, _ in deployment.asked] == [ZONES]
    assert deployment.one("z-vswitch").inputs["zoneId"] == "cn-hangzhou-k"
    assert deployment.one("z-vswitch").inputs["cidrBlock"] == "10.255.253.64/27"
    assert instance(deployment).inputs["imageId"] == "m-bp1"
    again = up(written, before=from_output(deployment.outputs["hub_cloud"]))
    assert again.asked == []
    assert again.one("z-vswitch").inputs["zoneId"] == "cn-hangzhou-k"


def test_another_type_stays_in_its_zone_and_the_outage_is_told(
    up: Up,
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
    up: Up,
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


def test_the_capacity_is_told_and_exported(up: Up) -> None:
    lines = up().outputs["hub_capacity"]
    assert lines[0].startswith("ecs.t6-c4m1.large: 2 vCPU, 0.5 GiB; 5 % of each vCPU for ever")
    assert "\n".join(lines) in up(preview=True).logged
    assert not up().logged


def test_a_preview_asks_for_the_price_and_goes_on_without(
    up: Up, monkeypatch: pytest.MonkeyPatch
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


def test_the_whole_program(offices: World, tmp_path: Path, credentials: None) -> None:
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
    # Two hubs with one key: the old one is silent before a spoke is told of the new one.
    handover = deployment.one("z-handover")
    assert handover.depends_on >= {"Command::z-config"}
    assert handover.delete_before_replace
    assert handover.deleted_with == "Instance::z-instance"
    assert handover.inputs["triggers"] == ["203.0.113.7:22"]
    assert handover.inputs["delete"] == "python -m components.handover"
    assert "create" not in handover.inputs
    assert isinstance(handover.inputs["stdin"], Secret)
    assert "Command::z-handover" in deployment.one("a-config").depends_on
    shown = json.dumps([clear(r.inputs) for r in deployment.resources])
    assert RING.ssh_login().public in shown
    lines = [key.splitlines()[2] for key in (RING.ssh_host("z").private, offices.key)]
    assert not [secret for secret in (*lines, SEED, RING.host("z").private) if secret in shown]


def test_only_a_stack_with_its_hub_there_imports_the_sdk() -> None:
    code = (
        "import sys, ast, pathlib;"
        "tree = ast.parse(pathlib.Path('__main__.py').read_text());"
        "names = [n.module for n in tree.body if isinstance(n, ast.ImportFrom)];"
        "[__import__(name) for name in names];"
        "sys.exit(any('alicloud' in m or 'alibabacloud' in m for m in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
