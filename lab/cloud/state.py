"""What exists in the cloud, kept in one file that is written at once or not at all."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from lab import state as files
from lab.cloud.catalogue import REGIONS
from lab.cloud.errors import ApiError, quota
from lab.errors import LabError

PUBLIC_ADDRESSES: Final = [IPv4Address("203.0.113.0") + number for number in range(1, 200)]
"""Of the lab's internet (TEST-NET-3, RFC 5737); the first that is free is given first."""

_ID_LETTERS: Final = string.ascii_lowercase + string.digits
_ID_LENGTH: Final = 17

InstanceStatus = Literal["Pending", "Starting", "Running", "Stopping", "Stopped"]
EipStatus = Literal["Associating", "Unassociating", "InUse", "Available"]


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class _Resource(_Kept):
    id: str
    region: str
    name: str = ""
    description: str = ""
    created: float
    """Seconds since 1970, as all times here."""
    tags: dict[str, str] = {}


class _Network(_Resource):
    cidr: IPv4Network
    ready: float
    """When it is no longer Pending."""

    @property
    def status(self) -> str:
        """Pending or Available."""
        return "Available" if time.time() >= self.ready else "Pending"


class Vpc(_Network):
    """A network of its own."""

    router: str
    route_table: str


class VSwitch(_Network):
    """A subnet of a VPC in one zone."""

    vpc: str
    zone: str

    @property
    def gateway(self) -> IPv4Address:
        """The router's address; Alibaba keeps the last three of each subnet, too."""
        return self.cidr.broadcast_address - 2


class Permission(_Kept):
    """A rule of a security group, with Alibaba's words for its values."""

    id: str
    direction: Literal["ingress", "egress"]
    protocol: str
    ports: str
    """51820/51820; -1/-1 for a protocol without ports."""
    cidr: IPv4Network
    policy: Literal["Accept", "Drop"]
    priority: int
    description: str = ""
    created: float

    @property
    def key(self) -> tuple[str, str, str, IPv4Network, str, int]:
        """What no two rules of a group have in common."""
        own = (self.direction, self.protocol, self.ports)
        return (*own, self.cidr, self.policy, self.priority)


class SecurityGroup(_Resource):
    """A basic security group: lets out everything, and in what its rules say."""

    vpc: str
    inner_access: Literal["Accept", "Drop"] = "Accept"
    permissions: list[Permission] = []


class KeyPair(_Resource):
    """An SSH key; `id` is region/name, because its name is all that tells it from others."""

    public: str
    fingerprint: str


class Disk(_Kept):
    """An instance's system disk."""

    id: str
    category: str
    size_gib: int
    name: str = ""
    description: str = ""
    tags: dict[str, str] = {}


class Instance(_Resource):
    """An instance and what came with it: a disk, a network card."""

    status: InstanceStatus = "Pending"
    since: float
    """When it got this status."""
    started: float = 0
    again: bool = False
    """Whether it starts again once it has stopped."""
    released: bool = False
    """Whether it is gone once it has stopped."""
    trouble: str = ""
    """Why its machine did not do as it was told, for people; not part of the API."""
    zone: str
    kind: str
    image: str
    hostname: str
    vpc: str
    vswitch: str
    private: IPv4Address
    groups: list[str]
    key_pair: str = ""
    user_data: str = ""
    """As sent, in base64."""
    card: str
    disk: Disk
    charge: Literal["PostPaid", "PrePaid"] = "PostPaid"
    period_months: int = 0
    auto_renew: bool = False
    traffic_charge: str = "PayByTraffic"
    bandwidth_out: int = 0
    bandwidth_in: int = 200
    public: IPv4Address | None = None
    """The fixed public address; an EIP is kept apart."""
    credit: str = "Standard"
    protected: bool = False
    stopped_free: bool = False
    metadata_tokens: str = "optional"


