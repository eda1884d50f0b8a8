"""Remembers on what the slow layers passed, so that `make test` runs them when that has changed.

As `go test` and Bazel do: machines are not booted again while all that they were made of is as it
was when everything passed. A layer that is called by its name (`make test-lab`) always runs, and so
does everything with FRESH=1. A fresh clone, as in CI, remembers nothing.

    python -m tests.passed known: says when that was, or exits with 1 and says why they must run
    python -m tests.passed digest: of what there is now
    python -m tests.passed remember DIGEST SECONDS: all passed on that, unless it changed meanwhile
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
RECORD: Final = ROOT / ".lab" / "cache" / "passed.json"

KEPT_S: Final = 24 * 3600
"""After a day they run again: Debian's packages and this machine change, too."""

# What machines and clouds never see. Everything else counts, also files that nobody committed yet.
OTHERS: Final = (
    "README.md",
    "*/README.md",
    "docs/*",
    "bench/*",
    "tests/test_linters.py",
    "tests/unit/test_*.py",
    "tests/program/test_*.py",
)


class MustRunError(Exception):
    """Why the slow layers have to run."""


def inputs(root: Path, surroundings: Sequence[str]) -> str:
    """Return a digest of all files that the slow layers are made of, and of what is around them.

    Args:
        root: a git work tree.
        surroundings: what else has a part in the result, such as the kernel's version.

    Raises:
        MustRunError: it is no git work tree.
    """
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "."]
    listed += [f":(exclude){pattern}" for pattern in OTHERS]
    try:
        done = subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        msg = "this is no git work tree"
        raise MustRunError(msg) from None
    digest = hashlib.sha256("\0".join(surroundings).encode())
    for name in sorted(set(filter(None, done.stdout.split("\0")))):
        file = root / name
        content = file.read_bytes() if file.is_file() else b"gone"
        digest.update(f"\0{name}\0{len(content)}\0{os.access(file, os.X_OK)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def known(record: Path, digest: str, now: float) -> str:
    """Return what to say of the run that passed on the same.

    Args:
        record: where it was remembered.
        digest: of what there is now, `inputs`.
        now: seconds since the epoch.

    Raises:
        MustRunError: there is none, it was on something else, or it was too long ago.
    """
    try:
        past = json.loads(record.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        msg = "they have not passed here yet"
        raise MustRunError(msg) from None
    if past["digest"] != digest:
        msg = "something that they are made of has changed since they passed"
        raise MustRunError(msg)
    if not 0 <= now - past["when"] < KEPT_S:
        msg = "they passed more than a day ago"
        raise MustRunError(msg)
    return (
        f"lab and cloud passed on these very files {(now - past['when']) / 60:.0f} minutes ago "
        f"(the tests took {past['seconds']} s) and are not run again: "
        "make test FRESH=1, make test-lab and make test-cloud run them"
    )


def remember(record: Path, digest: str, seconds: int, now: float) -> None:
    """Write down that all passed on `digest`, in `seconds`, at `now` (seconds since the epoch)."""
    record.parent.mkdir(parents=True, exist_ok=True)
    new = record.with_suffix(".new")
    new.write_text(json.dumps({"digest": digest, "seconds": seconds, "when": now}), "utf-8")
    new.replace(record)


def around(environment: Mapping[str, str]) -> list[str]:
    """Return what else has a part: kernel, Python, QEMU, and settings of the tests."""
    qemu = shutil.which("qemu-system-x86_64")
    version = [qemu, "--version"] if qemu else ["true"]
    said = subprocess.run(version, capture_output=True, text=True, check=True).stdout
    chosen = sorted(
        f"{name}={value}" for name, value in environment.items() if name.startswith("LEASED_LINE_")
    )
    return [platform.release(), platform.python_version(), said, *chosen]


def main(arguments: Sequence[str]) -> int:
    """Run one of the three commands above and return the exit code."""
    command, *words = arguments
    try:
        now = inputs(ROOT, around(os.environ))
        if command == "digest":
            print(now)
        elif command == "remember":
            digest, seconds = words
            if digest == now:
                remember(RECORD, digest, int(seconds), time.time())
        elif os.environ.get("FRESH"):
            msg = "FRESH is set"
            raise MustRunError(msg)
        else:
            print(known(RECORD, now, time.time()))
    except MustRunError as why:
        print(f"lab and cloud are run: {why}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
