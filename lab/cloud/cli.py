"""The verbs of `python -m lab cloud`."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import signal
from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.table import Table

from lab.cloud import reach
from lab.cloud.admin import administer
from lab.cloud.home import CloudFiles
from lab.cloud.inventory import inventory
from lab.cloud.journal import entries
from lab.cloud.machines import LabMachines
from lab.cloud.state import Store
from lab.errors import LabError
from lab.process import EXIT_TIMEOUT_S
from lab.progress import console, say
from lab.settings import load_settings
from lab.state import LabState
from lab.world import internet

Verb = Callable[[argparse.Namespace, LabState], int]

NEEDS_ROOT: Final = ("up", "down", "reach", "unreach")
"""What has to do with namespaces."""


def add_verbs(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `python -m lab cloud` its verbs.

    Each sets `act`, a function of the options and the stack's `LabState` that returns the exit
    code, and takes --stack.
    """
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB", dest="cloud_verb")

    def add(name: str, act: Verb, text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(act=act)
        return added

    add("up", _up, "start the API, with what there was in it")
    add("down", _down, "end the API, and remove all that is in it")
    add("env", _env, "print the shell's environment for clients of this cloud")
    added = add("inventory", _inventory, "all that there is, and what would be billed")
    added.add_argument("--json", action="store_true", help="for programs")
    added = add("fault", _fault, "let something go wrong; without KIND, list what is to")
    added.add_argument("kind", nargs="?", help="throttling, no-stock, cut ...; `kinds` lists them")
    added.add_argument("--action", default="*", help="for example RunInstances, or ecs:*")
    added.add_argument("--count", type=int, default=1, help="how often (default: once)")
    added.add_argument("--clear", action="store_true", help="let nothing go wrong any more")
    added = add("log", _log, "the requests that came in, without anything secret")
    added.add_argument("--json", action="store_true", help="a line of JSON for each")
    added.add_argument("--ram", action="store_true", help="only the RAM actions that were used")
    reach.add_verbs(verbs)
    for verb in verbs.choices.values():
        verb.add_argument("--stack", default=argparse.SUPPRESS, help="whose cloud (default: lab)")


def needs_root(options: argparse.Namespace, _state: LabState) -> bool:
    """Return whether a verb of the cloud is root's."""
    return options.cloud_verb in NEEDS_ROOT


def _up(_options: argparse.Namespace, state: LabState) -> int:
    files = CloudFiles(state)
    files.settings()
    with state.lock("cloud"):
        if files.process.pid() is None:
            files.process.start_daemon("lab.cloud.daemon", "--stack", state.stack)
            say(f"cloud: the API of stack {state.stack} answers on port {files.port()}")
        else:
            # Its settings may be others by now.
            administer(files, "settings", "POST")
    return 0


def _down(_options: argparse.Namespace, state: LabState) -> int:
    files = CloudFiles(state)
    with state.lock("cloud"):
        try:
            files.process.end(signal.SIGTERM)
        except LabError:
            say(f"cloud: the API does not end within {EXIT_TIMEOUT_S} s, killing it")
            files.process.end()
        reach.unreach_all(state)
        settings = load_settings(state.stack, state.project)
        LabMachines(state, internet(settings, state.stack)).remove_all()
        shutil.rmtree(files.home, ignore_errors=True)
        state.prune()
    return 0


def _env(_options: argparse.Namespace, state: LabState) -> int:
    files = CloudFiles(state)
    files.settings()
    for name, value in files.environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _inventory(options: argparse.Namespace, state: LabState) -> int:
    # From the file: what exists does so whether the API runs or not.
    rows = inventory(Store(CloudFiles(state).world).world)
    if options.json:
        print(json.dumps(rows))
        return 0
    if not rows:
        console().print(f"Nothing exists in the cloud of stack {state.stack}.")
        return 0
    _print(f"Cloud of stack {state.stack}", rows)
    return 0


def _print(title: str, rows: Sequence[dict[str, Any]]) -> None:
    shown = Table(title=title)
    for name in rows[0]:
        shown.add_column(name, overflow="fold")
    for row in rows:
        shown.add_row(*(_cell(value) for value in row.values()))
    console().print(shown)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _fault(options: argparse.Namespace, state: LabState) -> int:
    files = CloudFiles(state)
    if options.clear:
        administer(files, "faults", "DELETE")
    elif options.kind == "kinds":
        for name, text in administer(files, "kinds").items():
            print(f"{name:12}  {text}")
        return 0
    elif options.kind:
        told = {"kind": options.kind, "action": options.action, "count": options.count}
        administer(files, "faults", "POST", told)
    print(json.dumps(administer(files, "faults")))
    return 0


def _log(options: argparse.Namespace, state: LabState) -> int:
    found = list(entries(CloudFiles(state).log))
    if options.ram:
        print("\n".join(sorted({entry["ram"] for entry in found if entry["ram"]})))
        return 0
    for entry in found:
        if options.json:
            print(json.dumps(entry))
        else:
            told = " ".join(f"{name}={value}" for name, value in entry["values"].items())
            print(f"{entry['time'][:19]} {entry['ram'] or entry['action']} {entry['code']} {told}")
    return 0
