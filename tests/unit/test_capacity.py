"""What an instance type carries: Alibaba's figures, and what they mean for a network."""

from __future__ import annotations

from typing import Any

import pytest

from leasedline.alibaba import Alibaba
from leasedline.capacity import TYPES, capacity


def wanted(**more: Any) -> Alibaba:
    return Alibaba(region="cn-hangzhou", **more)


def test_the_articles_instance() -> None:
    assert capacity(wanted(bandwidth=100), 1280) == [
        "ecs.t6-c4m1.large: 2 vCPU, 0.5 GiB; 5 % of each vCPU for ever, all of it from CPU "
        "credits: 6 an hour come in, 144 are kept, that is 1.2 h of all vCPU; a new one begins "
        "with 60; without credits it is held to the baseline",
        "the line carries up to 76.4 Mbit/s of packets of 1280 bytes, all offices and directions "
        "together, as the hub sends on each packet once; held by the 80 Mbit/s of "
        "ecs.t6-c4m1.large",
        "with small packets (voice, games) up to 20,000 packets a second; held by kpps, counted "
        "in and out",
    ]


def test_the_cap_holds_where_it_is_the_least() -> None:
    (line,) = [line for line in capacity(wanted(bandwidth=5), 1280) if "carries" in line]
    assert "up to 4.8 Mbit/s" in line
    assert line.endswith("held by bandwidth")


def test_small_packets_make_kpps_the_limit() -> None:
    (line,) = [line for line in capacity(wanted(bandwidth=100), 576) if "carries" in line]
    # 20,000 packets of 636 bytes outside are 101 Mbit/s: still the 80 of the instance.
    assert line.endswith("held by the 80 Mbit/s of ecs.t6-c4m1.large")
    (line,) = [
        line
        for line in capacity(wanted(bandwidth=100, instance_type="ecs.t5-lc2m1.nano"), 200)
        if "carries" in line
    ]
    assert line.endswith("held by the 40 kpps of ecs.t5-lc2m1.nano")


def test_unlimited_says_what_it_costs() -> None:
    assert capacity(wanted(credits="Unlimited"), 1280)[0].endswith("the surplus is billed")


def test_an_unknown_type_gets_no_figures() -> None:
    lines = capacity(wanted(instance_type="ecs.g9i.large"), 1280)
    assert lines[0].startswith("ecs.g9i.large: no figures are kept for it here")
    assert lines[1].endswith("held by bandwidth")
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("name", "per_hour", "most"),
    [("ecs.t6-c4m1.large", 6, 144), ("ecs.t6-c2m1.large", 12, 288), ("ecs.t6-c1m1.large", 24, 576)],
)
def test_credits_are_as_in_alibabas_table(name: str, per_hour: int, most: int) -> None:
    assert (TYPES[name].credits_per_hour, TYPES[name].most_credits) == (per_hour, most)
