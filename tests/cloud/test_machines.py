"""The machines behind the lab's cloud: what an instance is told, who reaches it, what stays."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from lab import preflight
from lab.cloud.files import InstanceFiles
from lab.cloud.parts import Instance
from lab.cloud.reach import ADMINISTRATOR, reach, unreach
from lab.errors import LabError
from lab.parts import namespace
from lab.shell import run, wait_until
from lab.sweep import sweep
from tests.cloud.hosts import (
    ECHO,
    OTHER_PUBLIC,
    PUBLIC,
    RULES,
    STRANGER,
    Cloud,
    instance,
    rule,
)
from tests.cloud.rights import require_root
from tests.lab.bare import call

STACK = "lab-cloud-machines"

pytestmark = pytest.mark.timeout(900)

HUB = "i-bp1hub"
PEER = "i-bp1peer"
ELSEWHERE = "i-bp1elsewhere"
PEER_ADDRESS = "172.16.0.6"
ECHOED = ("udp:51820", "udp:51821", "tcp:8080")
BEACON = f"while sleep 0.3; do echo here >/dev/udp/{STRANGER}/9999; done"
BOOTED = "booted"


def hubs_user_data(cloud: Cloud) -> str:
    key = cloud.make_key("host")
    private = textwrap.indent(key.read_text(), "    ")
    return f"""\
#cloud-config
ssh_keys:
  ed25519_public: {key.with_suffix(".pub").read_text().strip()}
  ed25519_private: |
{private}\
write_files:
  - path: /root/echo.py
    content: |
{textwrap.indent(ECHO, "      ")}\
runcmd:
  - [sh, -c, "echo {BOOTED} >>/root/booted"]
"""


def peers_user_data() -> str:
    """A script, and not a cloud-config: it is run once, at the end of the first boot."""
    run_it = "python3 /root/echo.py udp:7 tcp:8080"
    return f"#!/bin/sh\ncat >/root/echo.py <<'END'\n{ECHO}END\n{run_it}\n"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A hub with a public address, and a peer without in the same vSwitch, both booted."""
    require_root()
    preflight.widen_path()
    cloud = Cloud(STACK, tmp_path_factory.mktemp("keys"))
    sweep(cloud.state)
    login = cloud.make_key("login").with_suffix(".pub").read_text()
    hub = instance(HUB, "172.16.0.5", hubs_user_data(cloud), login)
    peer = instance(PEER, PEER_ADDRESS, peers_user_data(), login)
    try:
        cloud.machines.protect(HUB, RULES)
        cloud.machines.start(hub)
        cloud.machines.bind(HUB, PUBLIC)
        cloud.machines.start(peer)
        cloud.machines.protect(PEER, [rule("udp", (7, 7), cidr=IPv4Network(hub.private.ip))])
        cloud.wait_for_hub()
        cloud.on_hub("cloud-init", "status", "--wait", timeout_s=240)
        cloud.on_hub("systemd-run", "--unit=echo", "python3", "/root/echo.py", *ECHOED)
        cloud.on_hub("systemd-run", "--unit=beacon", "bash", "-c", BEACON)
        yield cloud
    finally:
        sweep(cloud.state)


def known(cloud: Cloud, id: str) -> Instance:
    """Return what an instance was last started as."""
    spec = InstanceFiles(id, cloud.state).spec()
    assert spec is not None
    return spec


def test_an_instance_becomes_what_the_cloud_tells_it(cloud: Cloud) -> None:
    # That this is answered at all proves the key pair, and the host key in the user data.
    assert cloud.on_hub("hostname").strip() == "bp1hub"
    assert cloud.on_hub("cat", "/root/booted").strip() == BOOTED
    status = cloud.on_hub("cloud-init", "status", "--long")
    assert "status: done" in status
    assert "DataSourceAliYun" in status
    assert "Alibaba Cloud ECS" in cloud.on_hub("cat", "/sys/class/dmi/id/product_name")
    assert "failed" not in cloud.on_hub("systemctl", "list-units", "--failed", "--no-legend")


def test_an_instance_has_one_network_card_and_the_cloud_behind_it(cloud: Cloud) -> None:
    links = json.loads(cloud.on_hub("ip", "-j", "-4", "address"))
    assert {link["ifname"]: link["addr_info"][0]["local"] for link in links} == {
        "lo": "127.0.0.1",
        "eth0": "172.16.0.5",
    }
    ask = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"
    base = "http://100.100.100.200/latest/meta-data"
    told = {
        path: cloud.on_hub("python3", "-c", ask, f"{base}/{path}").strip()
        for path in ("instance-id", "region-id", "zone-id", "private-ipv4", "eipv4")
    }
    assert told == {
        "instance-id": HUB,
        "region-id": "cn-hangzhou",
        "zone-id": "cn-hangzhou-i",
        "private-ipv4": "172.16.0.5",
        "eipv4": str(PUBLIC),
    }


