"""Commands as a user types them: in the project's directory, with the environment of a stack."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from lab.settings import PROJECT


def environment_of(stack: str, own: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what the README tells a user to evaluate, on top of a user's `own` variables."""
    text = subprocess.run(
        ["bash", "-c", f'eval "$(toolchain/env {stack})"; env -0'],
        cwd=PROJECT,
        env=os.environ | dict(own or {}),
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return dict(pair.split("=", 1) for pair in text.split("\0") if pair)


def run(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: str = "",
    check: bool = True,
    timeout_s: float = 600,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; with `check`, a failure shows all that it printed."""
    done = subprocess.run(
        argv,
        cwd=PROJECT,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if check and done.returncode:
        message = f"{' '.join(argv)} ended with {done.returncode}\n{done.stdout}{done.stderr}"
        raise AssertionError(message)
    return done
