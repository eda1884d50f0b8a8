"""What a run needs before it asks Alibaba Cloud for anything: credentials, and a way in by SSH."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Final

import pulumi

from leasedline.alibaba import Alibaba

# As the provider reads them (terraform-provider-alicloud v1.285.0, alicloud/provider.go).
_KEY_PAIRS: Final = (
    ("ALICLOUD_ACCESS_KEY", "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABACLOUD_ACCESS_KEY_ID"),
    ("ALICLOUD_SECRET_KEY", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABACLOUD_ACCESS_KEY_SECRET"),
)
_OTHER_WAYS: Final = (
    *("ALICLOUD_PROFILE", "ALIBABA_CLOUD_PROFILE"),
    *("ALICLOUD_ECS_ROLE_NAME", "ALIBABA_CLOUD_ECS_METADATA"),
    *("ALICLOUD_CREDENTIALS_URI", "ALIBABA_CLOUD_CREDENTIALS_URI"),
    *("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "ALIBABA_CLOUD_OIDC_TOKEN"),
)

ENDPOINT: Final = "ALIBABA_CLOUD_ENDPOINT_ECS"
"""Names another API than the region's; the provider follows it too."""

_FIND_ADDRESS: Final = (
    "write where you work from as admin_cidrs in hub.alibaba, for example [203.0.113.250/32]; "
    "any server of yours with a public address tells it: ssh SERVER 'echo $SSH_CONNECTION'"
)


def access_key(environment: Mapping[str, str] = os.environ) -> tuple[str, str] | None:
    """Return the access key's id and secret from the environment, or None."""
    id_, secret = (
        next((environment[name] for name in names if environment.get(name)), None)
        for names in _KEY_PAIRS
    )
    return (id_, secret) if id_ and secret else None


def require_credentials(environment: Mapping[str, str] = os.environ) -> None:
    """See that the provider will find credentials in the environment.

    Raises:
        pulumi.RunError: there are none, or only half of a key.
    """
    if access_key(environment) or any(environment.get(name) for name in _OTHER_WAYS):
        return
    missing = [names[1] for names in _KEY_PAIRS if not any(environment.get(name) for name in names)]
    msg = (
        f"there are no credentials for Alibaba Cloud, {' and '.join(missing)} not set: make an "
        "access key for a RAM user with the policy docs/alibaba-ram-policy.json, and export both "
        "(docs/alibaba-cloud.md, 2)"
    )
    raise pulumi.RunError(msg)


def endpoint(region: str, environment: Mapping[str, str] = os.environ) -> tuple[str, int]:
    """Return host and port of the ECS API for `region`."""
    named = environment.get(ENDPOINT, "").removeprefix("https://")
    host, _, port = (named or f"ecs.{region}.aliyuncs.com").partition(":")
    return host, int(port) if port.isdecimal() else 443


def admin_cidrs(wanted: Alibaba) -> list[str]:
    """Return from where SSH is let in: as written, else the jump host, else this machine.

    Raises:
        pulumi.RunError: nothing is written and it cannot be known.
    """
    if wanted.admin_cidrs:
        return [str(cidr) for cidr in wanted.admin_cidrs]
    if wanted.jump is not None:
        return [f"{_resolved(wanted.jump.host, 'the jump host')}/32"]
    host, port = endpoint(wanted.region)
    address = _own_address(str(_resolved(host, "Alibaba Cloud's API")), port)
    if not address.is_global:
        msg = (
            f"from where SSH to the hub is let in cannot be known: this machine is {address}, and "
            f"a router gives it another address on the way out: {_FIND_ADDRESS}"
        )
        raise pulumi.RunError(msg)
    return [f"{address}/32"]


def _resolved(host: str, what: str) -> IPv4Address:
    try:
        return IPv4Address(socket.gethostbyname(host))
    except OSError:
        msg = (
            "from where SSH to the hub is let in cannot be known: the name of "
            f"{what}, {host}, has no address here: {_FIND_ADDRESS}"
        )
        raise pulumi.RunError(msg) from None


def _own_address(host: str, port: int) -> IPv4Address:
    """Return the address that packets to `host` leave from; none is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, port))
        except OSError:
            return IPv4Address("0.0.0.0")  # noqa: S104 -- "no address", and nothing listens
        return IPv4Address(probe.getsockname()[0])
