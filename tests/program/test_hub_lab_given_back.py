"""Hosts of the lab are given back before their machines go, as a server would be."""

from __future__ import annotations

import json
from pathlib import Path

import pulumi
import pytest

from components import hub_lab
from components.linux_host import LinuxHost, on_host
from components.place import PlacedHost
from lab.settings import parse_settings
from lab.state import LabState, write
from tests.program.engine import Deployment, deploy
from tests.unit.networks import HOST_KEY, article

REACHED = {"host": "127.0.0.1", "port": 22100, "user": "root", "host_key": HOST_KEY}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Deployment:
    written = parse_settings("{}", "stacks/test.lab.yaml")
    state = LabState("test", tmp_path)
    write(state.private_key, "a key\n")
    monkeypatch.setattr(hub_lab, "load_settings", lambda _stack: written)
    monkeypatch.setattr(hub_lab, "LabState", lambda _stack: state)

    def program() -> None:
        lab = hub_lab.Lab("lab", article())
        places: dict[str, PlacedHost] = {"z": lab.hub("z"), "a": lab.spoke("a")}
        for name, place in places.items():
            host = LinuxHost(name, place, installer="keys", configuration="a bundle")
            own = pulumi.ResourceOptions(parent=host)
            on_host(f"{name}-more", place, create="true", stdin="", opts=own)

    return deploy(program, made={"command:local:Command": {"stdout": json.dumps(REACHED)}})


@pytest.mark.parametrize("name", ["z", "a"])
@pytest.mark.parametrize("part", ["base", "config", "more"])
def test_a_lab_machine_is_given_back_before_it_goes(name: str, part: str, made: Deployment) -> None:
    assert made.one(f"{name}-{part}").deleted_with == ""
    assert f"Command::lab-machine-{name}" in made.one(f"{name}-{part}").depends_on
