"""The internet and the offices of a lab, as namespaces of this machine.

The internet is one router. An office is its ISP's router (NAT, nothing inbound), with a bridge
for each LAN, and a namespace for each plain device. All functions may run twice, and after an
interrupted run they finish it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from lab.dns import dns_down, dns_up
from lab.errors import LabError
from lab.netns import (
    apply_sysctls,
    ensure_bridge,
    ensure_namespace,
    ensure_veth,
    exists,
    links,
    remove_namespace,
    set_addresses,
)
from lab.parts import INTERNET, Internet, Office, OfficeLan, interface_name, namespace
from lab.shell import run
from lab.state import LabState, write

# Hosts differ in these defaults (net.core.devconf_inherit_init_net), so all are written down.
_COMMON: Final = {
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "-net.ipv6.conf.all.disable_ipv6": "1",
    "-net.ipv6.conf.default.disable_ipv6": "1",
    # With br_netfilter loaded, frames between two ports would pass the router's rules.
    "-net.bridge.bridge-nf-call-iptables": "0",
    "-net.bridge.bridge-nf-call-arptables": "0",
}
# ip_forward comes first: changing it resets the others (docs.kernel.org, ip-sysctl).
ROUTER: Final = {
    "net.ipv4.ip_forward": "1",
    **_COMMON,
    "net.ipv4.conf.all.send_redirects": "1",
    "net.ipv4.conf.default.send_redirects": "1",
}
_DEVICE: Final = {
    "net.ipv4.ip_forward": "0",
    **_COMMON,
    "net.ipv4.conf.all.accept_redirects": "1",
    "net.ipv4.conf.default.accept_redirects": "1",
}


def internet_up(spec: Internet, state: LabState) -> None:
    """Make the internet's router with the bridge that the hub is plugged into."""
    with state.lock(INTERNET):
        write(state.part(INTERNET), json.dumps(spec.spec()))
        router = namespace(spec.stack, INTERNET)
        ensure_namespace(router, spec.stack, ROUTER)
        ensure_bridge(router, "public", [f"{spec.router}/{spec.prefix.prefixlen}"])
        dns_up(spec, state)


def internet_down(state: LabState) -> None:
    """Remove the internet; none there is no error."""
    with state.lock(INTERNET):
        dns_down(state)
        remove_namespace(namespace(state.stack, INTERNET))
        state.part(INTERNET).unlink(missing_ok=True)
    state.prune()


def office_up(spec: Office, state: LabState) -> None:
    """Make an office: router, LANs, devices, and its line to the internet.

    An office that is there is changed into this one; machines plugged into a LAN that stays
    keep their line.

    Raises:
        LabError: there is no internet to join.
    """
    internet, router = namespace(spec.stack, INTERNET), namespace(spec.stack, _isp(spec.name))
    if not exists(internet):
        msg = f"office {spec.name} has no internet to join: run `python -m lab internet up` first"
        raise LabError(msg)
    with state.lock(_isp(spec.name)):
        _remove_surplus(spec, state, router)
        write(state.part(_isp(spec.name)), json.dumps(spec.spec()))
        ensure_namespace(router, spec.stack, ROUTER)
        with state.lock(INTERNET):
            ensure_veth(internet, spec.link, router, "wan")
            set_addresses(internet, spec.link, [f"{spec.isp_router}/{spec.isp.network.prefixlen}"])
        set_addresses(router, "wan", [str(spec.isp)])
        run("ip", "-n", router, "route", "replace", "default", "via", str(spec.isp_router))
        run("nft", "-f", "-", namespace=router, stdin=_rules())
        # Set after the rules: the table's first use loads connection tracking where it is modular.
        udp = str(spec.udp_timeout_s)
        apply_sysctls(
            router,
            {
                "net.netfilter.nf_conntrack_udp_timeout": udp,
                "net.netfilter.nf_conntrack_udp_timeout_stream": udp,
            },
        )
        for lan in spec.lans:
            ensure_bridge(router, lan.bridge, [f"{lan.gateway}/{lan.prefix.prefixlen}"])
            _devices_up(spec, lan, router)


