"""A hub in Alibaba Cloud for the program's tests: what the provider answers, and how it is run."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pulumi
import pytest
import yaml

from components.hub_alibaba import AlibabaHub
from components.settings import Last, Settings, Where
from leasedline.load import load_network
from leasedline.moving import CloudHub
from tests.program.engine import Deployment, Registration, deploy
from tests.unit.networks import RING, ROOT

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

Up = Callable[..., Deployment]


def up_in(directory: Path) -> Up:
    """Return what runs the hub's part of the program, on a network file in `directory`."""

    def run(
        section: Mapping[str, Any] | None = None,
        *,
        before: CloudHub | None = None,
        ssh_key: str | None = None,
        answers: Mapping[str, Any] = ANSWERS,
        **options: Any,
    ) -> Deployment:
        file = directory / "test.network.yaml"
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
            cloud = AlibabaHub("z", settings, last)
            hub = cloud.booted(cloud.placed)
            for name, value in cloud.outputs.items():
                pulumi.export(name, value)
            pulumi.export("address", hub.address)
            pulumi.export("machine", hub.machine)
            pulumi.export("login", pulumi.Output.from_input(hub.login).apply(asdict))

        return deploy(program, answers=answers, made=MADE, **options)

    return run


def refused(up: Up, *arguments: Any, **options: Any) -> str:
    registered = Deployment()
    with pytest.raises(pulumi.RunError) as caught:
        up(*arguments, into=registered, **options)
    # Not even begun: the engine would ask a program that has ended to explain what fails of it.
    assert [r.name for r in registered.resources if r.type.startswith("alicloud:")] == []
    return str(caught.value)


def instance(deployment: Deployment) -> Registration:
    return deployment.one("z-instance")
