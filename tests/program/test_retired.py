"""A retired spoke: registered so that nothing is done with it, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.program.engine import clear
from tests.program.offices import World
from tests.program.test_program import up
from tests.program.test_program import written as written


def test_one_that_was_part_of_the_line_stays_on_record(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    before = up(written, tmp_path, here)
    written["spokes"][1] |= {"retired": True}
    # Nothing of its own is needed any more, not even the way in to it.
    del written["spokes"][1]["ssh"]
    here.offices[2].ran.clear()
    after = up(written, tmp_path, here, outputs_before=before.outputs)
    for part in ("c-base", "c-config"):
        was, now = before.one(part), after.one(part)
        assert (now.type, now.parent) == (was.type, was.parent)
        assert set(now.inputs) == set(was.inputs)
        assert now.ignore_changes == ("*",)
        assert now.retain_on_delete
        assert not was.retain_on_delete
        assert set(now.additional_secret_outputs) == set(was.additional_secret_outputs)
    assert here.offices[2].ran == []
    assert "192.168.200.0/24" not in after.one("z-config").inputs["stdin"]
    assert "192.168.200.0/24" not in after.one("a-config").inputs["stdin"]
    assert {name for name in ("endpoints", "logins") if "c" in after.outputs[name]} == set()
    assert [line for line in after.logged if "hosts: nothing dials c any more" in line]
    # It is on record as long as it is in the file, and its address is nobody else's.
    assert clear(after.outputs["applied"]["retired"])["c"]["address"] == "10.70.0.3"
    again = up(written, tmp_path, here, outputs_before=after.outputs)
    assert again.one("c-base").retain_on_delete
    assert not [line for line in again.logged if "hosts: nothing dials" in line]


def test_one_that_never_was_is_not_registered(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    written["spokes"][1] |= {"retired": True}
    registered = up(written, tmp_path, here)
    assert not [r for r in registered.resources if r.name.startswith("c")]


def test_one_that_comes_back_is_asked_and_told_everything(
    written: dict[str, Any], here: World, tmp_path: Path
) -> None:
    del written["spokes"][1]["address"]
    first = up(written, tmp_path, here)
    retired = [written["spokes"][0], written["spokes"][1] | {"retired": True}]
    gone = up({**written, "spokes": retired}, tmp_path, here, outputs_before=first.outputs)
    spare = {"port": here.offices[3].port, "host_key": here.offices[3].host_key}
    newcomer = {"name": "e", "ssh": {**written["hub"]["ssh"], **spare}}
    back = up(
        {**written, "spokes": [newcomer, *written["spokes"]]},
        tmp_path,
        here,
        outputs_before=gone.outputs,
    )
    addresses = {n: host["tunnel_address"] for n, host in back.outputs["endpoints"].items()}
    assert addresses == {"z": "10.70.0.1", "a": "10.70.0.2", "c": "10.70.0.3", "e": "10.70.0.4"}
    # It says that nothing of the line is on it, so both of its parts are sent anew.
    assert "\nrevision 2\n" in back.one("c-config").inputs["stdin"]
    assert any("c back" in line for line in back.logged)


def test_the_last_one_may_retire(written: dict[str, Any], here: World, tmp_path: Path) -> None:
    before = up(written, tmp_path, here)
    for spoke in written["spokes"]:
        spoke["retired"] = True
    after = up(written, tmp_path, here, outputs_before=before.outputs)
    assert "[WireGuardPeer]" not in after.one("z-config").inputs["stdin"]
    assert after.one("a-config").retain_on_delete
