"""The whole program for the article's network on servers that are there already."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components import settings
from leasedline.bundle import PAYLOAD
from tests.program.engine import Deployment, Registration, Secret, clear, deploy
from tests.program.offices import World, new_key, public
from tests.unit.networks import ROOT, SEED, article, planner

COMMAND = "command:remote:Command"
HOSTS = ("z", "a", "c")


@pytest.fixture
def written(here: World) -> dict[str, Any]:
    """The article's network file, each host reached at one of the servers."""
    network: dict[str, Any] = yaml.safe_load((ROOT / "stacks/lab.network.yaml").read_text("utf-8"))
    hosts = [network["hub"], *network["spokes"]]
    for host, office in zip(hosts, here.offices, strict=False):
        host["ssh"] = {"host": "127.0.0.1", "port": office.port, "host_key": office.host_key}
    network["hub"]["endpoint"] = "203.0.113.1"
    return network


def up(
    network: Mapping[str, Any] | str,
    directory: Path,
    here: World,
    *,
    seed: str | None = SEED,
    key: bool = True,
    preview: bool = False,
    outputs_before: Mapping[str, Any] | None = None,
    said: Mapping[str, str] | None = None,
    unreadable: Sequence[str] = (),
    into: Deployment | None = None,
    **config: str,
) -> Deployment:
    file = directory / "test.network.yaml"
    text = network if isinstance(network, str) else yaml.safe_dump(dict(network), sort_keys=False)
    file.write_text(text, encoding="utf-8")
    secrets = {"seed": seed or "", **({"sshPrivateKey": here.key} if key else {})}
    return deploy(
        lambda: runpy.run_path(str(ROOT / "__main__.py")),
        config={"network": str(file), **config},
        secrets={name: value for name, value in secrets.items() if value},
        preview=preview,
        outputs_before=outputs_before,
        said=said,
        unreadable=unreadable,
        into=into,
    )


def refused(network: Mapping[str, Any] | str, directory: Path, here: World, **options: Any) -> str:
    """What the program says, having registered nothing."""
    registered = Deployment()
    with pytest.raises(pulumi.RunError) as caught:
        up(network, directory, here, into=registered, **options)
    assert registered.resources == []
    return str(caught.value)


def connection(resource: Registration) -> dict[str, Any]:
    found: dict[str, Any] = resource.inputs["connection"].value
    return found


# --- what is registered ---


def test_exactly_these_resources(written: dict[str, Any], here: World, tmp_path: Path) -> None:
    deployment = up(written, tmp_path, here)
    assert sorted((r.type, r.name, r.parent) for r in deployment.resources) == sorted(
        [
            ("leased-line:line:LeasedLine", "line", "Stack::leased-line-test"),
            *(("leased-line:host:LinuxHost", name, "LeasedLine::line") for name in HOSTS),
            *((COMMAND, f"{name}-base", f"LinuxHost::{name}") for name in HOSTS),
            *((COMMAND, f"{name}-config", f"LinuxHost::{name}") for name in HOSTS),
            (COMMAND, "z-settled", "LeasedLine::line"),
            (COMMAND, "c-pairs", "LeasedLine::line"),
        ]
    )


