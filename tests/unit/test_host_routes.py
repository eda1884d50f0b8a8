"""Addresses and routes of a live interface, on this machine's kernel in a namespace of its own.

A veth pair stands in for wg0: what is tried here is `ip`, not WireGuard (the lab does that).
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from leasedline.bundle import configuration
from leasedline.network import Network
from tests.unit.networks import article, planner
from tests.unit.recorded import PLANNER, lay_down
from tests.unit.shell import Host

NAMESPACE = ("unshare", "--user", "--map-root-user", "--net", "--mount")

# A new network namespace has a /sys of its own to be mounted, and keeps what it is told until
# the shell ends. `wg` is quiet: a veth is no WireGuard device.
WORLD = """
mount -t sysfs none /sys
ip link add wg0 type veth peer name far
ip link set far up
wg() { cat >/dev/null; }
kernel() {
    ip -o -4 address show dev wg0 | awk '{ print "address", $4 }'
    kernel_routes wg0 | sort | sed 's/^/route /'
    kernel_unreachable | sort | sed 's/^/unreachable /'
    echo "mtu $(cat /sys/class/net/wg0/mtu)"
}
"""


@pytest.fixture
def alone(host: Host) -> Host:
    return replace(host, inside=NAMESPACE)


def lines(host: Host, commands: str, *bundles: str) -> list[str]:
    for name in "azc":
        lay_down(host, name)
    paths = [
        host.file(f"bundle-{n}", text.replace("/etc/leased-line/keys", str(host.keys)))
        for n, text in enumerate(bundles)
    ]
    ran = host.sh(WORLD + commands, *paths)
    assert (ran.code, ran.stderr) == (0, "")
    return ran.lines


SPOKE = configuration(PLANNER.spoke("a"))
HUB = configuration(PLANNER.hub())


def spoke_with(network: Network) -> str:
    return configuration(planner(network).spoke("a"))


def summed_up() -> Network:
    return article().model_copy(update={"summary": (IPv4Network("192.168.0.0/16"),)})


IS_SPOKE = ["address 10.70.0.2/16", "route 192.168.200.0/24", "mtu 1280"]


def test_a_bare_interface_gets_all_it_lacks(alone: Host) -> None:
    found = lines(
        alone,
        """
        list_kernel "$1" wg0
        for kind in address route; do only_in "$RUN/want.$kind" "$RUN/have.$kind"; done
        sync_kernel "$1" wg0
        kernel
        """,
        SPOKE,
    )
    assert found == ["10.70.0.2/16", "192.168.200.0/24", *IS_SPOKE]


def test_what_is_right_is_not_touched(alone: Host) -> None:
    found = lines(
        alone,
        """
        sync_kernel "$1" wg0
        ip -4 -d route show >"$RUN/one"; ip -4 -d address show dev wg0 >>"$RUN/one"
        ip() { case "$*" in *show*) ;; *) say "ip $*" ;; esac; command ip "$@"; }
        sync_kernel "$1" wg0
        ip -4 -d route show >"$RUN/two"; ip -4 -d address show dev wg0 >>"$RUN/two"
        cmp "$RUN/one" "$RUN/two" && say same
        """,
        SPOKE,
    )
    assert found == ["ip link set dev wg0 up", "same"]


def test_what_does_not_belong_there_goes(alone: Host) -> None:
    found = lines(
        alone,
        """
        ip link set wg0 up
        ip address add 10.99.0.1/24 dev wg0
        ip route add 192.168.77.0/24 dev wg0 proto static
        ip route add 192.168.78.9 dev wg0
        sync_kernel "$1" wg0
        kernel
        """,
        SPOKE,
    )
    assert found == IS_SPOKE


@pytest.mark.parametrize("promote", [0, 1])
def test_an_address_that_moves_within_the_tunnel(promote: int, alone: Host) -> None:
    """Without promote_secondaries the kernel drops the new one together with the old."""
    a, c = article().spokes
    moved = a.model_copy(update={"address": IPv4Address("10.70.0.9")})
    network = article().model_copy(update={"spokes": (moved, c)})
    found = lines(
        alone,
        f"""
        echo {promote} >/proc/sys/net/ipv4/conf/all/promote_secondaries
        sync_kernel "$1" wg0
        sync_kernel "$2" wg0
        kernel
        """,
        SPOKE,
        spoke_with(network),
    )
    assert found == ["address 10.70.0.9/16", "route 192.168.200.0/24", "mtu 1280"]


def test_a_summary_comes_and_goes(alone: Host) -> None:
    found = lines(
        alone,
        """
        ip route add unreachable 172.31.0.0/16
        sync_kernel "$1" wg0
        cp "$1" "$STATE/current"
        kernel; say --
        sync_kernel "$2" wg0
        kernel
        """,
        configuration(planner(summed_up()).hub()),
        HUB,
    )
    lans = ["route 192.168.200.0/24", "route 192.168.201.0/24"]
    somebody_elses = "unreachable 172.31.0.0/16"
    assert found == [
        "address 10.70.0.1/16",
        *lans,
        somebody_elses,
        "unreachable 192.168.0.0/16",
        "mtu 1280",
        "--",
        "address 10.70.0.1/16",
        *lans,
        somebody_elses,
        "mtu 1280",
    ]


def test_what_differs_is_named(alone: Host) -> None:
    found = lines(
        alone,
        """
        echo 1 >/proc/sys/net/ipv4/ip_forward
        sync_kernel "$1" wg0
        compare() {
            list_kernel "$1" wg0
            list_differences wg0 "$(value_of /sys/class/net/wg0/mtu)"
            sysctl_difference conf/wg0/forwarding
        }
        compare "$1"
        echo --
        ip link set wg0 mtu 1400
        ip address add 10.99.0.9/16 dev wg0
        ip address del 10.70.0.2/16 dev wg0
        ip route add 192.168.77.0/24 dev wg0 proto static
        ip route del 192.168.200.0/24 dev wg0
        echo 0 >/proc/sys/net/ipv4/conf/wg0/forwarding
        compare "$1"
        echo --
        sync_kernel "$1" wg0
        compare "$1"
        """,
        SPOKE,
    )
    assert found == [
        "--",
        "interface wg0: MTU is 1400, should be 1280",
        "address 10.99.0.9/16: not in the bundle",
        "address 10.70.0.2/16: missing",
        "route 192.168.77.0/24: not in the bundle",
        "route 192.168.200.0/24: missing",
        "sysctl net.ipv4.conf.wg0.forwarding: is 0, should be 1",
        "--",
    ]


def test_a_summary_takes_over_before_the_routes_go(alone: Host) -> None:
    """At no moment is a packet for the other office without a route into the tunnel."""
    one = article()
    two = one.model_copy(update={"summary": (IPv4Network("192.168.0.0/16"),)})
    for before, after in ((one, two), (two, one)):
        found = lines(
            alone,
            """
            sync_kernel "$1" wg0
            ip() {
                command ip "$@"
                case "$1 $2" in "route del" | "route replace") ;; *) return 0 ;; esac
                command ip -4 route get 192.168.200.9 2>&1 | grep -c "dev wg0"
            }
            sync_kernel "$2" wg0
            """,
            spoke_with(before),
            spoke_with(after),
        )
        assert found
        assert set(found) == {"1"}
