"""`pulumi up` of a change of every host, killed at several moments: the next one ends it.

Each moment costs two runs: `LEASED_LINE_KILLED=12 tests/run lab` kills a 12 s run at every second.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tests.lab.line import DEVICES, Line

HOSTS: Final = ("z", "a", "c")
MOMENTS: Final = int(os.environ.get("LEASED_LINE_KILLED", "4"))
"""A run of so many seconds is killed at each of them, a longer one as often, evenly spread."""

Record = Callable[[str, object], None]


def test_whenever_it_is_killed_the_next_up_ends_it(line: Line, record_property: Record) -> None:
    article = line.network.read_text("utf-8")

    def use(keepalive: int) -> None:
        text = article.replace("keepalive: 15", f"keepalive: {keepalive}")
        line.network.write_text(text, "utf-8")

    def told(host: str) -> tuple[int, set[str]]:
        """What a host says of itself, and the keepalives in its kernel."""
        code = line.lab.run(host, "leased-line", "status", check=False).code
        shown = line.lab.succeed(host, "wg", "show", "wg0", "persistent-keepalive")
        return code, {row.split()[1] for row in shown.splitlines()}

    use(16)
    began = time.monotonic()
    line.pulumi("up", "--yes", "--skip-preview")
    whole_s = time.monotonic() - began
    moments = max(1.0, whole_s / MOMENTS)
    killed = []
    with ThreadPoolExecutor() as pool:
        for number in range(1, MOMENTS + 1):
            use(16 + number)
            if line.killed_after(number * moments, "up", "--yes", "--skip-preview"):
                killed.append(round(number * moments))
            # As `make up` does it.
            line.make("stack")
            line.pulumi("up", "--yes", "--skip-preview")
            found = dict(zip(HOSTS, pool.map(told, HOSTS), strict=True))
            assert found == dict.fromkeys(HOSTS, (0, {str(16 + number)})), killed
    record_property("measured", f"a run of {whole_s:.0f} s was killed after {killed} s")
    # On a busy machine one run takes much longer than another, and the later moments may miss.
    assert killed
    use(15)
    line.make("up")
    line.pulumi("refresh", "--yes", "--skip-preview")
    line.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert line.make("status").stdout.count("as wanted") == len(HOSTS)
    assert line.lab.ping("b", DEVICES["d"]).lost == 0
