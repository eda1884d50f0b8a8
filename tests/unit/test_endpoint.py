"""A hub that is dialled by a DNS name: what its spokes are given, and that nobody else is."""

from __future__ import annotations

import re
from configparser import ConfigParser
from itertools import chain
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from leasedline import endpoint
from leasedline.bundle import configuration
from leasedline.network import Network
from leasedline.plan import Planner, allot
from tests.unit.networks import ENDPOINT, RING, article, networks
from tests.unit.shell import Host, verbs
from tests.unit.test_networkd import unpacked

NAME: Final = "hub.example.net"
UNITS: Final = [f"/etc/systemd/system/leased-line-endpoint.{kind}" for kind in ("service", "timer")]


def named(network: Network, name: str = NAME) -> Planner:
    return Planner(network, RING, name, allot(network, {}))


def unit(path: str) -> ConfigParser:
    text = {file.path: file.text for file in endpoint.files(named(article()).plan("a"))}[path]
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    return parser


@given(networks(), st.sampled_from([NAME, "hub", "4.example.net", "HUB.example", "9-1.de"]))
def test_spokes_look_a_name_up_and_nobody_else_does(network: Network, name: str) -> None:
    for plan in named(network, name).plans():
        paths = [file.path for file in endpoint.files(plan)]
        assert paths == ([] if plan.role == "hub" else UNITS)
    for plan in named(network, ENDPOINT).plans():
        assert endpoint.files(plan) == ()
        assert "leased-line-endpoint" not in configuration(plan)


def test_the_name_is_in_the_files_as_it_was_written() -> None:
    files = unpacked(configuration(named(article()).plan("a")))
    assert (
        "Endpoint=hub.example.net:51820\n"
        in (files["/etc/systemd/network/wg0.netdev.d/peer-z.conf"])
    )
    assert set(UNITS) < set(files)


def test_the_timer_starts_the_verb_again_and_again() -> None:
    service, timer = map(unit, UNITS)
    assert service["Service"]["Type"] == "oneshot"
    program, verb = service["Service"]["ExecStart"].split()
    assert program == "leased-line"
    assert f'"{verb} ") {verb} ;;' in verbs()
    assert "Install" not in service
    assert timer["Timer"]["OnUnitInactiveSec"] == str(endpoint.INTERVAL_S)
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_no_boot_waits_on_dns() -> None:
    """Nothing that a bundle brings is ordered behind the network or its name server."""
    for plan in chain(named(article()).plans(), named(article(), ENDPOINT).plans()):
        text = configuration(plan)
        assert "[Unit]" in text
        assert not re.search(r"network-online|nss-lookup|resolved|wait-online", text)


def test_the_host_takes_the_units_for_its_own(host: Host) -> None:
    sent = host.file("sent", configuration(named(article()).plan("a")))
    ran = host.sh('bundle_check "$1" configuration; bundle_units "$1" | sort', sent)
    assert (ran.code, ran.stderr) == (0, "")
    # The service runs when its timer says so; that it does not run now is no difference.
    assert ran.lines == [
        "leased-line-endpoint.timer",
        "leased-line-probe.service",
        "leased-line.service",
    ]
