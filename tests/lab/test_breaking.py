"""Changes that break the way to a spoke, by the whole stack, and what becomes of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from tests.lab.line import DEVICES, TUNNEL, Line

BACK_S: Final = 90
"""From the change to the former state."""

SPOKES: Final = ("a", "c")

NOBODY: Final = "203.0.113.77"
"""An address of the lab's internet that no host has."""

# What goes wrong on the hub at that moment: a firewall's line shuts out a's office, and c's tunnel
# address is another host's, too.
BREAK: Final = f"""
nft -f - <<END
table inet broken {{
    chain in {{
        type filter hook input priority -300
        ip saddr 198.51.100.2 udp dport 51820 drop
    }}
}}
END
ip address add {TUNNEL["c"]}/32 dev lo
"""
MEND: Final = f"nft delete table inet broken; ip address del {TUNNEL['c']}/32 dev lo"

# Seconds since boot when a change was first there, and when it was confirmed or undone.
WATCH: Final = """
cd /var/lib/leased-line
uptime() { read -r up _ </proc/uptime && echo "$up"; }
until [ -e pending ]; do sleep 0.5; done
uptime
while [ -e pending ]; do sleep 0.5; done
uptime
"""

Record = Callable[[str, object], None]


@contextmanager
def broken(line: Line) -> Iterator[None]:
    line.lab.run("z", "sh", "-euc", BREAK)
    try:
        yield
    finally:
        line.lab.run("z", "sh", "-c", MEND)


def current(line: Line, host: str) -> str:
    """The bundle that is applied, less what counts its repairs."""
    text = line.lab.succeed(host, "cat", "/var/lib/leased-line/current")
    return re.sub(r"^(revision|end) .*\n", "", text, flags=re.M)


def keepalive(line: Line, host: str) -> set[str]:
    shown = line.lab.succeed(host, "wg", "show", "wg0", "persistent-keepalive")
    return {row.split()[1] for row in shown.splitlines()}


def takes_itself_back(
    line: Line, after: str, before: dict[str, str], record_property: Record
) -> str:
    """Bring up the network `after`, see it fail and both spokes as before; return what was said."""
    line.network.write_text(after, "utf-8")
    with ThreadPoolExecutor() as pool:
        watched = {
            host: pool.submit(line.lab.succeed, host, "sh", "-c", WATCH, timeout_s=300)
            for host in SPOKES
        }
        failed = line.pulumi("up", "--yes", "--skip-preview", check=False)
        for host, watch in watched.items():
            began, ended = map(float, watch.result().split())
            record_property("measured", f"{host}: undone {ended - began:.0f} s after the change")
            assert ended - began < BACK_S
    # Nobody has touched anything, and what was wrong is still wrong.
    assert {host: current(line, host) for host in SPOKES} == before
    for host in SPOKES:
        assert keepalive(line, host) == {"15"}
    assert failed.returncode != 0
    for host in SPOKES:
        said = re.findall(rf"leased-line: {host}: (.*)", failed.stdout)
        assert any("the change failed and was undone" in text for text in said), failed.stdout
    assert "Traceback" not in failed.stdout + failed.stderr
    return failed.stdout


def test_a_change_that_breaks_the_way_to_a_spoke_takes_itself_back(
    line: Line, record_property: Record
) -> None:
    article = line.network.read_text("utf-8")
    before = {host: current(line, host) for host in SPOKES}
    raised = article.replace("keepalive: 15", "keepalive: 21")
    with broken(line):
        said = takes_itself_back(line, raised, before, record_property)
        for host in SPOKES:
            assert line.lab.run(host, "leased-line", "status").code == 0
    assert "a: no handshake with the hub at 203.0.113.1:51820 within 30 s" in said
    assert re.search(
        rf"c: (the hub's tunnel address {TUNNEL['z']} does not answer|no handshake)", said
    )

    line.pulumi("up", "--yes", "--skip-preview")
    for host in ("z", *SPOKES):
        assert keepalive(line, host) == {"21"}
    line.network.write_text(article, "utf-8")
    line.pulumi("up", "--yes", "--skip-preview")
    assert {host: current(line, host) for host in SPOKES} == before


def test_an_endpoint_where_no_hub_answers_takes_itself_back(
    line: Line, record_property: Record
) -> None:
    article = line.network.read_text("utf-8")
    before = {host: current(line, host) for host in SPOKES}
    wrong = article.replace("  name: z\n", f"  name: z\n  endpoint: {NOBODY}\n")
    said = takes_itself_back(line, wrong, before, record_property)
    # The hub's own packets still arrive, by the session that is there, and the kernel follows them.
    for host in SPOKES:
        assert f"{host}: peer z: endpoint is 203.0.113.1:51820, should be {NOBODY}:51820" in said
        assert f"{host}: the hub was heard from the first of these addresses" in said
    assert line.lab.ping("b", DEVICES["d"]).lost == 0

    line.network.write_text(article, "utf-8")
    line.pulumi("up", "--yes", "--skip-preview")
    assert {host: current(line, host) for host in SPOKES} == before
    assert line.lab.ping("b", DEVICES["d"]).lost == 0
