"""On running machines: `pulumi up` beside pyinfra, and changes of ours beside the article's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench import changes
from bench.changes import FROM, TO, WATCH_S
from bench.measure import Timed, console, progress, ratio
from bench.pyinfra import Push, prepared, stack_files
from bench.stack import TWO, Stack, bench_stack
from lab.client import Lab
from lab.ping import INTERVAL_S, STEADY
from leasedline.files import File

ROUNDS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PushCost:
    """One tool's runs: from hosts without the line (`first`), and once more (`no_op`)."""

    first: Timed
    no_op: Timed


def run() -> None:
    """Measure and print everything about the running line.

    Raises:
        BenchError: something could not be measured; the stack is removed all the same.
        LabError: the line did not come up, or not back; likewise.
    """
    with bench_stack() as stack:
        files = stack_files(stack, TWO)
        ours, theirs = push_costs(stack, files)
        console.print(push_table(ours, theirs))
        count = sum(map(len, files.values()))
        console.print(
            f"{len(files)} hosts, {count} files, machines up in both columns. First: from hosts "
            "without any of it. pulumi up walks the whole stack, lab included, and ends when each "
            "kernel holds the plan and each spoke has a reply from the hub; pyinfra puts the same "
            "files there, restarts networkd and checks nothing. No-op: pulumi up asks every host "
            "whether kernel and files are as the plan says, and compares with its state; pyinfra "
            "asks for the files.\n"
        )
        stack.up()
        found = changes.measured(stack)
        console.print(changes.table(found))
        console.print(
            f"One change each, under a ping from {FROM} to d every {INTERVAL_S} s, from before the "
            f"change until {WATCH_S:.0f} s after it and {STEADY} replies in a row; silence is the "
            "longest time between two replies. Ours: the whole pulumi up. The article's: the same "
            "files put on the hosts that it changes (for a new spoke, the hub alone), one host "
            "after the other, and on each systemctl restart systemd-networkd.\n"
        )
        console.print(changes.added(found))


def push_costs(stack: Stack, files: Mapping[str, Sequence[File]]) -> tuple[PushCost, PushCost]:
    """Measure `ROUNDS` rounds of ours and pyinfra, in turns; return both."""
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    with prepared(stack, files) as push:
        stack.unconfigure()
        for number in range(1, ROUNDS + 1):
            progress(f"lab: round {number} of {ROUNDS}: pulumi up, first and no-op")
            first = stack.up()
            _wait_for_line(stack)
            ours.append((first, stack.up()))
            stack.unconfigure()
            progress(f"lab: round {number} of {ROUNDS}: pyinfra, first and no-op")
            theirs.append(_pushed(stack, push))
    return cost(ours), cost(theirs)


def push_table(ours: PushCost, theirs: PushCost) -> Table:
    """Return both tools' times and their ratio."""
    table = Table(
        title="Hub z, spokes a and c brought to the same files",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for heading in ("run", "pulumi up", "pyinfra", "pyinfra / pulumi up"):
        table.add_column(heading, justify="left" if heading == "run" else "right")
    for name, own, other in (
        ("first", ours.first, theirs.first),
        ("no-op", ours.no_op, theirs.no_op),
    ):
        table.add_row(name, str(own), str(other), ratio(other.middle_s, own.middle_s))
    return table


def cost(runs: Sequence[tuple[float, float]]) -> PushCost:
    """Return rounds of seconds (first, no-op) as one tool's cost."""
    first, no_op = zip(*runs, strict=True)
    return PushCost(first=Timed(first), no_op=Timed(no_op))


def _pushed(stack: Stack, push: Push) -> tuple[float, float]:
    first = push.push()
    _wait_for_line(stack)
    no_op = push.push()
    push.take_off()
    return first, no_op


def _wait_for_line(stack: Stack) -> None:
    """Wait until packets pass from office to office: only then a tool has done its work."""
    Lab(stack.name).wait_until_succeeds(FROM, "ping", "-n", "-c", "1", "-W", "1", TO)
