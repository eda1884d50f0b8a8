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
    """A change of the network file `start`: `text` makes the new one of it."""

    name: str
    start: str
    text: Callable[[str], str]
    by_hand: tuple[str, ...]
    """The hosts on which the article's way writes files and restarts networkd, in its order."""


def _second_lan(text: str) -> str:
    one = (
        "    lan: 192.168.202.0/24\n    lan_address: 192.168.202.249\n    gateway: 192.168.202.1\n"
    )
    two = (
        "    lans:\n"
        "      - {prefix: 192.168.202.0/24, address: 192.168.202.249, gateway: 192.168.202.1}\n"
        "      - {prefix: 192.168.212.0/24, address: 192.168.212.249}\n"
    )
    return text.replace(one, two)


def _rotated(spoke: str) -> Callable[[str], str]:
    new = f"  - name: {spoke}\n    generation: 2\n    psk_generation: 2\n"
    return lambda text: text.replace(f"  - name: {spoke}\n", new)


KINDS: Final = (
    Kind(
        name="spoke e is added",
        start=TWO,
        text=lambda _: (PROJECT / THREE).read_text("utf-8"),
        by_hand=("z",),
    ),
    Kind(
        name="keepalive of all",
        start=TWO,
        text=lambda text: f"{text}keepalive: 20\n",
        by_hand=("z", "a", "c"),
    ),
    Kind(
        name="MTU of all",
        start=TWO,
        text=lambda text: f"{text}mtu: 1340\n",
        by_hand=("z", "a", "c"),
    ),
    Kind(
        name="keys of a, which the ping uses",
        start=TWO,
        text=_rotated("a"),
        by_hand=("z", "a"),
    ),
    Kind(
        name="keys of e",
        start=THREE,
        text=_rotated("e"),
        by_hand=("z", "e"),
    ),
    Kind(
        name="a second LAN of e",
        start=THREE,
        text=_second_lan,
        by_hand=("z", "a", "c"),
    ),
    Kind(
        name="spoke e is removed",
        start=THREE,
        text=lambda _: (PROJECT / TWO).read_text("utf-8"),
        by_hand=("z",),
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
    """Do each kind of change both ways, each from the network that it starts with.

    Raises:
        BenchError: a command failed.
        LabError: the line did not come back.
    """
    lab = Lab(stack.name)
    found = []
    with tempfile.TemporaryDirectory(prefix="leased-line-bench-") as home:
        for kind in KINDS:
            network = Path(home, "bench.network.yaml")
            network.write_text(kind.text((PROJECT / kind.start).read_text("utf-8")), "utf-8")
            # The way before has left the hosts other than the stack knows them: this repairs it.
            _start(stack, kind)
            progress(f"lab: {kind.name}, by pulumi up, under a ping from {FROM} to d")
            stack.use(str(network))
            with lab.pinging(FROM, TO, watch_s=WATCH_S) as ours:
                up_s, boot_s = stack.up_and_boot()
            _start(stack, kind)
            progress(f"lab: {kind.name}, the article's way, under a ping from {FROM} to d")
            with lab.pinging(FROM, TO, watch_s=WATCH_S) as theirs:
                _by_hand(stack, kind, network)
            found.append(
                Measured(
                    kind=kind.name,
                    ours=ours.result,
                    theirs=theirs.result,
                    up_s=up_s,
                    boot_s=boot_s,
                )
            )
        stack.use(TWO)
        stack.up()
    return found


def _start(stack: Stack, kind: Kind) -> None:
    stack.use(kind.start)
    stack.up()


def _by_hand(stack: Stack, kind: Kind, network: Path) -> None:
    """Put the new files on each host, take those away that are no more, and restart networkd."""
    there, then = stack_files(stack, kind.start), stack_files(stack, str(network))
    for host in kind.by_hand:
        had = {file.path: file for file in there[host]}
        for file in then[host]:
            if had.pop(file.path, None) != file:
                owner = f"{file.owner}:{file.group}"
                put = ("sh", "-euc", _PUT, "sh", file.path, owner, file.mode)
                stack.run(host, *put, stdin=file.text)
        if had:
            stack.run(host, "rm", "-f", *had)
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
