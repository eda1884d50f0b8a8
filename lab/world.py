"""Network and lab settings -> everything that the lab builds, as data. Pure.

internet ──┬── hub (203.0.113.1)
           ├── ISP router of a (198.51.100.2, NAT) ── LAN ──┬── spoke a
           │                                                └── device b
           └── ISP router of c ...
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final

from lab.errors import WorldError
from lab.parts import (
    INTERNET,
    MANAGEMENT,
    Device,
    Internet,
    Machine,
    Nic,
    Office,
    OfficeLan,
    World,
    interface_name,
    stable_mac,
)
from lab.settings import LabSettings
from leasedline.faults import Fault
from leasedline.network import Lan, Network, Spoke

__all__ = ["Machine", "Office", "World", "world"]

ISP_RANGE: Final = IPv4Network("198.51.100.0/24")
"""TEST-NET-2 (RFC 5737): a /30 for each office's line to the internet."""

LONE_RANGE: Final = IPv4Network("198.18.0.0/15")
"""The benchmark range (RFC 2544): a /24 behind the router of each spoke without a LAN."""

UDP_TIMEOUT_S: Final = 30
"""What home routers commonly do; RFC 4787 (REQ-5) asks for 120 and is widely ignored."""


def world(
    network: Network, settings: LabSettings, stack: str, *, hub_machine: bool = True
) -> World:
    """Return the world that `stack` builds around `network`.

    `hub_machine` is whether the hub is one of its machines: in the lab's cloud it is not.

    Raises:
        WorldError: they do not fit each other; the text has all faults.
    """
    builder = _Builder(network, settings, stack, hub_machine=hub_machine)
    built = builder.build()
    if builder.faults:
        raise WorldError(builder.faults)
    return built


def internet(settings: LabSettings, stack: str) -> Internet:
    """Return the internet of the world that `stack` builds, which no network has a part in."""
    public = settings.hub.public
    prefix = IPv4Network((public, 24), strict=False)
    last = prefix.broadcast_address - 1
    router = last if last != public else last - 1
    name = settings.hub.name
    return Internet(stack=stack, hub_public=public, hub_name=name, router=router, prefix=prefix)


