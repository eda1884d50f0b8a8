"""Where systemd's versions differ: when networkd may be told to read its files, and at what price.

249 (Ubuntu 22.04) drops a link's configuration before it takes a changed .network file. 250 to 256
take it without a gap. 255 (Ubuntu 24.04) does not bring back an interface that was deleted
(systemd#34907). From 257 (Debian 13) a reload gives an interface whose .netdev has changed all its
peers anew (systemd#38196). tests/lab/test_reload.py has 252 and 257 for real.
"""

from __future__ import annotations

import os
import re

import pytest

from tests.unit.shell import Host

VERSIONS = {
    249: "systemd 249 (249.11-0ubuntu3.16)",
    252: "systemd 252 (252.39-1~deb12u1)",
    255: "systemd 255 (255.4-1ubuntu8.10)",
    256: "systemd 256 (256.12-1)",
    257: "systemd 257 (257.13-1~deb13u1)",
    258: "systemd 258~rc2 (258~rc2-1)",
}

# Tells what is done, and does nothing. The first reload or start makes the interface, if it does.
PRETENDED = """
systemctl() {
    case "$*" in
    --version) say "$SYSTEMD" ;;
    *) say "systemctl $*"; THERE=$COMES ;;
    esac
}
networkctl() { say "networkctl $*"; THERE=$COMES; }
unit_is() { [ "$2" != active ] || [ "$NETWORKD" = active ]; }
link_exists() { [ "$THERE" = yes ]; }
our_interfaces() { say wg0; }
sync_kernel() { say "the kernel is brought to $1"; }
ip() { say "ip $*"; }
until_true() { shift; "$@"; }
"""


def activated(host: Host, version: int, **world: str) -> list[str]:
    world = {"THERE": "no", "COMES": "yes", "NETWORKD": "active", **world}
    said = "".join(f"{name}={value}\n" for name, value in world.items())
    ran = host.sh(
        f'SYSTEMD="{VERSIONS[version]}"\n{said}{PRETENDED}'
        'echo "$CHANGED" >"$RUN/changed"; activate_interface bundle wg0'
    )
    assert (ran.code, ran.stderr) == (0, "")
    return ran.lines


SYNCED = "the kernel is brought to bundle"
PEER = "/etc/systemd/network/wg0.netdev.d/peer-a.conf"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_version_is_read(version: int, host: Host) -> None:
    ran = host.sh(f'systemctl() {{ say "{VERSIONS[version]}"; say "+PAM"; }}; systemd_version')
    assert ran.stdout == f"{version}\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_live_interface_is_told_of_routes_only_where_that_costs_nothing(
    version: int, host: Host
) -> None:
    done = activated(host, version, THERE="yes", CHANGED="/etc/systemd/network/wg0.network")
    assert done == [SYNCED, *(["networkctl reload"] if 250 <= version <= 256 else [])]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("changed", [PEER, "/etc/systemd/network/wg0.netdev", "''"])
def test_peers_of_a_live_interface_never_need_a_reload(
    version: int, changed: str, host: Host
) -> None:
    assert activated(host, version, THERE="yes", CHANGED=changed) == [SYNCED]


@pytest.mark.parametrize("version", VERSIONS)
def test_networkd_makes_an_interface_that_is_not_there(version: int, host: Host) -> None:
    assert activated(host, version, CHANGED=PEER) == ["networkctl reload"]
    started = activated(host, version, CHANGED=PEER, NETWORKD="off")
    assert started == ["systemctl start systemd-networkd.service"]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_interface_that_networkd_does_not_bring_back_is_made(version: int, host: Host) -> None:
    assert activated(host, version, COMES="no", CHANGED="''") == [
        "networkctl reload",
        "ip link add dev wg0 type wireguard",
        SYNCED,
    ]


# --- other people's WireGuard interfaces ---

READ_AT = 1_760_000_000
OTHERS = """
NETWORKS="$1/etc $1/run $1/lib"
wg() { say "wg0 wg9 quick0"; }
systemctl() {
    case "$*" in
    --version) say "$SYSTEMD" ;;
    *StateChangeTimestamp*) say "Thu 2025-10-09 08:53:20.000000 UTC" ;;
    *) say active ;;
    esac
}
unit_is() { :; }
link_exists() { false; }
networkctl() { say "networkctl $*"; }
say wg0 >"$RUN/ours"
"""
FILES = {
    "etc/20-mine.netdev": "[NetDev]\nName=wg9\nKind=wireguard\n",
    "run/20-mine.netdev.d/peer.conf": "[WireGuardPeer]\nPublicKey=x\n",
    "etc/wg0.netdev": "[NetDev]\nName=wg0\nKind=wireguard\n",
    "etc/20-mine.network": "[Match]\nName=wg9\n",
    "etc/br.netdev": "[NetDev]\nName=br9\nKind=bridge\n",
}


def others(host: Host, version: int, changed: str, commands: str) -> tuple[int, list[str], str]:
    """Run `commands` where networkd has read FILES, and one of them was changed since."""
    for name, text in FILES.items():
        path = host.file(name, text)
        at = READ_AT + (5 if name == changed else -5)
        os.utime(path, (at, at))
    ran = host.sh(f'SYSTEMD="{VERSIONS[version]}"\n{OTHERS}{commands}', host.root)
    return ran.code, ran.lines, ran.stderr


