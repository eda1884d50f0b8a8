"""The lab's world, brought up by its command line alone: machines, offices, and a second stack.

The line itself is not here; see the other tests of this directory for what runs over it.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator

import pytest

from lab.errors import LabError
from lab.netns import namespaces_of
from lab.process import stray_daemons
from lab.qemu import stray
from lab.settings import PROJECT
from lab.shell import wait_until
from tests.lab.bare import Running, call, command, running

pytestmark = pytest.mark.timeout(600)

TWO = "world-two"


@pytest.fixture(scope="module")
def one(bare: Running) -> Running:
    """The first stack, with all its machines."""
    return bare


@pytest.fixture(scope="module")
def two(one: Running) -> Iterator[Running]:
    """A second stack beside the first, without machines."""
    up = running(TWO)
    try:
        yield up
    finally:
        call("destroy", "--all-of", TWO, stack=TWO)


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
    assert one.lab.succeed("a", "modinfo", "-n", "wireguard").strip()
    assert one.lab.succeed("a", "runuser", "-u", "admin", "--", "sudo", "-n", "id", "-u") == "0\n"
    assert one.lab.succeed("a", "systemctl", "--failed", "--no-legend") == ""


def test_commands_keep_their_words_input_and_exit_code(one: Running) -> None:
    for host in ("z", "b"):
        assert one.lab.succeed(host, "printf", "%s|", "a b", "$HOME", "'") == "a b|$HOME|'|"
        assert one.lab.run(host, "cat", input="in").stdout == "in"
        assert one.lab.run(host, "sh", "-c", "exit 7", check=False).code == 7
    done = subprocess.run(
        [*command("run", "z", stack=one.stack), "--", "sh", "-c", "cat; exit 9"],
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
        refused = call("machine", "up", "a", stack=one.stack, stdin=one.spec("a"), check=False)
        assert refused.returncode == 1
        assert f"port {before['port']} on 127.0.0.1" in refused.stderr
        assert "is taken" in refused.stderr

    assert one.machine_up("a") == before
    assert one.lab.succeed("a", "cat", "/root/kept") == "kept\n"
    assert one.lab.succeed("a", "cat", "/proc/sys/kernel/random/boot_id") != boot


def test_a_capture_shows_what_passes(one: Running) -> None:
    with one.lab.capture("internet", "isp-a", "icmp") as capture:
        assert one.lab.ping("b", "203.0.113.1", count=2).received == 2
    assert any("198.51.100.2 > 203.0.113.1: ICMP echo request" in p for p in capture.packets)
    assert not any("192.168.201.55" in packet for packet in capture.packets)


def test_qemu_does_not_run_in_the_caller_s_session(one: Running) -> None:
    pids = stray(one.stack, one.lab.state.directory)
    assert len(pids) == len(one.built.machines)
    assert all(os.getsid(pid) != os.getsid(0) for pid in pids)


def test_down_leaves_nothing_and_is_no_error_twice(one: Running) -> None:
    one.down()
    one.down()
    assert namespaces_of(one.stack) == []
    assert stray(one.stack, one.lab.state.directory) == []
    assert stray_daemons(one.lab.state.directory) == []
    assert not one.lab.state.directory.exists()

    def ports_are_free() -> bool | str:
        for reached in one.reached.values():
            try:
                socket.create_server(("127.0.0.1", reached["port"])).close()
            except OSError as error:
                return f"port {reached['port']}: {error.strerror}"
        return True

    # A dying process has no command line any more and may still have its port.
    assert wait_until("the end of the ports", ports_are_free, timeout_s=5)
