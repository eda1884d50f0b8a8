"""A line whose hub is in the lab's cloud, and what its cloud tells of itself."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping
from functools import cached_property
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

import yaml

from components.reach import ask
from lab.cloud.admin import administer
from lab.cloud.home import CloudFiles
from lab.cloud.inventory import inventory
from lab.cloud.journal import entries
from lab.cloud.reach import reach
from lab.cloud.state import Store
from lab.settings import PROJECT
from lab.sweep import sweep
from leasedline.keys import KeyRing
from leasedline.ssh import Login
from tests.cloud.hosts import Cloud
from tests.lab.command import environment_of, run
from tests.lab.leaks import ring_of
from tests.lab.line import Line

STACK: Final = "cloud-lab-test"
SMALL: Final = "cloud-lab-faults"
"""A stack of which only the hub in the cloud is ever made, by `CloudLine.buy`."""

EXAMPLE: Final = "cloud-lab"

BOUGHT: Final = (
    *("z-vpc", "z-vswitch", "z-firewall", "z-wireguard", "z-ssh-*"),
    *("z-key", "z-instance", "z-eip", "z-binding-*"),
)
"""The resources in the cloud, as pulumi's globs of URNs have them after the last colons."""

ONE_OF_EACH: Final = {
    "instance": 1,
    "eip": 1,
    "vpc": 1,
    "vswitch": 1,
    "security group": 1,
    "key pair": 1,
}
"""What the inventory has of a hub that is whole, and exists once."""


class CloudLine(Line):
    """The stack's commands, its running lab and its cloud."""

    def __init__(self, stack: str = STACK) -> None:
        super().__init__(stack, EXAMPLE, trixie=())
        self.files = CloudFiles(self.lab.state)
        self.net = Cloud(stack, Path())

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment that the README tells a user to evaluate; it has the cloud's key."""
        return environment_of(self.stack)

    def make(self, target: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of the README's commands for the stack."""
        try:
            return super().make(target, check)
        finally:
            if target in ("up", "destroy"):
                self._forget_the_account()

    def begin(self) -> None:
        """Make a stack without anything in it, and its cloud, anew."""
        if self.settings.exists() or self.lab.state.directory.exists():
            # Of a run that was killed.
            self.prepare()
            self.end()
        self.prepare()
        self.run("toolchain/stack", self.stack)
        self.cloud("up")

    def end(self) -> None:
        """Remove the stack, whatever state it is in."""
        self.make("destroy", check=False)
        self.forget()
        # Asking for the environment of a cloud makes it an account.
        sweep(self.lab.state)
        self._forget_the_account()

    def _forget_the_account(self) -> None:
        # Each cloud is another one.
        self.__dict__.pop("environment", None)

    def cloud(self, *words: str) -> str:
        """Run one of the cloud's verbs and return what it printed."""
        return self.run("python", "-m", "lab", "cloud", *words, "--stack", self.stack).stdout

    def set(self, **options: Any) -> None:
        """Write `hub.alibaba` of the network file anew: the example's, and `options`."""
        example = PROJECT / "stacks" / f"{EXAMPLE}.network.yaml"
        network = yaml.safe_load(example.read_text("utf-8"))
        network["hub"]["alibaba"] |= options
        self.network.write_text(yaml.safe_dump(network, sort_keys=False), "utf-8")

    def set_cloud(self, **settings: Any) -> None:
        """Give the cloud other settings, by its section of the lab's settings."""
        path = PROJECT / "stacks" / f"{self.stack}.lab.yaml"
        whole = yaml.safe_load((PROJECT / "stacks" / f"{EXAMPLE}.lab.yaml").read_text("utf-8"))
        path.write_text(yaml.safe_dump(whole | {"cloud": settings}), "utf-8")
        self.cloud("up")

    def fault(self, kind: str, *actions: str, count: int = 1) -> None:
        """Let something go wrong the next times that each of the actions is asked for."""
        for action in actions:
            told = {"kind": kind, "action": action, "count": count}
            administer(self.files, "faults", "POST", told)

    def faults_left(self) -> list[dict[str, Any]]:
        """Return the faults that nothing has met with yet."""
        left: list[dict[str, Any]] = administer(self.files, "faults")
        return left

    def inventory(self, kind: str = "") -> list[dict[str, Any]]:
        """Return what exists in the cloud, of one kind or of all."""
        rows = inventory(Store(self.files.world).world)
        return [row for row in rows if kind in ("", row["kind"])]

    def counts(self) -> dict[str, int]:
        """Return how many of each kind exist."""
        kinds = [row["kind"] for row in self.inventory()]
        return {kind: kinds.count(kind) for kind in kinds}

    def asked(self, **wanted: str) -> list[dict[str, Any]]:
        """Return the entries of the access log with these values, oldest first."""
        return [
            entry
            for entry in entries(self.files.log)
            if all(entry[name] == value for name, value in wanted.items())
        ]

    def buying(self) -> list[str]:
        """Return the command that brings up what is bought in the cloud and nothing else."""
        targets = [f"**::{name}" for name in BOUGHT]
        targets += ["**AlibabaHub::z", "**::alibaba-*"]
        words = [word for target in targets for word in ("--target", target)]
        words += ["--yes", "--skip-preview", "--suppress-outputs", "--non-interactive"]
        return ["pulumi", "up", "--color", "never", "--stack", self.stack, *words]

    def buy(self, **changed: str | None) -> subprocess.CompletedProcess[str]:
        """Bring up what is bought in the cloud; a failure is for the test.

        Args:
            changed: variables of the environment for this run, None for one that is not to be.
        """
        return run(self.buying(), self.changed_environment(changed), check=False)

    def changed_environment(self, changed: Mapping[str, str | None]) -> dict[str, str]:
        """Return the stack's environment with some variables changed, or without them."""
        both: dict[str, str | None] = {**self.environment, **changed}
        return {name: value for name, value in both.items() if value is not None}

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs."""
        told: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json").stdout)
        return told

    @cached_property
    def ring(self) -> KeyRing:
        """The stack's keys."""
        return ring_of(self)

    @property
    def address(self) -> IPv4Address:
        """The hub's public address, as the cloud has it."""
        (eip,) = self.inventory("eip")
        return IPv4Address(eip["about"].split()[0])

    def on_hub(self, *argv: str) -> str:
        """Run a command on the hub, by the administrator's way in and its pinned host key."""
        door = reach(self.address, self.lab.state)
        login = Login(
            host=door.host,
            port=door.port,
            user="root",
            host_key=self.ring.ssh_host("z").public,
            derived=True,
        )
        key = self.ring.ssh_login().private
        answer = ask({"z": login}, {"z": shlex.join(argv)}, derived=key)["z"]
        assert answer.fault is None, answer.fault
        assert answer.code == 0, f"{shlex.join(argv)}: {answer.stdout}{answer.stderr}"
        return answer.stdout


def lines(done: subprocess.CompletedProcess[str], *words: str) -> list[str]:
    """Return the lines of pulumi's diagnostics that have all of the words, each once."""
    said = (done.stdout + done.stderr).partition("Diagnostics:")[2]
    found = (line.strip() for line in said.splitlines() if all(word in line for word in words))
    return list(dict.fromkeys(found))


def summary(done: subprocess.CompletedProcess[str]) -> str:
    """Return what pulumi says at the end that it did."""
    said = done.stdout.rpartition("Resources:")[2].partition("Duration:")[0]
    return " ".join(said.split())
