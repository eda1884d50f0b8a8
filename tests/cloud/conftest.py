"""One line with its hub in the lab's cloud, and one such hub on which things go wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cloud.cloud_line import SMALL, CloudLine
from tests.cloud.rights import require_root


@pytest.fixture(scope="session")
def line() -> Iterator[CloudLine]:
    """The line of `stacks/cloud-lab.network.yaml`, made while the API was busy and cut calls off.

    All of that the provider is to get over by itself.
    """
    require_root()
    line = CloudLine()
    line.begin()
    try:
        line.fault("throttling", "CreateVpc", "CreateVSwitch", "DescribeInstances", count=2)
        line.fault("cut", "RunInstances", "AllocateEipAddress")
        with line.watching_processes():
            line.make("up")
        yield line
    finally:
        line.end()


@pytest.fixture(scope="session")
def small() -> Iterator[CloudLine]:
    """A stack of which nothing is there yet, with its cloud."""
    small = CloudLine(SMALL)
    small.begin()
    try:
        yield small
    finally:
        small.end()
