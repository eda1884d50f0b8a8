"""How the machines' disks are built, as far as it concerns this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import LabError
from lab.image import image, server
from lab.state import LabState
from tests.cloud.rights import require_root

MOUNTS = """\
#!/bin/sh
mount -t tmpfs none "${0%/*}"
readlink /proc/self/ns/mnt
exit 1
"""
"""In the place of mmdebstrap: it mounts something, says where, and dies before it unmounts."""


def test_a_build_that_dies_leaves_nothing_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else who removes the directory that it has left removes what is mounted in it, too."""
    require_root()
    program = tmp_path / "bin" / "mmdebstrap"
    program.parent.mkdir()
    program.write_text(MOUNTS)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    before = Path("/proc/self/mounts").read_text("utf-8")
    with pytest.raises(LabError, match=r"mnt:\[\d+\]") as failed:
        image(server("bookworm"), LabState("lab-image", tmp_path))
    assert str(Path("/proc/self/ns/mnt").readlink()) not in str(failed.value)
    assert Path("/proc/self/mounts").read_text("utf-8") == before
