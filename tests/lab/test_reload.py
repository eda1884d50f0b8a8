"""What is changed live, and what a reload of networkd by somebody else costs then.

The hub z and spoke c have systemd 257 (Debian 13), spoke a has 252 (Debian 12).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Final

import pytest

from lab.ping import PingResult
from tests.lab.bare import Running
from tests.lab.by_hand import Bare, edited
from tests.lab.line import DEVICES, TUNNEL

SETTLED_S: Final = 3.0
"""What networkd has been told, it may do a moment later."""

RELOAD: Final = "networkctl reload"

WAYS: Final = (
    ("isp-a", "192.168.200.0/24", "192.168.201.247"),
    ("isp-c", "192.168.201.0/24", "192.168.200.248"),
)
"""What the offices' routers are told: the other LAN, and the spoke that leads there."""


@pytest.fixture(scope="module")
def hosts(bare: Running) -> Iterator[Bare]:
    """The line on bare machines."""
    hosts = Bare(bare.lab)
    try:
        hosts.each(hosts.install)
        for host in ("z", "a", "c"):
            apply(hosts, host)
        for router, lan, spoke in WAYS:
            hosts.lab.run(router, "ip", "route", "replace", lan, "via", spoke)
        yield hosts
    finally:
        for router, lan, _ in WAYS:
            hosts.lab.run(router, "ip", "route", "del", lan, check=False)
        hosts.each(hosts.uninstall)
        hosts.threads.shutdown()


KEEPALIVES: Final = cycle((20, 21))


def change(hosts: Bare, host: str) -> None:
    """Change a host live; what networkd has read of it is out of date from then on."""
    told = f"PersistentKeepalive={next(KEEPALIVES)}"
    apply(hosts, host, ("PersistentKeepalive=15", told))


def apply(hosts: Bare, host: str, *changes: tuple[str, str]) -> None:
    done = hosts.apply(host, edited(hosts.right(host), *changes))
    assert done.code == 0, done


def while_pinging(hosts: Bare, host: str, command: str) -> PingResult:
    with hosts.lab.pinging("b", DEVICES["d"], watch_s=SETTLED_S) as running:
        hosts.sh(host, command)
    return running.result


def test_a_line_of_both_releases_is_up(hosts: Bare) -> None:
    versions = [hosts.sh(host, "systemctl --version").stdout.split()[1] for host in "zac"]
    assert versions == ["257", "252", "257"]
    assert hosts.lab.ping("a", TUNNEL["c"], count=5).lost == 0
    for host in "zac":
        status = hosts.status(host)
        assert status.code == 0, status


def test_all_kinds_of_change_are_live_on_257(hosts: Bare) -> None:
    """What networkd last read is as old as before: it was neither reloaded nor restarted."""
    read = "systemctl show --timestamp=us -p StateChangeTimestamp systemd-networkd"
    before = [hosts.sh(host, read).stdout for host in "zc"]
    lan = "192.168.201.0/24"
    apply(
        hosts,
        "z",
        ("ListenPort=51820", "ListenPort=51821"),
        ("MTUBytes=1280", "MTUBytes=1300"),
        ("Address=10.70.0.1/16", "Address=10.70.0.1/17"),
        (f"AllowedIPs={lan}", f"AllowedIPs={lan}\n|AllowedIPs=192.168.99.0/24"),
        (f"Destination={lan}", f"Destination={lan}\n|\n|[Route]\n|Destination=192.168.99.0/24"),
    )
    apply(
        hosts,
        "c",
        ("ListenPort=51820", "ListenPort=51822"),
        ("Endpoint=203.0.113.1:51820", "Endpoint=203.0.113.1:51821"),
        ("PersistentKeepalive=15", "PersistentKeepalive=21"),
        (f"AllowedIPs={lan}", f"AllowedIPs={lan}\n|AllowedIPs=192.168.99.0/24"),
        (f"Destination={lan}", f"Destination={lan}\n|\n|[Route]\n|Destination=192.168.99.0/24"),
    )
    assert hosts.lab.ping("c", TUNNEL["z"], count=2).lost == 0
    assert [hosts.status(host).code for host in "zc"] == [0, 0]
    apply(hosts, "z")
    apply(hosts, "c")
    assert [hosts.sh(host, read).stdout for host in "zc"] == before
    hosts.lab.wait_until_succeeds("b", "ping", "-c", "1", "-W", "1", DEVICES["d"])


def test_a_reload_on_252_costs_no_packet(hosts: Bare) -> None:
    change(hosts, "a")
    result = while_pinging(hosts, "a", RELOAD)
    assert result.missing == ()
