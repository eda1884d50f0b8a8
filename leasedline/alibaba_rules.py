"""Rules between the fields of `hub.alibaba`, and between its ranges and the network's."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Final

from leasedline.alibaba import Alibaba, vpc_range, vswitch_range
from leasedline.faults import Fault
from leasedline.ranges import nonsense
from leasedline.view import View

PRIVATE: Final = tuple(
    IPv4Network(prefix) for prefix in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
"""RFC 1918: what a VPC is made of."""

VPC_LENGTHS: Final = range(8, 25)
"""Alibaba takes /8 to /28; beyond /24 there is no room for a vSwitch in each zone."""

VSWITCH_LENGTHS: Final = range(16, 30)

WIDEST_ADMIN: Final = 8
"""A wider range of the internet is as good as all of it."""

_PATH: Final = ("hub", "alibaba")


def alibaba_faults(view: View) -> Iterator[Fault]:
    """Yield every broken rule of the section, if the network has it."""
    wanted = view.network.hub.alibaba
    if wanted is not None:
        for rule in (_placing, _adopted, _billing, _admins, _ranges):
            yield from rule(view, wanted)


def _fault(view: View, field: str, value: object, rule: str, remedy: str) -> Fault:
    return view.fault((*_PATH, field), value, rule, remedy)


def _placing(view: View, wanted: Alibaba) -> Iterator[Fault]:
    zone = wanted.zone
    # cn-hangzhou-k, but ap-southeast-1a.
    if zone is not None and zone[:-1].rstrip("-") != wanted.region:
        rule = f"is no zone of region {wanted.region}"
        remedy = "write one of its zones, or leave it out and one is chosen"
        yield _fault(view, "zone", zone, rule, remedy)
    if zone is not None and wanted.vswitch is not None:
        yield _fault(view, "zone", zone, "stands beside vswitch, which has its own", "remove it")
    if wanted.image_id is not None and "image" in wanted.model_fields_set:
        yield _fault(view, "image", "", "stands beside image_id", "keep one of the two")


def _adopted(view: View, wanted: Alibaba) -> Iterator[Fault]:
    for field in ("vswitch", "security_group"):
        value = getattr(wanted, field)
        if value is not None and wanted.vpc is None:
            remedy = "add vpc, the id of the VPC that it belongs to"
            yield _fault(view, field, value, "stands without vpc", remedy)
    for field, owner in (("vpc_cidr", "vpc"), ("vswitch_cidr", "vswitch")):
        value = getattr(wanted, field)
        if value is not None and getattr(wanted, owner) is not None:
            rule = f"stands beside {owner}, which has its own range"
            yield _fault(view, field, value, rule, "remove it")
    if wanted.vpc is not None and wanted.vswitch is None and wanted.vswitch_cidr is None:
        rule = "is adopted, and nothing says which vSwitch of it is used"
        remedy = "add vswitch, or vswitch_cidr, a free part of the VPC for a new one"
        yield _fault(view, "vpc", wanted.vpc, rule, remedy)
    if wanted.security_group is not None:
        for field in ("admin_cidrs", "ping", "ssh_from_anywhere"):
            if field in wanted.model_fields_set:
                rule = "stands beside security_group, whose rules are not touched"
                yield _fault(view, field, "", rule, "remove it, and see to that group's rules")


def _billing(view: View, wanted: Alibaba) -> Iterator[Fault]:
    if wanted.charge == "PrePaid" and wanted.period is None:
        remedy = "add period, the months that are paid, for example period: 12"
        yield _fault(view, "charge", wanted.charge, "stands without period", remedy)
    if wanted.charge == "PostPaid":
        for field in ("period", "force_delete"):
            if field in wanted.model_fields_set and getattr(wanted, field):
                remedy = "add charge: PrePaid, or remove it"
                yield _fault(view, field, "", "means nothing for a PostPaid instance", remedy)


def _admins(view: View, wanted: Alibaba) -> Iterator[Fault]:
    wide = [(i, cidr) for i, cidr in enumerate(wanted.admin_cidrs) if cidr.prefixlen < WIDEST_ADMIN]
    for i, cidr in wide:
        if not wanted.ssh_from_anywhere:
            rule = "lets everybody on the internet try to log in"
            remedy = (
                "write the addresses that you work from, for example 203.0.113.250/32, or add "
                "ssh_from_anywhere: true"
            )
            yield view.fault((*_PATH, "admin_cidrs", i), cidr, rule, remedy)
    if wanted.ssh_from_anywhere and not wide:
        remedy = "add admin_cidrs: [0.0.0.0/0] if that is meant, or remove the line"
        rule = "opens nothing by itself"
        yield _fault(view, "ssh_from_anywhere", "true", rule, remedy)


def _ranges(view: View, wanted: Alibaba) -> Iterator[Fault]:
    vpc, vswitch = wanted.vpc_cidr, wanted.vswitch_cidr
    named = [("vpc_cidr", vpc, VPC_LENGTHS), ("vswitch_cidr", vswitch, VSWITCH_LENGTHS)]
    for field, cidr, lengths in named:
        if cidr is None:
            continue
        if why := nonsense(cidr) or _no_private(cidr):
            yield _fault(view, field, cidr, why, "choose one such as 10.255.252.0/22")
            continue
        if cidr.prefixlen not in lengths:
            rule = f"is not from /{lengths.start} to /{lengths.stop - 1}"
            yield _fault(view, field, cidr, rule, "choose another length")
        for other, name in _network_ranges(view):
            if cidr.overlaps(other):
                rule = f"overlaps {name} {other}"
                remedy = "choose a range that nothing else uses, or leave it out"
                yield _fault(view, field, cidr, rule, remedy)
    if wanted.vpc is not None or wanted.vswitch is not None:
        return
    try:
        whole = vpc_range(vpc, tuple(prefix for prefix, _ in _network_ranges(view)))
    except LookupError:
        remedy = "narrow the tunnel or a LAN, so that a /22 of 10.0.0.0/8 is left"
        yield view.fault(_PATH, "", "finds no free range for its VPC", remedy)
        return
    if vswitch is not None and not vswitch.subnet_of(whole):
        rule = f"lies outside vpc_cidr {whole}"
        remedy = f"write a part of it, for example {vswitch_range(None, whole, wanted.zone or 'a')}"
        yield _fault(view, "vswitch_cidr", vswitch, rule, remedy)


def _network_ranges(view: View) -> Iterator[tuple[IPv4Network, str]]:
    if view.tunnel is not None:
        yield view.tunnel, "tunnel"
    for owned in view.sound_lans:
        yield owned.prefix, f"{view.spell(owned.path())} of office {owned.office}"


def _no_private(cidr: IPv4Network) -> str | None:
    if any(cidr.subnet_of(private) for private in PRIVATE):
        return None
    return "is no private range (RFC 1918)"
