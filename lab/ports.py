"""Ports on 127.0.0.1 that stay with what they were allotted to.

All are below the default of net.ipv4.ip_local_port_range, so that no client takes one by chance.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from lab.errors import LabError
from lab.state import LabState, locked, write

LOOPBACK: Final = "127.0.0.1"

CLOUDS: Final = range(22100, 22200)
"""Where the API of each stack's cloud is (see `lab.cloud.server`)."""

MACHINES: Final = range(22200, 22900)
"""Where the SSH of the lab's own machines comes in."""

FORWARDERS: Final = range(22900, 23000)
"""Where the SSH of public addresses comes in (see `lab.cloud.reach`)."""


def allot(ports: range, kept: Path, others: Iterable[Path], state: LabState) -> int:
    """Return the port in the file `kept`, which is written now if it is not there.

    A new one is free now and in none of the files `others`.

    Raises:
        LabError: no port is left.
    """
    if kept.exists():
        return int(kept.read_text())
    with locked(state.cache / "locks" / "ports"):
        taken = {int(path.read_text()) for path in others}
        port = next((port for port in ports if port not in taken and is_free(port)), None)
        if port is None:
            msg = (
                f"no port of {ports.start} to {ports.stop - 1} is free on {LOOPBACK}: "
                "`ss -tlnp` shows who has them"
            )
            raise LabError(msg)
        write(kept, f"{port}\n")
    return port


def is_free(port: int) -> bool:
    """Return whether a server can have the port on 127.0.0.1 now."""
    with socket.socket() as probe:
        # As QEMU does: a port whose last connection is only timing out is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
