"""One line for all lab tests that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.line import Line


@pytest.fixture(scope="session")
def line() -> Iterator[Line]:
    """The article's line, brought up by a `make up` that was killed once and run again."""
    line = Line()
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
