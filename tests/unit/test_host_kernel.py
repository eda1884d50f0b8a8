"""The kernel against the bundle: what is named, what is changed, what `wg` is given."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.recorded import (
    DEVICE,
    OTHER,
    PEER_A,
    PEER_C,
    PSK_A,
    PSK_C,
    A,
    C,
    Row,
    Z,
    dump,
    row,
)
from tests.unit.shell import Host

OTHER_PEER: Row = row(PEER_C, 1, OTHER.public)


def differences(host: Host, text: str) -> list[str]:
    ran = host.sh("wg_differences wg0", stdin=text)
    assert (ran.code, ran.stderr) == (0, "")
    shown = ran.stdout
    for key in (A, C, Z, OTHER):
        assert key.private not in shown
    for psk in (PSK_A, PSK_C):
        assert psk.secret not in shown
    return sorted(ran.lines)


def test_a_kernel_as_wanted_differs_in_nothing(hub: Host) -> None:
    assert differences(hub, dump(DEVICE, PEER_A, PEER_C)) == []
    assert differences(hub, dump(DEVICE, PEER_C, PEER_A)) == []


SWAPPED = "192.168.201.0/24,10.70.0.2/32"

KERNELS: dict[str, tuple[tuple[Row, ...], list[str]]] = {
    "peer-missing": ((DEVICE, PEER_A), ["peer c: missing"]),
    "no-peer-at-all": ((DEVICE,), ["peer a: missing", "peer c: missing"]),
    "peer-too-many": (
        (DEVICE, PEER_A, PEER_C, row(PEER_C, 1, OTHER.public)),
        [f"peer {OTHER.public}: not in the bundle"],
    ),
    "psk-is-another": (
        (DEVICE, row(PEER_A, 2, PSK_C.secret), PEER_C),
        ["peer a: its pre-shared key is another one"],
    ),
    "psk-is-gone": (
        (DEVICE, row(PEER_A, 2, "(none)"), PEER_C),
        ["peer a: its pre-shared key is another one"],
    ),
    "a-mark-of-somebody-else": (
        (row(DEVICE, 4, "0xca6c"), PEER_A, PEER_C),
        ["interface wg0: has the fwmark 0xca6c, should have none"],
    ),
    "allowed-ips-in-another-order": ((DEVICE, row(PEER_A, 4, SWAPPED), PEER_C), []),
    "an-allowed-ip-less": (
        (DEVICE, row(PEER_A, 4, "10.70.0.2/32"), PEER_C),
        ["peer a: allowed IPs are 10.70.0.2/32, should be 10.70.0.2/32,192.168.201.0/24"],
    ),
    "an-allowed-ip-more": (
        (DEVICE, row(PEER_A, 4, f"{SWAPPED},10.0.0.0/8"), PEER_C),
        [f"peer a: allowed IPs are {SWAPPED},10.0.0.0/8, should be 10.70.0.2/32,192.168.201.0/24"],
    ),
    "no-allowed-ips": (
        (DEVICE, row(PEER_A, 4, "(none)"), PEER_C),
        ["peer a: allowed IPs are (none), should be 10.70.0.2/32,192.168.201.0/24"],
    ),
    "long-lists-are-counted": (
        (DEVICE, row(PEER_A, 4, ",".join(f"10.1.{n}.0/24" for n in range(9))), PEER_C),
        ["peer a: allowed IPs are 9 prefixes, should be 10.70.0.2/32,192.168.201.0/24"],
    ),
    "keepalive-off": (
        (DEVICE, row(PEER_A, 8, "off"), PEER_C),
        ["peer a: keepalive is off, should be 15"],
    ),
    "a-spoke-behind-nat-may-roam": ((DEVICE, row(PEER_A, 3, "192.0.2.9:1"), PEER_C), []),
    "another-port": (
        (row(DEVICE, 3, "51821"), PEER_A, PEER_C),
        ["interface wg0: listens on port 51821, should be 51820"],
    ),
    "another-private-key": (
        (row(DEVICE, 1, OTHER.private), PEER_A, PEER_C),
        ["interface wg0: its private key is another one"],
    ),
    "no-private-key": (
        (row(DEVICE, 1, "(none)"), PEER_A, PEER_C),
        ["interface wg0: its private key is another one"],
    ),
    "all-of-it-at-once": (
        (row(DEVICE, 3, "1"), row(row(PEER_A, 8, "off"), 4, "10.70.0.2/32")),
        [
            "interface wg0: listens on port 1, should be 51820",
            "peer a: allowed IPs are 10.70.0.2/32, should be 10.70.0.2/32,192.168.201.0/24",
            "peer a: keepalive is off, should be 15",
            "peer c: missing",
        ],
    ),
}


@pytest.mark.parametrize("case", KERNELS)
def test_what_differs_is_named(case: str, hub: Host) -> None:
    rows, expected = KERNELS[case]
    assert differences(hub, dump(*rows)) == expected


PEER_Z: Row = (
    Z.public, PSK_A.secret, "203.0.113.1:51820", "10.70.0.0/16,192.168.200.0/24",
    "1760000000", "1", "2", "15",
)  # fmt: skip
DEVICE_A: Row = (A.private, A.public, "51820", "off")


@pytest.mark.parametrize("endpoint", ["203.0.113.9:51820", "203.0.113.1:51821", "(none)"])
def test_a_spoke_that_dials_another_endpoint_is_named(endpoint: str, spoke: Host) -> None:
    assert differences(spoke, dump(DEVICE_A, PEER_Z)) == []
    assert differences(spoke, dump(DEVICE_A, row(PEER_Z, 3, endpoint))) == [
        f"peer z: endpoint is {endpoint}, should be 203.0.113.1:51820"
    ]


def test_a_dns_name_as_endpoint_has_no_address_to_compare(spoke: Host) -> None:
    want = (spoke.run_directory / "want").read_text()
    spoke.want(want.replace("203.0.113.1:", "hub.example.net:"))
    assert differences(spoke, dump(DEVICE_A, PEER_Z)) == []


def test_a_lost_key_file_counts_as_another_key(hub: Host) -> None:
    (hub.keys / Z.name).unlink()
    (hub.keys / PSK_C.name).unlink()
    assert differences(hub, dump(DEVICE, PEER_A, PEER_C)) == [
        "interface wg0: its private key is another one",
        "peer c: its pre-shared key is another one",
    ]


@pytest.mark.parametrize(
    ("a", "b", "only_in_a"),
    [
        ("x\ny\n", "y\n", ["x"]),
        ("x\ny\n", "", ["x", "y"]),
        ("", "x\n", []),
        ("", "", []),
        ("x\n", "x\n", []),
        ("10.1.0.0/16\n", "10.1.0.0/1\n", ["10.1.0.0/16"]),
    ],
)
def test_the_lines_of_one_list_alone(a: str, b: str, only_in_a: list[str], host: Host) -> None:
    ran = host.sh('only_in "$1" "$2"', host.file("a", a), host.file("b", b))
    assert (ran.code, ran.lines) == (0, only_in_a)


# --- what `wg set` is given ---


def words(host: Host, *rows: Row) -> list[str]:
    """The argument lists of `wg set wg0` that bring a kernel with that dump to the bundle."""
    host.file("dump", dump(*rows))
    ran = host.sh(
        'wg() { if [ "$1" = show ]; then cat "$DUMP"; else shift 2; say "$*"; fi; }\n'
        "DUMP=$1; sync_wireguard wg0",
        host.root / "dump",
    )
    assert (ran.code, ran.stderr) == (0, "")
    return ran.lines


def after(rows: tuple[Row, ...], given: list[str]) -> tuple[Row, ...]:
    """What the kernel holds after these `wg set`, as wg(8) describes it."""
    device, peers = rows[0], {peer[0]: peer for peer in rows[1:]}
    fields = {"preshared-key": 2, "endpoint": 3, "allowed-ips": 4, "persistent-keepalive": 8}
    for line in given:
        whose, rest = "", iter(line.split())
        for word in rest:
            if word == "remove":
                del peers[whose]
                continue
            value = next(rest)
            if word.endswith("-key"):
                value = Path(value).read_text().strip()
            if word == "peer":
                whose = value
                new: Row = (whose, "(none)", "(none)", "(none)", "0", "0", "0", "off")
                peers.setdefault(whose, new)
            elif whose:
                peers[whose] = row(peers[whose], fields[word], value)
            elif word == "private-key":
                device = row(device, 1, value)
            else:
                device = row(device, {"listen-port": 3, "fwmark": 4}[word], value)
    return row(device, 4, "off" if device[3] == "0" else device[3]), *peers.values()


def test_a_kernel_as_wanted_is_not_touched(hub: Host) -> None:
    assert words(hub, DEVICE, PEER_A, PEER_C) == []


def test_a_peer_is_given_what_differs_and_no_other_is_named(hub: Host) -> None:
    """Allowed IPs that are given anew are gone for a moment, and a packet with them."""
    slow = row(PEER_A, 8, "20")
    assert words(hub, DEVICE, slow, PEER_C) == [f"peer {A.public} persistent-keepalive 15"]
    psk = hub.keys / PSK_C.name
    assert words(hub, DEVICE, PEER_A, row(PEER_C, 2, PSK_A.secret)) == [
        f"peer {C.public} preshared-key {psk}"
    ]
    assert words(hub, row(DEVICE, 4, "0x4d"), PEER_A, PEER_C) == ["fwmark 0"]


def test_a_missing_peer_is_given_whole(hub: Host) -> None:
    expected = (
        f"peer {C.public} preshared-key {hub.keys / PSK_C.name} persistent-keepalive 15 "
        "allowed-ips 10.70.0.3/32,192.168.200.0/24"
    )
    assert words(hub, DEVICE, PEER_A) == [expected]
    assert is_understood(expected)


@pytest.mark.parametrize("case", KERNELS)
def test_what_differs_is_set_right(case: str, hub: Host) -> None:
    rows, told = KERNELS[case]
    given = words(hub, *rows)
    assert all(map(is_understood, given))
    assert bool(given) == bool(told)
    assert differences(hub, dump(*after(rows, given))) == []


def test_a_spoke_is_told_where_its_hub_is(spoke: Host) -> None:
    moved = row(PEER_Z, 3, "203.0.113.9:51820")
    assert words(spoke, DEVICE_A, moved) == [f"peer {Z.public} endpoint 203.0.113.1:51820"]
    (missing,) = words(spoke, DEVICE_A)
    assert f"peer {Z.public} " in missing
    assert " endpoint 203.0.113.1:51820 " in missing
    assert is_understood(missing)


def test_many_peers_are_given_in_lines_that_an_argument_list_has_room_for(hub: Host) -> None:
    strangers = [row(OTHER_PEER, 1, f"{number:043}=") for number in range(2000)]
    given = words(hub, DEVICE, PEER_A, PEER_C, *strangers)
    assert len(given) > 1
    assert max(map(len, given)) < 64_000
    assert after((DEVICE, PEER_A, PEER_C, *strangers), given) == (DEVICE, PEER_A, PEER_C)


@pytest.mark.parametrize("lost", [Z.name, PSK_A.name, PSK_C.name])
def test_without_a_key_nothing_is_changed(lost: str, hub: Host) -> None:
    (hub.keys / lost).unlink()
    hub.file("dump", dump(row(DEVICE, 3, "1"), row(PEER_A, 8, "off")))
    ran = hub.sh(
        'wg() { if [ "$1" = show ]; then cat "$DUMP"; else say "$*"; fi; }\n'
        'DUMP=$1; attempt sync_wireguard wg0; say "$failed"',
        hub.root / "dump",
    )
    assert ran.lines == ["1"]
    assert ran.stderr == f"cannot read {hub.keys / lost}\n"


def is_understood(given: str) -> bool:
    """Whether the real wg(8) takes these words: it parses them before it looks for the device."""
    wg = shutil.which("wg")
    assert wg, "wg is missing: apt-get install wireguard-tools"
    ran = subprocess.run(
        [wg, "set", "no-such-link", *given.split()], capture_output=True, text=True, check=False
    )
    return ran.returncode != 0 and ran.stderr.startswith("Unable to modify interface")
