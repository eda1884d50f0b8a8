"""Who reaches whom is asked by the hosts themselves, after each run that changes something."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.lab.line import DEVICES, Line

LAN_A: Final = "192.168.201.247"
LAN_C: Final = "192.168.200.248"


def pairs(line: Line) -> Any:
    return json.loads(line.pulumi("stack", "output", "pairs", "--json").stdout)


@contextmanager
def deaf(line: Line, host: str, address: str) -> Iterator[None]:
    """Have a firewall of the host's own drop what comes out of the tunnel to one address."""
    rule = f"iifname wg0 ip daddr {address} drop"
    chain = "type filter hook input priority 0; policy accept;"
    line.lab.run(
        host,
        "nft",
        f"add table ip deaf; add chain ip deaf input {{ {chain} }}; add rule ip deaf input {rule}",
    )
    try:
        yield
    finally:
        line.lab.run(host, "nft", "delete table ip deaf")


def test_every_pair_is_an_output(line: Line) -> None:
    found = pairs(line)
    assert list(found) == ["a <-> c"]
    assert found["a <-> c"]["answers"] is True
    assert 0 < found["a <-> c"]["rtt_ms"] < 2000


def test_a_pair_that_is_lost_fails_the_update_and_is_named(line: Line) -> None:
    before = line.network.read_text("utf-8")
    line.network.write_text(before.replace("keepalive: 15", "keepalive: 16"), "utf-8")
    try:
        with deaf(line, "a", LAN_A):
            # The tunnel is up and every host as it should be: only the LAN's address is silent.
            failed = line.pulumi("up", "--yes", "--skip-preview", check=False)
            again = line.pulumi("up", "--yes", "--skip-preview", check=False)
    finally:
        line.network.write_text(before, "utf-8")
    for run in (failed, again):
        assert run.returncode != 0
        assert re.search(
            rf"c: a does not answer any more, which it did before: from {LAN_C} to {LAN_A} "
            r"no reply within 30 s, but one from the hub's 10\.70\.0\.1",
            run.stdout + run.stderr,
        ), run.stdout + run.stderr
    line.pulumi("up", "--yes", "--skip-preview")
    assert pairs(line)["a <-> c"]["answers"] is True


def test_a_dead_office_is_let_go_and_taken_back(line: Line) -> None:
    before = line.network.read_text("utf-8")
    line.lab.kill("c")
    try:
        line.network.write_text(
            before.replace("name: c\n", "name: c\n    retired: true\n"), "utf-8"
        )
        said = line.pulumi("up", "--yes", "--skip-preview").stdout
        assert "hosts: nothing dials c any more" in said
        assert "closes 192.168.200.0/24 (c) <-> 192.168.201.0/24 (a)" in said
        peers = line.lab.succeed("z", "wg", "show", "wg0", "peers").splitlines()
        assert len(peers) == 1
        assert line.lab.ping("a", "10.70.0.1").lost == 0
        assert line.run("python", "-m", "components.status", "--stack", line.stack).returncode == 0
        line.lab.start("c")
    finally:
        line.network.write_text(before, "utf-8")
    assert "c back" in line.pulumi("up", "--yes", "--skip-preview").stdout
    assert pairs(line)["a <-> c"]["answers"] is True
    assert line.lab.ping("b", DEVICES["d"]).lost == 0
