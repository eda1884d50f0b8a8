"""A machine's own disk, an overlay on an image, and the initial RAM disk that it boots with."""

from __future__ import annotations

import os
from pathlib import Path

from lab.errors import LabError
from lab.image import Image, at
from lab.shell import run
from lab.state import give, write

OVERLAY = "overlay.qcow2"
INITRD = "initrd"


def make_disk(home: Path, base: Image) -> None:
    """Make a disk on the image `base` in the machine's directory `home`."""
    new = home / "overlay.new"
    # fmt: off
    run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw",
        "-b", os.fspath(base.disk), os.fspath(new))
    # fmt: on
    give(new)
    # Which image a disk was made on decides which kernel fits its modules.
    write(home / "image", os.fspath(base.disk.parent))
    new.rename(home / OVERLAY)


def disks_image(home: Path, remedy: str) -> Image:
    """Return the image that the disk in `home` was made on.

    Raises:
        LabError: it is gone; `remedy` says what to do about it.
    """
    base = at(Path((home / "image").read_text()))
    if not base.disk.exists():
        msg = (
            f"the image that machine {home.name}'s disk was made on is gone "
            f"({base.disk.parent}): {remedy}"
        )
        raise LabError(msg)
    return base


def write_initrd(home: Path, base: Image, own: bytes) -> None:
    """Write the image's initial RAM disk with the machine's own archive behind it."""
    path = home / INITRD
    # It may hold a private host key.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base.initrd.read_bytes() + own)
    give(path)
