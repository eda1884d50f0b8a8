"""Packets that the other offices lose, per kind of change: ours, and the article's way."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.measure import progress, seconds
from bench.pyinfra import stack_files
from bench.stack import THREE, TWO, Stack
from lab.client import Lab
from lab.ping import PingResult
from lab.settings import PROJECT

FROM: Final = "b"
TO: Final = "192.168.200.244"
"""Device d, in the other office."""

WATCH_S: Final = 15.0
"""The ping goes on for at least so long after a change: sessions may die late."""

_PUT: Final = 'umask 077; cat >"$1"; chown "$2" "$1"; chmod "$3" "$1"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A change of `TWO`: `text` makes the new network file of it."""

    name: str
    text: Callable[[str], str]
    by_hand: tuple[str, ...]
    """The hosts on which the article's way writes files and restarts networkd, in its order."""


KINDS: Final = (
    Kind(
        name="spoke e is added",
        text=lambda _: (PROJECT / THREE).read_text("utf-8"),
        by_hand=("z",),
    ),
    Kind(
        name="keepalive",
        text=lambda text: f"{text}keepalive: 20\n",
        by_hand=("z", "a", "c"),
    ),
    Kind(
        name="MTU",
        text=lambda text: f"{text}mtu: 1340\n",
        by_hand=("z", "a", "c"),
    ),
    Kind(
        name="pre-shared key of c",
        text=lambda text: text.replace("  - name: c\n", "  - name: c\n    psk_generation: 2\n"),
        by_hand=("z", "c"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One kind of change, done both ways; `up_s` is how long `pulumi up` took."""

    kind: str
    ours: PingResult
    theirs: PingResult
    up_s: float
    boot_s: float
    """How long of that a new machine took to boot, 0 where there is none."""


def measured(stack: Stack) -> list[Measured]:
    """Do each kind of change both ways, from the network `TWO` and back to it.

    Raises:
        BenchError: a command failed.
        LabError: the line did not come back.
    """
    before = (PROJECT / TWO).read_text("utf-8")
    lab = Lab(stack.name)
    found = []
    with tempfile.TemporaryDirectory(prefix="leased-line-bench-") as home:
        for kind in KINDS:
            network = Path(home, "bench.network.yaml")
            network.write_text(kind.text(before), encoding="utf-8")
            progress(f"lab: {kind.name}, by pulumi up, under a ping from {FROM} to d")
            stack.use(str(network))
            with lab.pinging(FROM, TO, watch_s=WATCH_S) as ours:
                up_s, boot_s = stack.up_and_boot()
            stack.use(TWO)
            stack.up()
            progress(f"lab: {kind.name}, the article's way, under a ping from {FROM} to d")
            with lab.pinging(FROM, TO, watch_s=WATCH_S) as theirs:
                _by_hand(stack, kind, network)
            # The hosts differ from what the stack has put there, which this repairs.
            stack.up()
            found.append(
                Measured(
                    kind=kind.name,
                    ours=ours.result,
                    theirs=theirs.result,
                    up_s=up_s,
                    boot_s=boot_s,
                )
            )
    return found


def _by_hand(stack: Stack, kind: Kind, network: Path) -> None:
    """Put the new files on each host and restart networkd there."""
    there, then = stack_files(stack, TWO), stack_files(stack, str(network))
    for host in kind.by_hand:
        had = {file.path: file for file in there[host]}
        for file in then[host]:
            if had.get(file.path) != file:
                owner = f"{file.owner}:{file.group}"
                put = ("sh", "-euc", _PUT, "sh", file.path, owner, file.mode)
                stack.run(host, *put, stdin=file.text)
        stack.run(host, "systemctl", "restart", "systemd-networkd")


def table(found: Sequence[Measured]) -> Table:
    """Return what the running ping lost by either way."""
    shown = Table(
        title="Packets from b to d that are lost, per kind of change",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    shown.add_column("change")
    for heading in ("ours: lost", "silence", "article: lost", "silence"):
        shown.add_column(heading, justify="right")
    for row in found:
        cells = [
            cell
            for seen in (row.ours, row.theirs)
            for cell in (f"{seen.lost} of {seen.sent}", seconds(seen.longest_silence_s))
        ]
        shown.add_row(row.kind, *cells)
    return shown


def added(found: Sequence[Measured]) -> str:
    """Return how long the spoke that was added took, for people."""
    return "\n".join(
        f"From pulumi up to verified, when {row.kind}: {seconds(row.up_s)}, of which the new "
        f"machine took {seconds(row.boot_s)} to boot."
        for row in found
        if row.boot_s
    )
