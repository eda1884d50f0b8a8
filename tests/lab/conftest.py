"""One line for all lab tests that need one."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from tests.lab.bare import BARE, Running, call, interrupt_machine_up, running
from tests.lab.line import Line

TRIXIE: Final = tuple(os.environ.get("LEASED_LINE_TRIXIE", "a").split(","))
"""The line's machines with Debian 13: `LEASED_LINE_TRIXIE=z,c tests/run lab` is the other way."""

FAILED: Final = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def line() -> Iterator[Line]:
    """The article's line, brought up by a `make up` that was killed once and run again."""
    line = Line(trixie=TRIXIE)
    line.prepare()
    line.make("destroy", check=False)
    line.forget()
    line.prepare()
    machines = line.lab.state.directory / "machines"
    try:
        with line.watching_processes():
            line.kill_up_once(lambda: any(machines.glob("*/pid")))
            line.make("up")
        yield line
    finally:
        line.make("destroy", check=False)
        line.forget()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture(autouse=True)
def mended(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a failed test the line is the article's again, so that the next tell of themselves."""
    yield
    if "line" in request.fixturenames and request.node.stash.get(FAILED, False):
        line: Line = request.getfixturevalue("line")
        line.prepare()
        line.make("up", check=False)


@pytest.fixture(scope="session")
def bare() -> Iterator[Running]:
    """The article's world with bare machines, one of them after a start that was cancelled."""
    call("destroy", "--all-of", BARE, stack=BARE)
    try:
        up = running(BARE)
        interrupt_machine_up(up, "a")
        names = [machine.name for machine in up.built.machines]
        with ThreadPoolExecutor() as pool:
            up.reached.update(zip(names, pool.map(up.machine_up, names), strict=True))
        yield up
    finally:
        call("destroy", "--all-of", BARE, stack=BARE)
