"""Network namespaces, bridges, veth pairs and taps, each made so that a second call is no error.

A namespace says whose it is in the alias of its loopback interface, so that two clones of the
project, or two stacks whose names run into each other, never take one another's.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import struct
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from lab.errors import LabError
from lab.parts import stable_mac
from lab.settings import PROJECT
from lab.shell import run

NAMESPACES: Final = Path("/run/netns")

T = TypeVar("T")

_CLONE_NEWNET: Final = 0x40000000  # linux/sched.h
_TUNSETIFF: Final = 0x400454CA  # linux/if_tun.h
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 0x0002, 0x1000, 0x4000  # linux/if_tun.h


def ensure_namespace(name: str, stack: str, sysctls: Mapping[str, str]) -> None:
    """Make the namespace `name` of `stack` unless it is there, with `sysctls` set.

    Raises:
        LabError: it exists and belongs to another stack or another clone.
    """
    if not exists(name):
        # Added and named are two steps; one that is interrupted between them has no alias.
        run("ip", "netns", "add", name, check=False)
    run("ip", "-n", name, "link", "set", "lo", "up")
    wanted, found = _alias(stack), _owner(name)
    if found and found != wanted:
        msg = (
            f"namespace {name} belongs to {found}, and this is {wanted}: destroy that lab first, "
            "or give this stack another name"
        )
        raise LabError(msg)
    run("ip", "-n", name, "link", "set", "dev", "lo", "alias", wanted)
    apply_sysctls(name, sysctls)


def apply_sysctls(name: str, sysctls: Mapping[str, str]) -> None:
    """Set `sysctls` in the namespace; a name that starts with - may be unknown to the kernel."""
    lines = "".join(f"{key} = {value}\n" for key, value in sysctls.items())
    run("sysctl", "-q", "-p", "-", namespace=name, stdin=lines)


def remove_namespace(name: str) -> None:
    """Remove the namespace and all interfaces in it; none there is no error."""
    if exists(name):
        run("ip", "netns", "delete", name)


def exists(name: str) -> bool:
    """Return whether the namespace is there."""
    return (NAMESPACES / name).exists()


def namespaces_of(stack: str) -> list[str]:
    """Return the names of all namespaces of `stack` in this clone of the project."""
    names = [path.name for path in NAMESPACES.glob(f"ll-{stack}-*")]
    return sorted(name for name in names if _owner(name) in (_alias(stack), ""))


def ensure_bridge(namespace: str, bridge: str, addresses: list[str]) -> None:
    """Make the bridge with exactly `addresses` ("192.168.201.1/24") and set it up."""
    if bridge not in links(namespace):
        run("ip", "-n", namespace, "link", "add", bridge, "type", "bridge")
    # Without an address of its own a bridge takes a port's, and changes it when a machine goes:
    # everybody's ARP entry for the gateway would be wrong for a minute.
    mac = stable_mac(namespace, bridge)
    run("ip", "-n", namespace, "link", "set", bridge, "address", mac)
    # Spanning tree would hold a new port back for 30 s; there is no loop to find here.
    run("ip", "-n", namespace, "link", "set", bridge, "type", "bridge", "stp_state", "0")
    set_addresses(namespace, bridge, addresses)
    run("ip", "-n", namespace, "link", "set", bridge, "up")


def ensure_veth(namespace: str, name: str, peer_namespace: str, peer: str) -> None:
    """Join two namespaces by a pair of interfaces, both up.

    Both ends are made where they belong: the host's own namespace never has them.
    """
    here, there = links(namespace), links(peer_namespace)
    if name in here and peer not in there:
        # The other end went with its namespace, and a new one cannot be plugged into this.
        run("ip", "-n", namespace, "link", "delete", name)
        here.pop(name)
    if name not in here:
        # fmt: off
        run("ip", "-n", namespace, "link", "add", name, "type", "veth",
            "peer", "name", peer, "netns", peer_namespace)
        # fmt: on
    run("ip", "-n", namespace, "link", "set", name, "up")
    run("ip", "-n", peer_namespace, "link", "set", peer, "up")


def set_addresses(namespace: str, interface: str, addresses: list[str]) -> None:
    """Give the interface exactly the IPv4 `addresses`, each with its prefix length."""
    shown = json.loads(run("ip", "-n", namespace, "-j", "-4", "address", "show", interface).stdout)
    there = [
        f"{info['local']}/{info['prefixlen']}"
        for link in shown
        for info in link.get("addr_info", [])
    ]
    for address in there:
        if address not in addresses:
            run("ip", "-n", namespace, "address", "delete", address, "dev", interface)
    for address in addresses:
        run("ip", "-n", namespace, "address", "replace", address, "dev", interface)


def links(namespace: str) -> dict[str, dict[str, Any]]:
    """Return the namespace's interfaces by name, as ip-link(8) reports them."""
    shown = run("ip", "-n", namespace, "-j", "-d", "link", "show").stdout
    return {link["ifname"]: link for link in json.loads(shown)}


def open_tap(namespace: str, name: str, bridge: str) -> int:
    """Make a tap interface in the namespace, plug it into `bridge`, return its descriptor.

    The interface lives as long as the descriptor, or a copy of it in a child, is open.

    Raises:
        LabError: the namespace is missing, or a running machine has that tap already.
    """
    if not exists(namespace):
        msg = f"namespace {namespace} is not there: bring up that part of the lab first"
        raise LabError(msg)
    try:
        tap = within(namespace, lambda: _open_tap(name))
    except OSError as error:
        msg = (
            f"cannot make {name} in namespace {namespace}: {error.strerror}; if it is busy, "
            "an older QEMU still has it: `python -m lab status` shows which"
        )
        raise LabError(msg) from error
    try:
        run("ip", "-n", namespace, "link", "set", name, "master", bridge, "up")
    except LabError:
        os.close(tap)
        raise
    return tap


def within(namespace: str, make: Callable[[], T]) -> T:
    """Return what `make` returns when it is called inside the namespace.

    What it opens (a tap, a socket) stays in the namespace and can be used from anywhere.

    Raises:
        OSError: entering fails; or whatever else `make` raises.
    """

    def entered() -> T:
        libc = ctypes.CDLL(None, use_errno=True)
        target = os.open(NAMESPACES / namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if libc.setns(target, _CLONE_NEWNET) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
        finally:
            os.close(target)
        return make()

    # setns(2) moves only the calling thread, so this one is of no further use.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(entered).result()


def _open_tap(name: str) -> int:
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    try:
        flags = _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR
        fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    except OSError:
        os.close(tap)
        raise
    return tap


def _alias(stack: str) -> str:
    # The kernel keeps 255 bytes of an alias (IFALIASZ), and the path's end tells clones apart.
    return f"stack {stack} of {PROJECT}"[-255:]


def _owner(name: str) -> str:
    shown = run("ip", "-n", name, "-j", "link", "show", "lo", check=False)
    if shown.returncode != 0:
        return "something that is no network namespace any more"
    return str(json.loads(shown.stdout)[0].get("ifalias", ""))
