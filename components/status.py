"""`python -m components.status`: what every host of a stack says of itself, changing nothing."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from components.reach import Answer, ask
from leasedline import ages
from leasedline.commands import commands
from leasedline.drift import STATUS_CODES, program_fault, read_status
from leasedline.keys import KeyRing
from leasedline.snapshot import from_output
from leasedline.ssh import Login, login_from

DIFFERS: Final = 3
UNREACHABLE: Final = 4


def main() -> int:
    """Print every host's status.

    Returns:
        The exit code: 0 all as wanted, 1 the stack cannot be read, 3 a host differs from its
        bundle, 4 a host cannot be reached.
    """
    parser = argparse.ArgumentParser(prog="python -m components.status", description=__doc__)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    options = parser.parse_args()
    outputs = _pulumi("stack", "output", "--json", "--stack", options.stack)
    if outputs is None:
        return 1
    logins = {name: login_from(login) for name, login in (outputs.get("logins") or {}).items()}
    if not logins:
        print(f"stack {options.stack} has no hosts yet: make up STACK={options.stack}")
        return 0
    answers = ask(
        logins,
        {name: commands(login.user).status for name, login in logins.items()},
        *_keys(options.stack, logins),
    )
    program = (outputs.get("applied") or {}).get("program")
    reports = {name: _report(answer, program) for name, answer in answers.items()}
    applied = from_output(outputs.get("applied"))
    keys = ages.as_output(applied, datetime.now(UTC).date()) if applied else {}
    for name, report in reports.items():
        if name in keys:
            report["keys"] = keys[name]
    if options.json:
        print(json.dumps(reports, indent=2))
    else:
        _print_table(reports)
    if any("unreachable" in report for report in reports.values()):
        return UNREACHABLE
    return DIFFERS if any(report["differences"] for report in reports.values()) else 0


def _pulumi(*arguments: str) -> dict[str, Any] | None:
    ran = subprocess.run(
        ["pulumi", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        print(ran.stderr.strip(), file=sys.stderr)
        return None
    document: dict[str, Any] = json.loads(ran.stdout)
    return document


def _keys(stack: str, logins: Mapping[str, Login]) -> tuple[str | None, str | None]:
    """The stack's own SSH key and the one derived from its seed, where a host takes them."""
    if all(login.key_file for login in logins.values()):
        return None, None
    config = _pulumi("config", "--json", "--show-secrets", "--stack", stack) or {}
    key: str | None = config.get("leased-line:sshPrivateKey", {}).get("value")
    if not any(login.derived for login in logins.values()):
        return key, None
    return key, KeyRing(config.get("leased-line:seed", {}).get("value")).ssh_login().private


def _report(answer: Answer, program: str | None) -> dict[str, Any]:
    if answer.fault:
        return {"unreachable": answer.fault}
    if answer.code not in STATUS_CODES:
        return {"unreachable": answer.stderr.strip() or f"status ended with {answer.code}"}
    try:
        status = read_status(answer.stdout)
    except ValueError as error:
        return {"unreachable": str(error)}
    report = status.report or {"role": "", "address": "", "peers": [], "differences": []}
    if status.program is None or program not in (None, status.program):
        report["differences"] = [program_fault(status.program), *report["differences"]]
    return report


def _print_table(reports: dict[str, dict[str, Any]]) -> None:
    table = Table(title="Leased line", title_justify="left")
    for heading in ("host", "tunnel address", "peer", "endpoint", "handshake", "state"):
        table.add_column(heading, no_wrap=True)
    told, noted = [], []
    for name, report in sorted(reports.items(), key=lambda pair: pair[1].get("role") != "hub"):
        if "unreachable" in report:
            table.add_row(name, "", "", "", "", "[red]unreachable")
            told.append(f"{name}: {report['unreachable']}")
            continue
        peers = report["peers"]
        table.add_row(
            f"{name} (hub)" if report["role"] == "hub" else name,
            report["address"].partition("/")[0],
            "\n".join(peer["name"] for peer in peers),
            "\n".join(peer["endpoint"] or "-" for peer in peers),
            "\n".join(_ago(peer["handshake_age_s"]) for peer in peers),
            "[red]differs" if report["differences"] else "[green]as wanted",
        )
        told += [f"{name}: {difference}" for difference in report["differences"]]
        noted += [f"{name}: {note}" for note in report.get("notes", ())]
    console = Console()
    console.print(table)
    console.print(_key_ages(reports), highlight=False, markup=False, soft_wrap=True)
    for line in told:
        console.print(line, style="red", highlight=False, markup=False, soft_wrap=True)
    for line in noted:
        console.print(line, style="yellow", highlight=False, markup=False, soft_wrap=True)


def _key_ages(reports: Mapping[str, Mapping[str, Any]]) -> str:
    hosts = []
    for name, report in reports.items():
        keys = report.get("keys", {})
        days = [f"{kind.replace('_', '-')} {age['age_days']}" for kind, age in keys.items()]
        if days:
            hosts.append(f"{name} {', '.join(days)}")
    return f"keys, days old: {'; '.join(hosts) or 'not known yet'}"


def _ago(seconds: int | None) -> str:
    return "never" if seconds is None else f"{seconds} s ago"


if __name__ == "__main__":
    sys.exit(main())
