"""Alibaba's error codes in words, taken out of what the provider says."""

from __future__ import annotations

import pytest

from leasedline.alibaba_errors import KNOWN, explain

NEW_CLIENT = """\
[ERROR] terraform-provider-alicloud/alicloud/resource_alicloud_vpc.go:231: Resource alicloud_vpc \
CreateVpc Failed!!! [SDK alibaba-cloud-sdk-go ERROR]:
SDKError:
   StatusCode: 403
   Code: %s
   Message: code: 403, somebody said no request id: 0A1B
   Data: {"Code":"%s","HostId":"vpc.aliyuncs.com","Message":"somebody said no"}
"""
OLD_CLIENT = """\
Resource i-bp1 DeleteInstance Failed!!! [SDK alibaba-cloud-sdk-go ERROR]:
SDK.ServerError
ErrorCode: %s
Recommend: https://error-center.aliyun.com/status/search?Keyword=x&source=PopGw
RequestId: 0A1B
Message: no
"""


def new(code: str) -> str:
    return NEW_CLIENT % (code, code)


def test_the_action_the_code_and_the_remedy_on_one_line() -> None:
    assert explain(new("Forbidden.RAM")) == (
        "CreateVpc: the access key may not do this (Forbidden.RAM): give its RAM user the policy "
        "docs/alibaba-ram-policy.json"
    )
    assert explain(OLD_CLIENT % "InvalidOperation.DeletionProtection") == (
        "DeleteInstance: the instance is protected against deletion "
        "(InvalidOperation.DeletionProtection): set deletion_protection: false, `make up`, and "
        "only then take it away"
    )


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("InvalidAccessKeyId.NotFound", "does not know the access key"),
        ("InvalidAccessKeyId.Inactive", "does not know the access key"),
        ("SignatureDoesNotMatch", "secret does not belong"),
        ("InvalidSecurityToken.Expired", "temporary credentials have ended"),
        ("NoPermission", "may not do this"),
        ("InvalidAccount.RealNameAuthenticationError", "who they are"),
        ("InvalidAccountStatus.NotEnoughBalance", "no money"),
        ("QuotaExceed.ElasticQuota", "quota is reached"),
        ("QuotaExceeded.Eip", "quota is reached"),
        ("OperationDenied.NoStock", "has sold out"),
        ("Zone.NotOnSale", "has sold out"),
        ("InvalidInstanceType.ValueNotSupported", "has sold out"),
        ("InvalidImageId.NotFound", "image is not to be had"),
        ("InvalidRegionId.NotFound", "does not know the region"),
        ("InvalidVpcID.NotFound", "is not there"),
        ("InvalidVSwitchId.NotFound", "is not there"),
        ("InvalidSecurityGroupId.NotFound", "is not there"),
        ("InvalidAllocationId.NotFound", "EIP is not there"),
        ("KeyPair.AlreadyExist", "another one has its name"),
        ("InvalidCidrBlock.Overlapped", "taken by another vSwitch"),
        ("OperationDenied.DeletionProtection", "protected against deletion"),
        ("DependencyViolation.Instance", "still hangs on it"),
        ("Throttling.User", "is busy"),
    ],
)
def test_codes(code: str, cause: str) -> None:
    for text in (new(code), OLD_CLIENT % code):
        line = explain(text)
        assert line is not None
        assert cause in line
        assert f"({code})" in line
        assert "\n" not in line


def test_no_answer() -> None:
    """The query holds the signature and half of the user data; none of it is told again."""
    said = explain(
        "Resource vpc-bp1 DescribeVpcAttribute Failed!!! [SDK alibaba-cloud-sdk-go ERROR]:\n"
        'Post "https://127.0.0.1:22101/?AccessKeyId=LTAI&Signature=abc": '
        "dial tcp 127.0.0.1:22101: connect: connection refused\n"
    )
    assert said is not None
    assert said.startswith(
        "Alibaba Cloud does not answer at 127.0.0.1:22101 "
        "(dial tcp 127.0.0.1:22101: connect: connection refused): "
    )
    assert "Signature" not in said


def test_a_paid_period() -> None:
    said = explain(
        "Please convert 'PrePaid' instance to 'PostPaid' or set 'force_delete' as true before "
        "deleting 'PrePaid' instance."
    )
    assert said is not None
    assert said.startswith("the instance is paid for a period")


@pytest.mark.parametrize(
    "text", ["", "dial tcp 127.0.0.1:443: connection refused", new("Odd.Code")]
)
def test_what_is_not_known_is_left_as_it_is(text: str) -> None:
    assert explain(text) is None


def test_every_entry_has_its_use() -> None:
    for known in KNOWN:
        plain = [code.replace("*", "") for code in known.codes]
        assert any((line := explain(new(code))) and known.cause in line for code in plain), known