def test_who_comes_in_is_for_the_rules_to_say(cloud: Cloud) -> None:
    listening = cloud.on_hub("ss", "-lntuH")
    assert all(f":{port}" in listening for port in (51820, 51821, 8080))
    assert (cloud.tcp(ADMINISTRATOR, PUBLIC, 22) or b"").startswith(b"SSH-2.0")
    assert cloud.tcp(STRANGER, PUBLIC, 22) is None
    assert cloud.udp(STRANGER, PUBLIC, 51820) == b"who is there"
    assert cloud.udp(STRANGER, PUBLIC, 51821) is None
    assert cloud.tcp(ADMINISTRATOR, PUBLIC, 8080) is None

    cloud.machines.protect(HUB, [*RULES, rule("tcp", (8000, 8100))])
    assert cloud.tcp(STRANGER, PUBLIC, 8080) == b"hello"
    with pytest.raises(LabError, match="know no protocol sctp"):
        cloud.machines.protect(HUB, [rule("sctp", None)])
    assert cloud.tcp(STRANGER, PUBLIC, 8080) == b"hello"
    stronger = rule("tcp", (8080, 8080), accept=False)
    cloud.machines.protect(HUB, [*RULES, rule("tcp", (8000, 8100), priority=2), stronger])
    assert cloud.tcp(STRANGER, PUBLIC, 8080) is None
    cloud.machines.protect(HUB, RULES)


def test_rules_hold_between_two_instances_of_a_vswitch_too(cloud: Cloud) -> None:
    ask = (
        "import socket, sys; s = socket.socket(type=getattr(socket, sys.argv[1])); "
        "s.settimeout(3); s.connect((sys.argv[2], int(sys.argv[3]))); s.send(b'x'); "
        "print(s.recv(9))"
    )

    def asked(kind: str, port: int) -> str:
        return cloud.on_hub("python3", "-c", ask, kind, PEER_ADDRESS, str(port))

    def answers() -> str | bool:
        try:
            return "b'x'" in asked("SOCK_DGRAM", 7)
        except LabError as error:
            return str(error)

    wait_until("the peer's script to answer", answers, timeout_s=240)
    with pytest.raises(LabError, match="timed out"):
        asked("SOCK_STREAM", 8080)
    source = IPv4Network(known(cloud, HUB).private.ip)
    cloud.machines.protect(
        PEER, [rule("tcp", (8080, 8080), cidr=source), rule("udp", (7, 7), cidr=source)]
    )
    assert "hello" in asked("SOCK_STREAM", 8080)
    peers = IPv4Network("172.16.0.0/24")
    no_way_out = rule("all", None, direction="egress", accept=False, cidr=peers)
    cloud.machines.protect(HUB, [*RULES, no_way_out])
    with pytest.raises(LabError, match="timed out"):
        asked("SOCK_STREAM", 8080)
    cloud.machines.protect(HUB, RULES)
    assert "hello" in asked("SOCK_STREAM", 8080)


def test_a_public_address_is_translated_both_ways_and_only_while_it_is_bound(cloud: Cloud) -> None:
    with cloud.listening(9999) as router:
        assert router.recvfrom(64)[1][0] == str(PUBLIC)
        cloud.machines.bind(HUB, None)
        assert cloud.udp(STRANGER, PUBLIC, 51820) is None
        while True:
            # What came before the address went is still in the socket.
            router.setblocking(False)
            try:
                router.recv(64)
            except BlockingIOError:
                break
        router.settimeout(3)
        with pytest.raises(TimeoutError):
            router.recv(64)
        with pytest.raises(LabError, match=f"{PUBLIC} cannot be bound to instance i-none"):
            cloud.machines.bind("i-none", PUBLIC)

        cloud.machines.bind(HUB, OTHER_PUBLIC)
        assert router.recvfrom(64)[1][0] == str(OTHER_PUBLIC)
        assert cloud.udp(STRANGER, OTHER_PUBLIC, 51820) == b"who is there"
        assert cloud.udp(STRANGER, PUBLIC, 51820) is None
        with pytest.raises(LabError, match=f"instance {HUB} has it"):
            cloud.machines.bind(PEER, OTHER_PUBLIC)
    cloud.machines.bind(HUB, PUBLIC)
    assert cloud.udp(STRANGER, PUBLIC, 51820) == b"who is there"


