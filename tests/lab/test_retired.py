"""Spokes that are retired, with the real engine: hosts that only say what they were asked."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from lab.settings import PROJECT
from leasedline.commands import commands
from tests.lab.command import environment_of, run
from tests.program.offices import World, world

STACK: Final = "test-retired"
HOSTS: Final = ("z", "a", "c")
DO: Final = commands("root")


class Stack:
    """The article's network on three servers, in a backend of its own."""

    def __init__(self, here: World, home: Path) -> None:
        self._here = here
        self._file = home / "office.network.yaml"
        own = {"PULUMI_BACKEND_URL": f"file://{home}", "PULUMI_CONFIG_PASSPHRASE": "a passphrase"}
        self.environment = environment_of(STACK, own)
        self.network: dict[str, Any] = yaml.safe_load(
            (PROJECT / "stacks/lab.network.yaml").read_text("utf-8")
        )
        hosts = [self.network["hub"], *self.network["spokes"]]
        for host, office in zip(hosts, here.offices, strict=True):
            office.says = ""
            receipt = f"{host['name']}: interface wg0: removed\n"
            office.replies = {" pairs": "{}\n", "leased-line remove": receipt}
            host["ssh"] = {
                "host": "127.0.0.1",
                "port": office.port,
                "host_key": office.host_key,
                "key_file": str(here.key_file),
            }
        self.network["hub"]["endpoint"] = "203.0.113.1"

    def begin(self) -> None:
        self.run("stack", "init", STACK)
        seed = base64.b64encode(os.urandom(32)).decode()
        self.pulumi("config", "set", "--secret", "seed", stdin=seed)
        self.pulumi("config", "set", "network", str(self._file))

    def run(self, *argv: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return run(["pulumi", *argv], self.environment, stdin=stdin)

    def pulumi(self, *argv: str, stdin: str = "") -> str:
        return self.run(*argv, "--stack", STACK, "--non-interactive", stdin=stdin).stdout

    def up(self, *options: str) -> str:
        return self.change("up", *options)

    def change(self, verb: str, *options: str) -> str:
        """Run a verb on the network as it is now; forgets what the hosts were asked before."""
        self._file.write_text(yaml.safe_dump(self.network, sort_keys=False), encoding="utf-8")
        for office in self._here.offices:
            office.ran.clear()
        return self.pulumi(verb, "--yes", "--skip-preview", *options)

    def asked(self, host: str) -> list[str]:
        return self._here.offices[HOSTS.index(host)].ran

    def spoke(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(s for s in self.network["spokes"] if s["name"] == name)
        return found

    def commands(self) -> dict[str, bool]:
        """The hosts' commands in the state, and whether each is left as it is when it goes."""
        resources = json.loads(self.pulumi("stack", "export"))["deployment"]["resources"]
        return {
            r["urn"].rpartition("::")[2]: r.get("retainOnDelete", False)
            for r in resources
            if r["type"] == "command:remote:Command"
        }


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    settings = PROJECT / "stacks" / f"Pulumi.{STACK}.yaml"
    settings.unlink(missing_ok=True)
    with world(tmp_path, len(HOSTS)) as here:
        built = Stack(here, tmp_path)
        built.begin()
        try:
            yield built
        finally:
            settings.unlink(missing_ok=True)


def test_a_retired_spoke_is_dialled_by_nothing(stack: Stack) -> None:
    stack.up()
    assert DO.install in stack.asked("c")

    # It is out of reach; the hub forgets it, and what it was given stays on record.
    stack.spoke("c")["retired"] = True
    said = stack.up()
    assert "c retired" in said
    assert "leased-line uninstall" in said
    assert stack.asked("c") == []
    assert DO.apply in stack.asked("z")
    assert stack.commands() == {
        **dict.fromkeys(["z-base", "z-config", "z-settled", "a-base", "a-config"], False),
        **dict.fromkeys(["c-base", "c-config"], True),
    }
    recipes = json.loads(stack.pulumi("stack", "output", "gateway_recipes", "--json"))
    assert set(recipes) == {"a"}
    assert "c retired" not in stack.up()
    assert stack.asked("c") == []

    # It comes back, bare: an ordinary run brings it to its state.
    del stack.spoke("c")["retired"]
    assert "c back" in stack.up()
    assert DO.install in stack.asked("c")
    assert DO.apply in stack.asked("c")
    assert set(stack.commands().values()) == {False}

    # It leaves the network file, or the stack is destroyed: nothing dials it either way.
    stack.spoke("c")["retired"] = True
    stack.up()
    stack.network["spokes"].remove(stack.spoke("c"))
    stack.up()
    assert stack.asked("c") == []
    assert {name for name in stack.commands() if name.startswith("c")} == set()
    stack.spoke("a")["retired"] = True
    stack.up()
    assert stack.asked("a") == []
    receipt = stack.change("destroy")
    assert (stack.asked("a"), stack.asked("c")) == ([], [])
    assert DO.remove in stack.asked("z")
    assert "z: interface wg0: removed" in receipt
    assert "a: interface wg0" not in receipt
