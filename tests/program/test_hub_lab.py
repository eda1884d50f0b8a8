"""The lab's hub, and what the offices dial to reach it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components import hub_lab
from lab.settings import parse_settings
from lab.state import LabState, write
from tests.program.engine import deploy
from tests.unit.networks import HOST_KEY, article


@pytest.mark.parametrize(
    ("settings", "endpoint", "dialled", "name_server"),
    [
        ("hub: {public: 203.0.113.7}", None, "203.0.113.7", None),
        ("hub: {name: hub.example.net}", None, "hub.example.net", "203.0.113.254"),
        ("hub: {public: 203.0.113.7}", "203.0.113.9", "203.0.113.9", None),
    ],
    ids=["address", "name", "endpoint"],
)
def test_the_hub_is_dialled_where_the_network_says_or_by_its_name_if_it_has_one(
    settings: str,
    endpoint: str | None,
    dialled: str,
    name_server: str | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    written = parse_settings(settings, "stacks/test.lab.yaml")
    monkeypatch.setattr(hub_lab, "load_settings", lambda _stack: written)
    state = LabState("test", tmp_path)
    write(state.private_key, "a key\n")
    monkeypatch.setattr(hub_lab, "LabState", lambda _stack: state)
    reached = {"host": "127.0.0.1", "port": 22100, "user": "root", "host_key": HOST_KEY}
    network = article()
    network = network.model_copy(
        update={"hub": network.hub.model_copy(update={"endpoint": endpoint})}
    )
    found = []
    made = deploy(
        lambda: found.append(hub_lab.Lab("lab", network).hub("z").address),
        made={"command:local:Command": {"stdout": json.dumps(reached)}},
    )
    assert found == [dialled]
    for host in "zac":
        spec = json.loads(made.one(f"lab-machine-{host}").inputs["stdin"])
        assert spec["name_server"] == name_server
