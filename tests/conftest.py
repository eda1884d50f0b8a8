"""What all layers share: a test's layer is the folder that it stands in."""

from __future__ import annotations

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

# What uses the one line: from looking at it to its end. It takes longest, so it comes first.
LINE = (
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
)
# What uses the one line with its hub in the lab's cloud, likewise.
CLOUD = ("test_cloud_line", "test_cloud_secrets", "test_cloud_change", "test_cloud_destroy")
# What uses the one hub on which things go wrong; mostly waits, and boots one machine.
FAULTS = ("test_cloud_refusals", "test_cloud_faults")
# What uses the one world of bare machines. Machines that boot all at once keep each other waiting,
# so these come when the line is up.
BARE = ("test_existing", "test_confirm", "test_reload", "test_dns", "test_world")
# Mostly waits, which costs the line nothing while it boots.
WAITING = ("test_offices",)
LAB_TIMEOUT_S = 900
"""For one test with the machines that it brings up, on a machine that is busy with others."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-golden",
        action="store_true",
        help="write the golden files anew from what is rendered; read the diff before committing",
    )


WORLDS = {"line": LINE, "cloud": CLOUD, "faults": FAULTS, "bare": BARE}
FIRST = (*LINE, *CLOUD, *WAITING, *FAULTS)
LAST = (*BARE, "test_machines")


def order(file: str) -> int:
    if file in FIRST:
        return FIRST.index(file)
    return len(FIRST) + (1 + LAST.index(file) if file in LAST else 0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: order(item.path.stem))
    for item in items:
        layer = item.path.relative_to(TESTS).parts[0]
        item.add_marker(layer if layer in LAYERS else "lint")
        if layer in ("lab", "cloud"):
            item.add_marker(pytest.mark.timeout(LAB_TIMEOUT_S))


class ByWorld(LoadScopeScheduling):
    """In parallel, one process has all of a file, and one process has all that use one world."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((name for name, users in WORLDS.items() if Path(file).stem in users), file)


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
