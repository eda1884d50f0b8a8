"""The hub by its name on a host: looked up within bounds, compared, and remembered.

tests/lab/test_dns.py has a real name server and a real kernel.
"""

from __future__ import annotations

import re
from typing import Final

import pytest

from tests.unit.pretended import FIRST, SECOND, THIRD, Spoke, named_spoke
from tests.unit.recorded import PSK_A, Row, Z, dump, row
from tests.unit.shell import Host
from tests.unit.test_endpoint import NAME
from tests.unit.test_host_kernel import DEVICE_A, PEER_Z

BLOCKED: Final = "0.0.0.0"  # noqa: S104 -- what a filter answers, and nobody listens
UNKNOWN: Final = f"peer z: its name {NAME} does not resolve on this host"


@pytest.fixture
def spoke(host: Host) -> Spoke:
    return named_spoke(host)


# --- looking it up ---


@pytest.mark.parametrize(
    ("addresses", "dialled", "found"),
    [
        ([FIRST], FIRST, f"{NAME} now {FIRST}\n"),
        ([SECOND], FIRST, f"{NAME} now {SECOND}\n"),
        ([FIRST, SECOND, THIRD], None, f"{NAME} now {FIRST} {SECOND} {THIRD}\n"),
        ([FIRST, SECOND, THIRD], SECOND, f"{NAME} now {SECOND} {THIRD} {FIRST}\n"),
        # 203.0.113.1 is no part of 203.0.113.17.
        ([FIRST, SECOND], THIRD, f"{NAME} now {FIRST} {SECOND}\n"),
        ([BLOCKED, "127.0.0.1", SECOND], FIRST, f"{NAME} now {SECOND}\n"),
        ([BLOCKED], FIRST, f"{NAME} never\n"),
        ([], FIRST, f"{NAME} never\n"),
    ],
)
def test_a_name_leads_to_its_addresses(
    addresses: list[str], dialled: str | None, found: str, spoke: Spoke
) -> None:
    spoke.resolves(*addresses)
    spoke.kernel(dialled)
    assert spoke.look_up() == found
    assert spoke.asked == [f"ahostsv4 {NAME}"]


def test_an_address_is_not_looked_up(spoke: Spoke) -> None:
    ran = spoke.sh('look_up "$1" wg0; cat "$RUN/names"', spoke.host.root / "bundle")
    assert (ran.code, ran.stdout, spoke.asked) == (0, "", [])


def test_a_name_server_that_is_silent_is_not_waited_for(spoke: Spoke) -> None:
    spoke.resolves(FIRST, hangs=True)
    assert spoke.look_up() == f"{NAME} never\n"
    assert spoke.asked


def test_what_it_led_to_is_kept_for_a_time_without_dns(spoke: Spoke) -> None:
    spoke.resolves(FIRST, SECOND)
    kept = spoke.sh('look_up "$STATE/current" wg0; keep_names; cat "$STATE/names"')
    assert kept.stdout == f"{NAME} {FIRST} {SECOND}\n"
    spoke.resolves()
    assert spoke.look_up() == f"{NAME} former {FIRST} {SECOND}\n"
    # Without DNS nothing is forgotten; without a name nothing is kept.
    assert spoke.sh('keep_names; cat "$STATE/names"').stdout == kept.stdout
    assert spoke.sh('look_up "$1" wg0; keep_names', spoke.host.root / "bundle").code == 0
    assert not (spoke.host.state / "names").exists()


# --- before a change ---


def test_a_hub_that_nobody_can_find_is_told_before_anything_is_touched(spoke: Spoke) -> None:
    spoke.resolves()
    ran = spoke.sh('look_up "$STATE/current" wg0; preflight_names; say "went on"')
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.count("\n") == 1
    assert f"the hub's name {NAME} does not resolve on this host, so nothing" in ran.stderr
    assert f"this host's name server (getent ahostsv4 {NAME})" in ran.stderr


def test_a_hub_known_from_before_is_dialled_there(spoke: Spoke) -> None:
    spoke.host.file("state/names", f"{NAME} {FIRST}\n")
    spoke.resolves()
    ran = spoke.sh('look_up "$1" wg0; preflight_names', spoke.current)
    assert ran.code == 0
    assert f"it is dialled where it was before, at {FIRST}" in ran.stderr
    assert given(spoke, row(PEER_Z, 3, f"{SECOND}:51820")) == [
        f"set wg0 peer {Z.public} endpoint {FIRST}:51820"
    ]


