"""Everything that exists in the cloud, and what of it is billed."""

from __future__ import annotations

from typing import Any

from lab.cloud.state import World


def inventory(world: World) -> list[dict[str, Any]]:
    """Return each resource as kind, id, name, region, status, billed, about."""
    return [*_billed(world), *_free(world)]


def _row(kind: str, resource: Any, status: str, *, billed: bool, about: str = "") -> dict[str, Any]:
    return {
        "kind": kind,
        "id": resource.id,
        "name": resource.name,
        "region": resource.region,
        "status": status,
        "billed": billed,
        "about": about,
    }


def _billed(world: World) -> list[dict[str, Any]]:
    rows = []
    for instance in world.instances.values():
        # One that is stopped without charge still has its disk.
        about = [instance.kind, instance.image, str(instance.private)]
        about += [str(instance.public)] if instance.public else []
        about += [f"trouble: {instance.trouble}"] if instance.trouble else []
        rows.append(_row("instance", instance, instance.status, billed=True, about=" ".join(about)))
    for eip in world.eips.values():
        about = [str(eip.address), eip.instance]
        rows.append(_row("eip", eip, eip.status, billed=True, about=" ".join(about).strip()))
    return rows


def _free(world: World) -> list[dict[str, Any]]:
    rows = [
        _row("vpc", vpc, vpc.status, billed=False, about=str(vpc.cidr))
        for vpc in world.vpcs.values()
    ]
    rows += [
        _row("vswitch", one, one.status, billed=False, about=f"{one.cidr} {one.zone}")
        for one in world.vswitches.values()
    ]
    rows += [
        _row("security group", one, "", billed=False, about=f"{len(one.permissions)} rules")
        for one in world.groups.values()
    ]
    return rows + [
        _row("key pair", pair, "", billed=False, about=pair.fingerprint)
        for pair in world.key_pairs.values()
    ]
