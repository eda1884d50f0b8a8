"""Which machines a lab has, and how they are."""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor

from rich.table import Table

from lab.machine import LabMachine
from lab.progress import console
from lab.state import LabState


def status(options: argparse.Namespace, state: LabState) -> int:
    """Print a table of the machines, or JSON; an empty lab is no error."""
    rows = machines(state)
    if options.json:
        print(json.dumps(rows))
        return 0
    shown = Table(title=f"Machines of stack {state.stack}")
    for title in ("machine", "state", "SSH port on 127.0.0.1", "boot id"):
        shown.add_column(title, no_wrap=True)
    for row in rows:
        how = "not running"
        if row["running"]:
            how = "running" if row["boot_id"] else "does not answer"
        shown.add_row(str(row["name"]), how, str(row["port"]), str(row["boot_id"] or "-"))
    console().print(shown if rows else f"Stack {state.stack} has no machines.")
    return 0


def machines(state: LabState) -> list[dict[str, str | int | bool | None]]:
    """Return name, running, port and boot_id of each machine; all are asked at once."""
    names = state.machines()
    if not names:
        return []
    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(lambda name: _row(LabMachine(name, state)), names))


def _row(machine: LabMachine) -> dict[str, str | int | bool | None]:
    return {
        "name": machine.name,
        "running": machine.running,
        "port": machine.port,
        "boot_id": machine.boot_id,
    }
