"""Somebody else has networkd read its files again, or start anew: who is dark, and for how long.

`netplan apply` does one or the other, and each upgrade of systemd's package the second. The host
program does neither, so what it changed live is news to networkd then. The hub z and spoke c have
systemd 257 (Debian 13), spoke a has 252 (Debian 12).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Final

import pytest

from lab.ping import PingResult
from tests.lab.bare import Running
from tests.lab.by_hand import Bare, edited
from tests.lab.line import DEVICES, TUNNEL

SETTLED_S: Final = 3.0
"""What networkd has been told, it may do a moment later."""

SPOKE_S: Final = 25.0
"""A spoke by itself: the probe's next packet (10 s), and 15 s until WireGuard misses an answer."""

HUB_S: Final = 8.0
"""The hub by its memory: the next look (2 s) and WireGuard's next call (5 to 5.4 s)."""

BUSY_S: Final = 3.0
"""What emulated machines on two cores may add."""

RELOAD: Final = "networkctl reload"
RESTART: Final = "systemctl restart systemd-networkd"

WAYS: Final = (
    ("isp-a", "192.168.200.0/24", "192.168.201.247"),
    ("isp-c", "192.168.201.0/24", "192.168.200.248"),
)
"""What the offices' routers are told: the other LAN, and the spoke that leads there."""

Record = Callable[[str, object], None]


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


def test_a_line_of_both_releases_is_up(hosts: Bare, record_property: Record) -> None:
    versions = [hosts.sh(host, "systemctl --version").stdout.split()[1] for host in "zac"]
    assert versions == ["257", "252", "257"]
    assert hosts.lab.ping("a", TUNNEL["c"], count=5).lost == 0
    for host in "zac":
        status = hosts.status(host)
        assert status.code == 0, status
        booted = hosts.sh(host, "systemd-analyze time").stdout.splitlines()[0]
        record_property("measured", f"{host}: {booted}")


def test_all_kinds_of_change_are_live_on_257(hosts: Bare) -> None:
    """What networkd last read is as old as before: it was neither reloaded nor restarted."""
    read = "systemctl show --timestamp=us -p StateChangeTimestamp systemd-networkd"
    before = [hosts.sh(host, read).stdout for host in "zc"]
    lan = "192.168.201.0/24"
    another_lan = (
        (f"AllowedIPs={lan}", f"AllowedIPs={lan}\n|AllowedIPs=192.168.99.0/24"),
        (f"Destination={lan}", f"Destination={lan}\n|\n|[Route]\n|Destination=192.168.99.0/24"),
    )
    apply(
        hosts,
        "z",
        ("ListenPort=51820", "ListenPort=51821"),
        ("MTUBytes=1280", "MTUBytes=1300"),
        ("Address=10.70.0.1/16", "Address=10.70.0.1/17"),
        *another_lan,
    )
    apply(
        hosts,
        "c",
        ("ListenPort=51820", "ListenPort=51822"),
        ("Endpoint=203.0.113.1:51820", "Endpoint=203.0.113.1:51821"),
        ("PersistentKeepalive=15", "PersistentKeepalive=21"),
        *another_lan,
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


@pytest.mark.parametrize(("host", "command"), [("c", RELOAD), ("c", RESTART), ("a", RESTART)])
def test_a_spoke_calls_its_hub_anew(
    host: str, command: str, hosts: Bare, record_property: Record
) -> None:
    change(hosts, host)
    result = while_pinging(hosts, host, command)
    dark_s = result.longest_silence_s
    record_property("measured", f"{command} on spoke {host}: dark for {dark_s:.1f} s")
    assert dark_s <= SPOKE_S
    assert hosts.status(host).code == 0


@pytest.mark.parametrize("command", [RELOAD, RESTART])
def test_a_hub_remembers_where_its_spokes_are(
    command: str, hosts: Bare, record_property: Record
) -> None:
    change(hosts, "z")
    result = while_pinging(hosts, "z", command)
    dark_s = result.longest_silence_s
    record_property("measured", f"{command} on the hub: dark for {dark_s:.1f} s")
    assert result.missing != ()
    assert dark_s <= HUB_S + BUSY_S
    assert hosts.status("z").code == 0


def test_a_second_reload_finds_nothing_new(hosts: Bare) -> None:
    """So a host that was booted or reloaded since its last change loses nothing by one."""
    result = while_pinging(hosts, "z", RELOAD)
    assert result.missing == ()


def test_without_the_hubs_memory_the_spokes_come_back_by_themselves(
    hosts: Bare, record_property: Record
) -> None:
    change(hosts, "z")
    hosts.sh("z", "systemctl stop leased-line-watch")
    try:
        result = while_pinging(hosts, "z", RELOAD)
    finally:
        hosts.sh("z", "systemctl start leased-line-watch")
    dark_s = result.longest_silence_s
    record_property("measured", f"the same without its memory: dark for {dark_s:.1f} s")
    assert dark_s <= SPOKE_S + BUSY_S
