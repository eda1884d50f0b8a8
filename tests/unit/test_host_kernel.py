"""The kernel against the bundle: what is named, what is changed, what `wg` is given."""

from __future__ import annotations

import shutil
import subprocess

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


# --- what `wg syncconf` is given ---


def test_the_device_is_written_whole(hub: Host) -> None:
    ran = hub.sh('wg_configuration "$1"', hub.root / "bundle")
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.stdout == (
        f"[Interface]\nListenPort=51820\nPrivateKey={Z.private}\n"
        f"[Peer]\nPublicKey={A.public}\nPresharedKey={PSK_A.secret}\n"
        "PersistentKeepalive=15\nAllowedIPs=10.70.0.2/32,192.168.201.0/24\n"
        f"[Peer]\nPublicKey={C.public}\nPresharedKey={PSK_C.secret}\n"
        "PersistentKeepalive=15\nAllowedIPs=10.70.0.3/32,192.168.200.0/24\n"
    )


def test_a_spoke_says_where_its_hub_is(spoke: Host) -> None:
    ran = spoke.sh('wg_configuration "$1"', spoke.root / "bundle")
    assert ran.stdout == (
        f"[Interface]\nListenPort=51820\nPrivateKey={A.private}\n"
        f"[Peer]\nPublicKey={Z.public}\nPresharedKey={PSK_A.secret}\n"
        "Endpoint=203.0.113.1:51820\n"
        "PersistentKeepalive=15\nAllowedIPs=10.70.0.0/16,192.168.200.0/24\n"
    )


@pytest.mark.parametrize("lost", [Z.name, PSK_A.name, PSK_C.name])
def test_wg_is_never_given_a_part_of_the_device(lost: str, hub: Host) -> None:
    """It would take the rest for removed, and the exit code of a pipe's first part is lost."""
    (hub.keys / lost).unlink()
    ran = hub.sh('wg_configuration "$1"', hub.root / "bundle")
    assert ran.code != 0
    assert f"cannot read {hub.keys / lost}" in ran.stderr
    assert "[Interface]" not in ran.stdout
    assert "[Peer]" not in ran.stdout
    wg = shutil.which("wg")
    assert wg, "wg is missing: apt-get install wireguard-tools"
    given = subprocess.run(
        [wg, "syncconf", "no-such-link", "/dev/stdin"],
        input=ran.stdout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert given.returncode != 0
    assert "Line unrecognized" in given.stderr, "wg parses first, and this it must not take"
