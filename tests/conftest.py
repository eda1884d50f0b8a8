"""What all layers share: a test's layer is the folder that it stands in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# How long an example takes says something of the machine and nothing of the code.
settings.register_profile(
    "untimed", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")

TESTS = Path(__file__).parent
LAYERS = ("unit", "program", "lab", "cloud")

# What uses one world of machines, or of the lab's cloud, from its making to its end. The worlds
# begin in this order, the longest first; all else comes after them.
WORLDS = {
    "line": (
        "test_line",
        "test_secrets",
        "test_change",
        "test_live",
        "test_breaking",
        "test_killed",
        "test_drift",
        "test_rotate",
        "test_health",
        "test_reboot",
        "test_destroy",
    ),
    "cloud": ("test_cloud_line", "test_cloud_secrets", "test_cloud_change", "test_cloud_destroy"),
    # Mostly waits, so that not all machines boot at once and keep each other waiting.
    "offices": ("test_offices",),
    "bare": ("test_existing", "test_confirm", "test_reload", "test_dns", "test_world"),
    # Mostly waits, and boots one machine.
    "faults": ("test_cloud_refusals", "test_cloud_faults"),
    "machines": ("test_machines",),
}
FIRST = [file for files in WORLDS.values() for file in files]
NICENESS = 5
"""Of all worlds but the line's, whose tests take longest."""

LAB_TIMEOUT_S = 900
"""For one test with the machines that it brings up, on a machine that is busy with others."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-golden",
        action="store_true",
        help="write the golden files anew from what is rendered; read the diff before committing",
    )


def in_world(path: Path) -> bool:
    """Whether a file's tests use one of the worlds; there are others of the same names."""
    return path.parent.name in ("lab", "cloud") and path.stem in FIRST


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda i: FIRST.index(i.path.stem) if in_world(i.path) else len(FIRST))
    for item in items:
        layer = item.path.relative_to(TESTS).parts[0]
        item.add_marker(layer if layer in LAYERS else "lint")
        if layer in ("lab", "cloud"):
            item.add_marker(pytest.mark.timeout(LAB_TIMEOUT_S))


class ByWorld(LoadScopeScheduling):
    """In parallel, one process has all of a file, and one process has all that use one world."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0])
        if not in_world(file):
            return str(file)
        return next(name for name, users in WORLDS.items() if file.stem in users)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave the line its share of the processors: what it starts inherits this."""
    others = "PYTEST_XDIST_WORKER" in os.environ and item.path.stem not in WORLDS["line"]
    if others and os.getpriority(os.PRIO_PROCESS, 0) < NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByWorld:
    return ByWorld(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured: figures without a limit that they would be held to."""
    measured = [
        text
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, text in report.user_properties
        if name == "measured"
    ]
    if measured:
        terminalreporter.section("measured")
        for text in measured:
            terminalreporter.line(str(text))
