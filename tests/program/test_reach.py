"""The look at every host before anything is touched, with OpenSSH against real servers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from components.reach import ask
from leasedline.ssh import Login
from tests.program.offices import World, new_key, public, world
from tests.unit.networks import RING


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("keys"), 2) as built:
        yield built


def login(here: World, office: int = 0) -> Login:
    at = here.offices[office]
    return Login(host="127.0.0.1", port=at.port, user="admin", host_key=at.host_key)


def fault(here: World, changed: Login, key: str | None = None) -> str:
    answer = ask({"a": changed}, {"a": "true"}, key or here.key)["a"]
    assert answer.code == 255
    assert answer.fault
    return answer.fault


def test_all_hosts_answer_at_once(here: World) -> None:
    logins = {name: login(here, n) for n, name in enumerate("ac")}
    answers = ask(logins, {"a": "first", "c": "second"}, here.key)
    assert {name: (a.code, a.stdout, a.fault) for name, a in answers.items()} == {
        "a": (0, "done\n", None),
        "c": (0, "done\n", None),
    }
    assert "first" in here.offices[0].ran
    assert "second" in here.offices[1].ran


def test_a_key_file_serves_as_well(here: World) -> None:
    named = replace(login(here), key_file=str(here.key_file))
    assert ask({"a": named}, {"a": "true"})["a"].fault is None


def test_a_host_that_takes_the_derived_key_gets_no_other(here: World) -> None:
    derived = replace(login(here), derived=True)
    assert ask({"a": derived}, {"a": "true"}, None, here.key)["a"].fault is None
    other = RING.ssh_login().private
    assert ask({"a": derived}, {"a": "true"}, other, here.key)["a"].fault is None
    assert ask({"a": derived}, {"a": "true"}, here.key, other)["a"].fault


def test_behind_a_jump_host_each_with_its_own_host_key(here: World) -> None:
    behind = replace(login(here, 1), jump=login(here, 0))
    here.offices[1].ran.clear()
    assert ask({"a": behind}, {"a": "through"}, here.key)["a"].fault is None
    assert here.offices[1].ran == ["through"]
    wrong_jump = replace(behind, jump=replace(login(here, 0), host_key=public(new_key())))
    assert "its SSH host key is not the pinned one" in fault(here, wrong_jump)


def test_a_wrong_host_key(here: World) -> None:
    said = fault(here, replace(login(here), host_key=public(new_key())))
    assert "its SSH host key is not the pinned one: if the host was reinstalled" in said
    assert "ssh-keyscan -t ed25519 127.0.0.1" in said


def test_a_refused_login(here: World, tmp_path: Path) -> None:
    stranger = new_key().export_private_key("openssh").decode("ascii")
    said = fault(here, login(here), stranger)
    assert said.startswith("it refuses the login of admin: put your public key into its")


def test_nothing_listens(here: World) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        said = fault(here, replace(login(here), port=port))
    assert said == f"nothing listens on port {port}: is sshd running there, and is the port right?"


def test_a_name_without_an_address(here: World) -> None:
    said = fault(here, replace(login(here), host="no-such-host.invalid"))
    assert said == "its name has no address: correct ssh.host"


def test_a_key_that_is_none(here: World) -> None:
    said = fault(here, login(here), "no private key at all")
    assert said.startswith("the private key for it cannot be used: it must be a private key as ")


def test_a_key_that_others_may_read(here: World, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(here.key, encoding="ascii")
    key_file.chmod(0o644)
    said = fault(here, replace(login(here), key_file=str(key_file)))
    assert said.endswith("which nobody else may read (chmod 600)")
