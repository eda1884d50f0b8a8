"""A spoke's key changes: the hub serves both until the spoke has confirmed, whatever comes between.

The host program's own functions, on a `wg` whose device is a file (tests/unit/wg_device.py). What
the real one does is in tests/lab/test_rotate.py.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.unit.networks import RING, article
from tests.unit.rotating_hub import C1, CHANGE, Hub, rotated
from tests.unit.shell import SHELLS, Host, power_goes

A1, A2, A3 = (RING.host("a", generation).public for generation in (1, 2, 3))

in_each_shell = pytest.mark.parametrize("hub", SHELLS, indirect=True)


@pytest.fixture
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Hub:
    """The article's hub, which has heard a and c."""
    hub = Hub(Host(tmp_path / "host", getattr(request, "param", ("dash",))))
    hub.host.root.mkdir()
    hub.apply(article())
    for key in (A1, C1):
        hub.hear(key)
    assert not hub.unit
    assert hub.of_a == {A1: True}
    return hub


@in_each_shell
def test_a_rotation_from_its_beginning_to_its_end(hub: Hub) -> None:
    c = hub.peers[C1]
    hub.apply(rotated(key=2, psk=2))
    assert hub.of_a == {A1: True, A2: False}
    assert "restart leased-line-former.service" in hub.calls
    hub.follow()
    assert hub.of_a == {A1: True, A2: False}
    hub.heard(A2)
    assert hub.of_a == {A1: False, A2: True}
    assert hub.differences() == []
    ran = hub.settle(A2, C1)
    assert (ran.code, ran.lines[-1]) == (0, "a: its former key is forgotten")
    assert hub.of_a == {A2: True}
    assert not hub.unit
    assert hub.calls[-4:] == [
        "--quiet --no-reload disable leased-line-former.service",
        "--quiet stop leased-line-former.service",
        "--quiet reset-failed leased-line-former.service",
        "daemon-reload",
    ]
    assert {path.name for path in hub.host.state.iterdir()} == {"current", "previous"}
    assert hub.peers[C1] == c, "nobody has touched c"


def test_each_key_has_its_own_pre_shared_key(hub: Hub) -> None:
    psk1, psk2 = (RING.preshared("z", "a", generation) for generation in (1, 2))
    hub.apply(rotated(key=2, psk=2))
    assert (hub.peers[A1]["psk"], hub.peers[A2]["psk"]) == (psk1.secret, psk2.secret)
    # Two bundles later nothing but the former peer names the old key's file.
    hub.apply(rotated(key=2, psk=2).model_copy(update={"mtu": 1300}))
    hub.apply(rotated(key=2, psk=2).model_copy(update={"mtu": 1310}))
    assert psk1.name in hub.psks()
    hub.hear(A2)
    hub.follow()
    assert hub.settle(A2, C1).code == 0
    assert psk1.name not in hub.psks()
    assert psk2.name in hub.psks()


def test_a_pre_shared_key_alone_makes_no_former_peer(hub: Hub) -> None:
    hub.apply(rotated(psk=2))
    assert hub.of_a == {A1: True}
    assert not hub.unit
    assert not (hub.host.state / "formers").exists()


def test_a_spoke_that_goes_back_is_served(hub: Hub) -> None:
    """Its change was not confirmed: it came with the new key, and comes with the former one."""
    hub.apply(rotated(key=2))
    hub.heard(A2)
    hub.heard(A1)
    assert hub.of_a == {A1: True, A2: False}
    hub.heard(A2)
    assert hub.of_a == {A1: False, A2: True}


def test_a_hub_that_goes_back_has_its_peer_as_before(hub: Hub) -> None:
    hub.ok(CHANGE, hub.bundle(rotated(key=2)))
    assert hub.of_a == {A1: True, A2: False}
    assert hub.unit
    hub.ok("roll_back")
    assert hub.of_a == {A1: True}
    assert not hub.unit
    assert not (hub.host.state / "formers").exists()


@in_each_shell
def test_the_hub_reboots_meanwhile(hub: Hub) -> None:
    """The spoke has its former key, or the new one; networkd knows the new one."""
    hub.apply(rotated(key=2, psk=2))
    hub.boot()
    assert hub.of_a == {A2: True}
    hub.follow()
    assert hub.of_a == {A1: False, A2: True}
    assert hub.peers[A1]["psk"] == RING.preshared("z", "a").secret
    assert hub.peers[A1]["keepalive"] == "15"
    assert hub.differences() == []
    hub.heard(A1)
    assert hub.of_a == {A1: True, A2: False}
    hub.boot()
    hub.follow()
    hub.heard(A2)
    assert hub.of_a == {A1: False, A2: True}


def test_a_former_peer_that_somebody_took_away_comes_back(hub: Hub) -> None:
    hub.apply(rotated(key=2))
    hub.ok(f"wg set wg0 peer {A1} remove")
    assert hub.differences() == [
        "peer a with its former key: missing",
    ]
    hub.follow()
    hub.heard(A1)
    assert hub.of_a == {A1: True, A2: False}
    assert hub.differences() == []


def test_an_office_that_was_away_for_two_rotations_is_served(hub: Hub) -> None:
    hub.apply(rotated(key=2, psk=2))
    hub.apply(rotated(key=3, psk=3))
    assert hub.of_a == {A1: True, A2: False, A3: False}
    for key in (A2, A1, A3):
        hub.heard(key)
        assert [public for public, has in hub.of_a.items() if has] == [key]
    assert hub.settle(A3, C1).code == 0
    assert hub.of_a == {A3: True}


