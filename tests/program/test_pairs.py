"""The spokes verify each other: what is registered for it, and what is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leasedline.commands import commands
from tests.program.engine import Registration, clear
from tests.program.offices import World
from tests.program.test_program import COMMAND, up
from tests.program.test_program import written as written


def test_the_later_spoke_asks_once_all_are_configured(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    registered = up(written, tmp_path, here).one("c-pairs")
    stdin = registered.inputs.pop("stdin")
    assert registered == Registration(
        type=COMMAND,
        name="c-pairs",
        # No delete: nothing is left of it.
        inputs={
            "connection": registered.inputs["connection"],
            "create": commands("root").pairs,
            "logging": "none",
            "addPreviousOutputInEnv": False,
        },
        parent="LeasedLine::line",
        depends_on=frozenset(
            {f"Command::{name}" for name in ("z-config", "a-config", "c-config", "z-settled")}
        ),
        additional_secret_outputs=("stderr", "connection"),
        timeouts=("10m", "10m", "10m"),
        replace_on_changes=("triggers[*]",),
    )
    head, state, *rest = stdin.splitlines()
    assert head == "leased-line pairs 1"
    assert state.startswith("state ")
    assert rest == ["pair a 192.168.200.248 192.168.201.247", "end"]


def test_the_result_is_an_output(written: dict[str, Any], here: World, tmp_path: Path) -> None:
    told = up(written, tmp_path, here, said={"c-pairs": '{"a":12.5}\n'})
    assert clear(told.outputs["pairs"]) == {"a <-> c": {"answers": True, "rtt_ms": 12.5}}
    assert not [line for line in told.logged if "<-> c: no reply" in line]


def test_a_pair_that_never_answered_is_a_warning(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    told = up(written, tmp_path, here, said={"c-pairs": '{"a":null}\n'})
    assert clear(told.outputs["pairs"]) == {"a <-> c": {"answers": False, "rtt_ms": None}}
    assert [line for line in told.logged if line.startswith("a <-> c: no reply")]


def test_a_retired_spoke_is_not_asked_for(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    written["spokes"][0]["retired"] = True
    told = up(written, tmp_path, here)
    assert not [r for r in told.resources if r.name.endswith("-pairs")]


def test_a_line_of_one_spoke_has_no_pair(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    del written["spokes"][1]
    told = up(written, tmp_path, here)
    assert not [r for r in told.resources if r.name.endswith("-pairs")]
    assert clear(told.outputs["pairs"]) == {}
