"""What `leased-line status` says, for programs and for people."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.unit.recorded import (
    OTHER,
    PEER_A,
    PEER_C,
    A,
    C,
    Row,
    dump,
    row,
)
from tests.unit.shell import Host


def report(host: Host, mode: str, text: str, differs: str = "", name: str = "z") -> str:
    host.file("run/differences", differs)
    ran = host.sh('status_report "$1" "$2" hub wg0', mode, name, stdin=text)
    assert (ran.code, ran.stderr) == (0, "")
    return ran.stdout


def status_lines(*rows: Row) -> str:
    want = f"peer {A.public} f.psk - 15 x a\npeer {C.public} f.psk - 15 x c\naddress 10.70.0.1/16\n"
    head = f"digest {'ab' * 32}\nrevision 7\nbase 3\nnow 1760000060\nsystemd 252\n"
    return want + head + "".join(f"peer_is {line}\n" for line in dump(*rows).splitlines())


def as_json(text: str) -> Any:
    assert text.count("\n") == 1
    return json.loads(text)


def test_status_as_json(host: Host) -> None:
    differs = 'peer c: keepalive is off, should be 15\nfile "/etc/a\\b": content was changed\n'
    assert as_json(report(host, "--json", status_lines(PEER_A, PEER_C), differs)) == {
        "host": "z",
        "role": "hub",
        "interface": "wg0",
        "address": "10.70.0.1/16",
        "systemd": 252,
        "bundle": "ab" * 32,
        "revision": 7,
        "base_revision": 3,
        "peers": [
            {
                "name": "a",
                "public_key": A.public,
                "endpoint": "198.51.100.7:40021",
                "handshake_age_s": 60,
                "rx_bytes": 1234,
                "tx_bytes": 5678,
            },
            {
                "name": "c",
                "public_key": C.public,
                "endpoint": None,
                "handshake_age_s": None,
                "rx_bytes": 0,
                "tx_bytes": 0,
            },
        ],
        "differences": differs.splitlines(),
        "notes": [],
    }


def test_status_of_a_host_without_a_bundle_is_json_too(host: Host) -> None:
    found = as_json(report(host, "--json", "now 1\nsystemd 249\n", "no bundle\n", name=""))
    assert (found["host"], found["peers"], found["differences"]) == ("", [], ["no bundle"])
    assert (found["revision"], found["base_revision"]) == (1, 1)


@pytest.mark.parametrize(
    "odd",
    [
        '"',
        "\\",
        '\\"',
        "a\\nb",
        "tab\there",
        "&",
        "100%",
        "%s",
        "ü",
        "C:\\dir\\",
        "\x1b[0m",
        "\x01",
    ],
)
def test_odd_characters_stay_what_they_are(odd: str, host: Host) -> None:
    found = as_json(report(host, "--json", status_lines(), f"x{odd}x\n"))
    assert found["differences"] == [f"x{odd}x"]


def test_counters_beyond_32_bits(host: Host) -> None:
    busy = row(row(PEER_A, 6, "5000000000000"), 7, "4294967296")
    peer = as_json(report(host, "--json", status_lines(busy)))["peers"][0]
    assert (peer["rx_bytes"], peer["tx_bytes"]) == (5_000_000_000_000, 4_294_967_296)


def test_a_peer_that_the_kernel_lost_is_listed_all_the_same(host: Host) -> None:
    peers = as_json(report(host, "--json", status_lines(PEER_A)))["peers"]
    assert [(peer["name"], peer["endpoint"]) for peer in peers] == [
        ("a", "198.51.100.7:40021"),
        ("c", None),
    ]


def test_status_for_people(host: Host) -> None:
    assert report(host, "", status_lines(PEER_A, PEER_C)) == (
        "z: hub, wg0 10.70.0.1/16, systemd 252, bundle abababababab\n"
        "  peer a: 198.51.100.7:40021, handshake 60 s ago, received 1234, sent 5678 bytes\n"
        "  peer c: no endpoint yet, handshake never, received 0, sent 0 bytes\n"
        "  as wanted\n"
    )
    assert report(host, "", status_lines(PEER_A, PEER_C), "x\ny\n").endswith(
        "  differs: x\n  differs: y\n"
    )


def test_a_note_is_no_difference(host: Host) -> None:
    text = f'{status_lines(PEER_A, PEER_C)}note peer z: "x"\nnote y\n'
    found = as_json(report(host, "--json", text))
    assert (found["differences"], found["notes"]) == ([], ['peer z: "x"', "y"])
    assert report(host, "", text).endswith('  note: peer z: "x"\n  note: y\n  as wanted\n')


def test_a_spoke_whose_key_changes_is_shown_by_the_key_that_answers(host: Host) -> None:
    new = row(row(PEER_A, 1, OTHER.public), 5, "0")
    text = status_lines(PEER_A, new).replace(f"peer {A.public} ", f"peer {OTHER.public} ")
    text += f"former {A.public} f.psk - 15 x a\nnote peer a: answers with its former key\n"
    found = as_json(report(host, "--json", text))
    assert found["notes"] == ["peer a: answers with its former key"]
    assert found["differences"] == []
    assert found["peers"][0] == {
        "name": "a",
        "public_key": OTHER.public,
        "endpoint": "198.51.100.7:40021",
        "handshake_age_s": 60,
        "rx_bytes": 1234,
        "tx_bytes": 5678,
    }
    assert report(host, "", text).endswith(
        "  note: peer a: answers with its former key\n  as wanted\n"
    )


def test_no_secret_is_reported(host: Host) -> None:
    for mode in ("", "--json"):
        shown = report(host, mode, status_lines(PEER_A, PEER_C))
        assert set(re.findall(r"[A-Za-z0-9+/]{43}=", shown)) <= {A.public, C.public}