class Eip(_Resource):
    """An elastic public address."""

    address: IPv4Address
    status: EipStatus = "Available"
    since: float
    instance: str = ""
    bandwidth: int = 5
    traffic_charge: str = "PayByTraffic"
    charge: Literal["PostPaid", "PrePaid"] = "PostPaid"
    isp: str = "BGP"


class Answered(_Kept):
    """What a ClientToken was given for, and what was answered."""

    action: str
    digest: str
    answer: dict[str, object]


class Fault(_Kept):
    """What is to go wrong, how often, and for which actions (see `lab.cloud.faults`)."""

    kind: str
    action: str = "*"
    left: int = 1


class World(_Kept):
    """Everything that is kept."""

    vpcs: dict[str, Vpc] = {}
    vswitches: dict[str, VSwitch] = {}
    groups: dict[str, SecurityGroup] = {}
    key_pairs: dict[str, KeyPair] = {}
    instances: dict[str, Instance] = {}
    eips: dict[str, Eip] = {}
    tokens: dict[str, Answered] = {}
    faults: list[Fault] = []

    def free_public(self, wanted: str = "") -> IPv4Address:
        """Return the first public address that nobody has, or the one that is wanted.

        Raises:
            ApiError: there is none, or somebody has it.
        """
        used = {eip.address for eip in self.eips.values()}
        used |= {i.public for i in self.instances.values() if i.public is not None}
        for address in PUBLIC_ADDRESSES:
            if address not in used and wanted in ("", str(address)):
                return address
        if wanted:
            raise ApiError("InvalidIpAddress.NotAvailable", f"{wanted} cannot be had.")
        raise quota("QuotaExceeded.Eip", "public addresses of the lab", len(PUBLIC_ADDRESSES))

    def within(self, vswitch: VSwitch) -> Iterator[Instance]:
        """Yield the instances in a vSwitch."""
        return (i for i in self.instances.values() if i.vswitch == vswitch.id)

    def free_private(self, vswitch: VSwitch) -> IPv4Address | None:
        """Return the first address of a vSwitch that nobody has, or None."""
        used = {instance.private for instance in self.within(vswitch)}
        hosts = (a for a in vswitch.cidr.hosts() if a < vswitch.gateway)
        return next((address for address in hosts if address not in used), None)

    def eip_of(self, instance: str) -> Eip | None:
        """Return the EIP that is associated with an instance, or about to be, or no longer."""
        return next((eip for eip in self.eips.values() if eip.instance == instance), None)

    def interface(self, instance: Instance) -> IPv4Interface:
        """Return an instance's address with its vSwitch's prefix length."""
        prefix = self.vswitches[instance.vswitch].cidr.prefixlen
        return IPv4Interface((instance.private, prefix))

    def moved(self, instance: Instance, status: InstanceStatus) -> None:
        """Give an instance a new status, from now on."""
        instance.status, instance.since = status, time.time()


class Store:
    """The world and its file."""

    def __init__(self, path: Path) -> None:
        """Read the world that `path` holds; none if there is no file.

        Raises:
            LabError: it is not what a store writes.
        """
        self._path = path
        try:
            self.world = World.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            self.world = World()
        except ValidationError as error:
            msg = f"{path} is not what the lab's cloud writes: {error.errors()[0]['msg']}; "
            raise LabError(msg + "`python -m lab cloud down` removes it") from None

    def save(self) -> None:
        """Write the world."""
        # User data may hold an SSH host key.
        files.write(self._path, self.world.model_dump_json(indent=1), 0o600)


def new_id(prefix: str, region: str) -> str:
    """Return a new id such as vpc-bp1x..., with the region's mark in it."""
    letters = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
    return f"{prefix}-{REGIONS[region].mark}{letters}"


def minute(seconds: float) -> str:
    """Return a time as Ecs writes it: 2026-11-23T21:09Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%MZ")


def second(seconds: float) -> str:
    """Return a time as Vpc writes it: 2026-11-23T21:09:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