def office_down(name: str, state: LabState) -> None:
    """Remove an office with its devices; none there is no error."""
    with state.lock(_isp(name)):
        for device in _known_devices(name, state):
            remove_namespace(_device(state.stack, device))
        with state.lock(INTERNET):
            internet, link = namespace(state.stack, INTERNET), interface_name("isp-", name)
            if exists(internet) and link in links(internet):
                run("ip", "-n", internet, "link", "delete", link)
        remove_namespace(namespace(state.stack, _isp(name)))
        state.part(_isp(name)).unlink(missing_ok=True)
    state.prune()


def gateway(name: str, recipe: str, state: LabState) -> None:
    """Type `recipe` into an office's router, and take out what only an earlier one put there.

    `recipe` is what the stack's outputs tell an administrator to type, for a Linux router.

    Raises:
        LabError: the office is not up, or a line of the recipe fails.
    """
    router = namespace(state.stack, _isp(name))
    spec = known_office(name, state)
    if spec is None or not exists(router):
        msg = f"office {name} is not up: run `python -m lab office up {name}` first"
        raise LabError(msg)
    with state.lock(_isp(name)):
        before = [
            (line.split()[0], str(lan.spoke))
            for lan in spec.lans
            for line in run(
                "ip", "-n", router, "route", "show", "via", str(lan.spoke)
            ).stdout.splitlines()
        ]
        run("sh", "-eu", namespace=router, stdin=recipe)
        # Only then, and only what it no longer has: what it still has is never gone for a moment.
        for destination, spoke in before:
            if destination not in recipe.split():
                run("ip", "-n", router, "route", "delete", destination, "via", spoke)


def known_office(name: str, state: LabState) -> Office | None:
    """Return the spec that the office was last brought up with, or None."""
    path = state.part(_isp(name))
    return Office.model_validate_json(path.read_text()) if path.exists() else None


def known_internet(state: LabState) -> Internet | None:
    """Return the spec that the internet was last brought up with, or None."""
    path = state.part(INTERNET)
    return Internet.model_validate_json(path.read_text()) if path.exists() else None


def _isp(office: str) -> str:
    return f"isp-{office}"


def _device(stack: str, device: str) -> str:
    return namespace(stack, f"dev-{device}")


def _devices_up(spec: Office, lan: OfficeLan, router: str) -> None:
    for device in lan.devices:
        place = _device(spec.stack, device.name)
        port = interface_name("dev-", device.name)
        ensure_namespace(place, spec.stack, _DEVICE)
        ensure_veth(router, port, place, "eth0")
        run("ip", "-n", router, "link", "set", port, "master", lan.bridge)
        set_addresses(place, "eth0", [f"{device.address}/{lan.prefix.prefixlen}"])
        run("ip", "-n", place, "route", "replace", "default", "via", str(lan.gateway))


def _remove_surplus(spec: Office, state: LabState, router: str) -> None:
    """Remove what an earlier spec of this office has made and this one no longer has."""
    kept = {device.name for lan in spec.lans for device in lan.devices}
    for device in _known_devices(spec.name, state):
        if device not in kept:
            remove_namespace(_device(spec.stack, device))
    before = known_office(spec.name, state)
    bridges = {lan.bridge for lan in spec.lans}
    for lan in before.lans if before else ():
        if lan.bridge not in bridges and exists(router) and lan.bridge in links(router):
            run("ip", "-n", router, "link", "delete", lan.bridge)


def _known_devices(name: str, state: LabState) -> Iterator[str]:
    spec = known_office(name, state)
    for lan in spec.lans if spec else ():
        for device in lan.devices:
            yield device.name


def _rules() -> str:
    """Return the router's table: what leaves is masqueraded, nothing comes in by itself.

    There is no rule for state invalid on purpose: between a device and its office's spoke the
    gateway sees one direction only.
    """
    return """\
table ip isp
delete table ip isp
table ip isp {
    chain forward {
        type filter hook forward priority filter; policy drop
        ct state established,related accept
        iifname "lan*" accept
    }
    chain input {
        type filter hook input priority filter; policy drop
        ct state established,related accept
        iifname "wan" drop
        accept
    }
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept
        oifname "wan" masquerade
    }
}
"""
