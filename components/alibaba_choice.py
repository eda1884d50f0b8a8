"""Zone and image of the hub in Alibaba Cloud: as written, as they were, or asked of the API."""

from __future__ import annotations

from typing import Any, Final

import pulumi

from leasedline.alibaba import Alibaba
from leasedline.alibaba_errors import explain
from leasedline.moving import CloudHub, kept_image, kept_zone, planned

ZONES: Final = "alicloud:index/getZones:getZones"
IMAGES: Final = "alicloud:ecs/getImages:getImages"


async def choose(
    wanted: Alibaba, before: CloudHub | None, provider: pulumi.ProviderResource
) -> CloudHub:
    """Return what is to be bought; the API is asked only for what is not known already.

    Raises:
        pulumi.RunError: nothing is sold that fits, or the API refuses to tell.
    """
    zone = None if wanted.vswitch else await _zone(wanted, before, provider)
    return planned(wanted, zone, await _image(wanted, before, provider))


async def _zone(
    wanted: Alibaba, before: CloudHub | None, provider: pulumi.ProviderResource
) -> str | None:
    kept = kept_zone(wanted, before, None)
    if kept is not None:
        return kept
    answer = await _ask(
        ZONES,
        {
            "availableInstanceType": wanted.instance_type,
            "availableDiskCategory": wanted.disk_category,
            "instanceChargeType": wanted.charge,
        },
        provider,
        f"which zones of {wanted.region} sell {wanted.instance_type}",
    )
    sold = tuple(answer["ids"])
    if not sold:
        msg = (
            f"region {wanted.region} sells no {wanted.instance_type} with a "
            f"{wanted.disk_category} disk now: write another instance_type, disk_category or region"
        )
        raise pulumi.RunError(msg)
    if wanted.zone is not None:
        if wanted.zone not in sold:
            msg = (
                f"zone {wanted.zone} sells no {wanted.instance_type} with a "
                f"{wanted.disk_category} disk now, and {', '.join(sold)} of its region "
                f"{'does' if len(sold) == 1 else 'do'}: write one of them as zone, or leave it out"
            )
            raise pulumi.RunError(msg)
        return wanted.zone
    return kept_zone(wanted, before, sold) or sold[0]


async def _image(
    wanted: Alibaba, before: CloudHub | None, provider: pulumi.ProviderResource
) -> str:
    kept = kept_image(wanted, before)
    if kept is not None:
        return kept
    answer = await _ask(
        IMAGES,
        {
            "owners": "system",
            "nameRegex": wanted.image,
            "mostRecent": True,
            "status": "Available",
        },
        provider,
        f"which images {wanted.region} has",
    )
    if not answer["images"]:
        msg = (
            f"region {wanted.region} has no system image whose name fits {wanted.image}: write "
            "another image, or an image_id"
        )
        raise pulumi.RunError(msg)
    found: str = answer["images"][0]["id"]
    return found


async def _ask(
    function: str, arguments: dict[str, Any], provider: pulumi.ProviderResource, asked: str
) -> dict[str, Any]:
    """Call a function of the provider, with a failure told in one line.

    The SDK's own functions would leave an output behind that fails on its own account, with all
    of the provider's text.
    """
    try:
        answer: dict[str, Any] | None = await pulumi.runtime.invoke_async(
            function, arguments, pulumi.InvokeOptions(provider=provider)
        )
    except Exception as error:
        text = str(error)
        line = explain(text) or " ".join(text.split())
        msg = f"Alibaba Cloud does not say {asked}: {line}"
        raise pulumi.RunError(msg) from None
    if answer is None:
        msg = f"Alibaba Cloud does not say {asked}: the provider gave no answer"
        raise pulumi.RunError(msg)
    return answer
