"""Where a lab keeps its files: `.lab/<stack>/` for one stack, `.lab/cache/` for all.

Everything belongs to the person who ran the command, also where the lab's own commands run
under sudo, so that Pulumi and ssh can read the keys.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lab.settings import PROJECT
from lab.shell import run, wait_until

LOCK_TIMEOUT_S: Final = 900
"""Building the image, the longest that a lock is held, takes a minute; slow mirrors take more."""


def owner() -> tuple[int, int]:
    """Return user and group id of the person at the keyboard, sudo (8) or not."""
    uid = int(os.environ.get("SUDO_UID", os.getuid()))
    gid = int(os.environ.get("SUDO_GID", os.getgid()))
    return (uid, gid) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Put `text` into `path` at once or not at all, owned by the person at the keyboard."""
    make_directory(path.parent)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
    give(new)
    new.rename(path)


def give(path: Path) -> None:
    """Make the person at the keyboard the owner of `path`."""
    os.chown(path, *owner(), follow_symlinks=False)


def make_directory(path: Path, mode: int = 0o755) -> None:
    """Make `path` and what is missing above it."""
    missing = [path, *path.parents]
    for directory in reversed([p for p in missing if not p.exists()]):
        directory.mkdir(mode=mode, exist_ok=True)
        give(directory)


class LabState:
    """The files of the lab of one stack."""

    def __init__(self, stack: str, project: Path = PROJECT) -> None:
        self.stack = stack
        self.project = project
        self.directory = project / ".lab" / stack
        self.cache = project / ".lab" / "cache"

    @property
    def cloud(self) -> Path:
        """The directory of the stack's cloud, which outlives the stack; there only with a cloud."""
        return self.directory / "cloud"

    @property
    def private_key(self) -> Path:
        """The lab administrator's SSH key (ed25519), which every machine knows."""
        return self.directory / "id_ed25519"

    @property
    def public_key(self) -> Path:
        """The public half, in authorized_keys format."""
        return self.directory / "id_ed25519.pub"

    def part(self, name: str) -> Path:
        """Return where the spec of a part of the world is kept: internet, isp-<office>."""
        return self.directory / "world" / f"{name}.json"

    def machine(self, name: str) -> Path:
        """Return the directory of a machine."""
        return self.directory / "machines" / name

    def machines(self) -> list[str]:
        """Return the names of all machines that have a directory."""
        return sorted(path.name for path in (self.directory / "machines").glob("*"))

    def parts(self) -> list[str]:
        """Return the names of all parts of the world that have a spec."""
        return sorted(path.stem for path in (self.directory / "world").glob("*.json"))

    def ensure_key(self) -> None:
        """Make the lab administrator's key unless it is there."""
        with self.lock("key"):
            if self.private_key.exists() and self.public_key.exists():
                return
            make_directory(self.directory, 0o700)
            self.private_key.unlink(missing_ok=True)
            make_key(self.private_key, f"leased-line lab {self.stack}")

    @contextmanager
    def lock(self, what: str) -> Iterator[None]:
        """Hold the lock `what` of this stack, waiting for whoever has it.

        Locks live in the cache: a lock that is removed with its stack would not keep out a
        command that opened it just before.

        Raises:
            LabError: somebody holds it for longer than the longest step takes.
        """
        with locked(self.cache / "locks" / f"{self.stack}.{what}"):
            yield

    def prune(self) -> None:
        """Remove the stack's directory once no machine, world or cloud is left in it."""
        with self.lock("key"):
            for name in ("machines", "world"):
                directory = self.directory / name
                if directory.exists() and not any(directory.iterdir()):
                    directory.rmdir()
            left = self.machines() or self.parts() or self.cloud.exists()
            if not left and self.directory.exists():
                shutil.rmtree(self.directory)


def make_key(path: Path, comment: str) -> None:
    """Make an ed25519 key pair (ssh-keygen(1)) at `path` and `path`.pub."""
    make_directory(path.parent)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", os.fspath(path))
    give(path)
    give(path.with_name(f"{path.name}.pub"))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` (flock(2)), which ends with the process at the latest."""
    make_directory(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def acquire() -> bool | str:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return f"another command holds {path} (`fuser {path}` says which)"
        return True

    try:
        give(path)
        wait_until("the lab's lock", acquire, timeout_s=LOCK_TIMEOUT_S, every_s=0.1)
        yield
    finally:
        os.close(descriptor)
