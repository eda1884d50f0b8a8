"""Remove everything of a stack's lab that is found on this machine, state or no state."""

from __future__ import annotations

import os
import shutil
import signal

from lab import qemu
from lab.errors import LabError
from lab.machine import LabMachine
from lab.netns import namespaces_of, remove_namespace
from lab.process import EXIT_TIMEOUT_S, stray_daemons
from lab.progress import say
from lab.shell import wait_until
from lab.state import LabState


def sweep(state: LabState) -> None:
    """Remove the machines, namespaces and files of the stack, in this clone of the project.

    Raises:
        LabError: something stays; the rest is gone, and the text names what is left.
    """
    left = []
    # First: one of them may be an API that boots machines.
    _kill(stray_daemons(state.directory))
    for name in state.machines():
        try:
            LabMachine(name, state).down()
        except LabError as error:
            left.append(f"machine {name}: {error}")
    _kill(qemu.stray(state.stack, state.directory))

    def gone() -> bool | str:
        pids = qemu.stray(state.stack, state.directory) + stray_daemons(state.directory)
        return f"processes {pids} run on" if pids else True

    try:
        wait_until("the end of all machines and daemons", gone, timeout_s=EXIT_TIMEOUT_S)
    except LabError as error:
        left.append(str(error))
    for name in namespaces_of(state.stack):
        try:
            remove_namespace(name)
        except LabError as error:
            left.append(f"namespace {name}: {error}")
    if left:
        raise LabError("\n".join(left))
    if state.directory.exists():
        shutil.rmtree(state.directory)
    say(f"nothing of stack {state.stack}'s lab is left")


def _kill(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
