"""What a change of the hub in the cloud means, and what of it is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from leasedline.alibaba import Alibaba
from leasedline.moving import CloudHub, from_output, kept_image, kept_zone, outage, planned

WANTED = Alibaba(region="cn-hangzhou")
HUB = planned(WANTED, "cn-hangzhou-k", "debian_12_1")


def wanted(**fields: Any) -> Alibaba:
    return Alibaba.model_validate({"region": "cn-hangzhou", **fields})


def test_it_comes_back_from_the_outputs() -> None:
    assert from_output(HUB.as_output()) == HUB
    assert from_output({**HUB.as_output(), "more": 1}) == HUB
    assert from_output(None) is None
    assert from_output({"region": "cn-hangzhou"}) is None


def test_the_image_stays_as_long_as_the_machine() -> None:
    assert kept_image(WANTED, HUB) == "debian_12_1"
    assert kept_image(WANTED, None) is None
    assert kept_image(wanted(image="^ubuntu_"), HUB) is None
    assert kept_image(wanted(instance_type="ecs.t6-c2m1.large"), HUB) is None
    assert kept_image(wanted(region="cn-beijing"), HUB) is None
    assert kept_image(wanted(image_id="m-1"), HUB) == "m-1"
    # From a written image back to the pattern.
    assert kept_image(WANTED, planned(wanted(image_id="m-1"), "cn-hangzhou-k", "m-1")) is None


def test_a_zone_that_is_written_is_asked_for_until_the_machine_is_in_it() -> None:
    here, there = wanted(zone="cn-hangzhou-k"), wanted(zone="cn-hangzhou-b")
    assert kept_zone(here, HUB, None) == "cn-hangzhou-k"
    assert kept_zone(here, None, None) is None
    assert kept_zone(there, HUB, None) is None
    assert kept_zone(there, HUB, ("cn-hangzhou-b", "cn-hangzhou-k")) is None
    bigger = wanted(zone="cn-hangzhou-k", instance_type="ecs.t6-c2m1.large")
    assert kept_zone(bigger, HUB, None) is None
    # From a vSwitch of the user's own, which has a zone that the stack does not know.
    assert kept_zone(here, replace(HUB, zone=None, vswitch="vsw-1"), None) is None


def test_the_zone_stays_where_it_can() -> None:
    bigger = wanted(instance_type="ecs.t6-c2m1.large")
    assert kept_zone(WANTED, HUB, None) == "cn-hangzhou-k"
    assert kept_zone(WANTED, None, None) is None
    assert kept_zone(wanted(region="cn-beijing"), HUB, ("cn-beijing-h",)) is None
    assert kept_zone(bigger, HUB, None) is None
    assert kept_zone(bigger, HUB, ("cn-hangzhou-j", "cn-hangzhou-k")) == "cn-hangzhou-k"
    assert kept_zone(bigger, HUB, ("cn-hangzhou-j",)) is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"instance_type": "ecs.t6-c2m1.large"}, "machine is replaced (instance_type ecs.t6-c4m1."),
        ({"zone": "cn-hangzhou-j"}, "machine is replaced (zone cn-hangzhou-k -> cn-hangzhou-j)"),
        ({"image_id": "debian_12_9"}, "machine is replaced (image_id debian_12_1 -> debian_12_9)"),
        ({"region": "cn-beijing"}, "moves to a new address (region cn-hangzhou -> cn-beijing)"),
        ({"eip": "eip-bp1", "zone": "cn-hangzhou-j"}, "moves to a new address (zone"),
        ({"eip": "none"}, "public address changes (eip own -> none)"),
        ({"eip": "eip-bp1"}, "public address changes (eip own -> eip-bp1)"),
    ],
)
def test_the_outage_is_told(changes: dict[str, str], says: str) -> None:
    line = outage(WANTED, HUB, replace(HUB, **changes))
    assert line is not None
    assert says in line
    assert "down" in line


def test_a_paid_machine_is_changed_in_place() -> None:
    paid = wanted(charge="PrePaid", period=1)
    line = outage(paid, HUB, replace(HUB, instance_type="ecs.t6-c2m1.large"))
    assert line is not None
    assert "stopped and changed in place" in line


def test_nothing_to_tell() -> None:
    assert outage(WANTED, None, HUB) is None
    assert outage(WANTED, HUB, HUB) is None
    assert outage(WANTED, HUB, replace(HUB, charge="PrePaid")) is None


def test_an_output_keeps_no_nothing() -> None:
    # The engine drops such fields, and the next run would not find them.
    assert None not in HUB.as_output().values()
    assert from_output(planned(wanted(vswitch="vsw-1", vpc="vpc-1"), None, "m-1").as_output())
    assert "vswitch" in CloudHub.__dataclass_fields__
