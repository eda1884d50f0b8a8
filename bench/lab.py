"""On running machines: `pulumi up` beside pyinfra, and a change of ours beside the article's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.measure import Timed, console, progress, ratio, seconds
from bench.outage import INTERVAL_S, STEADY, Outage, RunningPing, running
from bench.pyinfra import Push, prepared, stack_files
from bench.stack import THREE, TWO, Stack, bench_stack
from lab.settings import PROJECT
from leasedline.files import File

ROUNDS: Final = 3
HUB: Final = "z"
FROM: Final = "b"
TO: Final = "192.168.200.244"
"""Device d, in the other office."""

WATCH_S: Final = 15.0
"""The ping goes on for at least so long after a change: sessions may die late."""

_PUT: Final = 'umask 077; cat >"$1"; chown "$2" "$1"; chmod "$3" "$1"'


@dataclass(frozen=True, slots=True, kw_only=True)
class PushCost:
    """One tool's runs: from hosts without the line (`first`), and once more (`no_op`).

    `asked` is a run without a change that looks at the hosts, too.
    """

    first: Timed
    no_op: Timed
    asked: Timed


def run() -> None:
    """Measure and print everything about the running line.

    Raises:
        BenchError: something could not be measured; the stack is removed all the same.
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
            "files there, restarts networkd and checks nothing. No-op: pulumi up compares with "
            "its state, pyinfra with the hosts; hosts asked is pulumi up and then make status, "
            "which compares kernel and files with the plan.\n"
        )
        stack.up()
        new_way = our_way(stack)
        stack.use(TWO)
        stack.up()
        old_way = articles_way(stack)
        console.print(outage_table(new_way, old_way))
        console.print(
            f"One change each, under one ping from {FROM} to d, every {INTERVAL_S} s, from before "
            f"the change until {WATCH_S:.0f} s after it and {STEADY} replies in a row. Ours: the "
            "whole pulumi up, in which e's office is built and its machine boots. The article's: "
            "the same files put on the hub, then systemctl restart systemd-networkd.\n"
        )


def push_costs(stack: Stack, files: Mapping[str, Sequence[File]]) -> tuple[PushCost, PushCost]:
    """Measure `ROUNDS` rounds of ours and pyinfra, in turns; return both."""
    ours: list[tuple[float, float, float]] = []
    theirs: list[tuple[float, float, float]] = []
    with prepared(stack, files) as push:
        stack.unconfigure()
        for number in range(1, ROUNDS + 1):
            progress(f"lab: round {number} of {ROUNDS}: pulumi up, first and no-op")
            first = stack.up()
            _wait_for_line(stack)
            no_op = stack.up()
            ours.append((first, no_op, no_op + stack.status()))
            stack.unconfigure()
            progress(f"lab: round {number} of {ROUNDS}: pyinfra, first and no-op")
            theirs.append(_pushed(stack, push))
    return cost(ours), cost(theirs)


def our_way(stack: Stack) -> Outage:
    """Add spoke e with `pulumi up` while a ping runs between the offices."""
    progress("lab: spoke e is added by pulumi up, under a ping from b to d")
    stack.use(THREE)
    with pinging(stack) as ping:
        ping.wait_until_steady()
        stack.up()
        ping.wait_until_steady(WATCH_S)
        return ping.stop()


def articles_way(stack: Stack) -> Outage:
    """Add spoke e as the article does: the same files on the hub, then networkd restarted."""
    progress("lab: spoke e is added the article's way, under a ping from b to d")
    there = {file.path: file for file in stack_files(stack, TWO)[HUB]}
    new = [file for file in stack_files(stack, THREE)[HUB] if there.get(file.path) != file]
    with pinging(stack) as ping:
        ping.wait_until_steady()
        for file in new:
            owner = f"{file.owner}:{file.group}"
            stack.run(HUB, "sh", "-euc", _PUT, "sh", file.path, owner, file.mode, stdin=file.text)
        stack.run(HUB, "systemctl", "restart", "systemd-networkd")
        ping.wait_until_steady(WATCH_S)
        return ping.stop()


@contextmanager
def pinging(stack: Stack) -> Iterator[RunningPing]:
    """Ping device d from device b while the block runs."""
    ping = ("ping", "-n", "-D", "-i", str(INTERVAL_S), TO)
    with running(stack.command(FROM, *ping), PROJECT) as process:
        yield process


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
        ("no-op, hosts asked", ours.asked, theirs.asked),
    ):
        table.add_row(name, str(own), str(other), ratio(other.middle_s, own.middle_s))
    return table


def outage_table(ours: Outage, theirs: Outage) -> Table:
    """Return what the running ping lost by either way of adding a spoke."""
    table = Table(
        title="Packets that offices a and c lose while spoke e is added",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for heading in ("way", "sent", "lost", "longest silence"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for name, seen in (("ours: pulumi up", ours), ("the article's: restart networkd", theirs)):
        table.add_row(name, str(seen.sent), str(seen.lost), seconds(seen.longest_silence_s))
    return table


def cost(runs: Sequence[tuple[float, float, float]]) -> PushCost:
    """Return rounds of seconds (first, no-op, no-op with the hosts asked) as one tool's cost."""
    first, no_op, asked = zip(*runs, strict=True)
    return PushCost(first=Timed(first), no_op=Timed(no_op), asked=Timed(asked))


def _pushed(stack: Stack, push: Push) -> tuple[float, float, float]:
    first = push.push()
    _wait_for_line(stack)
    # It knows its hosts only by asking them.
    no_op = asked = push.push()
    push.take_off()
    return first, no_op, asked


def _wait_for_line(stack: Stack) -> None:
    """Wait until packets pass from office to office: only then a tool has done its work."""
    with pinging(stack) as ping:
        ping.wait_until_steady()
