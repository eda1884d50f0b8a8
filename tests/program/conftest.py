"""Fixtures of the tests of the hub in Alibaba Cloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program.alibaba import Up, up_in
from tests.program.offices import World, world


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI0000")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "of nobody")


@pytest.fixture
def up(tmp_path: Path, credentials: None) -> Up:
    """Runs the hub's part of the program, with credentials in the environment."""
    return up_in(tmp_path)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Four servers that say nothing of themselves: a hub, two offices, and one more."""
    with world(tmp_path_factory.mktemp("keys"), 4) as built:
        for office in built.offices:
            office.says = ""
        yield built