def test_hub_first_then_the_spokes_side_by_side(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    deployment = up(written, tmp_path, here)
    waits = {
        name: {other.partition("::")[2] for other in deployment.one(name).depends_on}
        for name in deployment.names(COMMAND)
    }
    assert waits == {
        "z-base": set(),
        "a-base": set(),
        "c-base": set(),
        "z-config": {"z-base"},
        "a-config": {"a-base", "z-config"},
        "c-config": {"c-base", "z-config"},
        "z-settled": {"z-config", "a-config", "c-config"},
        "c-pairs": {"z-config", "a-config", "c-config", "z-settled"},
    }


def test_every_host_is_sent_its_own_bundle(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    deployment = up(written, tmp_path, here)
    plan = planner(article())
    for name in HOSTS:
        golden = ROOT / "tests/unit/golden" / name
        sent = deployment.one(f"{name}-config").inputs["stdin"]
        assert f"\nhost {name}\n" in sent
        for file in golden.rglob("*.net*"):
            if file.is_file():
                body = "".join(f"|{line}\n" for line in file.read_text("utf-8").splitlines())
                assert f"file /{file.relative_to(golden)} root:root 0644\n{body}" in sent
        installer = deployment.one(f"{name}-base").inputs["stdin"]
        assert isinstance(installer, Secret)
        keys = set(re.findall(r"^\|(.*)$", installer.value.partition(PAYLOAD)[2], flags=re.M))
        assert keys == set(plan.secrets(name).values())


def test_every_connection_is_pinned_and_secret(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    deployment = up(written, tmp_path, here)
    for name, office in zip(HOSTS, here.offices, strict=False):
        for part in ("base", "config"):
            assert connection(deployment.one(f"{name}-{part}")) == {
                "host": "127.0.0.1",
                "port": office.port,
                "user": "root",
                "hostKey": office.host_key,
                "privateKey": here.key,
                "dialErrorLimit": 10,
                "perDialTimeout": 15,
            }


def test_a_jump_host_is_pinned_by_a_key_of_its_own(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    jump = here.offices[3]
    written["spokes"][0]["ssh"] |= {
        "user": "admin",
        "jump": {
            "host": "127.0.0.1",
            "port": jump.port,
            "user": "guest",
            "host_key": jump.host_key,
        },
    }
    deployment = up(written, tmp_path, here)
    for part in ("base", "config"):
        resource = deployment.one(f"a-{part}")
        assert connection(resource)["proxy"] == {
            "host": "127.0.0.1",
            "port": jump.port,
            "user": "guest",
            "hostKey": jump.host_key,
            "privateKey": here.key,
            "dialErrorLimit": 10,
            "perDialTimeout": 15,
        }
        assert connection(resource)["hostKey"] == here.offices[1].host_key
        assert "sudo -n " in resource.inputs["create"]
        assert "sudo -n " in resource.inputs["delete"]
    assert "proxy" not in connection(deployment.one("c-base"))
    assert deployment.outputs["logins"]["a"]["jump"]["host_key"] == jump.host_key


def test_a_key_file_is_read_and_stays_secret(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    for host in (written["hub"], *written["spokes"]):
        host["ssh"]["key_file"] = str(here.key_file)
    deployment = up(written, tmp_path, here, key=False)
    assert connection(deployment.one("a-config"))["privateKey"] == here.key
    assert deployment.outputs["logins"]["a"]["key_file"] == str(here.key_file)


def test_addresses_left_out_keep_what_the_stack_gave_out(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    for spoke in written["spokes"]:
        del spoke["address"]
    before = {
        "endpoints": {
            "c": {"tunnel_address": "10.70.0.2"},
            "gone": {"tunnel_address": "10.70.0.3"},
        }
    }
    deployment = up(written, tmp_path, here, outputs_before=before)
    addresses = {n: h["tunnel_address"] for n, h in deployment.outputs["endpoints"].items()}
    assert addresses == {"z": "10.70.0.1", "c": "10.70.0.2", "a": "10.70.0.3"}
    first = up(written, tmp_path, here).outputs["endpoints"]
    assert first["a"]["tunnel_address"] == "10.70.0.2"


CUT_OFF = "failed to load checkpoint: EOF"


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_state_that_is_being_saved_is_read_again(
    written: dict[str, Any],
    here: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    attempts: int,
) -> None:
    monkeypatch.setattr(settings, "READ_AGAIN_S", (0.0, 0.0))
    before = {"endpoints": {"c": {"tunnel_address": "10.70.0.9"}}}
    for spoke in written["spokes"]:
        del spoke["address"]
    deployment = up(written, tmp_path, here, outputs_before=before, unreadable=[CUT_OFF] * attempts)
    assert deployment.outputs["endpoints"]["c"]["tunnel_address"] == "10.70.0.9"


def test_a_state_that_cannot_be_read_is_named(
    written: dict[str, Any], here: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "READ_AGAIN_S", (0.0, 0.0))
    said = refused(written, tmp_path, here, unreadable=[CUT_OFF] * 3)
    assert said.startswith("what the last run of organization/leased-line/test left cannot be read")
    assert CUT_OFF in said


# --- what is told ---


def test_exactly_these_outputs(written: dict[str, Any], here: World, tmp_path: Path) -> None:
    outputs = up(written, tmp_path, here).outputs
    assert set(outputs) == {
        "hub_endpoint",
        "endpoints",
        "routes",
        "gateway_recipes",
        "diagram",
        "readme",
        "logins",
        "keys",
        "applied",
        "pairs",
    }
    assert outputs["hub_endpoint"] == "203.0.113.1:51820"
    assert outputs["endpoints"]["a"]["endpoint"] == "behind NAT"
    assert set(outputs["routes"]) == set(outputs["gateway_recipes"]) == {"a", "c"}
    assert outputs["diagram"].startswith("flowchart LR\n")
    assert outputs["readme"].startswith("# Leased line\n")
    assert set(outputs["logins"]) == set(HOSTS)


def test_no_secret_is_registered_or_told_in_clear(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    deployment = up(written, tmp_path, here)
    shown = json.dumps([clear(r.inputs) for r in deployment.resources])
    shown += json.dumps(clear(deployment.outputs)) + "\n".join(deployment.logged)
    plan = planner(article())
    secrets = {text for name in HOSTS for text in plan.secrets(name).values()}
    secrets |= {SEED, here.key.splitlines()[1]}
    assert not [secret for secret in secrets if secret in shown]
    # The search itself works: public keys are there.
    assert plan.hub().public_key in shown


# --- what is refused, before anything is registered ---


def test_every_fault_of_the_settings_at_once(here: World, tmp_path: Path) -> None:
    said = refused("tunnel: 10.70.0.0/16\nports: 1\n", tmp_path, here, seed=None, hub="cloud")
    assert f"{tmp_path}/test.network.yaml:2" in said
    assert "this stack has no seed" in said
    assert "leased-line:hub is cloud, and a place is one of existing, lab" in said


def test_a_seed_that_is_none(written: dict[str, Any], here: World, tmp_path: Path) -> None:
    said = refused(written, tmp_path, here, seed="c2hvcnQ=")
    assert "seed has 5 bytes and must have 32" in said
    assert "c2hvcnQ=" not in said


@pytest.mark.parametrize("who", ["hub z", "spoke c"])
def test_a_host_that_nothing_says_how_to_reach(
    who: str, written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    del (written["hub"] if who == "hub z" else written["spokes"][1])["ssh"]
    said = refused(written, tmp_path, here)
    assert f"{who} has no ssh section in the network file" in said


def test_a_key_file_that_is_not_there(written: dict[str, Any], here: World, tmp_path: Path) -> None:
    written["spokes"][0]["ssh"]["key_file"] = "/no/such/key"
    said = refused(written, tmp_path, here)
    assert "a: its ssh.key_file /no/such/key cannot be read (No such file or directory)" in said


def test_every_host_that_cannot_be_logged_in_to(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    for spoke in written["spokes"]:
        spoke["ssh"]["host_key"] = public(new_key())
    said = refused(written, tmp_path, here)
    for name, office in zip("ac", here.offices[1:], strict=False):
        assert f"{name} (127.0.0.1:{office.port}): its SSH host key is not the pinned one" in said
    assert "let go by retired: true" in said
    assert said.endswith("2 of 3 hosts cannot be logged in to; nothing was changed")


def test_a_preview_only_warns_of_hosts_that_cannot_be_logged_in_to(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    written["spokes"][0]["ssh"]["host_key"] = public(new_key())
    deployment = up(written, tmp_path, here, preview=True)
    assert len(deployment.resources) == 12
    warning, plans = deployment.logged
    assert warning.startswith("a (127.0.0.1:")
    assert plans.startswith("a new line: hub z at 203.0.113.1")