@pytest.mark.parametrize("changed", FILES)
def test_what_a_reload_would_cost_somebody_else(changed: str, host: Host) -> None:
    stale = changed in ("etc/20-mine.netdev", "run/20-mine.netdev.d/peer.conf")
    found = others(host, 257, changed, 'stale_netdev "$RUN/ours"')
    assert found == (0, [f"wg9 {host.root}/{changed}"] if stale else [], "")
    assert others(host, 256, changed, 'stale_netdev "$RUN/ours"') == (0, [], "")


def test_a_reload_that_would_cut_somebody_else_is_refused(host: Host) -> None:
    changed = "run/20-mine.netdev.d/peer.conf"
    code, out, err = others(host, 257, changed, "preflight_reload wg0; say goes on")
    assert (code, out) == (1, [])
    assert re.search(
        r"wg0 needs a reload of networkd, so nothing was changed: systemd 257 would cut all "
        rf"sessions of wg9 at it, since \S+/{changed} was changed after networkd read it; "
        r"run networkctl reload when that may be\n",
        err,
    )
    for version, lost in ((257, ""), (252, changed)):
        code, out, err = others(host, version, lost, "preflight_reload wg0; say goes on")
        assert (code, out, err) == (0, ["goes on"], "")
    there = "link_exists() { :; }; preflight_reload wg0; say goes on"
    assert others(host, 257, changed, there) == (0, ["goes on"], "")


def test_a_host_is_cleared_without_cutting_somebody_else(host: Host) -> None:
    changed = "etc/20-mine.netdev"
    code, out, _ = others(host, 257, changed, 'reload_after_removal "$RUN/ours"')
    assert code == 0
    assert len(out) == 1
    assert out[0].startswith("networkd: still knows the files that were removed; systemd 257 would")
    for version, lost in ((257, ""), (252, changed)):
        found = others(host, version, lost, 'reload_after_removal "$RUN/ours"')
        assert found == (0, ["networkctl reload"], "")


# --- the hub's memory ---

A, C = "A" * 43 + "=", "C" * 43 + "="
HOME_A, HOME_C = "198.51.100.2:4000", "[2001:db8::3]:5000"
NONE = "(none)"

LOOKS = """
need_root() { :; }
n=0
sleep() { n=$((n + 1)); [ -e "$LOOKS/$n" ] || exit 0; }
wg() {
    case "$1" in
    show) cat "$LOOKS/$n" 2>/dev/null && [ -s "$LOOKS/$n" ] ;;
    *) say "look $n: wg $*"; [ ! -e "$LOOKS/$n.fails" ] ;;
    esac
}
"""


def watched(host: Host, *looks: dict[str, str], fails: int | None = None) -> list[str]:
    """What the hub tells WireGuard when it sees these endpoints, one look after the other."""
    for number, look in enumerate(looks):
        host.file(f"looks/{number}", "".join(f"{peer}\t{at}\n" for peer, at in look.items()))
    if fails is not None:
        host.file(f"looks/{fails}.fails", "")
    ran = host.sh(f'LOOKS="$1"\n{LOOKS}watch wg0', host.root / "looks")
    assert ran.code == 0
    assert ("had all peers anew" in ran.stderr) == bool(ran.lines)
    return ran.lines


def test_a_peer_that_lost_its_endpoint_is_told_the_one_it_had(host: Host) -> None:
    seen = {A: HOME_A, C: NONE}
    assert watched(host, seen, seen, {A: NONE, C: NONE}, seen) == [
        f"look 2: wg set wg0 peer {A} endpoint {HOME_A}"
    ]


def test_all_that_are_lost_are_told_in_one_call(host: Host) -> None:
    seen = {A: HOME_A, C: HOME_C}
    assert watched(host, seen, {A: NONE, C: NONE}) == [
        f"look 1: wg set wg0 peer {A} endpoint {HOME_A} peer {C} endpoint {HOME_C}"
    ]


def test_the_last_place_counts(host: Host) -> None:
    moved = "198.51.100.2:4001"
    assert watched(host, {A: HOME_A}, {A: moved}, {A: NONE}) == [
        f"look 2: wg set wg0 peer {A} endpoint {moved}"
    ]


def test_who_has_come_back_by_itself_is_left_alone(host: Host) -> None:
    seen = {A: HOME_A, C: HOME_C}
    back = {A: HOME_A, C: NONE}
    assert watched(host, seen, back) == [f"look 1: wg set wg0 peer {C} endpoint {HOME_C}"]


def test_an_interface_that_was_away_is_told_too(host: Host) -> None:
    assert watched(host, {A: HOME_A}, {}, {A: NONE}) == [
        f"look 2: wg set wg0 peer {A} endpoint {HOME_A}"
    ]


def test_a_peer_that_was_taken_out_is_forgotten(host: Host) -> None:
    assert watched(host, {A: HOME_A, C: HOME_C}, {C: HOME_C}, {A: NONE, C: HOME_C}) == []


def test_what_failed_is_tried_again(host: Host) -> None:
    lost = {A: NONE}
    assert watched(host, {A: HOME_A}, lost, lost, fails=1) == [
        f"look {n}: wg set wg0 peer {A} endpoint {HOME_A}" for n in (1, 2)
    ]
