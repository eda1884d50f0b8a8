"""The lab's internet and offices, brought up by its command line alone, without a machine."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest

from lab.errors import LabError
from lab.netns import within
from lab.parts import namespace
from lab.world import UDP_TIMEOUT_S
from tests.lab.bare import Running, call, running

STACK = "world-offices"


@pytest.fixture(scope="module")
def world() -> Iterator[Running]:
    try:
        yield running(STACK)
    finally:
        call("destroy", "--all-of", STACK, stack=STACK)


@pytest.fixture
def udp() -> Iterator[Callable[[str, str], socket.socket]]:
    """Make UDP sockets with an address inside a namespace."""
    opened: list[socket.socket] = []

    def make(place: str, address: str) -> socket.socket:
        made = within(place, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        made.settimeout(3)
        made.bind((address, 0))
        opened.append(made)
        return made

    yield make
    for made in opened:
        made.close()


def test_nat_hides_and_its_udp_mapping_ends_after_30_s_of_silence(
    world: Running, udp: Callable[[str, str], socket.socket]
) -> None:
    device = udp(namespace(world.stack, "dev-b"), "192.168.201.55")
    server = udp(namespace(world.stack, "internet"), "203.0.113.254")
    stranger = udp(namespace(world.stack, "internet"), "203.0.113.254")
    device.sendto(b"hello", server.getsockname())
    said, mapped = server.recvfrom(100)
    assert (said, mapped[0]) == (b"hello", "198.51.100.2")

    stranger.sendto(b"stranger", mapped)
    server.sendto(b"answer", mapped)
    assert device.recv(100) == b"answer"

    device.settimeout(UDP_TIMEOUT_S + 3)
    with pytest.raises(TimeoutError):
        device.recv(100)
    server.sendto(b"too late", mapped)
    device.settimeout(2)
    with pytest.raises(TimeoutError):
        device.recv(100)


def test_a_recipe_is_typed_into_the_router_in_place_of_the_last_one(world: Running) -> None:
    def gateway(recipe: str) -> subprocess.CompletedProcess[str]:
        return call("gateway", "a", stack=world.stack, stdin=recipe, check=False)

    assert gateway("ip route replace 10.1.0.0/16 via 192.168.201.247\n").returncode == 0
    assert gateway("ip route replace 10.2.0.0/16 via 192.168.201.247\n").returncode == 0
    routes = world.lab.succeed("isp-a", "ip", "route")
    assert "10.2.0.0/16 via 192.168.201.247" in routes
    assert "10.1.0.0/16" not in routes
    assert gateway("ip route replace nonsense\n").returncode == 1


def test_a_changed_office_loses_a_device_and_gains_one(world: Running) -> None:
    office = next(o for o in world.built.offices if o.name == "c").spec()
    changed = json.loads(json.dumps(office))
    changed["lans"][0]["devices"] = [{"name": "e", "address": "192.168.200.9"}]
    call("office", "up", "c", stack=world.stack, stdin=changed)
    assert world.lab.ping("e", "192.168.200.1", count=2).received == 2
    with pytest.raises(LabError, match="has no host d"):
        world.lab.run("d", "true")
    call("office", "up", "c", stack=world.stack, stdin=office)
    assert world.lab.ping("d", "192.168.200.1", count=2).received == 2
