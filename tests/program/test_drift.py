"""What a run says and sends where the stack is there already: changes, and hosts that differ."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from leasedline.bundle import configuration, digest, program_digest
from leasedline.commands import commands
from leasedline.files import PROGRAM
from leasedline.plan import Planner
from tests.program.engine import Deployment, Secret
from tests.program.offices import World, new_key, public, world
from tests.program.test_program import HOSTS, up
from tests.unit.networks import RING, ROOT, article, planner


@dataclass
class Stack:
    """The article's network on three servers, up once; `says` is what each host answers."""

    here: World
    directory: Path
    network: dict[str, Any]
    outputs: dict[str, Any]
    plan: Planner

    def up(self, **options: Any) -> Deployment:
        return up(self.network, self.directory, self.here, outputs_before=self.outputs, **options)

    def says(self, host: str, *differences: str, revision: int = 1, **changed: Any) -> None:
        """Let a host answer what `Commands.status` prints."""
        bundle = digest(configuration(self.plan.plan(host), revision))
        report = {"bundle": bundle, "revision": revision, "differences": differences}
        program = changed.pop("program", program_digest())
        office = self.here.offices[HOSTS.index(host)]
        office.says = f"{program}  {PROGRAM}\n{json.dumps(report | changed)}\n"
        office.code = 3 if differences else 0


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("keys"), 4) as built:
        yield built


@pytest.fixture
def stack(here: World, tmp_path: Path) -> Stack:
    network: dict[str, Any] = yaml.safe_load((ROOT / "stacks/lab.network.yaml").read_text("utf-8"))
    for host, office in zip([network["hub"], *network["spokes"]], here.offices, strict=False):
        host["ssh"] = {"host": "127.0.0.1", "port": office.port, "host_key": office.host_key}
        office.says, office.code = "", 0
        office.ran.clear()
    network["hub"]["endpoint"] = "203.0.113.1"
    built = Stack(here, tmp_path, network, {}, planner(article()))
    built.outputs = built.up().outputs
    for name in HOSTS:
        built.says(name)
    return built


def sent(deployment: Deployment, part: str) -> str:
    value = deployment.one(part).inputs["stdin"]
    return str(value.value if isinstance(value, Secret) else value)


def test_each_host_is_asked_once(stack: Stack) -> None:
    stack.up()
    for office in stack.here.offices[:3]:
        # At the first up, and now.
        assert office.ran == [commands("root").status] * 2


@pytest.mark.parametrize("preview", [True, False])
def test_nothing_is_said_where_nothing_changes(preview: bool, stack: Stack) -> None:
    deployment = stack.up(preview=preview)
    assert deployment.logged == []
    assert deployment.outputs["applied"] == stack.outputs["applied"]


@pytest.mark.parametrize("preview", [True, False])
def test_a_host_that_differs_is_named_and_sent_its_bundle_again(
    preview: bool, stack: Stack
) -> None:
    before = stack.up()
    stack.says("a", "route 192.168.200.0/24: missing", "interface wg0: is down")
    after = stack.up(preview=preview)
    assert after.logged == [
        "a: route 192.168.200.0/24: missing\na: interface wg0: is down",
        "hosts: a changed; z, c left alone\ntunnels: none goes down",
    ]
    differs = {r.name for r in after.resources if r.inputs != before.one(r.name).inputs}
    # A host that was brought back is a reason to ask again who reaches whom.
    assert differs == {"a-config", "c-pairs"}
    assert "\nrevision 2\n" in sent(after, "a-config")


def test_a_revision_stays(stack: Stack) -> None:
    stack.says("a", "route 192.168.200.0/24: missing")
    repairing = stack.up()
    stack.outputs = repairing.outputs
    stack.says("a", revision=2)
    again = stack.up()
    assert again.logged == []
    assert sent(again, "a-config") == sent(repairing, "a-config")
    assert again.outputs["applied"] == repairing.outputs["applied"]
    stack.says("a", "interface wg0: is down", revision=2)
    assert "\nrevision 3\n" in sent(stack.up(), "a-config")


def test_a_revision_stays_though_the_run_that_raised_it_was_killed(stack: Stack) -> None:
    """The host has it, the stack's outputs have not."""
    stack.says("a", "route 192.168.200.0/24: missing")
    repairing = stack.up()
    stack.says("a", revision=2)
    again = stack.up()
    assert sent(again, "a-config") == sent(repairing, "a-config")
    assert not [text for text in again.logged if text.startswith("a:")]


