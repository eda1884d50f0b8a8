"""The actions that the lab's cloud has: what each declares, and who carries it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

from lab.cloud.catalogue import REGIONS
from lab.cloud.errors import ApiError, invalid, not_found
from lab.cloud.state import Disk, Eip, Instance, KeyPair, SecurityGroup, Vpc, VSwitch, World
from lab.cloud.wire import Param, Params, param
from lab.settings import CloudSettings

Product = Literal["Ecs", "Vpc", "Sts"]
Answer = dict[str, Any]

VERSIONS: Final[dict[str, Product]] = {
    "2014-05-26": "Ecs",
    "2016-04-28": "Vpc",
    "2015-04-01": "Sts",
}

EVERYWHERE: Final = (
    param("RegionId"),
    param("OwnerId", "number"),
    param("OwnerAccount"),
    param("ResourceOwnerId", "number"),
    param("ResourceOwnerAccount"),
    param("ResourceGroupId"),
)
"""Parameters that every action has; all but the first have no effect in the lab."""

ON_CHANGES: Final = (param("ClientToken", most=64), param("DryRun", "bool"))

NUMBERED: Final = (param("PageNumber", "int"), param("PageSize", "int", most=100))

PAGES: Final = (*NUMBERED, param("MaxResults", "int", most=100), param("NextToken"))

TAGS: Final = (param("Tag.N.Key", most=128), param("Tag.N.Value", most=128))

R = TypeVar("R", Vpc, VSwitch, SecurityGroup, KeyPair, Instance, Eip)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, past its signature and its parameters' check."""

    action: str
    region: str
    """"" where the request names none; then a resource may be in any."""
    params: Params
    world: World
    """A draft: it counts once the action has succeeded."""
    settings: CloudSettings
    touched: set[str] = field(default_factory=set)
    """Instances whose machines must follow."""
    guarded: set[str] = field(default_factory=set)
    """Instances whose machines have other rules before the answer goes out."""

    def here(self, resources: dict[str, R]) -> list[R]:
        """Return the resources of a kind in the call's region, oldest first."""
        found = (r for r in resources.values() if self.region in ("", r.region))
        return sorted(found, key=lambda resource: resource.created)

    def vpc(self, id: str) -> Vpc:
        """Return the VPC of this id.

        Raises:
            ApiError: there is none here.
        """
        return self._one(self.world.vpcs, id, "InvalidVpcID.NotFound", "VPC")

    def vswitch(self, id: str) -> VSwitch:
        """Return the vSwitch of this id.

        Raises:
            ApiError: there is none here.
        """
        return self._one(self.world.vswitches, id, "InvalidVSwitchId.NotFound", "vSwitch")

    def group(self, id: str) -> SecurityGroup:
        """Return the security group of this id.

        Raises:
            ApiError: there is none here.
        """
        code = "InvalidSecurityGroupId.NotFound"
        return self._one(self.world.groups, id, code, "security group")

    def key_pair(self, name: str) -> KeyPair:
        """Return the key pair of this name.

        Raises:
            ApiError: there is none here.
        """
        found = self.world.key_pairs.get(f"{self.region}/{name}")
        if found is None:
            raise not_found("InvalidKeyPair.NotFound", "key pair", name)
        return found

    def instance(self, id: str) -> Instance:
        """Return the instance of this id.

        Raises:
            ApiError: there is none here.
        """
        return self._one(self.world.instances, id, "InvalidInstanceId.NotFound", "instance")

    def disk(self, id: str) -> Disk:
        """Return the disk of this id.

        Raises:
            ApiError: there is none here.
        """
        for instance in self.here(self.world.instances):
            if instance.disk.id == id:
                return instance.disk
        raise not_found("InvalidDiskId.NotFound", "disk", id)

    def eip(self, id: str) -> Eip:
        """Return the EIP of this id.

        Raises:
            ApiError: there is none here.
        """
        return self._one(self.world.eips, id, "InvalidAllocationId.NotFound", "EIP")

    def _one(self, resources: dict[str, R], id: str, code: str, what: str) -> R:
        found = resources.get(id)
        if found is None or self.region not in ("", found.region):
            raise not_found(code, what, id)
        return found

    def page(self, found: Sequence[R]) -> tuple[Sequence[R], Answer]:
        """Return the asked part of what was found, and what the answer says of the whole.

        Raises:
            ApiError: a NextToken that no answer had.
        """
        size, number = self.params.number("PageSize", 10), self.params.number("PageNumber", 1)
        start = max(number - 1, 0) * size
        if self.params.declares("MaxResults"):
            size = self.params.number("MaxResults", size)
            token = self.params.text("NextToken", str(start))
            if not token.isdigit():
                raise invalid("NextToken")
            start = int(token)
        end = start + size
        about: Answer = {"TotalCount": len(found), "PageNumber": number, "PageSize": size}
        if self.params.declares("NextToken"):
            about["NextToken"] = str(end) if end < len(found) else ""
        return found[start:end], about


Carries = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action of the API."""

    product: Product
    name: str
    params: tuple[Param, ...]
    changes: bool
    """Whether anything is another afterwards."""
    needs_region: bool
    does: Carries

    @property
    def ram(self) -> str:
        """Its name in a RAM policy, such as ecs:RunInstances."""
        return f"{self.product.lower()}:{self.name}"


ACTIONS: Final[dict[tuple[str, str], Action]] = {}
"""By product and name; filled by the modules that `lab.cloud.api` imports."""


def action(
    product: Product,
    name: str,
    *params: Param,
    changes: bool = False,
    needs_region: bool = True,
) -> Callable[[Carries], Carries]:
    """Register the function that carries out an action.

    Args:
        product: which of the APIs has it.
        name: its name there.
        params: its parameters, apart from those that all have.
        changes: whether anything is another afterwards.
        needs_region: whether RegionId must be given.
    """

    def registered(does: Carries) -> Carries:
        own = {each.name for each in params}
        also = (*EVERYWHERE, *(ON_CHANGES if changes else ()))
        ACTIONS[product, name] = Action(
            product=product,
            name=name,
            params=(*params, *(each for each in also if each.name not in own)),
            changes=changes,
            needs_region=needs_region,
            does=does,
        )
        return does

    return registered


def find(name: str, version: str) -> Action:
    """Return the action that a request asks for.

    Raises:
        ApiError: there is none of this name in this version.
    """
    product = VERSIONS.get(version)
    if product is None:
        raise ApiError("InvalidVersion", "Specified parameter Version is not valid.", 404)
    found = ACTIONS.get((product, name))
    if found is None:
        said = "Specified api is not found, please check your url and method."
        raise ApiError("InvalidAction.NotFound", said, 404)
    return found


def checked_region(call_region: str) -> str:
    """Return the region that a request names.

    Raises:
        ApiError: there is no such region.
    """
    if call_region and call_region not in REGIONS:
        raise not_found("InvalidRegionId.NotFound", "RegionId", call_region)
    return call_region