class _Builder:
    def __init__(
        self, network: Network, settings: LabSettings, stack: str, *, hub_machine: bool
    ) -> None:
        self.network = network
        self.settings = settings
        self.stack = stack
        self.hub_machine = hub_machine
        self.faults: list[Fault] = []
        self.internet = internet(settings, stack)
        self.public = self.internet.prefix

    def build(self) -> World:
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", self.stack):
            self._fault((), self.stack, "is no stack name", "use letters, digits, _, . and -")
        self._check_hub()
        lines = self._lines()
        offices = tuple(
            self._office(spoke, index, lines[spoke.name])
            for index, spoke in enumerate(self.network.spokes)
        )
        self._check_offices()
        self._check_names(offices)
        machines = [self._hub()] if self.hub_machine else []
        machines += [self._spoke_machine(office) for office in offices]
        self._check_machines([machine.name for machine in machines])
        return World(
            stack=self.stack, internet=self.internet, offices=offices, machines=tuple(machines)
        )

    def _fault(self, path: tuple[str | int, ...], value: object, rule: str, remedy: str) -> None:
        self.faults.append(self.settings.fault(path, value, rule, remedy))

    def _check_hub(self) -> None:
        path = ("hub", "public")
        public = self.settings.hub.public
        if public in (self.public.network_address, self.public.broadcast_address):
            self._fault(path, public, "is no host's address in its /24", "write 203.0.113.1")
        if self.settings.hub.name is not None and not self.hub_machine:
            rule = "is the name of a hub that is in the cloud, and has another address"
            self._fault(("hub", "name"), self.settings.hub.name, rule, "leave it out")
        for what, prefix in self._private():
            if prefix.overlaps(self.public):
                rule = f"lies in {self.public}, which overlaps {what} {prefix}"
                self._fault(path, public, rule, "write 203.0.113.1")

    def _private(self) -> Iterator[tuple[str, IPv4Network]]:
        yield "the tunnel", self.network.tunnel
        yield "the lab's SSH network", MANAGEMENT
        for spoke in self.network.spokes:
            for lan in spoke.lans:
                yield f"{spoke.name}'s LAN", lan.prefix

    def _check_offices(self) -> None:
        names = [spoke.name for spoke in self.network.spokes]
        for name in self.settings.offices:
            if name not in names:
                remedy = f"an office has its spoke's name, one of {', '.join(names)}"
                self._fault(("offices", name), "", "is no spoke of the network", remedy)
        for what, prefix in self._private():
            if what.endswith("LAN") and prefix.overlaps(MANAGEMENT):
                rule = f"overlaps {MANAGEMENT}, by which the lab's SSH comes in"
                self._fault((), f"{what} {prefix}", rule, "give that LAN another range")

    def _check_machines(self, names: list[str]) -> None:
        for name in self.settings.machines.each:
            if name not in names:
                remedy = f"the lab's machines are {', '.join(names)}"
                self._fault(("machines", "each", name), "", "is no machine of the lab", remedy)

    def _lines(self) -> dict[str, IPv4Interface]:
        """Allot each office's /30 to the internet: what is written first, then what is free."""
        lines: dict[str, IPv4Interface] = {}
        for spoke in self.network.spokes:
            office = self.settings.offices.get(spoke.name)
            if office is None or office.isp is None:
                continue
            path, line = ("offices", spoke.name, "isp"), IPv4Interface((office.isp, 30))
            if office.isp != line.network.network_address + 2:
                rule = f"is not the second host of its /30 {line.network}"
                self._fault(path, office.isp, rule, f"write {line.network.network_address + 2}")
            for other, taken in lines.items():
                if taken.network.overlaps(line.network):
                    remedy = "give each office a /30 of its own"
                    rule = f"shares the /30 {line.network} with office {other}"
                    self._fault(path, office.isp, rule, remedy)
            for what, prefix in (("the hub's", self.public), *self._private()):
                if line.network.overlaps(prefix):
                    self._fault(path, office.isp, f"lies in {what} {prefix}", "move it out")
            lines[spoke.name] = line
        taken_lines = [line.network for line in lines.values()] + [self.public]
        free = (
            line
            for line in ISP_RANGE.subnets(new_prefix=30)
            if not any(line.overlaps(taken) for taken in taken_lines)
        )
        for spoke in self.network.spokes:
            if spoke.name in lines:
                continue
            line_prefix = next(free, None)
            if line_prefix is None:
                rule = f"finds no free /30 in {ISP_RANGE}"
                self._fault(("offices", spoke.name), "", rule, "build a lab of 64 offices at most")
                line_prefix = ISP_RANGE
            lines[spoke.name] = IPv4Interface((line_prefix.network_address + 2, 30))
        return lines

    def _office(self, spoke: Spoke, index: int, line: IPv4Interface) -> Office:
        lans = spoke.lans or (self._lone(index),)
        gateways = [self._gateway(lan, set(self._written(spoke).values())) for lan in lans]
        devices = self._devices(spoke, gateways)
        placed = tuple(
            OfficeLan(
                bridge=f"lan{number}",
                prefix=lan.prefix,
                gateway=gateway,
                spoke=lan.address,
                devices=tuple(
                    Device(name=name, address=address)
                    for name, address in devices.items()
                    if address in lan.prefix
                ),
            )
            for number, (lan, gateway) in enumerate(zip(lans, gateways, strict=True))
        )
        return Office(
            stack=self.stack,
            name=spoke.name,
            isp=line,
            isp_router=line.network.network_address + 1,
            link=interface_name("isp-", spoke.name),
            udp_timeout_s=UDP_TIMEOUT_S,
            lans=placed,
        )

    def _lone(self, index: int) -> Lan:
        base = LONE_RANGE.network_address + 256 * index
        return Lan(prefix=IPv4Network((base, 24)), address=base + 2, gateway=base + 1)

    def _written(self, spoke: Spoke) -> dict[str, IPv4Address]:
        office = self.settings.offices.get(spoke.name)
        return dict(office.devices) if office else {}

    def _gateway(self, lan: Lan, devices: set[IPv4Address]) -> IPv4Address:
        if lan.gateway is not None:
            return lan.gateway
        return self._free(lan, devices | {lan.address}, "the router")

    def _free(self, lan: Lan, taken: Iterable[IPv4Address], who: str) -> IPv4Address:
        used = set(taken)
        free = next((host for host in lan.prefix.hosts() if host not in used), None)
        if free is None:
            rule = f"has no address left for {who}"
            self._fault((), f"LAN {lan.prefix}", rule, "widen it, or name fewer devices")
            return lan.address
        return free

    def _devices(self, spoke: Spoke, gateways: list[IPv4Address]) -> dict[str, IPv4Address]:
        written = self._written(spoke)
        path = ("offices", spoke.name, "devices")
        if not written:
            if not spoke.lans or (spoke.name in self.settings.offices and self._said_none(spoke)):
                return {}
            first = spoke.lans[0]
            if len(list(_some(first.prefix.hosts(), 3))) < 3:
                return {}
            return {f"{spoke.name}1": self._free(first, {first.address, gateways[0]}, "a device")}
        taken = Counter(written.values())
        for name, address in written.items():
            lan = next((lan for lan in spoke.lans if address in lan.prefix), None)
            if lan is None:
                lans = ", ".join(str(lan.prefix) for lan in spoke.lans) or "none"
                self._fault((*path, name), address, f"is in no LAN of {spoke.name}", f"use {lans}")
            elif address in (lan.prefix.network_address, lan.prefix.broadcast_address):
                remedy = "give it a host's address"
                self._fault((*path, name), address, f"is no host's address of {lan.prefix}", remedy)
            elif address in (lan.address, lan.gateway):
                whose = "the spoke's" if address == lan.address else "the gateway's"
                remedy = "give the device one of its own"
                self._fault((*path, name), address, f"is {whose} address", remedy)
            elif taken[address] > 1:
                remedy = "give each device its own"
                self._fault((*path, name), address, "is the address of two devices", remedy)
        return written

    def _said_none(self, spoke: Spoke) -> bool:
        return "devices" in self.settings.offices[spoke.name].model_fields_set

    def _check_names(self, offices: tuple[Office, ...]) -> None:
        machines = {self.network.hub.name, *(spoke.name for spoke in self.network.spokes)}
        seen = Counter(d.name for o in offices for lan in o.lans for d in lan.devices)
        for office in offices:
            for lan in office.lans:
                for device in lan.devices:
                    path = ("offices", office.name, "devices", device.name)
                    if device.name in machines:
                        self._fault(path, "", "has the name of a machine", "rename the device")
                    elif seen[device.name] > 1:
                        self._fault(path, "", "is the name of two devices", "rename one of them")
                    elif device.name == INTERNET or device.name.startswith("isp-"):
                        rule = "has a name that the lab needs for itself"
                        self._fault(path, "", rule, "rename the device")
        for name in sorted(machines):
            if name == INTERNET or name.startswith("isp-"):
                rule = "is a name that the lab needs for itself"
                self._fault((), f"host {name}", rule, "rename it in the network file")

    def _hub(self) -> Machine:
        name, address = self.network.hub.name, IPv4Interface((self.internet.hub_public, 24))
        nic = self._nic(name, 0, INTERNET, "public", address, self.internet.router)
        return self._machine(name, [nic])

    def _spoke_machine(self, office: Office) -> Machine:
        nics = []
        for number, lan in enumerate(office.lans):
            address = IPv4Interface((lan.spoke, lan.prefix.prefixlen))
            # One default route: the first LAN's gateway leads to the internet.
            gateway = lan.gateway if number == 0 else None
            place = f"isp-{office.name}"
            nics.append(self._nic(office.name, number, place, lan.bridge, address, gateway))
        return self._machine(office.name, nics)

    def _machine(self, name: str, nics: list[Nic]) -> Machine:
        return Machine(
            stack=self.stack,
            name=name,
            debian=self.settings.machines.debian_of(name),
            memory_mib=self.settings.machines.memory_of(name),
            nics=tuple(nics),
            management_mac=stable_mac(self.stack, name, "management"),
            name_server=self.internet.router if self.internet.hub_name else None,
        )

    def _nic(
        self,
        name: str,
        number: int,
        place: str,
        bridge: str,
        address: IPv4Interface,
        gateway: IPv4Address | None,
    ) -> Nic:
        return Nic(
            place=place,
            bridge=bridge,
            tap=f"tap-{bridge}",
            mac=stable_mac(self.stack, name, str(number)),
            address=address,
            gateway=gateway,
        )


def _some(hosts: Iterable[IPv4Address], count: int) -> Iterator[IPv4Address]:
    for _, host in zip(range(count), hosts, strict=False):
        yield host