@pytest.mark.parametrize(
    "difference",
    ["key file /etc/leased-line/keys/0123456789abcdef.psk: is missing", "host program"],
)
def test_key_files_and_host_program_come_with_the_base(difference: str, stack: Stack) -> None:
    before = stack.up()
    if difference == "host program":
        stack.says("a", program="12" * 32)
    else:
        stack.says("a", difference)
    after = stack.up()
    differs = {r.name for r in after.resources if r.inputs != before.one(r.name).inputs}
    assert "a-base" in differs
    assert differs <= {"a-base", "a-config", "c-pairs"}
    assert after.logged[0].startswith(f"a: {difference}")


def test_a_host_that_was_reinstalled_gets_everything_again(stack: Stack) -> None:
    stack.here.offices[1].says = ""
    bare = stack.up(preview=True)
    assert bare.logged[0] == f"a: host program {PROGRAM}: missing"
    stack.says("a", "no bundle: nothing was applied here", bundle="")
    old = stack.up(preview=True)
    assert old.logged[0] == "a: nothing of the line is in force: reinstalled, or an old disk?"
    for found in (bare, old):
        for part in ("a-base", "a-config"):
            assert "\nrevision 2\n" in sent(found, part)


def test_a_host_with_the_bundle_of_a_killed_run_is_sent_the_one_that_is_wanted(
    stack: Stack,
) -> None:
    stack.says("a", bundle="12" * 32)
    after = stack.up()
    assert "neither that of the last complete up nor" in after.logged[0]
    assert "\nrevision 2\n" in sent(after, "a-config")


def test_an_unreachable_host_is_named_and_changes_nothing(stack: Stack) -> None:
    stack.network["spokes"][0]["ssh"]["host_key"] = public(new_key())
    deployment = stack.up(preview=True)
    (warning,) = deployment.logged
    assert warning.startswith("a (127.0.0.1:")
    assert "revision" not in sent(deployment, "a-config")


def test_a_host_that_says_what_is_no_status(stack: Stack) -> None:
    stack.here.offices[1].says = "Welcome to a\n"
    deployment = stack.up()
    assert deployment.logged == [
        "a: its status cannot be read: it says what is no status: Welcome to a"
    ]


def test_a_change_is_told_in_the_networks_own_words(stack: Stack) -> None:
    stack.network = copy.deepcopy(stack.network)
    spoke = stack.network["spokes"][1]
    for field in ("lan", "lan_address", "gateway"):
        del spoke[field]
    spoke["lans"] = [
        {"prefix": f"192.168.{n}.0/24", "address": f"192.168.{n}.248", "gateway": f"192.168.{n}.1"}
        for n in (200, 210)
    ]
    assert stack.up(preview=True).logged == [
        "opens 192.168.210.0/24 (c) <-> 192.168.201.0/24 (a)\n"
        "hosts: z, a changed; c left alone\n"
        "tunnels: none goes down\n"
        "gateways: 192.168.201.1 (a, via 192.168.201.247): gain 192.168.210.0/24\n"
        "gateways: 192.168.210.1 (c, via 192.168.210.248): gain 192.168.201.0/24"
    ]


def test_former_keys_go_when_every_spoke_has_confirmed(stack: Stack) -> None:
    settled = stack.up().one("z-settled")
    a, c = (RING.host(name).public for name in "ac")
    assert settled.inputs["stdin"] == f"a {a}\nc {c}\n"
    assert settled.inputs["create"] == commands("root").settle
    assert settled.inputs["logging"] == "none"
    assert settled.additional_secret_outputs == ("stderr", "connection")
    assert settled.timeouts == ("10m", "10m", "10m")
    # Nothing is left of it to be taken back, so destroy does not log in for it.
    assert not {"delete", "update", "triggers"} & set(settled.inputs)
    # It runs again when a spoke's key changes, and for nothing else.
    stack.network["spokes"][0]["generation"] = 2
    told = f"a {RING.host('a', 2).public}\nc {c}\n"
    assert stack.up().one("z-settled").inputs["stdin"] == told
    stack.network["spokes"][1]["psk_generation"] = 2
    stack.network["keepalive"] = 20
    assert stack.up().one("z-settled").inputs["stdin"] == told


def test_a_key_that_is_due_is_warned_of(stack: Stack) -> None:
    before = stack.outputs["keys"]
    assert {name: len(kinds) for name, kinds in before.items()} == {"z": 1, "a": 2, "c": 2}
    assert {age["age_days"] for kinds in before.values() for age in kinds.values()} == {0}
    stack.outputs["applied"]["hosts"]["a"]["key_since"] = "2020-01-01"
    again = stack.up()
    (warning,) = again.logged
    assert warning.startswith("a: its key is ")
    assert warning.endswith("set spokes[0].generation to 2 in the network file to rotate it")
    assert again.outputs["keys"]["a"]["key"]["since"] == "2020-01-01"
    assert again.outputs["applied"] == stack.outputs["applied"]
    stack.network["key_age_days"] = 0
    assert stack.up().logged == []
