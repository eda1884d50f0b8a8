"""What only root can do in these tests' own process, where the lab's commands use sudo."""

from __future__ import annotations

import os

import pytest


def require_root() -> None:
    """Skip what needs this fixture unless root runs it.

    A thread that enters a namespace (setns(2)), opens a tap or signals a daemon of root's has to
    be root's itself; a command could be run by sudo, as the lab's are.
    """
    if os.geteuid() != 0:
        pytest.skip("this enters namespaces and ends daemons by itself, as only root may")
