"""How old keys are said to be, and when a run warns."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from leasedline.ages import as_output, due
from leasedline.network import Network
from leasedline.outlook import Outlook, look
from leasedline.snapshot import Snapshot, from_output
from tests.unit.networks import RING, article

FIRST = date(2026, 1, 31)


def run(network: Network, before: Snapshot | None, today: date) -> Outlook:
    """A run that finds in the state what the one before has left there."""
    return look(
        network,
        RING,
        endpoint="203.0.113.1",
        known={},
        before=from_output(json.loads(json.dumps(before.as_output()))) if before else None,
        statuses={},
        today=today,
    )


def rotated(**generations: int) -> Network:
    network = article()
    a, c = network.spokes
    return network.model_copy(update={"spokes": (a.model_copy(update=generations), c)})


def days(seen: Outlook) -> dict[str, list[object]]:
    told = as_output(seen.snapshot, seen.today)
    return {name: [kind["age_days"] for kind in kinds.values()] for name, kinds in told.items()}


def test_a_key_keeps_its_date_as_long_as_it_is_the_same() -> None:
    first = run(article(), None, FIRST)
    assert as_output(first.snapshot, first.today) == {
        "z": {"key": {"since": "2026-01-31", "age_days": 0}},
        "a": {
            "key": {"since": "2026-01-31", "age_days": 0},
            "pre_shared_key": {"since": "2026-01-31", "age_days": 0},
        },
        "c": {
            "key": {"since": "2026-01-31", "age_days": 0},
            "pre_shared_key": {"since": "2026-01-31", "age_days": 0},
        },
    }
    later = run(article(), first.snapshot, FIRST + timedelta(30))
    assert later.snapshot == first.snapshot, "a run on another day changes nothing"
    assert days(later) == {"z": [30], "a": [30, 30], "c": [30, 30]}
    a_key = run(rotated(generation=2), later.snapshot, FIRST + timedelta(40))
    assert days(a_key) == {"z": [40], "a": [0, 40], "c": [40, 40]}
    a_psk = run(rotated(generation=2, psk_generation=2), a_key.snapshot, FIRST + timedelta(45))
    assert days(a_psk) == {"z": [45], "a": [5, 0], "c": [45, 45]}


def test_no_date_is_sent_to_a_host() -> None:
    first, later = (run(article(), None, FIRST + timedelta(n)) for n in (0, 100))
    for name in "zac":
        assert first.configuration(name) == later.configuration(name)
        assert first.installer(name) == later.installer(name)
    assert first.confirmed == later.confirmed


def test_a_state_of_before_dates_begins_with_this_run() -> None:
    written = run(article(), None, FIRST).snapshot.as_output()
    for host in written["hosts"].values():
        del host["key_since"], host["psk_since"]
    before = from_output(written)
    assert before is not None
    seen = run(article(), before, FIRST + timedelta(9))
    assert days(seen) == {"z": [0], "a": [0, 0], "c": [0, 0]}


def test_a_clock_that_was_ahead_makes_no_key_younger_than_new() -> None:
    first = run(article(), None, FIRST + timedelta(9))
    assert days(run(article(), first.snapshot, FIRST)) == {"z": [0], "a": [0, 0], "c": [0, 0]}


@pytest.mark.parametrize(("limit", "age", "warned"), [(365, 365, 0), (365, 366, 5), (0, 9999, 0)])
def test_a_warning_past_the_age(limit: int, age: int, warned: int) -> None:
    network = article().model_copy(update={"key_age_days": limit})
    first = run(network, None, FIRST)
    seen = run(network, first.snapshot, FIRST + timedelta(age))
    assert len(seen.warnings) == warned
    assert due(seen.snapshot, network, seen.today) == seen.warnings


def test_a_warning_names_the_host_and_the_line_to_raise() -> None:
    network = rotated(generation=4, psk_generation=7)
    network = network.model_copy(update={"key_age_days": 30})
    first = run(network, None, FIRST)
    ages = {"z": "2026-01-31", "a": "2026-03-01", "c": "2026-03-01"}
    hosts = {n: replace(h, key_since=ages[n]) for n, h in first.snapshot.hosts.items()}
    before = replace(first.snapshot, hosts=hosts)
    assert run(network, before, FIRST + timedelta(31)).warnings == (
        "z: its key is 31 days old, more than key_age_days (30): "
        "set hub.generation to 2 in the network file to rotate it",
        "a: its pre-shared key is 31 days old, more than key_age_days (30): "
        "set spokes[0].psk_generation to 8 in the network file to rotate it",
        "c: its pre-shared key is 31 days old, more than key_age_days (30): "
        "set spokes[1].psk_generation to 2 in the network file to rotate it",
    )
