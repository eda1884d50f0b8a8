"""The cloud of a stack as a person has it: started, killed, asked, made to fail, taken away."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from alibabacloud_tea_openapi.models import Config
from alibabacloud_vpc20160428 import models
from alibabacloud_vpc20160428.client import Client

from lab.cloud.home import CloudFiles
from lab.settings import settings_path
from lab.state import LabState
from tests.cloud.api import REGION, Refusal
from tests.cloud.rights import require_root
from tests.lab.bare import call

STACK = "lab-cloud-api"
FILES = CloudFiles(LabState(STACK))
SETTINGS = "cloud: {network_s: 0}\n"


def cloud(*words: str, check: bool = True) -> str:
    """What a verb prints; without `check`, what it complains of."""
    done = call("cloud", *words, stack=STACK, check=check)
    assert check or done.returncode != 0
    return done.stdout if check else done.stderr


@pytest.fixture(autouse=True)
def stack() -> Iterator[None]:
    require_root()
    path = settings_path(STACK)
    path.write_text(SETTINGS)
    try:
        yield
    finally:
        path.write_text(SETTINGS)
        cloud("down")
        path.unlink()


def client() -> Any:
    """Alibaba's client, told nothing but what `cloud env` prints."""
    lines = cloud("env").splitlines()
    told = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    return Client(
        Config(
            access_key_id=told["ALIBABA_CLOUD_ACCESS_KEY_ID"],
            access_key_secret=told["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
            endpoint=told["ALIBABA_CLOUD_ENDPOINT_VPC"],
            ca=told["SSL_CERT_FILE"],
        )
    )


def create(vpc: Any) -> str:
    return str(vpc.create_vpc(models.CreateVpcRequest(region_id=REGION)).body.vpc_id)


def inventory() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(cloud("inventory", "--json"))
    return found


def test_a_killed_cloud_goes_on_where_it_was() -> None:
    assert "does not run: `python -m lab cloud up --stack lab-cloud-api`" in cloud(
        "fault", "cut", check=False
    )
    before = cloud("env")
    cloud("up")
    first = create(client())
    cloud("fault", "throttling", "--action", "CreateVpc")
    pid = FILES.process.pid()
    assert pid is not None
    cloud("up")
    assert FILES.process.pid() == pid, "one that runs is left alone"
    FILES.process.end(signal.SIGKILL)
    assert [row["id"] for row in inventory()] == [first], "what exists does so without the API"
    cloud("up")
    assert cloud("env") == before
    with pytest.raises(Refusal, match=r"Throttling\.User"):
        create(client())
    second = create(client())
    assert [row["id"] for row in inventory()] == [first, second]
    codes = [json.loads(line)["code"] for line in cloud("log", "--json").splitlines()]
    assert codes == ["OK", "Throttling.User", "OK"]
    assert cloud("log", "--ram").split() == ["vpc:CreateVpc"]
    assert second in cloud("inventory")


def test_settings_are_read_anew_by_up() -> None:
    cloud("up")
    create(client())
    settings_path(STACK).write_text("cloud: {policy: ['ecs:*']}\n")
    cloud("up")
    with pytest.raises(Refusal, match=r"Forbidden\.RAM"):
        create(client())
    settings_path(STACK).write_text("cloud: {polcy: []}\n")
    assert "cloud.polcy is no field of cloud: did you mean policy?" in cloud("up", check=False)
    settings_path(STACK).write_text("hub: {}\n")
    assert f"stacks/{STACK}.lab.yaml has no section cloud" in cloud("up", check=False)


def test_faults_are_listed_and_cleared() -> None:
    cloud("up")
    cloud("fault", "cut", "--action", "ecs:Run*", "--count", "3")
    assert json.loads(cloud("fault")) == [{"kind": "cut", "action": "ecs:Run*", "left": 3}]
    assert json.loads(cloud("fault", "--clear")) == []
    assert "there is no fault 'flood': it is one of throttling," in cloud(
        "fault", "flood", check=False
    )
    assert "no-stock" in cloud("fault", "kinds")


def test_down_leaves_nothing() -> None:
    cloud("up")
    create(client())
    cloud("down")
    assert FILES.process.pid() is None
    assert not FILES.state.directory.exists()
    assert inventory() == []
    cloud("down")


def test_only_its_owner_reads_what_is_secret() -> None:
    cloud("up")
    create(client())
    for name in ("key.json", "world.json", "tls/server.key"):
        assert (FILES.home / name).stat().st_mode & 0o077 == 0, name
    secret = FILES.key().secret
    for path in FILES.home.rglob("*"):
        if path.is_file() and path.name != "key.json":
            assert secret not in path.read_text(errors="replace"), path
