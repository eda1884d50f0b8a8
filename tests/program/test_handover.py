"""The end of an old hub: the line is taken down on it, unless it is gone already."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict

import pytest

from components.handover import main
from leasedline.commands import commands
from leasedline.ssh import Login
from tests.program.offices import Office, World, world


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("keys"), 2) as built:
        yield built


def hand_over(
    old: Login, key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"login": asdict(old), "key": key})))
    return main(), capsys.readouterr().err


def login(office: Office) -> Login:
    return Login(host="127.0.0.1", port=office.port, user="root", host_key=office.host_key)


@pytest.mark.parametrize("derived", [False, True])
def test_the_line_is_removed(
    derived: bool,
    here: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    office = here.offices[0]
    office.ran.clear()
    old = Login(**{**asdict(login(office)), "derived": derived})
    assert hand_over(old, here.key, monkeypatch, capsys)[0] == 0
    assert office.ran == [commands("root").remove]


def test_through_a_jump_host(
    here: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    office = here.offices[1]
    old = Login(**{**asdict(login(office)), "jump": login(here.offices[0])})
    assert hand_over(old, here.key, monkeypatch, capsys)[0] == 0
    assert office.ran == [commands("root").remove]


def test_a_hub_that_is_gone_holds_nothing_up(
    here: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = Login(host="127.0.0.1", port=1, user="root", host_key=here.offices[0].host_key)
    code, said = hand_over(gone, here.key, monkeypatch, capsys)
    assert code == 0
    assert said.startswith("the old hub at 127.0.0.1: nothing listens on port 1")
    assert said.endswith("it is taken to be gone\n")


def test_a_hub_that_goes_on_is_told(
    here: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    office = here.offices[0]
    office.code = 1
    try:
        assert hand_over(login(office), here.key, monkeypatch, capsys)[0] == 1
    finally:
        office.code = 0
