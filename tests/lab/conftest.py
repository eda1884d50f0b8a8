"""One line for all lab tests that need one, and the order in which they use it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.line import Line

# From the world alone to the line's end: what changes the line stands behind what only looks.
ORDER = (
    "test_world",
    "test_existing",
    "test_line",
    "test_secrets",
    "test_change",
    "test_reboot",
    "test_destroy",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.stem in ORDER else -1)


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
