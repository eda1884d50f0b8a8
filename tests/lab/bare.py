"""Servers that are just there: the lab's machines without a stack of ours behind them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from lab.client import Lab
from lab.settings import load_settings
from lab.world import world
from leasedline.load import load_network

PROJECT: Final = Path(__file__).resolve().parents[2]

SNAPSHOT: Final = r"""
find /etc /usr/local /root /home /opt /var/lib/leased-line /run/leased-line -xdev \
    \( -type f -exec sha256sum {} + \) -o -type l -printf '%p -> %l\n' 2>/dev/null | sort
find /etc /usr/local /root /home /opt /var/lib/leased-line /run/leased-line -xdev \
    -printf '%p %m %u:%g\n' 2>/dev/null | sort
# What counts bytes or time, or is drawn anew at each boot, is no setting.
sysctl -a 2>/dev/null | grep -E '^net\.(ipv4|ipv6|core)\.' | grep -vE 'key|nr_|\.stat|route\.gc'
systemctl list-unit-files --no-legend --no-pager
systemctl list-units --no-legend --no-pager --plain --type service,socket |
    awk '{ print $1, $3, $4 }' | grep -vE 'user@|user-runtime|session-|ssh@|hostnamed|timedated'
nft list ruleset
ip -4 address | grep -v valid_lft
ip -4 route
ip -br link
"""
"""A host's files with content, owner and mode, sysctls, units, nft ruleset, addresses, routes."""


def verb(stack: str, *words: str, spec: dict[str, Any] | str = "") -> str:
    """Run one of the lab's verbs for `stack` and return its standard output."""
    text = spec if isinstance(spec, str) else json.dumps(spec)
    return subprocess.run(
        [sys.executable, "-m", "lab", *words, "--stack", stack],
        cwd=PROJECT,
        input=text,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@contextmanager
def bare_servers(stack: str) -> Iterator[tuple[Lab, dict[str, Any]]]:
    """Bring up the article's world with bare machines; how each is reached, by name."""
    built = world(load_network(PROJECT / "stacks/lab.network.yaml"), load_settings("lab"), stack)
    verb(stack, "destroy", "--all-of", stack)
    try:
        verb(stack, "internet", "up", spec=built.internet.spec())
        for office in built.offices:
            verb(stack, "office", "up", office.name, spec=office.spec())
        reached = {}
        starting = [
            (
                machine.name,
                subprocess.Popen(
                    [sys.executable, "-m", "lab", "machine", "up", machine.name, "--stack", stack],
                    cwd=PROJECT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                ),
                json.dumps(machine.spec()),
            )
            for machine in built.machines
        ]
        for _, process, spec in starting:
            assert process.stdin is not None
            process.stdin.write(spec)
            process.stdin.close()
        for name, process, _ in starting:
            assert process.stdout is not None
            with process.stdout as output:
                reached[name] = json.loads(output.read())
            assert process.wait() == 0
        yield Lab(stack), reached
    finally:
        verb(stack, "destroy", "--all-of", stack)


def snapshot(lab: Lab, host: str) -> list[str]:
    """Return what `SNAPSHOT` says of a host, a line each."""
    return lab.run(host, "sh", "-c", SNAPSHOT).stdout.splitlines()
