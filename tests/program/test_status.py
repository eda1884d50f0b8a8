"""`make status`: every host asked, every difference shown, an exit code to rely on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components import status
from leasedline.commands import commands
from leasedline.files import PROGRAM
from leasedline.outlook import look
from tests.program.offices import World, new_key, public, world
from tests.unit.networks import RING, SEED, article

PROGRAM_DIGEST = "12" * 32
Ask = Callable[..., tuple[int, str]]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, 2) as built:
        for name, office in zip("za", built.offices, strict=True):
            office.says = said(report(name))
        yield built


def report(name: str, *differences: str) -> dict[str, Any]:
    return {
        "host": name,
        "role": "hub" if name == "z" else "spoke",
        "interface": "wg0",
        "address": "10.70.0.1/16",
        "systemd": 252,
        "bundle": "ab" * 32,
        "peers": [
            {
                "name": "the-other",
                "public_key": "K=",
                "endpoint": None,
                "handshake_age_s": 7,
                "rx_bytes": 1,
                "tx_bytes": 2,
            }
        ],
        "differences": list(differences),
    }


def said(answer: dict[str, Any], program: str = PROGRAM_DIGEST) -> str:
    return f"{program}  {PROGRAM}\n{json.dumps(answer)}\n"


def outputs_of(here: World, key_file: str | None = None) -> dict[str, Any]:
    logins = {
        name: {
            "host": "127.0.0.1",
            "port": float(office.port),
            "user": "root",
            "host_key": office.host_key,
            "key_file": key_file,
            "jump": None,
        }
        for name, office in zip("za", here.offices, strict=True)
    }
    return {"logins": logins, "applied": {"program": PROGRAM_DIGEST}}


class Pulumi:
    """What pulumi says of a stack, and what it was asked for."""

    def __init__(self, outputs: dict[str, Any], **config: str) -> None:
        self.outputs = outputs
        self.config = {f"leased-line:{name}": {"value": value} for name, value in config.items()}
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, *arguments: str) -> dict[str, Any]:
        self.asked.append(arguments)
        return {"stack": self.outputs, "config": self.config}[arguments[0]]


@pytest.fixture
def asked(here: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs the command for a stack whose outputs name the two servers."""

    def run(*options: str, **changed: Any) -> tuple[int, str]:
        outputs = outputs_of(here, key_file=str(here.key_file))
        outputs["logins"]["a"] |= changed
        monkeypatch.setattr(status, "_pulumi", Pulumi(outputs))
        monkeypatch.setattr("sys.argv", ["status", "--stack", "test", *options])
        monkeypatch.setenv("COLUMNS", "200")
        code = status.main()
        return code, capsys.readouterr().out

    return run


def test_all_as_wanted(here: World, asked: Ask) -> None:
    code, shown = asked()
    assert code == 0
    assert shown.count("as wanted") == 2
    assert "7 s ago" in shown
    for office in here.offices:
        assert office.ran == [commands("root").status]


def test_the_ages_of_keys(
    here: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    day = (datetime.now(UTC).date() - timedelta(12)).isoformat()
    network = article()
    seen = look(
        network,
        RING,
        endpoint="203.0.113.1",
        known={},
        before=None,
        statuses={},
        today=date.fromisoformat(day),
    )
    outputs = outputs_of(here, key_file=str(here.key_file))
    outputs["applied"] = seen.snapshot.as_output() | {"program": PROGRAM_DIGEST}
    monkeypatch.setattr(status, "_pulumi", Pulumi(outputs))
    monkeypatch.setattr("sys.argv", ["status", "--stack", "test"])
    assert status.main() == 0
    shown = capsys.readouterr().out
    assert "keys, days old: z key 12; a key 12, pre-shared-key 12" in shown
    monkeypatch.setattr("sys.argv", ["status", "--stack", "test", "--json"])
    assert status.main() == 0
    assert json.loads(capsys.readouterr().out)["a"]["keys"] == {
        "key": {"since": day, "age_days": 12},
        "pre_shared_key": {"since": day, "age_days": 12},
    }


def test_a_hub_that_takes_the_key_derived_from_the_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one does that was bought in a cloud; the spokes take the stack's own key."""
    with world(tmp_path, 2, {0: RING.ssh_login().public}) as built:
        for name, office in zip("za", built.offices, strict=True):
            office.says = said(report(name))
        outputs = outputs_of(built)
        outputs["logins"]["z"]["derived"] = True
        monkeypatch.setattr("sys.argv", ["status", "--stack", "test", "--json"])
        pulumi = Pulumi(outputs, seed=SEED, sshPrivateKey=built.key)
        monkeypatch.setattr(status, "_pulumi", pulumi)
        assert status.main() == 0
        assert json.loads(capsys.readouterr().out) == {"z": report("z"), "a": report("a")}
        assert pulumi.asked[1:] == [("config", "--json", "--show-secrets", "--stack", "test")]
        for office in built.offices:
            assert office.ran == [commands("root").status]

        other = Pulumi(outputs, seed="B" * 43 + "=", sshPrivateKey=built.key)
        monkeypatch.setattr(status, "_pulumi", other)
        assert status.main() == 4
        answers = json.loads(capsys.readouterr().out)
        assert answers["z"]["unreachable"].startswith("it refuses the login of root")
        assert answers["a"] == report("a")


def test_a_host_that_differs(here: World, asked: Ask) -> None:
    here.offices[1].says = said(report("a", "peer z: missing", "interface wg0: is down"))
    here.offices[1].code = 3
    code, shown = asked()
    assert code == 3
    assert "peer z: missing" in shown
    assert "interface wg0: is down" in shown
    assert shown.count("as wanted") == 1


def test_a_host_that_cannot_be_reached_outweighs_one_that_differs(here: World, asked: Ask) -> None:
    here.offices[0].says = said(report("z", "peer a: missing"))
    here.offices[0].code = 3
    code, shown = asked(host_key=public(new_key()))
    assert code == 4
    assert "a: its SSH host key is not the pinned one" in shown
    assert "peer a: missing" in shown


def test_for_programs(here: World, asked: Ask) -> None:
    here.offices[1].says = said(report("a", "x"))
    here.offices[1].code = 3
    code, shown = asked("--json")
    assert code == 3
    assert json.loads(shown) == {"z": report("z"), "a": report("a", "x")}


def test_a_host_that_cannot_say(here: World, asked: Ask) -> None:
    here.offices[1].says = ""
    here.offices[1].code = 127
    code, shown = asked("--json")
    assert code == 4
    assert json.loads(shown)["a"] == {"unreachable": "status ended with 127"}
    here.offices[1].says = "Welcome!\n"
    here.offices[1].code = 0
    assert asked()[0] == 4


@pytest.mark.parametrize(
    ("says", "fault"),
    [
        ("", f"host program {PROGRAM}: missing"),
        (said(report("a"), "34" * 32), f"host program {PROGRAM}: was changed"),
    ],
)
def test_another_host_program(says: str, fault: str, here: World, asked: Ask) -> None:
    here.offices[1].says = says
    code, shown = asked("--json")
    assert code == 3
    assert json.loads(shown)["a"]["differences"] == [fault]
    assert asked()[0] == 3


def test_a_note_is_shown_and_is_no_difference(here: World, asked: Ask) -> None:
    here.offices[1].says = said(report("a") | {"notes": ["peer z: its name does not resolve"]})
    code, shown = asked()
    assert code == 0
    assert shown.count("as wanted") == 2
    assert "a: peer z: its name does not resolve" in shown
