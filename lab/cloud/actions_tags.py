"""Tags (products Vpc and Ecs)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lab.cloud.errors import invalid
from lab.cloud.registry import Answer, Call, action
from lab.cloud.state import Disk, Eip, Instance, KeyPair, SecurityGroup, Vpc, VSwitch
from lab.cloud.wire import needed, param

OF_VPC: Final = ("VPC", "VSWITCH", "EIP")
OF_ECS: Final = ("instance", "disk", "securitygroup", "keypair", "image", "eni")

_PUT: Final = (
    needed("ResourceId.N"),
    needed("Tag.N.Key", most=128),
    param("Tag.N.Value", most=128),
)
_TAKE: Final = (needed("ResourceId.N"), param("TagKey.N"), param("All", "bool"))


@action("Vpc", "TagResources", needed("ResourceType", "text", *OF_VPC), *_PUT, changes=True)
@action("Ecs", "TagResources", needed("ResourceType", "text", *OF_ECS), *_PUT, changes=True)
def tag_resources(call: Call) -> Answer:
    """Put tags on resources of one kind."""
    for id in call.params.texts("ResourceId"):
        _tagged(call, id).tags.update(call.params.tags())
    return {}


@action("Vpc", "UnTagResources", needed("ResourceType", "text", *OF_VPC), *_TAKE, changes=True)
@action("Ecs", "UntagResources", needed("ResourceType", "text", *OF_ECS), *_TAKE, changes=True)
def untag_resources(call: Call) -> Answer:
    """Take tags off resources of one kind: the named ones, or all."""
    keys = call.params.texts("TagKey")
    if not keys and not call.params.flag("All"):
        raise invalid("TagKey.1", "Name one, or say All.")
    for id in call.params.texts("ResourceId"):
        tags = _tagged(call, id).tags
        for key in keys or list(tags):
            tags.pop(key, None)
    return {}


Tagged = Vpc | VSwitch | Eip | Instance | Disk | SecurityGroup | KeyPair


def _tagged(call: Call, id: str) -> Tagged:
    kind = call.params.text("ResourceType")
    by_kind: dict[str, Callable[[str], Tagged]] = {
        "VPC": call.vpc,
        "VSWITCH": call.vswitch,
        "EIP": call.eip,
        "instance": call.instance,
        "disk": call.disk,
        "securitygroup": call.group,
        "keypair": call.key_pair,
    }
    find = by_kind.get(kind)
    if find is None:
        raise invalid("ResourceType", f"The lab's cloud tags no {kind}.")
    return find(id)


@action(
    "Ecs",
    "DescribeTags",
    param("ResourceType", "text", *OF_ECS),
    param("ResourceId"),
    param("Tag.N.Key"),
    param("Tag.N.Value"),
    param("PageNumber", "int"),
    param("PageSize", "int", most=100),
)
def describe_tags(call: Call) -> Answer:
    """List the tags of one resource; an image of Alibaba's has none."""
    kind, id = call.params.text("ResourceType"), call.params.text("ResourceId")
    known = kind in ("instance", "disk", "securitygroup", "keypair")
    tags = _tagged(call, id).tags if known and id else {}
    shown = [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
    return {"Tags": {"Tag": shown}, "TotalCount": len(shown), "PageNumber": 1, "PageSize": 50}


def shown_tags(tags: dict[str, str]) -> Answer:
    """Return tags as the actions of Ecs show them."""
    return {"Tag": [{"TagKey": key, "TagValue": value} for key, value in tags.items()]}
