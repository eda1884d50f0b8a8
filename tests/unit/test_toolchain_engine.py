"""The real engine with the command plugin that is installed, stand-in or released.

A throw-away project with one local and one remote command goes through its whole life against an
SSH server in this process.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import pulumi_command.local
import pulumi_command.remote
import pytest

PROJECT = Path(__file__).parents[2]

PROGRAM = """
import json
from pathlib import Path

import pulumi
from pulumi_command import local, remote

given = json.loads(Path("given.json").read_text())
line = pulumi.Output.secret(given["stdin"])
local.Command("near", create="cat >/dev/null; echo near", stdin=line, delete="touch near.gone",
              triggers=given["triggers"])
far = remote.Command(
    "far",
    connection=remote.ConnectionArgs(
        host="127.0.0.1", port=given["port"], user="root", password=given["password"],
        host_key=given["host_key"], dial_error_limit=0,
    ),
    create="cat >/dev/null; echo far", delete="echo bye", stdin=line,
    logging=remote.Logging.NONE, add_previous_output_in_env=False,
)
pulumi.export("far", far.stdout)
"""

STDIN = "what-nobody-may-read"
PASSWORD = "what-nobody-may-know"


@dataclass
class Server:
    """An SSH server that answers each command and remembers it with its input."""

    port: int = 0
    host_key: str = ""
    commands: list[tuple[str, str]] = field(default_factory=list)

    async def answer(self, process: asyncssh.SSHServerProcess[str]) -> None:
        text = await process.stdin.read()
        self.commands.append((process.command or "", text))
        process.stdout.write("far\n")
        process.exit(0)


class _Login(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("root", PASSWORD)


@pytest.fixture
def server() -> Iterator[Server]:
    subject = Server()
    key = asyncssh.generate_private_key("ssh-ed25519")
    subject.host_key = key.export_public_key().decode()
    ready, loop = threading.Event(), asyncio.new_event_loop()

    async def listen() -> asyncssh.SSHAcceptor:
        acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=_Login,
            server_host_keys=[key],
            process_factory=subject.answer,
        )
        subject.port = acceptor.get_port()
        ready.set()
        return acceptor

    def serve() -> None:
        acceptor = loop.run_until_complete(listen())
        loop.run_forever()
        acceptor.close()
        loop.run_until_complete(acceptor.wait_closed())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(10), "the SSH server did not come up within 10 s"
    yield subject
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


@pytest.fixture(scope="module")
def toolchain() -> dict[str, str]:
    """The environment in which the installed pulumi runs."""
    subprocess.run([PROJECT / "toolchain/ensure", "pulumi"], check=True)
    answer = subprocess.run(
        ["/bin/sh", "-euc", 'eval "$("$0"/toolchain/env none)"; exec env -0', str(PROJECT)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    env = dict(pair.split("=", 1) for pair in answer.split("\0") if pair)
    env.pop("SSH_AUTH_SOCK", None)
    return env


@dataclass
class Stack:
    """A throw-away project and how to run pulumi in it."""

    folder: Path
    env: dict[str, str]
    given: dict[str, Any]

    def pulumi(self, *arguments: str, code: int = 0) -> str:
        (self.folder / "given.json").write_text(json.dumps(self.given), encoding="utf-8")
        answer = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        said = answer.stdout + answer.stderr
        assert answer.returncode == code, said
        return said

    def up(self, *arguments: str, code: int = 0) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", *arguments, code=code)


@pytest.fixture
def stack(tmp_path: Path, toolchain: dict[str, str], server: Server) -> Stack:
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "state").mkdir()
    (folder / "Pulumi.yaml").write_text("name: throwaway\nruntime: python\n", encoding="utf-8")
    (folder / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    env = {
        **toolchain,
        "PULUMI_BACKEND_URL": f"file://{tmp_path}/state",
        "PULUMI_CREDENTIALS_PATH": str(tmp_path / "login"),
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "HOME": str(tmp_path / "home"),
    }
    given = {
        "stdin": STDIN,
        "password": PASSWORD,
        "triggers": [1],
        "port": server.port,
        "host_key": server.host_key,
    }
    stack = Stack(folder, env, given)
    stack.pulumi("stack", "init", "test")
    return stack


def test_a_stack_lives_and_leaves_nothing(stack: Stack, server: Server, tmp_path: Path) -> None:
    stack.up()
    assert server.commands == [("cat >/dev/null; echo far", STDIN)]
    stack.up("--expect-no-changes")
    assert len(server.commands) == 1

    stack.given["stdin"] = "another line"
    said = stack.up()
    assert "2 updated" in said
    assert server.commands[1:] == [("cat >/dev/null; echo far", "another line")]

    stack.given["triggers"] = [2]
    assert "1 replaced" in stack.up()
    assert (stack.folder / "near.gone").exists(), "the replaced command's delete did not run"

    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert server.commands[2:] == [("echo bye", "another line")]
    assert not (tmp_path / "home").exists(), "something was written into the user's home"


def test_no_secret_is_in_clear_in_the_state_or_what_is_shown(stack: Stack, tmp_path: Path) -> None:
    said = stack.up()
    assert PASSWORD not in said
    assert STDIN not in said
    files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert any(path.name == "test.json" for path in files)
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert PASSWORD not in text, path
        assert STDIN not in text, path


def test_a_wrong_host_key_is_refused_and_nothing_is_run(stack: Stack, server: Server) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")
    stack.given["host_key"] = other.export_public_key().decode()
    assert "host key mismatch" in stack.up(code=1)
    assert server.commands == []


@pytest.mark.parametrize(
    ("token", "module"),
    [
        ("command:remote:Command", pulumi_command.remote),
        ("command:local:Command", pulumi_command.local),
    ],
)
def test_the_plugin_knows_every_field_of_the_sdk(
    token: str, module: Any, toolchain: dict[str, str]
) -> None:
    plugins = Path(toolchain["PULUMI_HOME"]) / "plugins"
    (program,) = plugins.glob("resource-command-v1.2.1*/pulumi-resource-command")
    schema = json.loads(
        subprocess.run(
            ["pulumi", "package", "get-schema", os.fspath(program)],
            env=toolchain,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    resource = schema["resources"][token]

    def fields_of(subject: type) -> set[str]:
        """The wire names of an SDK class's properties."""
        names = {name for name, value in vars(subject).items() if isinstance(value, property)}
        return {_wire_name(name) for name in names}

    assert set(resource["inputProperties"]) == fields_of(module.command.CommandArgs)
    assert set(resource["properties"]) == fields_of(module.Command)
    if "connection" in resource["inputProperties"]:
        for name in ("Connection", "ProxyConnection"):
            sent = schema["types"][f"command:remote:{name}"]
            assert set(sent["properties"]) == fields_of(getattr(module, f"{name}Args"))
            assert sent["required"] == ["host"]
        assert resource["inputProperties"]["connection"]["secret"] is True
    shown = schema["types"][f"{token.rpartition(':')[0]}:Logging"]["enum"]
    assert {value["value"] for value in shown} == {value.value for value in module.Logging}


def _wire_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
