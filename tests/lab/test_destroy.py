"""The way back: hosts as they were, then nothing left of the lab, and twice is no error."""

from __future__ import annotations

import json
import subprocess

from tests.lab.line import STACK, Line

HOSTS = ("z", "a", "c")


def test_the_hosts_are_cleared_before_the_machines_go(line: Line) -> None:
    resources = json.loads(line.pulumi("stack", "export").stdout)["deployment"]["resources"]
    hosts = [r["urn"] for r in resources if r["type"] == "command:remote:Command"]
    assert len(hosts) == 8
    targets = [word for urn in hosts for word in ("--target", urn)]
    line.pulumi("destroy", "--yes", "--skip-preview", "--target-dependents", *targets)
    for host in HOSTS:
        left = line.lab.run(
            host,
            "sh",
            "-c",
            "ip link show wg0; ls -d /etc/systemd/network/wg0* "
            "/etc/sysctl.d/10-ip-forward.conf /etc/leased-line /var/lib/leased-line "
            "/usr/local/sbin/leased-line /etc/systemd/system/leased-line.service; "
            "nft list tables; ip route show proto static",
            check=False,
        ).stdout
        assert "wg0" not in left
        assert "leased" not in left
        assert "10-ip-forward" not in left
        assert line.lab.run(host, "cat", "/proc/sys/net/ipv4/ip_forward").stdout == "0\n"


def test_nothing_is_left(line: Line) -> None:
    line.make("destroy")
    namespaces = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    assert f"ll-{STACK}-" not in namespaces
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert f"ll-{STACK}-" not in processes.stdout
    assert not line.lab.state.directory.exists()


def test_twice_is_no_error(line: Line) -> None:
    line.make("destroy")
