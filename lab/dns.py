"""The lab's name server: dnsmasq on the internet's router, which knows the hub's name alone.

What it answers can be changed at any time, as a provider of dynamic DNS does. Its answers are to
be kept for no time, since nothing in the lab would keep them.
"""

from __future__ import annotations

import signal
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from lab.errors import LabError
from lab.parts import INTERNET, Internet, namespace
from lab.process import SHORT_PID_FILE, Process
from lab.shell import run
from lab.state import LabState, write

PROGRAM: Final = "dnsmasq"


def dns_up(spec: Internet, state: LabState) -> None:
    """Have the internet's router answer for `spec.hub_name`; without a name, for nothing at all."""
    if spec.hub_name is None:
        dns_down(state)
        return
    _write(spec.hub_name, spec.hub_public, state)
    process = _process(state)
    if process.pid() is not None:
        process.signal(signal.SIGHUP)
        return
    # As root, since nobody else may read below a person's own directory. fmt: off
    run(
        PROGRAM,
        "--conf-file=/dev/null",
        "--user=root",
        "--no-hosts",
        "--no-resolv",
        f"--addn-hosts={_hosts(state)}",
        "--local=/#/",
        "--local-ttl=0",
        "--cache-size=0",
        f"--listen-address={spec.router}",
        "--bind-interfaces",
        SHORT_PID_FILE,
        str(process.pid_file),
        namespace=namespace(state.stack, INTERNET),
    )
    # fmt: on


def dns_down(state: LabState) -> None:
    """End the name server; none there is no error."""
    _process(state).end()
    _hosts(state).unlink(missing_ok=True)


def answer(name: str, address: IPv4Address | None, state: LabState) -> None:
    """Have the name server answer `name` with `address`; with None, that there is no such name.

    Raises:
        LabError: the lab has no name server.
    """
    process = _process(state)
    if process.pid() is None:
        msg = (
            f"the lab of stack {state.stack} has no name server: write hub: {{name: {name}}} into "
            f"stacks/{state.stack}.lab.yaml, and bring it up again"
        )
        raise LabError(msg)
    _write(name, address, state)
    process.signal(signal.SIGHUP)


def _process(state: LabState) -> Process:
    return Process(pid_file=state.directory / "dns" / "pid")


def _hosts(state: LabState) -> Path:
    return state.directory / "dns" / "hosts"


def _write(name: str, address: IPv4Address | None, state: LabState) -> None:
    write(_hosts(state), f"{address} {name}\n" if address else "")
