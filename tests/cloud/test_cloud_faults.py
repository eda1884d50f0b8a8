"""Faults while the hub is bought and given back: over them, or a clear end and a good next run.

One hub, its tests in order: each begins with what the one before it has left.
"""

from __future__ import annotations

import os
import signal
import subprocess

from lab.shell import wait_until
from tests.cloud.cloud_line import ONE_OF_EACH, CloudLine, lines, summary
from tests.lab.command import run

GIVEN_UP_S = 660
"""The provider asks again for as long as the resource's own time limit, 10 minutes at most."""


def test_the_quota_and_a_missing_right_end_it_clearly(small: CloudLine) -> None:
    small.fault("quota", "CreateVpc")
    small.fault("forbidden", "ImportKeyPair")
    done = small.buy()
    assert done.returncode != 0
    assert lines(done, "CreateVpc: the account's quota is reached (QuotaExceeded.Vpc): release")
    assert lines(done, "ImportKeyPair: the access key may not do this (Forbidden.RAM): give")
    assert small.counts().items() <= {"eip": 1}.items()


def test_a_sold_out_zone_ends_it_clearly(small: CloudLine) -> None:
    small.fault("throttling", "CreateVSwitch", "CreateSecurityGroup", count=2)
    small.fault("no-stock", "RunInstances")
    done = small.buy()
    assert done.returncode != 0
    assert lines(done, "RunInstances: the zone does not sell", "(OperationDenied.NoStock): ")
    # What was refused was the machine alone: what comes before it is there, once.
    assert small.counts() == {k: n for k, n in ONE_OF_EACH.items() if k != "instance"}
    assert small.faults_left() == []


def test_the_next_run_ends_well_and_nothing_exists_twice(small: CloudLine) -> None:
    """Though no answer comes of what was done: the provider asks again, with the same token."""
    small.fault("cut", "RunInstances", "AssociateEipAddress")
    small.fault("cut-before", "DescribeDisks")
    small.fault("throttling", "DescribeInstances", "DescribeEipAddresses", count=2)
    done = small.buy()
    assert done.returncode == 0, done.stdout
    assert small.counts() == ONE_OF_EACH
    cut, again = small.asked(action="RunInstances")[-2:]
    assert (cut["code"], again["code"]) == ("Cut", "OK")
    assert cut["values"]["ClientToken"] == again["values"]["ClientToken"]
    assert summary(small.buy()).endswith("unchanged")


def test_destroying_goes_on_over_what_is_refused_at_first(small: CloudLine) -> None:
    """An EIP that is gone is no end of it: the provider refuses, the next run ends well."""
    small.fault("status", "DeleteInstance", count=2)
    small.fault("status", "UnassociateEipAddress")
    small.fault("throttling", "DeleteVpc", "DeleteSecurityGroup")
    small.fault("cut", "DeleteVSwitch", "ReleaseEipAddress")
    done = destroyed(small)
    assert done.returncode != 0
    assert "InvalidAllocationId.NotFound" in done.stdout
    assert small.inventory() == []
    assert small.faults_left() == []
    done = destroyed(small)
    assert done.returncode == 0, done.stdout
    assert small.inventory() == []


def test_a_killed_api_ends_it_and_the_next_run_goes_on(small: CloudLine) -> None:
    process = subprocess.Popen(
        small.buying(),
        env=small.environment,
        cwd=small.lab.state.project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def begun() -> bool | str:
        assert process.poll() is None, process.communicate()[0]
        return small.counts().keys() >= {"vpc", "eip"} or "nothing has been bought yet"

    try:
        wait_until("something to be bought", begun, timeout_s=60, every_s=0.1)
        pid = small.files.process.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        said = process.communicate(timeout=GIVEN_UP_S)[0]
    finally:
        process.kill()
        process.communicate()
    assert process.returncode != 0
    done = subprocess.CompletedProcess([], process.returncode, said, "")
    assert lines(done, "Alibaba Cloud does not answer at 127.0.0.1:"), said
    left = [row["id"] for row in small.inventory()]

    small.cloud("up")
    done = small.buy()
    assert done.returncode == 0, done.stdout
    assert small.counts() == ONE_OF_EACH
    assert {row["id"] for row in small.inventory()} >= set(left)
    done = destroyed(small)
    assert done.returncode == 0, done.stdout
    assert small.inventory() == []


def destroyed(small: CloudLine) -> subprocess.CompletedProcess[str]:
    """Destroy as `make destroy` does, and keep the cloud."""
    return run(
        [
            *("pulumi", "destroy", "--yes", "--skip-preview", "--refresh", "--non-interactive"),
            *("--color", "never", "--stack", small.stack),
        ],
        small.environment,
        check=False,
    )
