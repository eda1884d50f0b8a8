"""What the lab's cloud sells: regions and their zones, instance types, images, disks.

Names and sizes are Alibaba's own (documentation of ECS instance families, burstable ones among
them); which zone has what is made up, and prices are in XTS, the code of ISO 4217 for tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CURRENCY: Final = "XTS"
DISKS: Final = ("cloud_efficiency", "cloud_essd", "cloud_essd_entry", "cloud_ssd", "cloud_auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A region: its mark in ids, its zones in order."""

    id: str
    name: str
    mark: str
    zones: tuple[str, ...]


REGIONS: Final = {
    region.id: region
    for region in (
        Region(
            id="cn-hangzhou",
            name="China (Hangzhou)",
            mark="bp1",
            zones=("cn-hangzhou-b", "cn-hangzhou-h", "cn-hangzhou-i", "cn-hangzhou-j"),
        ),
        Region(
            id="cn-shanghai",
            name="China (Shanghai)",
            mark="uf6",
            zones=("cn-shanghai-b", "cn-shanghai-e", "cn-shanghai-f", "cn-shanghai-g"),
        ),
        Region(
            id="cn-beijing",
            name="China (Beijing)",
            mark="2ze",
            zones=("cn-beijing-c", "cn-beijing-f", "cn-beijing-h", "cn-beijing-k"),
        ),
        Region(
            id="cn-shenzhen",
            name="China (Shenzhen)",
            mark="wz9",
            zones=("cn-shenzhen-c", "cn-shenzhen-d", "cn-shenzhen-e"),
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """An instance type; burstable ones earn `baseline_credits` an hour and start with some."""

    id: str
    cpus: int
    memory_mib: int
    kbit_per_s: int
    packets_per_s: int
    baseline_credits: int = 0
    initial_credits: int = 0

    @property
    def family(self) -> str:
        """Its family, such as ecs.t6."""
        return self.id.rpartition("-")[0] if "-" in self.id else self.id.rpartition(".")[0]

    @property
    def level(self) -> str:
        """InstanceFamilyLevel."""
        return "CreditEntryLevel" if self.baseline_credits else "EntryLevel"


TYPES: Final = {
    kind.id: kind
    for kind in (
        InstanceType(
            id="ecs.t6-c4m1.large",
            cpus=2,
            memory_mib=512,
            kbit_per_s=80_000,
            packets_per_s=40_000,
            baseline_credits=6,
            initial_credits=60,
        ),
        InstanceType(
            id="ecs.t6-c2m1.large",
            cpus=2,
            memory_mib=1024,
            kbit_per_s=80_000,
            packets_per_s=60_000,
            baseline_credits=12,
            initial_credits=60,
        ),
        InstanceType(
            id="ecs.t6-c1m1.large",
            cpus=2,
            memory_mib=2048,
            kbit_per_s=80_000,
            packets_per_s=100_000,
            baseline_credits=24,
            initial_credits=60,
        ),
        InstanceType(
            id="ecs.t5-lc2m1.nano",
            cpus=1,
            memory_mib=512,
            kbit_per_s=100_000,
            packets_per_s=40_000,
            baseline_credits=12,
            initial_credits=30,
        ),
        InstanceType(
            id="ecs.t5-lc1m1.small",
            cpus=1,
            memory_mib=1024,
            kbit_per_s=200_000,
            packets_per_s=60_000,
            baseline_credits=12,
            initial_credits=30,
        ),
        InstanceType(
            id="ecs.e-c1m1.large",
            cpus=2,
            memory_mib=2048,
            kbit_per_s=200_000,
            packets_per_s=100_000,
        ),
    )
}

NOT_SOLD: Final = {
    "cn-hangzhou-b": {"ecs.t6-c4m1.large", "ecs.t6-c2m1.large", "ecs.t6-c1m1.large"},
    "cn-shanghai-b": {"ecs.t6-c4m1.large"},
    "cn-beijing-c": {"ecs.t6-c4m1.large", "ecs.e-c1m1.large"},
    "cn-shenzhen-e": {"ecs.t5-lc2m1.nano", "ecs.t5-lc1m1.small"},
}
"""Types that a zone does not have; it has all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A system image; its id and its name are the same, as with Alibaba's own."""

    id: str
    os: str
    platform: str
    family: str
    created: str
    boots: bool
    """Whether the lab has a disk for it."""
    size_gib: int = 20


IMAGES: Final = {
    image.id: image
    for image in (
        Image(
            id="aliyun_3_x64_20G_alibase_20250629.vhd",
            os="Alibaba Cloud Linux 3.2104 LTS 64 bit",
            platform="Aliyun",
            family="acs:alibaba_cloud_linux_3_2104_lts_x64",
            created="2025-07-01T06:20:00Z",
            boots=False,
        ),
        Image(
            id="debian_11_11_x64_20G_alibase_20241112.vhd",
            os="Debian 11.11 64 bit",
            platform="Debian",
            family="acs:debian_11_11_x64",
            created="2024-11-14T03:10:00Z",
            boots=False,
        ),
        Image(
            id="debian_12_10_x64_20G_alibase_20250402.vhd",
            os="Debian 12.10 64 bit",
            platform="Debian",
            family="acs:debian_12_10_x64",
            created="2025-04-07T07:00:00Z",
            boots=True,
        ),
        Image(
            id="debian_12_11_x64_20G_alibase_20250715.vhd",
            os="Debian 12.11 64 bit",
            platform="Debian",
            family="acs:debian_12_11_x64",
            created="2025-07-17T08:30:00Z",
            boots=True,
        ),
        Image(
            id="debian_13_1_x64_20G_alibase_20251011.vhd",
            os="Debian 13.1 64 bit",
            platform="Debian",
            family="acs:debian_13_1_x64",
            created="2025-10-13T09:00:00Z",
            boots=True,
        ),
        Image(
            id="ubuntu_22_04_x64_20G_alibase_20250819.vhd",
            os="Ubuntu 22.04 64 bit",
            platform="Ubuntu",
            family="acs:ubuntu_22_04_x64",
            created="2025-08-21T02:00:00Z",
            boots=False,
        ),
    )
}


def sold(kind: str, zone: str) -> bool:
    """Return whether a zone has an instance type."""
    return kind in TYPES and kind not in NOT_SOLD.get(zone, ())


def region_of(zone: str) -> str | None:
    """Return the region that a zone is in."""
    return next((region.id for region in REGIONS.values() if zone in region.zones), None)


def hourly_price(kind: InstanceType) -> float:
    """Return what an hour of an instance type costs here, in XTS: a number for tests."""
    return round(kind.cpus + kind.memory_mib / 1024, 2)
