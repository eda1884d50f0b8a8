"""The line with its hub bought in the lab's cloud: what was bought, who reaches whom, who gets in.

The first `make up` met with a busy API and with cut connections; that it came up is the first test.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address

import pytest

from lab.cloud.reach import ADMINISTRATOR
from tests.cloud.cloud_line import ONE_OF_EACH, CloudLine
from tests.cloud.hosts import ECHO, STRANGER
from tests.lab.line import DEVICES, TUNNEL

PUBLIC = IPv4Address("203.0.113.1")


@pytest.mark.parametrize(("source", "target"), [("b", "d"), ("d", "b")])
def test_devices_reach_each_other(line: CloudLine, source: str, target: str) -> None:
    result = line.lab.ping(source, DEVICES[target], count=20, interval_s=0.2)
    assert (result.sent, result.received) == (20, 20)


def test_hub_and_spokes_reach_each_other(line: CloudLine) -> None:
    for name in ("a", "c"):
        line.on_hub("ping", "-c", "3", "-i", "0.2", "-W", "2", TUNNEL[name])


def test_what_went_wrong_on_the_way_left_nothing_twice(line: CloudLine) -> None:
    assert line.faults_left() == []
    assert len(line.asked(code="Throttling.User")) == 6
    assert [entry["action"] for entry in line.asked(code="Cut")] != []
    assert line.counts() == ONE_OF_EACH


def test_the_hub_is_an_instance_that_was_bought(line: CloudLine) -> None:
    (instance,) = line.inventory("instance")
    (eip,) = line.inventory("eip")
    assert instance["status"] == "Running"
    assert instance["about"].startswith("ecs.t6-c4m1.large debian_12_")
    assert eip["about"] == f"{PUBLIC} {instance['id']}"
    (run,) = line.asked(action="RunInstances", code="OK")
    assert run["values"]["InstanceType"] == "ecs.t6-c4m1.large"
    assert line.on_hub("cat", "/var/lib/cloud/data/instance-id").strip() == instance["id"]
    assert "Alibaba Cloud ECS" in line.on_hub("cat", "/sys/class/dmi/id/product_name")


def test_its_first_boot_did_what_the_user_data_says(line: CloudLine) -> None:
    # That this is answered proves the pinned SSH host key, and the one that may log in.
    assert line.on_hub("hostname").strip() == "z"
    assert "status: done" in line.on_hub("cloud-init", "status")
    assert line.on_hub("swapon", "--noheadings", "--show=NAME").strip() == "/swapfile"
    pinned = line.ring.ssh_host("z").public
    keys = line.on_hub("sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub")
    assert [key.split()[:2] for key in keys.splitlines()] == [pinned.split()[:2]]


def test_the_hub_has_nothing_but_its_own_address(line: CloudLine) -> None:
    """The public one is translated before it, so the spokes' packets come in by the VPC."""
    shown = json.loads(line.on_hub("ip", "-j", "-4", "address"))
    addresses = {one["ifname"]: one["addr_info"][0]["local"] for one in shown}
    assert addresses.keys() == {"lo", "eth0", "wg0"}
    assert addresses["wg0"] == TUNNEL["z"]
    for spoke in ("a", "c"):
        endpoints = line.lab.run(spoke, "wg", "show", "wg0", "endpoints").stdout
        assert endpoints.split()[1] == f"{PUBLIC}:51820"


def test_nobody_comes_in_but_wireguard_and_the_administrator(line: CloudLine) -> None:
    line.on_hub(
        *("systemd-run", "--unit=echo", "python3", "-c", ECHO),
        *("udp:51821", "tcp:51820", "tcp:8080"),
    )
    try:
        line.on_hub(
            "sh",
            "-c",
            "for try in $(seq 50); do ss -lntu | grep -q :51821 && exit; sleep 0.2; done; exit 1",
        )
        listening = line.on_hub("ss", "-lntuH")
        assert re.search(r"^udp .*:51820 ", listening, re.M)
        doors = [
            (kind, source, port)
            for source in (ADMINISTRATOR, STRANGER)
            for kind, port in (("tcp", 22), ("tcp", 51820), ("tcp", 8080), ("udp", 51821))
        ]
        asks = {"tcp": line.net.tcp, "udp": line.net.udp}
        with ThreadPoolExecutor(len(doors)) as pool:
            said = list(pool.map(lambda door: asks[door[0]](door[1], PUBLIC, door[2]), doors))
        got_in = {door: words for door, words in zip(doors, said, strict=True) if words}
        assert got_in.keys() == {("tcp", ADMINISTRATOR, 22)}
        assert got_in["tcp", ADMINISTRATOR, 22].startswith(b"SSH-2.0")
    finally:
        line.on_hub("systemctl", "stop", "echo")


def test_every_host_says_that_it_is_as_wanted(line: CloudLine) -> None:
    assert line.make("status").stdout.count("as wanted") == 3


def test_outputs(line: CloudLine) -> None:
    outputs = line.outputs()
    assert outputs["hub_endpoint"] == f"{PUBLIC}:51820"
    assert outputs["hub_cloud"]["region"] == "cn-hangzhou"
    assert outputs["hub_cloud"]["instance_type"] == "ecs.t6-c4m1.large"
    told = " ".join(outputs["hub_capacity"])
    assert "5 % of each vCPU" in told
    assert "Mbit/s" in told
