"""What the hub's machine costs, as Alibaba Cloud's own API tells it; nothing is made up here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Final

from components.alibaba_access import ENDPOINT, access_key
from leasedline.alibaba import Alibaba
from leasedline.alibaba_errors import explain
from leasedline.moving import CloudHub

TIMEOUT_S: Final = 5

_TOKENS: Final = ("ALICLOUD_SECURITY_TOKEN", "ALIBABA_CLOUD_SECURITY_TOKEN")


async def price(
    wanted: Alibaba, bought: CloudHub, environment: Mapping[str, str] = os.environ
) -> str:
    """Return a line with the price of machine and disk, or with why there is none.

    Never raises, and ends after some seconds: a preview goes on without a price.
    """
    try:
        return await asyncio.wait_for(
            asyncio.to_thread(_ask, wanted, bought, dict(environment)), TIMEOUT_S + 1
        )
    except TimeoutError:
        return _none(f"no answer within {TIMEOUT_S} s")
    except Exception as error:
        text = str(error)
        return _none(explain(text) or " ".join(text.split()) or type(error).__name__)


def _ask(wanted: Alibaba, bought: CloudHub, environment: Mapping[str, str]) -> str:
    # Only here: a second to import, for one line of a preview.
    from alibabacloud_ecs20140526.client import Client
    from alibabacloud_ecs20140526.models import (
        DescribePriceRequest,
        DescribePriceRequestSystemDisk,
    )
    from alibabacloud_tea_openapi.models import Config
    from darabonba.runtime import RuntimeOptions

    key = access_key(environment)
    if key is None:
        return _none("it is asked only with an access key in the environment")
    named = environment.get(ENDPOINT, "").removeprefix("https://")
    client = Client(
        Config(
            access_key_id=key[0],
            access_key_secret=key[1],
            security_token=next((environment[n] for n in _TOKENS if environment.get(n)), None),
            region_id=bought.region,
            endpoint=named or f"ecs.{bought.region}.aliyuncs.com",
            protocol="HTTPS",
        )
    )
    paid = wanted.charge == "PrePaid"
    request = DescribePriceRequest(
        region_id=bought.region,
        zone_id=bought.zone,
        resource_type="instance",
        instance_type=bought.instance_type,
        image_id=bought.image_id,
        system_disk=DescribePriceRequestSystemDisk(
            category=wanted.disk_category, size=wanted.disk_gib
        ),
        price_unit="Month" if paid else "Hour",
        period=wanted.period if paid else 1,
    )
    runtime = RuntimeOptions(
        connect_timeout=TIMEOUT_S * 1000,
        read_timeout=TIMEOUT_S * 1000,
        autoretry=False,
        ca=environment.get("SSL_CERT_FILE"),
    )
    answer = client.describe_price_with_options(request, runtime)
    found = answer.body.price_info.price
    unit = f"for {wanted.period} months" if paid else "an hour"
    return (
        f"price of machine and disk, as Alibaba Cloud says now: {found.trade_price:g} "
        f"{found.currency} {unit}; outgoing traffic comes on top, by volume"
    )


def _none(why: str) -> str:
    return f"no price: {why}"
