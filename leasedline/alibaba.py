"""What the user wants of Alibaba Cloud: the section `hub.alibaba` of the network file.

Defaults are the article's: the smallest burstable instance, paid by the hour and by traffic, with
an address of its own that outlives it. Rules between the fields are in `leasedline.alibaba_rules`.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from ipaddress import IPv4Network
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from leasedline.faults import BrokenRule
from leasedline.fields import Jump, Model, Prefix

REGIONS: Final = (
    *("cn-hangzhou", "cn-shanghai", "cn-nanjing", "cn-fuzhou", "cn-qingdao", "cn-beijing"),
    *("cn-zhangjiakou", "cn-huhehaote", "cn-wulanchabu", "cn-zhongwei", "cn-shenzhen"),
    *("cn-heyuan", "cn-guangzhou", "cn-chengdu", "cn-hongkong"),
    *("ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-5", "ap-southeast-6"),
    *("ap-southeast-7", "ap-southeast-8", "ap-northeast-1", "ap-northeast-2", "ap-south-1"),
    *("us-west-1", "us-east-1", "us-southeast-1", "eu-central-1", "eu-west-1", "rus-west-1"),
    *("me-east-1", "me-central-1"),
    *("cn-hangzhou-finance", "cn-hzfinance", "cn-hzjbp", "cn-shanghai-finance-1"),
    *("cn-shanghai-finance-1-pub", "cn-shenzhen-finance", "cn-shenzhen-finance-1"),
    *("cn-szfinance", "cn-beijing-finance-1", "cn-beijing-finance-1-pub", "cn-north-2-gov-1"),
)
"""The regions that terraform-provider-alicloud v1.285.0 accepts."""

OWN: Final = "own"
NONE: Final = "none"

PERIODS: Final = (*range(1, 10), 12, 24, 36, 48, 60)
"""Months for which an instance can be bought (RunInstances, Period)."""

GREATEST_TAGS: Final = 18
"""A resource takes 20 tags, and two are the stack's own."""

_ZONE = re.compile(r"[a-z0-9-]+[a-z]")
_INSTANCE_TYPE = re.compile(r"ecs\.[a-z0-9-]+\.[a-z0-9-]+")
_IMAGE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_KEY_PAIR = re.compile(r"[A-Za-z\u4e00-\u9fff][\w.:-]{1,127}")


def _region(text: str) -> str:
    if text in REGIONS:
        return text
    near = get_close_matches(text, REGIONS, n=1, cutoff=0.7)
    remedy = f"did you mean {near[0]}?" if near else f"write one of {', '.join(REGIONS[:15])}, ..."
    raise BrokenRule(rule="is no region of Alibaba Cloud", remedy=remedy)


def _zone(text: str) -> str:
    if not _ZONE.fullmatch(text):
        raise BrokenRule(
            rule="is no zone", remedy="write a region and a letter, for example cn-hangzhou-k"
        )
    return text


def _instance_type(text: str) -> str:
    if not _INSTANCE_TYPE.fullmatch(text):
        raise BrokenRule(
            rule="is no instance type",
            remedy="write ecs, family and size, for example ecs.t6-c4m1.large",
        )
    return text


def _image(text: str) -> str:
    remedy = "write a pattern of image names, for example ^debian_12_[0-9]+_x64_"
    try:
        re.compile(text)
    except re.error as error:
        raise BrokenRule(rule=f"is no regular expression ({error})", remedy=remedy) from error
    if not text.strip():
        raise BrokenRule(rule="is empty", remedy=remedy)
    return text


def _image_id(text: str) -> str:
    if not _IMAGE_ID.fullmatch(text):
        raise BrokenRule(
            rule="is no image's id",
            remedy="write one, for example debian_12_4_x64_20G_alibase_20240126.vhd",
        )
    return text


def _period(months: int) -> int:
    if months not in PERIODS:
        raise BrokenRule(
            rule="is no period for which an instance can be bought",
            remedy="write 1 to 9, 12, 24, 36, 48 or 60 months",
        )
    return months


