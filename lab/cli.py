"""The verbs of `python -m lab`.

Verbs that bring something up read what to build as JSON on standard input, print one line of
JSON, and tell people what is going on on standard error. Exit codes: 0 done, 1 not done, 2 this
machine or the input will not do; `run` has that of the command it ran.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from lab import dns, places, preflight, reach, sweep
from lab.cloud import cli as cloud
from lab.errors import LabError, PreflightError, WorldError
from lab.image import image, server
from lab.machine import LabMachine
from lab.parts import Internet, Machine, Office
from lab.preflight import become_root
from lab.state import LabState
from lab.status import status
from lab.table import table

DEFAULT_STACK: Final = "lab"

Spec = TypeVar("Spec", bound=BaseModel)
Verb = Callable[[argparse.Namespace, LabState], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code; faults are told in words, without a trace."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(words)
    # Pulumi ends a command by a signal: what holds a lock or a tap then ends in order.
    signal.signal(signal.SIGTERM, _interrupted)
    preflight.widen_path()
    state = LabState(options.stack)
    verb: Verb = options.verb
    try:
        if options.root(options, state):
            become_root(words)
        if options.checked:
            preflight.require(state)
        return verb(options, state)
    except (PreflightError, WorldError) as error:
        _complain(str(error))
        return 2
    except LabError as error:
        _complain(str(error))
        return 1
    except KeyboardInterrupt:
        _complain("interrupted; the same command again goes on from here")
        return 130


def _interrupted(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _complain(text: str) -> None:
    for line in text.splitlines():
        print(f"lab: {line}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab", description="The world of a lab stack on this machine."
    )
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    def add(
        name: str,
        verb: Verb,
        text: str,
        *,
        root: Callable[[argparse.Namespace, LabState], bool] = _always,
        checked: bool = False,
    ) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.add_argument("--stack", default=DEFAULT_STACK, help="whose lab (default: lab)")
        added.set_defaults(verb=verb, root=root, checked=checked)
        return added

    added = add("image", _image, "build the machines' disk image, once", checked=True)
    added.add_argument("--debian", default="bookworm", choices=["bookworm", "trixie"])
    added = add("internet", _internet, "the internet: up reads its spec on stdin")
    added.add_argument("action", choices=["up", "down"])
    added = add("office", _office, "an office's router, LANs and devices: up reads a spec")
    added.add_argument("action", choices=["up", "down"])
    added.add_argument("name")
    added = add("gateway", _gateway, "type the recipe on stdin into an office's router")
    added.add_argument("name")
    added = add("dns", _dns, "what the internet's name server answers from now on")
    added.add_argument("name", help="the hub's name in the lab settings")
    added.add_argument("address", type=_address, help="an address, or none: no such name")
    added = add("machine", _machine, "a virtual machine: up reads its spec on stdin")
    added.add_argument("action", choices=["up", "down", "start", "stop", "kill", "reboot"])
    added.add_argument("name")
    add("revive", _revive, "start the machines of a lab whose QEMU has ended", checked=True)
    added = add("status", status, "the lab's machines as a table", root=_never)
    added.add_argument("--json", action="store_true", help="for programs")
    added = add("run", _run, "run a command on a machine, a device or a router", root=_needs_root)
    added.add_argument("host", help="z, a, b, internet, isp-a ...")
    added.add_argument("command", nargs="+", help="behind --")
    added = add("table", table, "measure who reaches whom")
    added.add_argument("--count", type=int, default=5, help="pings for each pair (default: 5)")
    added = add("cloud", _cloud, "the stack's own Alibaba Cloud", root=cloud.needs_root)
    cloud.add_verbs(added)
    add("check", _check, "what this machine lacks for a lab")
    added = add("destroy", _destroy, "remove all of a stack's lab, state or no state")
    added.add_argument("--all-of", required=True, metavar="STACK", dest="all_of")
    return parser


def _always(_options: argparse.Namespace, _state: LabState) -> bool:
    return True


def _never(_options: argparse.Namespace, _state: LabState) -> bool:
    return False


def _needs_root(options: argparse.Namespace, state: LabState) -> bool:
    return options.host not in state.machines()


def _read_spec(kind: type[Spec], state: LabState, name: str | None) -> Spec:
    """Return the spec on standard input, checked to be the one that is asked for."""
    text = sys.stdin.read()
    try:
        spec = kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the text"
        msg = (
            f"standard input is no {kind.__name__.lower()}'s spec, {where}: {first['msg']}; "
            "`pulumi up` gives the right one"
        )
        raise WorldError([msg]) from None
    said = (getattr(spec, "stack", ""), getattr(spec, "name", None))
    if said != (state.stack, name):
        told = " ".join(filter(None, said))
        asked = " ".join(filter(None, (state.stack, name)))
        raise WorldError([f"the spec on standard input is for {told}, not for {asked}"])
    return spec


def _print(data: object) -> int:
    print(json.dumps(data))
    return 0


def _image(options: argparse.Namespace, state: LabState) -> int:
    return _print({"disk": os.fspath(image(server(options.debian), state).disk)})


def _internet(options: argparse.Namespace, state: LabState) -> int:
    if options.action == "down":
        places.internet_down(state)
        return 0
    preflight.require(state)
    spec = _read_spec(Internet, state, None)
    places.internet_up(spec, state)
    return _print({"router": str(spec.router)})


def _office(options: argparse.Namespace, state: LabState) -> int:
    if options.action == "down":
        places.office_down(options.name, state)
        return 0
    preflight.require(state)
    spec = _read_spec(Office, state, options.name)
    places.office_up(spec, state)
    return _print({"isp": str(spec.isp.ip)})


def _gateway(options: argparse.Namespace, state: LabState) -> int:
    places.gateway(options.name, sys.stdin.read(), state)
    return 0


def _dns(options: argparse.Namespace, state: LabState) -> int:
    dns.answer(options.name, options.address, state)
    return 0


def _address(text: str) -> IPv4Address | None:
    try:
        return None if text == "none" else IPv4Address(text)
    except ValueError:
        msg = f"{text} is neither an IPv4 address nor none"
        raise argparse.ArgumentTypeError(msg) from None


def _machine(options: argparse.Namespace, state: LabState) -> int:
    machine = LabMachine(options.name, state)
    if options.action == "up":
        preflight.require(state)
        print(machine.up(_read_spec(Machine, state, options.name)).json())
    else:
        getattr(machine, options.action)()
    return 0


def _revive(_options: argparse.Namespace, state: LabState) -> int:
    dead = [
        machine
        for machine in (LabMachine(name, state) for name in state.machines())
        if machine.prepared and not machine.running
    ]
    with ThreadPoolExecutor(max(len(dead), 1)) as pool:
        for done in [pool.submit(machine.start) for machine in dead]:
            done.result()
    return 0


def _run(options: argparse.Namespace, state: LabState) -> int:
    command = reach.command(options.host, options.command, state)
    sys.stdout.flush()
    os.execvp(command[0], command)  # noqa: S606 -- a list of words, and no shell is wanted


def _cloud(options: argparse.Namespace, state: LabState) -> int:
    act: Verb = options.act
    return act(options, state)


def _check(_options: argparse.Namespace, state: LabState) -> int:
    preflight.require(state)
    print("this machine can run a lab", file=sys.stderr)
    return 0


def _destroy(options: argparse.Namespace, state: LabState) -> int:
    sweep.sweep(LabState(options.all_of, state.project))
    return 0
