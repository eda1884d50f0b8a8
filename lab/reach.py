"""How a command is run on any host of a lab: machines by SSH, the rest in its namespace."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from lab import ssh
from lab.errors import LabError
from lab.machine import LabMachine
from lab.netns import exists
from lab.parts import INTERNET, Device, namespace
from lab.places import known_office
from lab.shell import inside
from lab.state import LabState


def command(host: str, argv: Sequence[str], state: LabState) -> list[str]:
    """Return what to execute here so that `argv` runs on `host`, each word as it is.

    Raises:
        LabError: the lab has no such host, or that machine does not run.
    """
    if host in state.machines():
        machine = LabMachine(host, state)
        if not machine.running:
            msg = f"machine {host} does not run: `python -m lab machine start {host}`"
            raise LabError(msg)
        return ssh.command(state, host, machine.port, shlex.join(argv))
    return inside(place_of(host, state), argv)


def place_of(host: str, state: LabState) -> str:
    """Return the namespace of a device, of an office's router (isp-<office>) or the internet.

    Raises:
        LabError: the lab has no such host.
    """
    place = host if host == INTERNET or host.startswith("isp-") else f"dev-{host}"
    name = namespace(state.stack, place)
    if not exists(name):
        hosts = ", ".join([*state.machines(), *devices(state), *state.parts()]) or "none"
        msg = (
            f"stack {state.stack} has no host {host} (there are: {hosts}): "
            f"`make up STACK={state.stack}` brings its lab up"
        )
        raise LabError(msg)
    return name


def devices(state: LabState) -> dict[str, tuple[str, Device]]:
    """Return each plain device of the lab by name, with its office."""
    return {device.name: (office, device) for office, device in _devices(state)}


def _devices(state: LabState) -> Iterator[tuple[str, Device]]:
    for part in state.parts():
        spec = known_office(part.removeprefix("isp-"), state) if part != INTERNET else None
        for lan in spec.lans if spec else ():
            for device in lan.devices:
                yield part.removeprefix("isp-"), device
