"""`leased-line endpoint`: a hub that does not answer is looked up again and followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from leasedline.bundle import configuration
from tests.unit.networks import ENDPOINT, article
from tests.unit.pretended import FIRST, SECOND, THIRD, Spoke, named_spoke
from tests.unit.recorded import Z
from tests.unit.shell import Host
from tests.unit.test_endpoint import NAME, named


@pytest.fixture
def spoke(host: Host) -> Spoke:
    return named_spoke(host)


def test_a_hub_that_answers_is_left_alone(spoke: Spoke) -> None:
    spoke.resolves(SECOND)
    spoke.host.file("pretended/answers", "")
    ran = spoke.sh("endpoint")
    assert (ran.code, ran.stdout, ran.stderr) == (0, "", "")
    assert (spoke.asked, spoke.dialled) == ([], [])


def test_a_hub_that_moved_is_followed(spoke: Spoke) -> None:
    spoke.resolves(SECOND)
    ran = spoke.sh("endpoint")
    assert (ran.code, ran.stderr) == (0, "")
    assert spoke.dialled == [f"set wg0 peer {Z.public} endpoint {SECOND}:51820"]
    assert ran.lines == [
        f"the hub does not answer at {FIRST}:51820: {NAME} is at {SECOND} now, and that is dialled",
        "the hub does not answer there yet",
    ]
    assert (spoke.host.state / "names").read_text() == f"{NAME} {SECOND}\n"


def test_a_hub_that_is_down_is_not_dialled_anew(spoke: Spoke) -> None:
    ran = spoke.sh("endpoint")
    assert (ran.code, ran.stdout, ran.stderr) == (0, "", "")
    assert (len(spoke.asked), spoke.dialled) == (1, [])


# The second begins between the first look and the lock.
@pytest.mark.parametrize("moment", ["need_root", "own_lock"])
def test_nothing_is_done_while_a_change_is_pending(moment: str, spoke: Spoke) -> None:
    spoke.resolves(SECOND)
    ran = spoke.sh(f'{moment}() {{ say "boot 1" >"$STATE/pending"; }}\nendpoint')
    assert (ran.code, ran.stdout, ran.stderr) == (0, "", "")
    assert (spoke.asked, spoke.dialled) == ([], [])


def test_another_run_that_is_at_work_is_left_alone(spoke: Spoke) -> None:
    spoke.resolves(SECOND)
    ran = spoke.sh('lock apply; (exec 9>&-; endpoint); cut -d " " -f 1 "$RUN/lock"')
    assert (ran.code, ran.lines, spoke.dialled) == (0, ["apply"], [])


def test_a_peer_that_somebody_removed_is_not_half_made(spoke: Spoke) -> None:
    """`wg set` would make one, with neither its pre-shared key nor its allowed IPs."""
    spoke.host.file("pretended/endpoints", "")
    spoke.resolves(SECOND)
    ran = spoke.sh("endpoint")
    assert (ran.code, spoke.dialled) == (0, [])
    assert ran.lines == ["the hub is no peer of wg0: see leased-line status"]


def test_a_boot_without_dns_dials_where_the_hub_was(spoke: Spoke) -> None:
    spoke.host.file("state/names", f"{NAME} {SECOND}\n")
    spoke.kernel(None)
    spoke.resolves()
    ran = spoke.sh("endpoint")
    assert spoke.dialled == [f"set wg0 peer {Z.public} endpoint {SECOND}:51820"]
    assert f"its name {NAME} does not resolve on this host" in ran.stdout
    assert (spoke.host.state / "names").read_text() == f"{NAME} {SECOND}\n"


def test_without_dns_and_without_a_memory_it_is_said(spoke: Spoke) -> None:
    spoke.kernel(None)
    spoke.resolves()
    ran = spoke.sh("endpoint")
    assert (ran.code, spoke.dialled) == (0, [])
    assert ran.lines == [
        f"the hub does not answer, and its name {NAME} does not resolve on this host"
    ]


@pytest.mark.parametrize(
    ("handshake", "dialled"), [("$(($(date +%s) - 60))", None), ("1", THIRD), ("0", THIRD)]
)
def test_a_hub_with_several_addresses_is_tried_at_each(
    handshake: str, dialled: str | None, spoke: Spoke
) -> None:
    """Lost packets alone are no reason to leave an address of the hub's."""
    spoke.resolves(FIRST, SECOND, THIRD)
    spoke.kernel(SECOND)
    ran = spoke.sh(f'say "{Z.public} {handshake}" >"$PRETENDED/latest-handshakes"; endpoint')
    assert ran.code == 0
    assert spoke.dialled == (
        [f"set wg0 peer {Z.public} endpoint {dialled}:51820"] if dialled else []
    )


@pytest.mark.parametrize("text", ["", "leased-line bundle 1\nhost z\nrole hub\ninterface wg0\n"])
def test_who_dials_nobody_says_so(text: str, spoke: Spoke) -> None:
    (spoke.host.state / "current").unlink()
    if text:
        spoke.host.file("state/current", f"{text}file /etc/x root:root 0644\n|probe 10.70.0.1\n")
    ran = spoke.sh("endpoint")
    assert ran.code == 1
    assert ("it dials nobody" if text else "nothing was applied here") in ran.stderr


# --- its units ---


def test_units_that_a_bundle_no_longer_brings_are_disabled_while_they_are_there(
    host: Host,
) -> None:
    host.file("run/staged", "")
    host.file("state/before/settings", "")
    text = configuration(named(article()).plan("a"))
    gone = [str(host.root / f"units/leased-line-endpoint.{k}") for k in ("service", "timer")]
    host.file("state/current", text.replace("/etc/systemd/system", str(host.root / "units")))
    for path in gone:
        host.file(f"units/{Path(path).name}", "x\n")
    without = configuration(named(article(), ENDPOINT).plan("a"))
    sent = host.file("sent", without.replace("/etc/systemd/system", str(host.root / "units")))
    ran = host.sh(
        """
        UNITS=$2
        systemctl() { say "$* $(cd "$UNITS" && ls | tr '\\n' ' ')"; }
        put_files "$1"
        """,
        sent,
        host.root / "units",
    )
    service, timer = (f"leased-line-endpoint.{kind}" for kind in ("service", "timer"))
    assert ran.lines == [
        f"--quiet --no-reload disable {service} {service} {timer} ",
        f"--quiet stop {service} {service} {timer} ",
        f"--quiet reset-failed {service} {service} {timer} ",
        f"--quiet --no-reload disable {timer} {timer} ",
        f"--quiet stop {timer} {timer} ",
        f"--quiet reset-failed {timer} {timer} ",
        "daemon-reload ",
    ]
    assert not [path for path in gone if Path(path).exists()]
