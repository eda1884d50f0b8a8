"""A hub that is dialled by a DNS name: found, followed when it moves, and not waited for at boot.

The machines are bare, and the host program is run by hand over SSH. The name server is the lab's
own; no machine keeps its answers.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from tests.lab.bare import BARE, HUB_NAME, Running, call, snapshot
from tests.lab.by_hand import Bare
from tests.lab.test_confirm import Record

FIRST, SECOND, THIRD = "203.0.113.1", "203.0.113.9", "203.0.113.17"

# Questions arrive and are not answered: what a boot that waits for DNS waits for longest.
SILENCE = (
    "add table inet silence; "
    "add chain inet silence in { type filter hook input priority 0; }; "
    "add rule inet silence in udp dport 53 drop"
)
UP = ("ping", "-c", "1", "-W", "1", "10.70.0.1")


def answer(address: str) -> None:
    """Have the hub's name lead to `address`, or to none."""
    call("dns", HUB_NAME, address, stack=BARE)


def move(hosts: Bare, old: str, new: str) -> None:
    """Give the hub another public address, and then its name."""
    hosts.sh("z", f"ip address add {new}/24 dev eth0 && ip address del {old}/24 dev eth0")
    answer(new)


def endpoint(hosts: Bare) -> str:
    return hosts.sh("a", "wg show wg0 endpoints").stdout.split()[1]


@pytest.fixture(scope="module")
def hosts(bare: Running) -> Iterator[Bare]:
    hosts = Bare(bare.lab, HUB_NAME)
    hosts.sh("a", "systemctl --quiet enable systemd-networkd")
    try:
        for host in ("z", "a"):
            hosts.install(host)
        assert hosts.apply("z", hosts.right("z")).code == 0
        yield hosts
    finally:
        hosts.lab.run("internet", "nft", "delete", "table", "inet", "silence", check=False)
        hosts.sh("z", f"ip address replace {FIRST}/24 dev eth0")
        for address in (SECOND, THIRD):
            hosts.sh("z", f"ip address del {address}/24 dev eth0", check=False)
        answer(FIRST)
        for host in ("z", "a"):
            hosts.uninstall(host)
        hosts.threads.shutdown()


def test_a_name_that_does_not_resolve_is_refused(hosts: Bare) -> None:
    answer("none")
    before = snapshot(hosts.lab, "a")
    refused = hosts.apply("a", hosts.right("a"))
    answer(FIRST)
    assert refused.code == 1, refused
    assert refused.stderr.count("leased-line:") == 1
    assert f"the hub's name {HUB_NAME} does not resolve on this host, so nothing" in refused.stderr
    after = [line for line in snapshot(hosts.lab, "a") if "/run/leased-line" not in line]
    assert after == [line for line in before if "/run/leased-line" not in line]


def test_a_spoke_finds_its_hub_by_the_name(hosts: Bare) -> None:
    applied = hosts.apply("a", hosts.right("a"))
    assert applied.code == 0, applied
    assert endpoint(hosts) == f"{FIRST}:51820"
    assert hosts.status("a").code == 0, hosts.status("a")


def test_a_spoke_follows_its_hub_to_another_address(hosts: Bare, record_property: Record) -> None:
    move(hosts, FIRST, SECOND)
    began = time.monotonic()
    hosts.lab.wait_until_succeeds("a", *UP, timeout_s=150)
    took = time.monotonic() - began
    record_property("measured", f"a spoke followed its hub to a new address in {took:.0f} s")
    assert endpoint(hosts) == f"{SECOND}:51820"
    said = hosts.sh("a", "journalctl -o cat -u leased-line-endpoint").stdout.splitlines()
    assert [line for line in said if f"{HUB_NAME} is at {SECOND} now, and that is dialled" in line]
    # A timer that runs twice a minute must not fill the journal.
    assert not [line for line in said if re.match("Starting|Finished|.*Deactivated", line)], said
    assert hosts.status("a").code == 0, hosts.status("a")


def test_no_boot_waits_for_dns(hosts: Bare, record_property: Record) -> None:
    """The name server is silent, and the hub moves again while a is off.

    To an address that a has never dialled: through a hole that is still open in the office's
    router, the hub itself would find a.
    """
    hosts.lab.run("internet", "nft", SILENCE)
    hosts.lab.stop("a")
    move(hosts, SECOND, THIRD)
    hosts.lab.start("a")
    hosts.lab.wait_until_succeeds("a", "systemctl", "is-active", "multi-user.target")
    assert "10.70.0.2" in hosts.sh("a", "ip -br address show wg0").stdout
    booted = int(
        hosts.sh(
            "a", "systemctl show --value -p ActiveEnterTimestampMonotonic multi-user.target"
        ).stdout
    )
    record_property("measured", f"a spoke booted in {booted / 1e6:.0f} s with DNS silent")
    # Nobody but the host's own memory can tell it where the hub was.
    known = ("sh", "-c", f"wg show wg0 endpoints | grep -F {SECOND}:51820")
    hosts.lab.wait_until_succeeds("a", *known)
    status = hosts.status("a")
    assert status.code == 3
    assert (
        f"differs: peer z: its name {HUB_NAME} does not resolve on this host, and" in status.stdout
    )
    assert status.stdout.count("differs:") == 1
    hosts.lab.run("internet", "nft", "delete", "table", "inet", "silence")
    began = time.monotonic()
    hosts.lab.wait_until_succeeds("a", *UP, timeout_s=150)
    took = time.monotonic() - began
    record_property("measured", f"its line was up {took:.0f} s after DNS was back")
    assert endpoint(hosts) == f"{THIRD}:51820"
    assert hosts.status("a").code == 0, hosts.status("a")
