"""The way back, the rights that all of it took, and that nothing is left."""

from __future__ import annotations

import json
from typing import Final

from lab.settings import PROJECT
from lab.sweep import sweep
from tests.cloud.cloud_line import CloudLine

POLICY: Final = PROJECT / "docs" / "alibaba-ram-policy.json"

ONLY_WITH_A_PERIOD: Final = {
    # A machine paid for a period is changed in place, and converted before it goes.
    "ecs:AttachKeyPair",
    "ecs:DescribeInstanceAutoRenewAttribute",
    "ecs:DetachKeyPair",
    "ecs:ModifyInstanceChargeType",
    "ecs:ModifyPrepayInstanceSpec",
    "ecs:RebootInstance",
    "ecs:ReplaceSystemDisk",
    "ecs:StartInstance",
    "ecs:StopInstance",
}
ONLY_WITH_WHAT_WAS_THERE: Final = {
    # Another adopted security group, on a machine that stays.
    "ecs:JoinSecurityGroup",
    "ecs:LeaveSecurityGroup",
    # Without an EIP the machine has a public address of its own, whose bandwidth is changed.
    "ecs:ModifyInstanceNetworkSpec",
}


def test_destroy_gives_everything_back_though_the_api_is_busy(line: CloudLine) -> None:
    line.fault("status", "DeleteInstance", count=2)
    line.fault("status", "UnassociateEipAddress")
    line.fault("throttling", "DeleteVpc", "DeleteSecurityGroup", "ReleaseEipAddress")
    line.fault("cut", "DeleteVSwitch")
    line.pulumi("destroy", "--yes", "--skip-preview", "--refresh")
    assert line.faults_left() == []
    assert line.inventory() == []
    assert json.loads(line.cloud("inventory", "--json")) == []


def test_the_policy_is_what_was_used(line: CloudLine) -> None:
    """From the first `make up` to here: up, preview, refresh, changes, moves, destroy."""
    used = {entry["ram"] for entry in line.asked(code="OK")}
    (statement,) = json.loads(POLICY.read_text("utf-8"))["Statement"]
    allowed = set(statement["Action"])
    reserved = ONLY_WITH_A_PERIOD | ONLY_WITH_WHAT_WAS_THERE
    assert used - allowed == set()
    assert used & reserved == set()
    assert allowed - used == reserved


def test_nothing_is_left(line: CloudLine) -> None:
    line.make("destroy")
    assert line.net.left() == []


def test_twice_is_no_error(line: CloudLine) -> None:
    line.make("destroy")
    # The last look at the cloud's environment made it an account.
    sweep(line.lab.state)
    assert line.net.left() == []
