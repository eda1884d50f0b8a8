"""The core alone: load, check, plan and render n spokes, beside wg-meshconf for the same n."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.measure import BenchError, console, progress, ran, ratio, seconds, size
from bench.meshconf import MeshCost, generate
from bench.networks import network_yaml

COUNTS: Final = (10, 100, 1_000, 10_000)
MOST_EXPLICIT: Final = 1_000
"""With every spoke listing every other LAN, the text of 10,000 would fill the machine."""

RUNS: Final = 5
LIMIT_S: Final = 90.0
"""What one step of wg-meshconf, or one run of ours, may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreCost:
    """What one network of `spokes` costs: medians over `runs` processes.

    `process_s` is the whole process from its start; `load_s` and `render_s` are the job in it.
    """

    spokes: int
    runs: int
    process_s: float
    load_s: float
    render_s: float
    peak_bytes: int
    text_bytes: int

    @property
    def job_s(self) -> float:
        """The job without the interpreter's start and the imports."""
        return self.load_s + self.render_s


def measure(spokes: int, *, summary: bool, runs: int = RUNS) -> CoreCost:
    """Render one network `runs` times, each in a process of its own.

    Raises:
        BenchError: a run failed or took longer than `LIMIT_S`.
    """
    costs: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="leased-line-bench-") as directory:
        file = Path(directory, f"{spokes}.network.yaml")
        file.write_text(network_yaml(spokes, summary=summary), encoding="ascii")
        for _ in range(runs):
            done = ran([sys.executable, "-m", "bench.render", str(file)], limit_s=LIMIT_S)
            if done is None:
                msg = f"rendering {spokes} spokes took longer than {LIMIT_S:.0f} s: is this "
                msg += "machine busy with something else?"
                raise BenchError(msg)
            costs.append({"process_s": done[0], **json.loads(done[1])})
    middle = {name: median(cost[name] for cost in costs) for name in costs[0]}
    return CoreCost(
        spokes=spokes,
        runs=runs,
        process_s=middle["process_s"],
        load_s=middle["load_s"],
        render_s=middle["render_s"],
        peak_bytes=int(middle["peak_kib"]) * 1024,
        text_bytes=int(middle["bytes"]),
    )


def square_bytes(small: CoreCost, spokes: int) -> float:
    """Return the text that `spokes` would take, from a smaller network's, growing as its square."""
    return small.text_bytes * (spokes / small.spokes) ** 2


def own_table(title: str, costs: Iterable[CoreCost]) -> Table:
    """Return what each size costs, with its growth over the size before, a tenth of it."""
    rows = list(costs)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    headings = ("spokes", "load,\ncheck", "plan,\nrender", "growth", "memory", "growth")
    for heading in (*headings, "text", "growth"):
        table.add_column(heading, justify="right", no_wrap=True)
    before: dict[int, CoreCost] = {big.spokes: small for small, big in pairwise(rows)}
    for cost in rows:
        small = before.get(cost.spokes)
        table.add_row(
            f"{cost.spokes:,}",
            seconds(cost.load_s),
            seconds(cost.render_s),
            ratio(cost.job_s, small.job_s) if small else "",
            size(cost.peak_bytes),
            ratio(cost.peak_bytes, small.peak_bytes) if small else "",
            size(cost.text_bytes),
            ratio(cost.text_bytes, small.text_bytes) if small else "",
        )
    return table


def mesh_table(own: Mapping[int, CoreCost], mesh: Mapping[int, MeshCost | None]) -> Table:
    """Return wg-meshconf's cost beside ours; a `None` of it was not tried."""
    table = Table(
        title="wg-meshconf (full mesh) against this project (star, explicit lists)",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    headings = ("spokes", "ours", "addpeer\nof all", "genconfig", "its text")
    for heading in (*headings, "genconfig\n/ ours", "both\n/ ours"):
        table.add_column(heading, justify="right", no_wrap=True)
    for spokes, theirs in mesh.items():
        ours_s = own[spokes].process_s
        if theirs is None:
            table.add_row(f"{spokes:,}", seconds(ours_s), "not tried", "not tried", "", "", "")
            continue
        table.add_row(
            f"{spokes:,}",
            seconds(ours_s),
            _or_given_up(theirs.add_s, f" at {theirs.added}"),
            _or_given_up(theirs.generate_s),
            size(theirs.bytes),
            _at_least(theirs.generate_s, ours_s, LIMIT_S),
            _at_least(theirs.total_s, ours_s, LIMIT_S + (theirs.generate_s or LIMIT_S)),
        )
    return table


def run() -> None:
    """Measure and print everything about the core.

    Raises:
        BenchError: something could not be measured.
    """
    explicit: dict[int, CoreCost] = {}
    summary: dict[int, CoreCost] = {}
    mesh: dict[int, MeshCost | None] = {}
    for spokes in COUNTS:
        if spokes <= MOST_EXPLICIT:
            progress(f"core: {spokes:,} spokes, each lists every other LAN, {RUNS} runs")
            explicit[spokes] = measure(spokes, summary=False)
        progress(f"core: {spokes:,} spokes with summary, {RUNS} runs")
        summary[spokes] = measure(spokes, summary=True)
        mesh[spokes] = _mesh(spokes, mesh)
    n = f"median of {RUNS} processes a row"
    console.print(own_table(f"Each spoke lists every other LAN ({n})", explicit.values()))
    most = COUNTS[-1]
    left_out = size(square_bytes(explicit[MOST_EXPLICIT], most))
    console.print(
        f"{most:,} are left out: the text grows with the square and would be {left_out}; "
        "summary is for that.\n"
    )
    console.print(own_table(f"With summary ({n}; 10 x is linear growth)", summary.values()))
    console.print(mesh_table({**summary, **explicit}, mesh))
    console.print(
        f"One run of wg-meshconf a row, {LIMIT_S:.0f} s at most a step (`at 400`: so "
        "many sites in, the rest put straight into its database). Not tried where growth by no "
        f"more than the number of sites would break the limit. Ours at {most:,} is with summary.\n"
    )


def _mesh(spokes: int, so_far: Mapping[int, MeshCost | None]) -> MeshCost | None:
    """Measure wg-meshconf unless the size before shows that its files cannot be had in time."""
    if so_far:
        before, last = list(so_far.items())[-1]
        if not last or not last.generate_s or last.generate_s * spokes / before > LIMIT_S:
            progress(f"core: wg-meshconf, {spokes:,} spokes: not tried")
            return None
    progress(f"core: wg-meshconf, {spokes:,} spokes, at most {LIMIT_S:.0f} s a step")
    return generate(spokes, LIMIT_S)


def _or_given_up(value: float | None, at: str = "") -> str:
    return f"> {LIMIT_S:.0f} s{at}" if value is None else seconds(value)


def _at_least(theirs: float | None, ours: float, least: float) -> str:
    """The ratio, or the least that it is where theirs was given up."""
    return ratio(theirs, ours) if theirs is not None else f"> {ratio(least, ours)}"