def _id(prefix: str, text: str) -> str:
    if not re.fullmatch(rf"{prefix}-[a-z0-9-]+", text):
        raise BrokenRule(
            rule="is no id of this kind",
            remedy=f"copy it from the console, it begins with {prefix}-",
        )
    return text


def _eip(text: str) -> str:
    if text in (OWN, NONE):
        return text
    if not re.fullmatch(r"eip-[a-z0-9-]+", text):
        raise BrokenRule(
            rule="is neither own nor none nor an EIP's id",
            remedy="write own for a new one, or the id of one that you have, such as eip-bp1...",
        )
    return text


def _key_pair(text: str) -> str:
    if not _KEY_PAIR.fullmatch(text):
        raise BrokenRule(
            rule="is no key pair's name", remedy="copy the name from the console's list"
        )
    return text


def _tags(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > GREATEST_TAGS:
        raise BrokenRule(
            rule=f"holds {len(tags)} tags", remedy=f"keep {GREATEST_TAGS}; the stack adds two"
        )
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or re.match(r"(?i)aliyun|acs:|https?://", key):
            raise BrokenRule(
                rule=f"has the key {key}, which is no tag's",
                remedy="use 1 to 128 characters, not beginning with aliyun, acs: or http://",
            )
        if len(value) > 128 or re.match(r"(?i)acs:|https?://", value):
            raise BrokenRule(
                rule=f"has a value at {key} which is no tag's",
                remedy="use up to 128 characters, not beginning with acs: or http://",
            )
    return tags


VpcId = Annotated[str, AfterValidator(lambda text: _id("vpc", text))]
VSwitchId = Annotated[str, AfterValidator(lambda text: _id("vsw", text))]
SecurityGroupId = Annotated[str, AfterValidator(lambda text: _id("sg", text))]


class Alibaba(Model):
    """A hub that the stack buys in Alibaba Cloud, and what it stands in.

    What is named by an id is adopted: used as it is, never changed and never deleted.
    """

    region: Annotated[str, AfterValidator(_region)] = Field(examples=["cn-hangzhou"])
    """Region of everything, between the offices; another one moves the hub."""
    account: Literal["china", "international"] = "china"
    """Where the account is registered: aliyun.com or alibabacloud.com."""
    zone: Annotated[str, AfterValidator(_zone)] | None = Field(
        default=None, examples=["cn-hangzhou-k"]
    )
    """Zone of the region; left out, one that sells the instance type, and then kept."""
    instance_type: Annotated[str, AfterValidator(_instance_type)] = "ecs.t6-c4m1.large"
    """Size of the machine; another one is a new machine behind the same address."""
    credits: Literal["Standard", "Unlimited"] = "Standard"
    """What a burstable instance without CPU credits does: slow down, or cost more."""
    image: Annotated[str, AfterValidator(_image)] = "^debian_12_[0-9]+_x64_"
    """Pattern of system images' names; the newest is taken once, and then kept."""
    image_id: Annotated[str, AfterValidator(_image_id)] | None = Field(
        default=None, examples=["debian_12_4_x64_20G_alibase_20240126.vhd"]
    )
    """One image, instead of the pattern."""
    disk_category: Literal[
        "cloud_efficiency", "cloud_ssd", "cloud_essd", "cloud_essd_entry", "cloud_auto"
    ] = "cloud_efficiency"
    """Kind of the system disk."""
    disk_gib: Annotated[int, Field(strict=True, ge=20, le=500)] = 20
    """Size of the system disk, in GiB."""
    bandwidth: Annotated[int, Field(strict=True, ge=1, le=100)] = 20
    """Most that the public address sends, in Mbit/s; what is sent is billed by volume."""
    eip: Annotated[str, AfterValidator(_eip)] = OWN
    """Public address: an EIP of its own, an adopted one by its id, or none: a fixed one."""
    charge: Literal["PostPaid", "PrePaid"] = "PostPaid"
    """The instance is billed by time used, or bought for `period`."""
    period: Annotated[int, Field(strict=True), AfterValidator(_period)] | None = Field(
        default=None, examples=[12]
    )
    """Months for which a PrePaid instance is bought."""
    force_delete: Annotated[bool, Field(strict=True)] = False
    """Whether a PrePaid instance is given up when it is replaced or destroyed."""
    deletion_protection: Annotated[bool, Field(strict=True)] = False
    """Whether Alibaba refuses to delete the instance, by whatever way."""
    admin_cidrs: tuple[Prefix, ...] = Field(default=(), examples=[["203.0.113.250/32"]])
    """From where SSH is let in; left out, the address that the run comes from."""
    ssh_from_anywhere: Annotated[bool, Field(strict=True)] = False
    """Says that 0.0.0.0/0 in `admin_cidrs` is meant."""
    jump: Jump | None = Field(
        default=None, examples=[{"host": "203.0.113.9", "host_key": "ssh-ed25519 AAAAC3Nza..."}]
    )
    """The jump host to the hub's SSH, and then the default of `admin_cidrs`."""
    ping: Annotated[bool, Field(strict=True)] = False
    """Whether the hub's public address answers pings."""
    vpc_cidr: Prefix | None = Field(default=None, examples=["10.255.252.0/22"])
    """Range of the VPC; left out, a /22 that nothing of the network overlaps."""
    vswitch_cidr: Prefix | None = Field(default=None, examples=["10.255.252.0/27"])
    """Range of the vSwitch; left out, a part of the VPC that belongs to the zone."""
    vpc: VpcId | None = Field(default=None, examples=["vpc-bp1aevy8sofi8mh1q0001"])
    """VPC that is adopted."""
    vswitch: VSwitchId | None = Field(default=None, examples=["vsw-bp1s5fnvk4gn2tws0001"])
    """vSwitch that is adopted; it has the zone."""
    security_group: SecurityGroupId | None = Field(
        default=None, examples=["sg-bp15ed6xe1yxeyc70001"]
    )
    """Security group that is adopted, with whatever rules it has."""
    key_pair: Annotated[str, AfterValidator(_key_pair)] | None = Field(
        default=None, examples=["office-admin"]
    )
    """Name of a key pair that is adopted, beside the stack's own SSH key."""
    tags: Annotated[dict[str, str], AfterValidator(_tags)] = Field(
        default={}, examples=[{"team": "network"}]
    )
    """Tags of all that is made, beside the stack's own two."""

    @property
    def replaceable(self) -> bool:
        """Whether the instance can give way to a new one: a paid period binds unless forced."""
        return self.charge == "PostPaid" or self.force_delete


def vpc_range(wanted: IPv4Network | None, taken: tuple[IPv4Network, ...]) -> IPv4Network:
    """Return the VPC's range: `wanted`, or the first /22 from the end of 10.0.0.0/8 that is free.

    Args:
        wanted: what the network file says.
        taken: the tunnel and the LANs, which it must not overlap.

    Raises:
        LookupError: none is free.
    """
    if wanted is not None:
        return wanted
    last = int(IPv4Network("10.0.0.0/8").broadcast_address) + 1
    candidates = [IPv4Network((last - 1024 * i, 22)) for i in range(1, 257)]
    # A tunnel or a LAN of 10.0.0.0/8 leaves these two.
    candidates += [IPv4Network("172.31.252.0/22"), IPv4Network("192.168.252.0/22")]
    for candidate in candidates:
        if not any(candidate.overlaps(other) for other in taken):
            return candidate
    msg = "no private range is free"
    raise LookupError(msg)


def vswitch_range(wanted: IPv4Network | None, vpc: IPv4Network, zone: str) -> IPv4Network:
    """Return the vSwitch's range: `wanted`, or the zone's own thirty-second part of the VPC.

    Each zone of a region has a part of its own, so that the vSwitch of another zone can be made
    before the old one goes.
    """
    if wanted is not None:
        return wanted
    length = min(max(vpc.prefixlen + 5, 16), 29)
    part = (ord(zone[-1]) - ord("a")) % (1 << (length - vpc.prefixlen))
    return IPv4Network((int(vpc.network_address) + part * (1 << (32 - length)), length))
