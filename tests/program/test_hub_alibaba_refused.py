"""The hub in Alibaba Cloud: what is refused before anything is bought."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from leasedline.moving import CloudHub
from tests.program.alibaba import (
    ANSWERS,
    BEFORE,
    IMAGES,
    SECTION,
    ZONES,
    Up,
    instance,
    refused,
)


def test_no_section(up: Up) -> None:
    said = refused(up, {})
    assert said.startswith("hub z is to be in Alibaba Cloud, and the network file does not say ")


@pytest.mark.parametrize(
    ("gone", "missing"),
    [
        (("ID", "SECRET"), "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
        (("SECRET",), "ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
    ],
)
def test_no_credentials(
    up: Up,
    monkeypatch: pytest.MonkeyPatch,
    gone: tuple[str, ...],
    missing: str,
) -> None:
    for name in gone:
        monkeypatch.delenv(f"ALIBABA_CLOUD_ACCESS_KEY_{name}")
    assert refused(up).startswith(
        f"there are no credentials for Alibaba Cloud, {missing} not set: make an access key"
    )


def test_other_credentials_will_do(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
    monkeypatch.setenv("ALICLOUD_PROFILE", "office")
    assert instance(up())


def test_behind_a_router_the_administrators_address_is_not_guessed(
    up: Up, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Loopback: what a socket that leads to this machine leaves from.
    monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", "127.0.0.1:9")
    said = refused(up, {"region": "cn-hangzhou"})
    assert said.startswith(
        "from where SSH to the hub is let in cannot be known: this machine is 127.0.0.1, and a "
        "router gives it another address on the way out: write where you work from as admin_cidrs"
    )


def test_a_global_address_is_taken(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", "127.0.0.1:9")
    monkeypatch.setattr(
        "components.alibaba_access._own_address", lambda host, port: IPv4Address("8.8.4.4")
    )
    assert up({"region": "cn-hangzhou"}).one("z-ssh-8.8.4.4/32")


def test_an_api_without_an_address(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", "no-such-name.invalid")
    said = refused(up, {"region": "cn-hangzhou"})
    assert "the name of Alibaba Cloud's API, no-such-name.invalid, has no address here" in said


def test_a_key_with_a_passphrase(up: Up) -> None:
    assert refused(up, ssh_key="-----BEGIN").startswith("the stack's sshPrivateKey is no private")


def test_a_type_that_is_not_sold(up: Up) -> None:
    answers = {**ANSWERS, ZONES: {"id": "1", "ids": [], "zones": []}}
    assert refused(up, answers=answers) == (
        "region cn-hangzhou sells no ecs.t6-c4m1.large with a cloud_efficiency disk now: write "
        "another instance_type, disk_category or region"
    )


@pytest.mark.parametrize(
    ("before", "section"),
    [
        (None, {}),
        (BEFORE, {}),
        (BEFORE, {"zone": BEFORE.zone, "instance_type": "ecs.t6-c2m1.large"}),
    ],
)
def test_a_zone_that_does_not_sell_the_type(
    up: Up, before: CloudHub | None, section: dict[str, str]
) -> None:
    written = {**SECTION, "zone": "cn-hangzhou-b", **section}
    answers = {**ANSWERS, ZONES: {"id": "1", "ids": ["cn-hangzhou-i", "cn-hangzhou-j"]}}
    kind = written.get("instance_type", "ecs.t6-c4m1.large")
    assert refused(up, written, before=before, answers=answers) == (
        f"zone {written['zone']} sells no {kind} with a cloud_efficiency disk now, and "
        "cn-hangzhou-i, cn-hangzhou-j of its region do: write one of them as zone, or leave it out"
    )


def test_an_image_that_is_not_there(up: Up) -> None:
    answers = {**ANSWERS, IMAGES: {"id": "1", "ids": [], "images": []}}
    assert refused(up, answers=answers) == (
        "region cn-hangzhou has no system image whose name fits ^debian_12_[0-9]+_x64_: write "
        "another image, or an image_id"
    )


def test_an_api_that_refuses_is_told_in_one_line(up: Up) -> None:
    error = (
        "[ERROR] terraform-provider-alicloud/alicloud/data_source_alicloud_zones.go:350: "
        "Datasource alicloud_zones DescribeZones Failed!!! [SDK alibaba-cloud-sdk-go ERROR]:\n"
        "SDK.ServerError\nErrorCode: InvalidAccessKeyId.NotFound\nRecommend: \nRequestId: 0\n"
        "Message: Specified access key is not found."
    )
    assert refused(up, answers={**ANSWERS, ZONES: error}) == (
        "Alibaba Cloud does not say which zones of cn-hangzhou sell ecs.t6-c4m1.large: "
        "DescribeZones: Alibaba Cloud does not know the access key "
        "(InvalidAccessKeyId.NotFound): check ALIBABA_CLOUD_ACCESS_KEY_ID, and that the key is "
        "enabled in the RAM console"
    )
