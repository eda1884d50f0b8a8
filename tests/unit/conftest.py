"""A scratch host for the host program's functions, one per shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.recorded import lay_down
from tests.unit.shell import SHELLS, Host


@pytest.fixture(params=SHELLS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    return Host(root=tmp_path, shell=request.param)


@pytest.fixture
def hub(host: Host) -> Host:
    """The article's hub, its key files in the scratch folder."""
    lay_down(host, "z")
    return host


@pytest.fixture
def spoke(host: Host) -> Host:
    """The article's spoke a, likewise."""
    lay_down(host, "a")
    return host
