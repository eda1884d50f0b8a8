"""What Alibaba Cloud refuses from the start: one line with the remedy, and nothing is bought."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.cloud.cloud_line import CloudLine, lines

KEY_ID = "ALIBABA_CLOUD_ACCESS_KEY_ID"
KEY_SECRET = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
RAM_REMEDY = "give its RAM user the policy docs/alibaba-ram-policy.json"
QUOTA_REMEDY = "ask for more in the console's Quota Center"


@pytest.fixture(autouse=True)
def as_before(small: CloudLine) -> Iterator[None]:
    """Nothing was there before, nothing is afterwards, and the next test finds usual settings."""
    assert small.inventory() == []
    yield
    assert small.inventory() == []
    small.set()


def the_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one error that the program told."""
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "Traceback" not in said
    assert "hook" not in said
    errors = [
        line
        for line in lines(done, "error:")
        if "unhandled error occurred" not in line and "update failed" not in line
    ]
    assert len(errors) == 1, said
    return errors[0].removeprefix("error: ")


def test_no_credentials(small: CloudLine) -> None:
    done = small.buy(**{KEY_ID: None, KEY_SECRET: None})
    assert the_line(done).startswith(
        f"there are no credentials for Alibaba Cloud, {KEY_ID} and {KEY_SECRET} not set: make an "
        "access key for a RAM user with the policy docs/alibaba-ram-policy.json"
    )


def test_half_of_a_key(small: CloudLine) -> None:
    done = small.buy(**{KEY_SECRET: None})
    assert f"Alibaba Cloud, {KEY_SECRET} not set: make an access key" in the_line(done)


def test_a_key_that_alibaba_does_not_know(small: CloudLine) -> None:
    line = the_line(small.buy(**{KEY_ID: "LTAI5tNobodyHasThisKey"}))
    assert "does not know the access key (InvalidAccessKeyId.NotFound): check " in line


def test_a_wrong_secret(small: CloudLine) -> None:
    line = the_line(small.buy(**{KEY_SECRET: "a-guess"}))
    assert line.endswith(f"(SignatureDoesNotMatch): set {KEY_SECRET} again")
    assert "a-guess" not in line


def test_a_region_that_does_not_exist(small: CloudLine) -> None:
    small.set(region="cn-hangzou")
    assert the_line(small.buy()).endswith(
        "hub.alibaba.region cn-hangzou is no region of Alibaba Cloud: did you mean cn-hangzhou?"
    )


def test_a_region_that_the_account_has_not(small: CloudLine) -> None:
    small.set(region="cn-chengdu")
    line = the_line(small.buy())
    assert "(InvalidRegionId.NotFound): write another region" in line


def test_a_type_that_no_zone_sells(small: CloudLine) -> None:
    small.set(instance_type="ecs.t6-c9m9.large")
    assert the_line(small.buy()) == (
        "region cn-hangzhou sells no ecs.t6-c9m9.large with a cloud_efficiency disk now: write "
        "another instance_type, disk_category or region"
    )


def test_a_zone_that_does_not_sell_the_type(small: CloudLine) -> None:
    small.set(zone="cn-hangzhou-b")
    assert the_line(small.buy()) == (
        "zone cn-hangzhou-b sells no ecs.t6-c4m1.large with a cloud_efficiency disk now, and "
        "cn-hangzhou-h, cn-hangzhou-i, cn-hangzhou-j of its region do: write one of them as zone, "
        "or leave it out"
    )


def test_a_quota_that_is_reached(small: CloudLine) -> None:
    small.set_cloud(quotas={"vpcs": 0, "eips": 0, "key_pairs": 0})
    done = small.buy()
    assert done.returncode != 0
    assert len(lines(done, QUOTA_REMEDY)) == 3
    assert lines(done, "CreateVpc: the account's quota is reached (QuotaExceeded.Vpc): ")
    assert lines(done, "AllocateEipAddress: the account's quota is reached (QuotaExceeded.Eip): ")
    assert "Traceback" not in done.stdout + done.stderr
    small.set_cloud()


@pytest.mark.parametrize(
    ("allowed", "refused"),
    [
        (["ecs:Describe*", "vpc:Describe*"], ["AllocateEip", "CreateVpc", "ImportKeyPair"]),
        (["vpc:*"], ["DescribeAvailableResource"]),
    ],
)
def test_no_permission(small: CloudLine, allowed: list[str], refused: list[str]) -> None:
    small.set_cloud(policy=allowed)
    done = small.buy()
    assert done.returncode != 0
    told = sorted(lines(done, "Forbidden.RAM", RAM_REMEDY))
    assert len(told) == len(refused), done.stdout
    for line, action in zip(told, refused, strict=True):
        assert f"{action}" in line
        assert "the access key may not do this (Forbidden.RAM): " in line
    assert "Traceback" not in done.stdout + done.stderr
    small.set_cloud()