def test_a_rotation_that_is_taken_back_in_the_network_file(hub: Hub) -> None:
    hub.apply(rotated(key=2))
    hub.heard(A2)
    hub.apply(rotated(key=1))
    assert hub.of_a == {A1: False, A2: True}
    hub.heard(A1)
    assert hub.settle(A1, C1).code == 0
    assert hub.of_a == {A1: True}


def test_prefixes_that_change_with_the_key_go_to_whoever_answers(hub: Hub) -> None:
    network = rotated(key=2)
    a, c = network.spokes
    moved = a.model_copy(update={"lans": ()})
    hub.apply(network.model_copy(update={"spokes": (moved, c)}))
    assert hub.peers[A1]["allowed"] == ["10.70.0.2/32"]
    assert hub.peers[A2]["allowed"] == []


def test_a_spoke_that_leaves_takes_its_former_key_along(hub: Hub) -> None:
    hub.apply(rotated(key=2))
    hub.apply(article().model_copy(update={"spokes": article().spokes[1:]}))
    assert set(hub.peers) == {C1}
    assert not hub.unit


def test_the_hubs_own_key_makes_no_former_peer(hub: Hub) -> None:
    hub.apply(rotated(hub=2))
    assert hub.of_a == {A1: True}
    assert not hub.unit


@in_each_shell
def test_nothing_is_settled_too_early(hub: Hub) -> None:
    hub.apply(rotated(key=2))
    before = hub.peers
    for keys, says in (
        ((A2, C1), "a: was not heard with its new key yet"),
        ((A1, C1), "a: the stack names another key than the bundle that is in force here"),
    ):
        ran = hub.settle(*keys)
        assert ran.code == 1
        assert says in ran.stderr
        assert "a former key is still needed, so it is kept" in ran.stderr
        assert hub.peers == before
        assert hub.unit
    hub.heard(A2)
    hub.heard(A1)
    assert "a: answers with its former key again" in hub.settle(A2, C1).stderr
    assert set(hub.of_a) == {A1, A2}


def test_one_spoke_is_settled_and_another_waits(hub: Hub) -> None:
    network = rotated(key=2)
    a, c = network.spokes
    c2 = RING.host("c", 2).public
    hub.apply(network.model_copy(update={"spokes": (a, c.model_copy(update={"generation": 2}))}))
    hub.heard(c2)
    ran = hub.settle(A2, c2)
    assert ran.code == 1
    assert "c: its former key is forgotten" in ran.lines
    assert set(hub.peers) == {A1, A2, c2}
    assert hub.unit
    # The unit goes by what is left, or it would bring back the key that was forgotten.
    hub.follow()
    assert set(hub.peers) == {A1, A2, c2}


def test_nothing_is_settled_while_a_change_is_pending(hub: Hub) -> None:
    hub.ok(CHANGE, hub.bundle(rotated(key=2)))
    assert "waits to be confirmed or undone" in hub.settle(A2, C1).stderr
    assert set(hub.of_a) == {A1, A2}


def test_settling_again_is_nothing(hub: Hub) -> None:
    ran = hub.settle(A1, C1)
    assert (ran.code, ran.lines, ran.stderr) == (0, ["no former key is left"], "")


def test_taking_the_line_down_takes_all_of_it(hub: Hub) -> None:
    hub.apply(rotated(key=2))
    hub.ok("our_paths() { :; }; nft() { :; }; unit_is() { false; }; take_down")
    assert not hub.unit
    assert list(hub.host.state.iterdir()) == []


@in_each_shell
def test_what_people_are_told(hub: Hub) -> None:
    def notes() -> list[str]:
        return hub.ok('with_formers "$STATE/current" | former_notes wg0').lines

    assert notes() == []
    hub.apply(rotated(key=2))
    assert notes()[0].startswith("peer a: answers with its former key; ")
    hub.heard(A2)
    assert notes()[0].startswith("peer a: answers with its new key; ")
    hub.boot()
    assert notes() == ["peer a: was heard neither with its new key nor with a former one yet"]


def test_the_unit_looks_less_often_when_nobody_is_there(hub: Hub) -> None:
    hub.apply(rotated(key=2))
    ran = hub.ok(
        'FOLLOW_AWAY=3; n=0; sleep() { n=$((n + 1)); say "$1"; [ $n -lt 6 ] || exit 0; }; follow'
    )
    assert ran.lines == ["0.2", "0.2", "0.2", "2", "2", "2"]


POWER: Final = power_goes("mv cp rm")


def test_the_power_goes_at_every_step_of_a_rotation(tmp_path: Path) -> None:
    """The hub then knows just the keys with which the spoke may come."""
    hub = Hub(Host(tmp_path / "host", ("dash",), ("setsid", "--wait")))
    hub.host.root.mkdir()
    hub.apply(article())
    start = tmp_path / "start"
    shutil.copytree(hub.host.root, start)
    wanted = hub.bundle(rotated(key=2))
    seen = []
    for power in range(1, 200):
        shutil.rmtree(hub.host.root)
        shutil.copytree(start, hub.host.root)
        hub.bundle(rotated(key=2))
        ran = hub.sh(f"POWER={power}\n{POWER}{CHANGE} commit", wanted)
        if ran.code == 0:
            break
        assert ran.code in (-9, 137), ran.stderr
        hub.boot()
        hub.ok(
            'say "another-boot 1" >"$RUN/note"; [ ! -e "$STATE/pending" ] || rollback 2>/dev/null'
        )
        if (hub.host.state / "followed").exists():
            hub.follow()
        seen.append(set(hub.of_a))
    assert set(hub.of_a) == {A1, A2}
    assert seen[0] == {A1}
    assert seen[-1] == {A1, A2}
    assert all(keys in ({A1}, {A1, A2}) for keys in seen)
    assert seen == sorted(seen, key=len), "from some step on the change is in force"
