"""The lab's world, brought up by its command line alone: two machines, two offices, two stacks.

The line itself is not here; see the other tests of this directory for what runs over it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from lab.client import Lab
from lab.errors import LabError
from lab.netns import namespaces_of, within
from lab.parts import World, namespace
from lab.qemu import stray
from lab.settings import PROJECT, load_settings
from lab.shell import wait_until
from lab.world import UDP_TIMEOUT_S, world
from leasedline.load import load_network

pytestmark = pytest.mark.timeout(600)

ONE, TWO = "world-one", "world-two"


def command(*words: str, stack: str) -> list[str]:
    return [sys.executable, "-m", "lab", *words, "--stack", stack]


def call(
    *words: str, stack: str, stdin: object = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(*words, stack=stack),
        input=json.dumps(stdin),
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=400,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


@dataclass(frozen=True)
class Running:
    """A world that is up."""

    stack: str
    built: World
    lab: Lab

    def machine_up(self, name: str) -> dict[str, Any]:
        spec = next(m for m in self.built.machines if m.name == name).spec()
        done = call("machine", "up", name, stack=self.stack, stdin=spec)
        assert done.stdout.count("\n") == 1
        reached: dict[str, Any] = json.loads(done.stdout)
        return reached

    def office_up(self, name: str) -> None:
        spec = next(o for o in self.built.offices if o.name == name).spec()
        call("office", "up", name, stack=self.stack, stdin=spec)

    def down(self) -> None:
        for machine in self.built.machines:
            call("machine", "down", machine.name, stack=self.stack)
        for office in self.built.offices:
            call("office", "down", office.name, stack=self.stack)
        call("internet", "down", stack=self.stack)


def running(stack: str) -> Running:
    """Bring up internet and offices of the article's world under another stack's name."""
    network = load_network(PROJECT / "stacks" / "lab.network.yaml")
    built = world(network, load_settings("lab"), stack)
    up = Running(stack, built, Lab(stack))
    call("internet", "up", stack=stack, stdin=built.internet.spec())
    with ThreadPoolExecutor() as pool:
        list(pool.map(up.office_up, [office.name for office in built.offices]))
    return up


@pytest.fixture(scope="module")
def one() -> Iterator[Running]:
    """The first stack, with the hub z and the spoke a."""
    up = running(ONE)
    try:
        interrupt_machine_up(up, "a")
        with ThreadPoolExecutor() as pool:
            list(pool.map(up.machine_up, ["z", "a"]))
        yield up
    finally:
        call("destroy", "--all-of", ONE, stack=ONE)


@pytest.fixture(scope="module")
def two(one: Running) -> Iterator[Running]:
    """A second stack beside the first, without machines."""
    up = running(TWO)
    try:
        yield up
    finally:
        call("destroy", "--all-of", TWO, stack=TWO)


def interrupt_machine_up(up: Running, name: str) -> None:
    """End `machine up` as Pulumi does when it is cancelled, once QEMU has started."""
    spec = next(m for m in up.built.machines if m.name == name).spec()
    with subprocess.Popen(
        command("machine", "up", name, stack=up.stack),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps(spec))
        process.stdin.close()
        told = []
        for line in process.stderr:
            told.append(line)
            if "started" in line:
                process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 130, told
        assert "the same command again goes on from here" in told[-1]


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


def test_up_again_changes_nothing(one: Running) -> None:
    before = one.lab.succeed("z", "cat", "/proc/sys/kernel/random/boot_id")
    first = one.machine_up("z")
    assert first == one.machine_up("z")
    one.office_up("a")
    assert one.lab.succeed("z", "cat", "/proc/sys/kernel/random/boot_id") == before
    assert first["host"] == "127.0.0.1"
    assert first["host_key"].startswith("ssh-ed25519 ")


def test_a_machine_is_the_server_that_it_says(one: Running) -> None:
    assert one.lab.succeed("a", "hostname").strip() == "a"
    assert one.lab.succeed("a", "systemctl", "is-active", "systemd-networkd").strip() == "active"
    assert "192.168.201.247/24" in one.lab.succeed("a", "ip", "-br", "address", "show", "eth0")
    assert one.lab.succeed("a", "modprobe", "-v", "-n", "wireguard").strip()
    assert one.lab.succeed("a", "runuser", "-u", "admin", "--", "sudo", "-n", "id", "-u") == "0\n"
    assert one.lab.succeed("a", "systemctl", "--failed", "--no-legend") == ""


def test_commands_keep_their_words_input_and_exit_code(one: Running) -> None:
    for host in ("z", "b"):
        assert one.lab.succeed(host, "printf", "%s|", "a b", "$HOME", "'") == "a b|$HOME|'|"
        assert one.lab.run(host, "cat", input="in").stdout == "in"
        assert one.lab.run(host, "sh", "-c", "exit 7", check=False).code == 7
    done = subprocess.run(
        [*command("run", "z", stack=ONE), "--", "sh", "-c", "cat; exit 9"],
        input="through",
        capture_output=True,
        text=True,
        cwd=PROJECT,
    )
    assert (done.stdout, done.returncode) == ("through", 9)


def test_everyone_reaches_their_gateway_and_the_offices_reach_the_hub(one: Running) -> None:
    assert one.lab.ping("b", "192.168.201.1", count=2).received == 2
    assert one.lab.ping("b", "192.168.201.247", count=2).received == 2
    assert one.lab.ping("d", "203.0.113.1", count=2).received == 2
    assert one.lab.ping("a", "203.0.113.1", count=2).received == 2
    assert one.lab.ping("z", "198.51.100.1", count=2).received == 2


def test_nothing_comes_in_and_no_lan_is_known_outside(one: Running) -> None:
    for target in ("198.51.100.2", "192.168.201.55", "192.168.200.244"):
        assert one.lab.ping("z", target, count=2).received == 0
    assert one.lab.ping("b", "192.168.200.244", count=2).received == 0


def test_nat_hides_and_its_udp_mapping_ends_after_30_s_of_silence(
    one: Running, udp: Callable[[str, str], socket.socket]
) -> None:
    device = udp(namespace(ONE, "dev-b"), "192.168.201.55")
    server = udp(namespace(ONE, "internet"), "203.0.113.254")
    stranger = udp(namespace(ONE, "internet"), "203.0.113.254")
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


def test_a_recipe_is_typed_into_the_router_in_place_of_the_last_one(one: Running) -> None:
    def gateway(recipe: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command("gateway", "a", stack=ONE),
            input=recipe,
            capture_output=True,
            text=True,
            cwd=PROJECT,
        )

    assert gateway("ip route replace 10.1.0.0/16 via 192.168.201.247\n").returncode == 0
    assert gateway("ip route replace 10.2.0.0/16 via 192.168.201.247\n").returncode == 0
    routes = one.lab.succeed("isp-a", "ip", "route")
    assert "10.2.0.0/16 via 192.168.201.247" in routes
    assert "10.1.0.0/16" not in routes
    assert gateway("ip route replace nonsense\n").returncode == 1


def test_a_changed_office_loses_a_device_and_gains_one(one: Running) -> None:
    office = next(o for o in one.built.offices if o.name == "c").spec()
    changed = json.loads(json.dumps(office))
    changed["lans"][0]["devices"] = [{"name": "e", "address": "192.168.200.9"}]
    call("office", "up", "c", stack=ONE, stdin=changed)
    assert one.lab.ping("e", "192.168.200.1", count=2).received == 2
    with pytest.raises(LabError, match="has no host d"):
        one.lab.run("d", "true")
    call("office", "up", "c", stack=ONE, stdin=office)
    assert one.lab.ping("d", "192.168.200.1", count=2).received == 2


def test_two_stacks_stand_side_by_side(one: Running, two: Running) -> None:
    assert two.lab.ping("b", "192.168.201.1", count=2).received == 2
    # The second stack's office a has no machine, so its spoke does not answer there.
    assert two.lab.ping("b", "192.168.201.247", count=2).received == 0
    assert one.lab.ping("b", "192.168.201.247", count=2).received == 2
    two.down()
    assert namespaces_of(TWO) == []
    assert not two.lab.state.directory.exists()
    assert one.lab.ping("b", "192.168.201.247", count=2).received == 2


def test_after_a_power_cut_up_heals_on_the_same_disk_and_port(one: Running) -> None:
    before = one.machine_up("a")
    boot = one.lab.succeed("a", "cat", "/proc/sys/kernel/random/boot_id")
    one.lab.succeed("a", "sh", "-c", "echo kept >/root/kept; sync")
    one.lab.kill("a")
    with pytest.raises(LabError, match="machine a does not run"):
        one.lab.run("a", "true")

    with socket.create_server(("127.0.0.1", before["port"])):
        spec = next(m for m in one.built.machines if m.name == "a").spec()
        refused = call("machine", "up", "a", stack=ONE, stdin=spec, check=False)
        assert refused.returncode == 1
        assert f"port {before['port']} on 127.0.0.1" in refused.stderr
        assert "is taken" in refused.stderr

    assert one.machine_up("a") == before
    assert one.lab.succeed("a", "cat", "/root/kept") == "kept\n"
    assert one.lab.succeed("a", "cat", "/proc/sys/kernel/random/boot_id") != boot


def test_a_machine_reboots_and_comes_back(one: Running) -> None:
    boot = one.lab.succeed("z", "cat", "/proc/sys/kernel/random/boot_id")
    with one.lab.pinging("d", "203.0.113.1", interval_s=0.2) as ping:
        one.lab.reboot("z")
        one.lab.wait_until_succeeds("d", "ping", "-c", "1", "-W", "1", "203.0.113.1")
    assert one.lab.succeed("z", "cat", "/proc/sys/kernel/random/boot_id") != boot
    assert 0 < ping.result.received < ping.result.sent


def test_a_capture_shows_what_passes(one: Running) -> None:
    with one.lab.capture("internet", "isp-a", "icmp") as capture:
        assert one.lab.ping("b", "203.0.113.1", count=2).received == 2
    assert any("198.51.100.2 > 203.0.113.1: ICMP echo request" in p for p in capture.packets)
    assert not any("192.168.201.55" in packet for packet in capture.packets)


def test_qemu_does_not_run_in_the_caller_s_session(one: Running) -> None:
    pids = stray(ONE, one.lab.state.directory)
    assert len(pids) == 2
    assert all(os.getsid(pid) != os.getsid(0) for pid in pids)


def test_down_leaves_nothing_and_is_no_error_twice(one: Running) -> None:
    one.down()
    one.down()
    assert namespaces_of(ONE) == []
    assert stray(ONE, one.lab.state.directory) == []
    assert not one.lab.state.directory.exists()

    def no_socket_left() -> bool | str:
        listening = subprocess.run(["ss", "-Htln"], capture_output=True, text=True).stdout
        ports = [line.split()[3] for line in listening.splitlines()]
        ours = [port for port in ports if port.startswith("127.0.0.1:222")]
        others = {str(path.read_text()).strip() for path in (PROJECT / ".lab").glob("*/*/*/port")}
        left = [port for port in ours if port.split(":")[1] not in others]
        return f"{left} still listen" if left else True

    assert wait_until("the end of the ports", no_socket_left, timeout_s=5)
