"""Each vendor's recipe read back, by other means than it was written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network

import yaml

Pairs = list[tuple[IPv4Network, IPv4Address]]


def pairs(pattern: str, text: str) -> Pairs:
    return [(IPv4Network(net), IPv4Address(hop)) for net, hop in re.findall(pattern, text)]


def masked(pattern: str, text: str) -> Pairs:
    return [
        (IPv4Network(f"{net}/{mask}"), IPv4Address(hop))
        for net, mask, hop in re.findall(pattern, text)
    ]


def decoded(value: bytes) -> Pairs:
    """RFC 3442, read the other way round and by other means than the encoder."""
    found: Pairs = []
    octets = list(value)
    while octets:
        length = octets.pop(0)
        significant = 0 if length == 0 else (length - 1) // 8 + 1
        net, octets = octets[:significant], octets[significant:]
        hop, octets = octets[:4], octets[4:]
        whole = ".".join(str(octet) for octet in [*net, 0, 0, 0, 0][:4])
        found.append((IPv4Network(f"{whole}/{length}"), IPv4Address(bytes(hop))))
    return found


def read_netplan(text: str) -> Pairs:
    (interface,) = yaml.safe_load(text)["network"]["ethernets"].values()
    return [(IPv4Network(route["to"]), IPv4Address(route["via"])) for route in interface["routes"]]


def read_networkd(text: str) -> Pairs:
    head, *route_sections = text.split("\n[Route]\n")
    assert all(line.startswith("#") for line in head.split("\n") if line)
    keys = [dict(line.split("=", 1) for line in part.split()) for part in route_sections]
    assert all(set(part) == {"Destination", "Gateway"} for part in keys)
    return [(IPv4Network(part["Destination"]), IPv4Address(part["Gateway"])) for part in keys]


def read_openwrt(text: str) -> Pairs:
    kept: dict[str, dict[str, str]] = {}
    for section, key, value in re.findall(r"^uci set network\.(\w+)\.(\w+)=(\S+)$", text, re.M):
        kept.setdefault(section, {})[key] = value
    assert all(route["interface"] == '"$lan"' for route in kept.values())
    return [
        (IPv4Network(f"{route['target']}/{route['netmask']}"), IPv4Address(route["gateway"]))
        for route in kept.values()
    ]


def read_pf(text: str) -> Pairs:
    (hop,) = re.findall(r"Gateway \(IP address\) +(\S+)$", text, re.M)
    (name,) = re.findall(r"Name +(\w+)$", text, re.M)
    assert re.fullmatch(r"\w{1,31}", name)
    rows = re.findall(rf"^   (\S+/\d+) +{name} +leased-line$", text, re.M)
    return [(IPv4Network(net), IPv4Address(hop)) for net in rows]


def read_routeros(text: str) -> Pairs:
    added = pairs(r"/ip route add dst-address=(\S+) gateway=(\S+)", text)
    assert added == pairs(r"/ip route set \[.*?\] dst-address=(\S+) gateway=(\S+)", text)
    for net, _ in added:
        assert text.count(f'comment="leased-line {net}"') == 3
    return added


def read_dhcp(text: str) -> Pairs:
    (default, gateway), *routes = decoded(bytes.fromhex(re.findall(r"^0x(\w+)$", text, re.M)[0]))
    assert default == IPv4Network("0.0.0.0/0")
    for code in (121, 249):
        (line,) = re.findall(rf"^dhcp-option={code},(\S+)$", text, re.M)
        assert pairs(r"([^,]+),([^,]+)", line) == [(default, gateway), *routes]
    objects = json.loads("[" + "".join(re.findall(r"^\{.*\},?$", text, re.M)) + "]")
    assert [entry["code"] for entry in objects] == [121, 249]
    assert all(decoded(bytes.fromhex(entry["data"]))[1:] == routes for entry in objects)
    for octets in re.findall(r"^option \S+-routes ([0-9, ]+);$", text, re.M):
        assert decoded(bytes(int(octet) for octet in octets.split(",")))[1:] == routes
    return routes


def read_device(text: str) -> Pairs:
    linux = pairs(r"ip route replace (\S+) via (\S+)", text)
    assert linux == masked(r"route -p add (\S+) mask (\S+) (\S+)", text)
    assert linux == pairs(r"route -n add -net (\S+) (\S+) \|\|", text)
    return linux


READERS: dict[str, Callable[[str], Pairs]] = {
    "linux": lambda text: pairs(r"ip route replace (\S+) via (\S+)", text),
    "networkd": read_networkd,
    "netplan": read_netplan,
    "openwrt": read_openwrt,
    "routeros": read_routeros,
    "opnsense": read_pf,
    "pfsense": read_pf,
    "vyos": lambda text: pairs(r"static route (\S+) next-hop (\S+)", text),
    "edgeos": lambda text: pairs(r"static route (\S+) next-hop (\S+)", text),
    "cisco_ios": lambda text: masked(r"ip route (\S+) (\S+) (\S+) name leased-line", text),
    "windows": lambda text: pairs(
        r"New-NetRoute -DestinationPrefix '(\S+)' -NextHop '(\S+)'", text
    ),
    "web": lambda text: masked(r"([0-9.]+) +([0-9.]+) +([0-9.]+) +LAN", text),
    "dhcp_option_121": read_dhcp,
    "device": read_device,
}
