"""A scratch host for the host program's functions, one per shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.shell import SHELLS, Host


@pytest.fixture(params=SHELLS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    return Host(root=tmp_path, shell=request.param)
