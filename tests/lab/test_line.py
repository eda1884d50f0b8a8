"""The article's leased line, for real: packets, files and kernels."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.lab.line import DEVICES, TUNNEL, Line
from tests.unit.units import Section, sections

ARTICLE = Path(__file__).resolve().parents[1] / "unit" / "article"
NETWORKD = "/etc/systemd/network"


@pytest.mark.parametrize(("source", "target"), [("b", "d"), ("d", "b")])
def test_devices_reach_each_other(line: Line, source: str, target: str) -> None:
    result = line.lab.ping(source, DEVICES[target], count=20, interval_s=0.2)
    assert (result.sent, result.received) == (20, 20)


@pytest.mark.parametrize(("source", "target"), [("z", "a"), ("z", "c"), ("a", "c"), ("c", "a")])
def test_hosts_reach_each_others_tunnel_addresses(line: Line, source: str, target: str) -> None:
    result = line.lab.ping(source, TUNNEL[target], count=5, interval_s=0.2)
    assert (result.sent, result.received) == (5, 5)


def test_the_devices_see_who_calls(line: Line) -> None:
    """No address is translated on the way: d sees b's own."""
    with line.lab.capture("d", "any", "icmp") as captured:
        line.lab.ping("b", DEVICES["d"], count=2, interval_s=0.2)
    assert f"{DEVICES['b']} > {DEVICES['d']}: ICMP echo request" in "\n".join(captured.packets)


def test_the_internet_sees_nothing_but_wireguard(line: Line) -> None:
    with line.lab.capture("internet", "any", "-x", "ip or ip6") as captured:
        # "leased line" stands in every packet that b sends.
        pattern = b"leased line".hex()
        line.lab.run("b", "ping", "-c", "10", "-i", "0.2", "-p", pattern, DEVICES["d"])
    text = "\n".join(captured.packets)
    conversations = set(re.findall(r"IP6? (\S+) > (\S+): (\S+)", text))
    assert conversations
    hub = r"203\.0\.113\.1\.51820"
    router = r"198\.51\.100\.\d+\.\d+"
    for source, target, what in conversations:
        assert what == "UDP,", (source, target, what)
        assert re.fullmatch(f"{hub} {router}|{router} {hub}", f"{source} {target}"), text
    payload = "".join(re.findall(r"0x[0-9a-f]+:  ((?:[0-9a-f]{2,4} ?)+)", text)).replace(" ", "")
    assert len(payload) > 2000
    assert pattern not in payload


@pytest.mark.parametrize("host", ["z", "a", "c"])
def test_the_files_say_what_the_articles_files_say(line: Line, host: str) -> None:
    def read(path: str) -> str:
        return line.lab.run(host, "sh", "-c", f"cat {path}").stdout

    for unit, paths in {
        "wg0.netdev": (f"{NETWORKD}/wg0.netdev", f"{NETWORKD}/wg0.netdev.d/*.conf"),
        "wg0.network": (f"{NETWORKD}/wg0.network",),
    }.items():
        theirs = sections((ARTICLE / host / unit).read_text("utf-8"))
        ours = sections(*(read(path) for path in paths))
        assert without_keys(ours) == without_keys(theirs)
    assert read("/etc/sysctl.d/10-ip-forward.conf") == "net.ipv4.ip_forward = 1\n"
    assert read("/proc/sys/net/ipv4/ip_forward") == "1\n"


def without_keys(found: Counter[Section]) -> Counter[Section]:
    """The sections less keys and key files, and with the hub's real address for the article's."""
    return Counter(
        {
            (
                name,
                tuple(
                    (key, "<hub>:51820" if key == "Endpoint" else value)
                    for key, value in settings
                    if not re.search(r"Key(File)?$", key)
                ),
            ): count
            for (name, settings), count in found.items()
        }
    )


@pytest.mark.parametrize("host", ["z", "a", "c"])
def test_every_host_says_that_it_is_as_wanted(line: Line, host: str) -> None:
    status = json.loads(line.lab.run(host, "leased-line", "status", "--json").stdout)
    assert status["host"] == host
    assert status["differences"] == []
    assert all(peer["handshake_age_s"] < 180 for peer in status["peers"])


def test_make_status_shows_every_host(line: Line) -> None:
    shown = line.make("status").stdout
    assert shown.count("as wanted") == 3


def test_outputs(line: Line) -> None:
    outputs: dict[str, Any] = json.loads(line.pulumi("stack", "output", "--json").stdout)
    assert outputs["hub_endpoint"] == "203.0.113.1:51820"
    assert {name: host["tunnel_address"] for name, host in outputs["endpoints"].items()} == TUNNEL
    assert [host["endpoint"] for host in outputs["endpoints"].values()].count("behind NAT") == 2
    assert outputs["routes"]["a"] == [
        {
            "gateway": "192.168.201.1",
            "destination": "192.168.200.0/24",
            "next_hop": "192.168.201.247",
        }
    ]
    recipe = outputs["gateway_recipes"]["c"]["linux"]
    assert "ip route replace 192.168.201.0/24 via 192.168.200.248" in recipe
    assert outputs["diagram"].startswith("flowchart")
    assert "203.0.113.1:51820" in outputs["readme"]
    public_keys = {host["public_key"] for host in outputs["endpoints"].values()}
    shown = line.lab.run("z", "wg", "show", "wg0").stdout
    assert all(key in shown for key in public_keys)


def test_full_size_segments_pass(line: Line) -> None:
    """A TCP stream between devices, whose own MTU is 1500: the clamp keeps it from hanging."""
    with line.lab.capture("d", "any", "tcp[tcpflags] & tcp-syn != 0") as captured:
        line.lab.run("d", "iperf3", "--server", "--one-off", "--daemon")
        line.lab.wait_until_succeeds("b", "iperf3", "--client", DEVICES["d"], "--bytes", "2M")
    # 1280 bytes less 20 of IPv4 and 20 of TCP.
    assert "mss 1240" in "\n".join(captured.packets)


def test_a_ping_of_full_mtu_passes_and_one_byte_more_is_refused(line: Line) -> None:
    fits = 1280 - 28
    line.lab.run("a", "ping", "-M", "do", "-c", "2", "-s", str(fits), TUNNEL["c"])
    over = line.lab.run(
        "a", "ping", "-M", "do", "-c", "1", "-s", str(fits + 1), TUNNEL["c"], check=False
    )
    assert over.code != 0
