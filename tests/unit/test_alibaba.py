"""The ranges of the hub's VPC and vSwitch; the section's faults are in faulty_networks.yaml."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasedline.alibaba import REGIONS, Alibaba, vpc_range, vswitch_range

TEN = IPv4Network("10.0.0.0/8")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def test_the_vpc_is_at_the_end_of_ten() -> None:
    assert vpc_range(None, (IPv4Network("10.70.0.0/16"),)) == IPv4Network("10.255.252.0/22")


def test_the_vpc_makes_way() -> None:
    taken = (IPv4Network("10.255.255.0/24"), IPv4Network("10.255.248.0/22"))
    assert vpc_range(None, taken) == IPv4Network("10.255.244.0/22")
    assert vpc_range(None, (TEN,)) == IPv4Network("172.31.252.0/22")
    assert vpc_range(None, (TEN, IPv4Network("172.16.0.0/12"))) == IPv4Network("192.168.252.0/22")


def test_no_room_for_a_vpc() -> None:
    private = (TEN, IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16"))
    with pytest.raises(LookupError):
        vpc_range(None, private)


def test_what_is_written_counts() -> None:
    wanted = IPv4Network("10.9.0.0/24")
    assert vpc_range(wanted, (TEN,)) == wanted
    assert vswitch_range(wanted, TEN, "cn-hangzhou-k") == wanted


@given(st.integers(8, 24))
def test_every_zone_has_a_part_of_its_own(length: int) -> None:
    vpc = IPv4Network(("10.0.0.0", length))
    parts = [vswitch_range(None, vpc, f"cn-hangzhou-{letter}") for letter in LETTERS]
    assert all(part.subnet_of(vpc) for part in parts)
    assert len(set(parts)) == len(LETTERS)
    # Alibaba takes /16 to /29.
    assert all(16 <= part.prefixlen <= 29 for part in parts)


def test_only_a_paid_period_binds() -> None:
    assert Alibaba(region="cn-hangzhou").replaceable
    assert not Alibaba(region="cn-hangzhou", charge="PrePaid", period=1).replaceable
    assert Alibaba(region="cn-hangzhou", charge="PrePaid", period=1, force_delete=True).replaceable


def test_regions_are_named_once() -> None:
    assert len(set(REGIONS)) == len(REGIONS)
