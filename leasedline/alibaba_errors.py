"""Alibaba Cloud's error codes, in words for the person who pays for the hub.

The provider reports a code with a page of context around it; `explain` picks the code and says
what is wrong and what to do. docs/alibaba-cloud.md shows this table, and a test compares them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final


@dataclass(frozen=True, slots=True)
class Known:
    """Error codes with one cause and one remedy; a * in a code stands for anything."""

    codes: tuple[str, ...]
    cause: str
    remedy: str

    def matches(self, code: str) -> bool:
        """Return whether this is about `code`."""
        return any(fnmatchcase(code, known) for known in self.codes)


KNOWN: Final = (
    Known(
        ("InvalidAccessKeyId.*",),
        "Alibaba Cloud does not know the access key",
        "check ALIBABA_CLOUD_ACCESS_KEY_ID, and that the key is enabled in the RAM console",
    ),
    Known(
        ("SignatureDoesNotMatch", "IncompleteSignature", "InvalidAccessKeySecret"),
        "the secret does not belong to the access key",
        "set ALIBABA_CLOUD_ACCESS_KEY_SECRET again",
    ),
    Known(
        ("InvalidSecurityToken.*", "MissingSecurityToken"),
        "the temporary credentials have ended or are not whole",
        "fetch new ones, and set ALIBABA_CLOUD_SECURITY_TOKEN with them",
    ),
    Known(
        (
            "Forbidden.RAM",
            "Forbidden.Unauthorized",
            "Forbidden.NoPermission",
            "NoPermission*",
            "UnauthorizedOperation",
            "Forbidden",
        ),
        "the access key may not do this",
        "give its RAM user the policy docs/alibaba-ram-policy.json",
    ),
    Known(
        ("*RealNameAuthenticat*", "Account.NotRealName*", "NoRealNameAuthentication"),
        "the account's owner has not proved who they are, which mainland China asks for",
        "do the real-name verification in the console's account centre",
    ),
    Known(
        ("InvalidAccountStatus.*", "Account.Arrearage*", "InsufficientBalance", "InvalidPayMethod"),
        "the account has no money or no way to pay",
        "top it up, or add a way to pay, in the console's expenses and costs",
    ),
    Known(
        ("QuotaExceed*", "LimitExceeded*", "*QuotaExceed*"),
        "the account's quota is reached",
        "release what is not needed, or ask for more in the console's Quota Center",
    ),
    Known(
        ("InvalidOperation.DeletionProtection", "OperationDenied.DeletionProtection*"),
        "the instance is protected against deletion",
        "set deletion_protection: false, `make up`, and only then take it away",
    ),
    Known(
        (
            "OperationDenied.NoStock",
            "OperationDenied",
            "Zone.NotOnSale",
            "Zone.NotOpen",
            "InvalidResourceType.NotSupported",
            "InvalidInstanceType.*",
            "InvalidSystemDiskCategory.*",
            "InvalidDiskCategory.*",
        ),
        "the zone does not sell this instance type with this disk, or has sold out",
        "leave zone out, or choose another zone, instance_type or disk_category",
    ),
    Known(
        ("InvalidImageId.*", "ImageNotSupported*", "InvalidImage.*"),
        "the image is not to be had, or not for this instance type",
        "remove image_id, or write another image",
    ),
    Known(
        ("InvalidRegionId.*", "InvalidRegionId"),
        "Alibaba Cloud does not know the region, or the account may not use it",
        "write another region; a china account has no regions of an international one's",
    ),
    Known(
        ("InvalidVpc*", "InvalidVSwitch*", "InvalidVswitch*", "InvalidSecurityGroup*"),
        "a VPC, vSwitch or security group is not there",
        "check the ids in hub.alibaba; if it was deleted by hand, run `pulumi refresh`",
    ),
    Known(
        ("InvalidAllocationId.*",),
        "the EIP is not there",
        "check eip in hub.alibaba; if the stack had made it, `pulumi refresh` forgets it",
    ),
    Known(
        ("InvalidEipStatus*", "IncorrectEipStatus*"),
        "the EIP is in use elsewhere",
        "check eip in hub.alibaba, and unbind that EIP in the console",
    ),
    Known(
        ("InvalidKeyPair*", "KeyPair.AlreadyExist", "InvalidKeyPairName.*"),
        "the key pair is not there, or another one has its name",
        "check key_pair in hub.alibaba, or delete the other one in the console",
    ),
    Known(
        ("InvalidCidrBlock*", "CidrBlock*"),
        "the range is taken by another vSwitch of the VPC, or lies outside it",
        "write another vswitch_cidr",
    ),
    Known(
        ("DependencyViolation*",),
        "something that the stack did not make still hangs on it",
        "see in the console what else is in this VPC, and move it out",
    ),
    Known(
        ("Throttling*", "ServiceUnavailable", "InternalError"),
        "Alibaba Cloud is busy",
        "run the same command again in a minute; it goes on where it stopped",
    ),
)

_PREPAID: Final = Known(
    (),
    "the instance is paid for a period, and Alibaba keeps it to its end",
    "wait for the end of the period, or set force_delete: true and `make up` first",
)

# "Code: Forbidden.RAM" of Alibaba's newer client, "ErrorCode: Forbidden.RAM" of the older one.
_CODE = re.compile(r"""(?:Error)?Code['"]?: ?['"]?([A-Za-z][A-Za-z0-9_.]+)""")
_ACTION = re.compile(r"\b([A-Z][A-Za-z]+) Failed!!!")
# As Go's net/http tells of a request without an answer.
_NO_ANSWER = re.compile(r"""\b(?:Get|Post) "https?://([^/"?]+)[^"]*": (.+)""")


def explain(error: str) -> str | None:
    """Return what the provider's `error` means and what to do, in one line, or None.

    Names the action that was refused and the code, so that both can be searched for.
    """
    if "force_delete" in error and "PrePaid" in error:
        return f"{_PREPAID.cause}: {_PREPAID.remedy}"
    action = _ACTION.search(error)
    for code in _CODE.findall(error):
        for known in KNOWN:
            if known.matches(code):
                doing = f"{action[1]}: " if action else ""
                return f"{doing}{known.cause} ({code}): {known.remedy}"
    if silent := _NO_ANSWER.search(error):
        return (
            f"Alibaba Cloud does not answer at {silent[1]} ({silent[2].strip()}): see that this "
            "machine gets there, and run the same command again; it goes on where it stopped"
        )
    return None
