"""A host's two commands, exactly as they are registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi_command import local
from pulumi_command.remote import ConnectionArgs

from components.linux_host import LinuxHost
from components.place import PlacedHost
from leasedline.commands import commands
from leasedline.ssh import Login
from tests.program.engine import Deployment, Registration, Secret, deploy

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3yTMqnbs0nmHTjJkMfhUHjzQ0sJeJrQ0aPVyX5fJyH"
COMMAND = "command:remote:Command"
PARENT = "LinuxHost::a"


def place(user: str, ready: list[pulumi.Resource]) -> PlacedHost:
    return PlacedHost(
        user=user,
        login=Login(host="192.0.2.7", port=2222, user=user, host_key=HOST_KEY),
        connection=ConnectionArgs(
            host="192.0.2.7",
            port=2222,
            user=user,
            host_key=HOST_KEY,
            private_key=pulumi.Output.secret("the private key"),
        ),
        ready=ready,
    )


def one_host(user: str = "root") -> Callable[[], None]:
    def program() -> None:
        ready = local.Command("boot", create="true")
        before = local.Command("hub-is-up", create="true")
        LinuxHost(
            "a",
            place(user, [ready]),
            installer="the installer, keys and all",
            configuration="the bundle",
            after=[before],
        )

    return program


def expected(user: str = "root") -> list[Registration]:
    do = commands(user)
    connection = Secret(
        {
            "host": "192.0.2.7",
            "port": 2222,
            "user": user,
            "hostKey": HOST_KEY,
            "privateKey": "the private key",
            "dialErrorLimit": 10,
            "perDialTimeout": 15,
        }
    )
    common: dict[str, Any] = {
        "type": COMMAND,
        "parent": PARENT,
        "timeouts": ("10m", "10m", "10m"),
        # pulumi_command asks for it itself, and no triggers are given.
        "replace_on_changes": ("triggers[*]",),
    }
    always = {"connection": connection, "logging": "none", "addPreviousOutputInEnv": False}
    return [
        Registration(
            name="a-base",
            inputs={
                **always,
                "create": do.install,
                "delete": do.uninstall,
                "stdin": Secret("the installer, keys and all"),
            },
            depends_on=frozenset({"Command::boot"}),
            additional_secret_outputs=("stdout", "stderr", "connection"),
            **common,
        ),
        Registration(
            name="a-config",
            inputs={
                **always,
                "create": do.apply,
                "delete": do.remove,
                "stdin": "the bundle",
                "logging": "stdout",
            },
            depends_on=frozenset({"Command::boot", "Command::a-base", "Command::hub-is-up"}),
            additional_secret_outputs=("stderr", "connection"),
            **common,
        ),
    ]


def remote_commands(deployment: Deployment) -> list[Registration]:
    found = [resource for resource in deployment.resources if resource.type == COMMAND]
    return sorted(found, key=lambda resource: resource.name)


@pytest.mark.parametrize("user", ["root", "admin"])
@pytest.mark.parametrize("preview", [False, True])
def test_a_host_is_exactly_two_commands(user: str, preview: bool) -> None:
    deployment = deploy(one_host(user), preview=preview)
    assert remote_commands(deployment) == expected(user)
    assert deployment.names("leased-line:host:LinuxHost") == ["a"]
    assert len(deployment.resources) == 5


def test_the_recorder_sees_what_is_wrong() -> None:
    """Mocks that are looked at too early, or compare too little, are green whatever happens."""
    found = remote_commands(deploy(one_host("admin")))
    assert found != expected("root")
    assert found[0].inputs["stdin"] != "the installer, keys and all", "a secret is told apart"
    with pytest.raises(ValueError, match="unpack"):
        deploy(one_host()).one("no-such-host")


def test_a_program_that_fails_fails_the_test() -> None:
    def program() -> None:
        one_host()()
        pulumi.Output.from_input(1).apply(lambda _: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        deploy(program)


def test_one_test_sees_nothing_of_another() -> None:
    assert len(deploy(one_host()).resources) == 5
    assert deploy(lambda: None).resources == []


def test_nothing_replaces_a_host() -> None:
    """A replacement runs the old delete after the new create, and so undoes it."""
    for resource in remote_commands(deploy(one_host())):
        assert "triggers" not in resource.inputs
        assert "update" not in resource.inputs
        assert "environment" not in resource.inputs


def test_the_recipient_of_sudo_is_never_asked() -> None:
    for resource in remote_commands(deploy(one_host("admin"))):
        for key in ("create", "delete"):
            assert "sudo -n " in resource.inputs[key]