def test_a_public_address_moves_to_another_vpc_at_once(cloud: Cloud) -> None:
    assert cloud.udp(STRANGER, PUBLIC, 51820) == b"who is there"
    there = replace(instance(ELSEWHERE, "172.16.0.5", "", ""), vpc="vpc-bp1elsewhere")
    cloud.machines.start(there)
    try:
        cloud.machines.bind(HUB, None)
        cloud.machines.bind(ELSEWHERE, PUBLIC)
        place = namespace(STACK, there.vpc)
        card = json.loads(run("ip", "-n", place, "-j", "link", "show", "wan").stdout)[0]
        # Its machine still boots; who is asked for it, the other VPC, is what counts here.
        assert cloud.udp(STRANGER, PUBLIC, 51820) is None
        asked = ("ip", "-n", cloud.internet, "-j", "neighbour", "show", "to", str(PUBLIC))
        assert json.loads(run(*asked).stdout)[0]["lladdr"] == card["address"]
    finally:
        cloud.machines.remove(ELSEWHERE)
    assert not (Path("/run/netns") / place).exists()
    cloud.machines.bind(HUB, PUBLIC)
    assert cloud.udp(STRANGER, PUBLIC, 51820) == b"who is there"


def test_reach_keeps_its_port_and_ends(cloud: Cloud) -> None:
    door = reach(PUBLIC, cloud.state)
    assert reach(PUBLIC, cloud.state) == door
    before = cloud.pids()
    unreach(PUBLIC, cloud.state)
    assert len(cloud.pids()) == len(before) - 1
    unreach(PUBLIC, cloud.state)
    with pytest.raises(LabError, match="Connection refused"):
        run(*cloud.ssh(door, "true"))
    done = call("cloud", "reach", str(PUBLIC), stack=STACK)
    assert json.loads(done.stdout) == {"host": door.host, "port": door.port}
    assert cloud.on_hub("hostname").strip() == "bp1hub"
    with pytest.raises(LabError, match="is no public address of the lab's internet"):
        reach(IPv4Address("198.51.100.2"), cloud.state)


def test_a_stopped_instance_comes_back_with_its_disk(cloud: Cloud) -> None:
    cloud.on_hub("sh", "-c", "echo kept >/root/kept")
    hub = known(cloud, HUB)
    cloud.machines.stop(HUB)
    assert not cloud.machines.running(HUB)
    cloud.machines.stop(HUB)
    cloud.machines.start(replace(hub, memory_mib=768))
    assert cloud.machines.running(HUB)
    cloud.wait_for_hub()
    assert cloud.on_hub("cat", "/root/kept").strip() == "kept"
    # Shut down by its power button, and the user data not run again.
    assert "Power key pressed" in cloud.on_hub("journalctl", "-b", "-1", "-u", "systemd-logind")
    assert cloud.on_hub("cat", "/root/booted").strip() == BOOTED
    assert int(cloud.on_hub("sh", "-c", "awk '/MemTotal/ {print $2}' /proc/meminfo")) > 640 << 10


def test_a_removed_instance_leaves_the_others_alone(cloud: Cloud) -> None:
    cloud.machines.remove(PEER)
    cloud.machines.remove(PEER)
    assert not cloud.machines.running(PEER)
    assert not (cloud.state.cloud / "instances" / PEER).exists()
    assert cloud.on_hub("hostname").strip() == "bp1hub"


def test_the_last_instance_takes_its_vpc_along(cloud: Cloud) -> None:
    cloud.machines.remove_all()
    unreach(PUBLIC, cloud.state)
    names = [path.name for path in Path("/run/netns").iterdir()]
    assert not any(name.startswith(namespace(STACK, "")) for name in names)
    assert cloud.pids() == []
    assert not any((cloud.state.cloud / "instances").glob("*"))


def test_a_cloud_is_swept_away_while_it_runs(cloud: Cloud) -> None:
    cloud.machines.start(instance(HUB, "172.16.0.5", "", ""))
    cloud.machines.bind(HUB, PUBLIC)
    reach(PUBLIC, cloud.state)
    assert len(cloud.pids()) == 3, "QEMU, the metadata service, the forwarder"
    call("destroy", "--all-of", STACK, stack=STACK)
    assert cloud.left() == []