# --- the kernel ---


def given(spoke: Spoke, *peers: Row) -> list[str]:
    """What `wg set` is told where the kernel holds these peers."""
    spoke.host.file("pretended/dump", dump(DEVICE_A, *peers))
    (spoke.pretended / "set").unlink(missing_ok=True)
    ran = spoke.sh(
        'look_up "$1" wg0; bundle_want "$1" >"$RUN/want"; sync_wireguard wg0', spoke.current
    )
    assert (ran.code, ran.stderr) == (0, "")
    return spoke.dialled


def test_wg_is_given_an_address_and_never_a_name(spoke: Spoke) -> None:
    spoke.resolves(SECOND, FIRST)
    spoke.kernel(None)
    (whole,) = given(spoke)
    assert f"/{PSK_A.name} endpoint {SECOND}:51820 persistent-keepalive" in whole
    assert given(spoke, row(PEER_Z, 3, f"{THIRD}:51820")) == [
        f"set wg0 peer {Z.public} endpoint {SECOND}:51820"
    ]
    # One of the name's addresses is as good as another.
    assert given(spoke, PEER_Z) == []


def test_an_endpoint_that_nobody_can_tell_is_left_as_it_is(spoke: Spoke) -> None:
    spoke.resolves()
    assert given(spoke, row(PEER_Z, 3, f"{THIRD}:51820")) == []
    (whole,) = given(spoke)
    assert f"/{PSK_A.name} persistent-keepalive 15 allowed-ips" in whole


def differences(spoke: Spoke, peer: Row) -> list[str]:
    said = spoke.sh('look_up "$1" wg0; bundle_want "$1" >"$RUN/want"', spoke.current)
    assert said.code == 0
    return spoke.host.sh("wg_differences wg0", stdin=dump(DEVICE_A, peer)).lines


@pytest.mark.parametrize(
    ("endpoint", "right"),
    [
        (f"{FIRST}:51820", True),
        (f"{SECOND}:51820", True),
        ("[2001:db8::1]:51820", True),
        (f"{THIRD}:51820", False),
        (f"{FIRST}:51821", False),
        ("(none)", False),
    ],
)
def test_the_kernel_dials_one_of_the_names_addresses(
    endpoint: str, right: bool, spoke: Spoke
) -> None:
    spoke.resolves(FIRST, SECOND)
    spoke.kernel(None)
    wanted = f"should be {NAME}:51820 ({FIRST} {SECOND})"
    assert differences(spoke, row(PEER_Z, 3, endpoint)) == (
        [] if right else [f"peer z: endpoint is {endpoint}, {wanted}"]
    )


def test_a_name_that_does_not_resolve_is_compared_with_nothing(spoke: Spoke) -> None:
    spoke.host.file("state/names", f"{NAME} {SECOND}\n")
    spoke.resolves()
    assert differences(spoke, PEER_Z) == []


@pytest.mark.parametrize(
    ("handshake", "told"),
    [
        (
            "$(($(date +%s) - 170))",
            f"{UNKNOWN} now; the line works by the address from before",
        ),
        ("$(($(date +%s) - 200))", rf"differs {UNKNOWN}, and the last handshake was 20\d s ago"),
        ("0", f"differs {UNKNOWN}, and the last handshake was never"),
    ],
)
def test_status_tells_what_dns_costs(handshake: str, told: str, spoke: Spoke) -> None:
    spoke.resolves()
    ran = spoke.sh(
        f"""
        say "{Z.public} {handshake}" >"$PRETENDED/latest-handshakes"
        : >"$RUN/notes"
        look_up "$STATE/current" wg0
        name_differences "$STATE/current" wg0 | sed 's/^/differs /'
        cat "$RUN/notes"
        """
    )
    assert len(ran.lines) == 1
    assert re.fullmatch(told, ran.lines[0])


def test_status_of_a_name_that_resolves_tells_nothing(spoke: Spoke) -> None:
    ran = spoke.sh(
        ': >"$RUN/notes"; look_up "$STATE/current" wg0; name_differences "$STATE/current" wg0; '
        'cat "$RUN/notes"'
    )
    assert (ran.code, ran.stdout) == (0, "")
