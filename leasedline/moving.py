"""What a change of the hub in the cloud means: which machine stays, and for how long none does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from leasedline.alibaba import NONE, Alibaba


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudHub:
    """What the stack bought, as it stands in its outputs.

    `zone` is None in an adopted `vswitch`, `image` where the network file names one by its id.
    """

    region: str
    instance_type: str
    image_id: str
    eip: str
    charge: str
    zone: str | None = None
    image: str | None = None
    vswitch: str | None = None

    def as_output(self) -> dict[str, Any]:
        """Return it as plain data, without what is None: an output keeps no such field."""
        return {name: value for name, value in asdict(self).items() if value is not None}


_NEEDED: Final = frozenset({"region", "instance_type", "image_id", "eip", "charge"})


def from_output(output: Mapping[str, Any] | None) -> CloudHub | None:
    """Return what `CloudHub.as_output` made, or None where there is none or it is another's."""
    if output is None or not _NEEDED.issubset(output):
        return None
    known: dict[str, Any] = {n: output[n] for n in CloudHub.__dataclass_fields__ if n in output}
    return CloudHub(**known)


def planned(wanted: Alibaba, zone: str | None, image_id: str) -> CloudHub:
    """Return what `wanted` becomes in `zone` with the image `image_id`."""
    return CloudHub(
        region=wanted.region,
        zone=zone,
        instance_type=wanted.instance_type,
        image=None if wanted.image_id else wanted.image,
        image_id=image_id,
        eip=wanted.eip,
        charge=wanted.charge,
        vswitch=wanted.vswitch,
    )


def kept_image(wanted: Alibaba, before: CloudHub | None) -> str | None:
    """Return the image that the running machine has, if it is to keep it.

    Images are renewed every few weeks, and another one would be another machine: the pattern is
    looked up anew only for a machine that is new anyway.
    """
    if wanted.image_id is not None:
        return wanted.image_id
    if before is None or before.image != wanted.image:
        return None
    same = before.region == wanted.region and before.instance_type == wanted.instance_type
    return before.image_id if same else None


def kept_zone(wanted: Alibaba, before: CloudHub | None, sold: tuple[str, ...] | None) -> str | None:
    """Return the zone that the running machine has, if it is to keep it, or to stay in it.

    A zone that is written is known as little as any while no machine of this type is there: not
    each zone sells each type.

    Args:
        wanted: what the network file says.
        before: what the last run left.
        sold: the zones that sell the instance type, None while that was not asked.
    """
    if before is None or before.region != wanted.region:
        return None
    if wanted.zone not in (None, before.zone):
        return None
    if sold is None:
        return before.zone if before.instance_type == wanted.instance_type else None
    return before.zone if before.zone in sold else None


_REASONS: Final = ("region", "zone", "vswitch", "instance_type", "image_id")


def outage(wanted: Alibaba, before: CloudHub | None, after: CloudHub) -> str | None:
    """Return what a run will cost the line, in a sentence, or None where the machine stays."""
    if before is None:
        return None
    changed = [name for name in _REASONS if getattr(before, name) != getattr(after, name)]
    if not changed and before.eip == after.eip:
        return None
    if not changed:
        return (
            f"the hub's public address changes (eip {before.eip} -> {after.eip}): every spoke is "
            "down until it is told the new one, some seconds each; a spoke that cannot be "
            "reached over SSH stays down"
        )
    why = ", ".join(f"{name} {getattr(before, name)} -> {getattr(after, name)}" for name in changed)
    if not wanted.replaceable:
        return (
            f"the hub's machine is stopped and changed in place ({why}), as it is paid for a "
            "period: the line is down for some minutes"
        )
    if "region" in changed or after.eip == NONE or before.eip != after.eip:
        return (
            f"the hub moves to a new address ({why}): the new machine is ready before the old one "
            "goes, and each spoke is down for some seconds while it is told; a spoke that cannot "
            "be reached over SSH stays down"
        )
    return (
        f"the hub's machine is replaced ({why}): the public address moves to the new one as soon "
        "as that runs, and the line is down until it has booted, one to three minutes"
    )
