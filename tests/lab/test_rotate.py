"""Keys change on a line in use: the hub serves both, and forgets the former one at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from lab.ping import PingResult
from lab.shell import wait_until
from tests.lab.line import DEVICES, Line
from tests.lab.test_drift import assert_nothing_changes, pinging_hub, updated
from tests.lab.test_reboot import wait_for_line

INTERVAL_S = 0.1
Record = Callable[[str, object], None]


def raise_keys(line: Line, name: str, address: str) -> None:
    """Raise both generations of a spoke in the network file."""
    text = line.network.read_text("utf-8")
    head = f"  - name: {name}\n    address: {address}\n"
    assert head in text
    rotated = f"{head}    generation: 2\n    psk_generation: 2\n"
    line.network.write_text(text.replace(head, rotated), "utf-8")


def gap_s(pings: PingResult) -> float:
    """The longest time without a reply."""
    longest = run = 0
    for number in range(1, pings.sent + 1):
        run = run + 1 if number in pings.missing else 0
        longest = max(longest, run)
    return longest * INTERVAL_S


def told(pings: PingResult) -> str:
    return f"{len(pings.missing)} of {pings.sent} lost, longest gap {gap_s(pings):.1f} s"


def status(line: Line, host: str) -> dict[str, Any]:
    done = line.lab.run(host, "leased-line", "status", "--json", check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def answers_with(line: Line, name: str) -> str:
    """What the hub says of a spoke whose key changes: "former", "new" or nothing."""
    notes: Iterable[str] = status(line, "z")["notes"]
    said = [note for note in notes if note.startswith(f"peer {name}: answers with its ")]
    return said[0].split()[5] if said else ""


def assert_settled(line: Line) -> None:
    """Two peers, no former one, and nothing that served it."""
    assert len(line.lab.succeed("z", "wg", "show", "wg0", "peers").split()) == 2
    left = line.lab.run("z", "sh", "-c", "ls /etc/systemd/system /var/lib/leased-line").stdout
    assert "former" not in left
    assert "followed" not in left
    assert status(line, "z")["notes"] == []
    for host in ("z", "a", "c"):
        assert line.lab.run(host, "leased-line", "status").code == 0


def test_a_rotation_of_a_line_in_use(line: Line, record_property: Record) -> None:
    raise_keys(line, "a", "10.70.0.2")
    with (
        pinging_hub(line, "c") as of_c,
        pinging_hub(line, "a") as of_a,
        line.lab.pinging("b", DEVICES["d"], interval_s=INTERVAL_S) as through,
    ):
        out = line.pulumi("up", "--yes", "--skip-preview").stdout
    for what, pings in (("b to d", through.result), ("a to z", of_a[0]), ("c to z", of_c[0])):
        record_property("measured", f"a's keys rotated: {what} {told(pings)}")
    assert "the spoke's key changes" in out
    assert {"z-base", "z-config", "a-base", "a-config", "z-settled"} <= updated(out)
    assert not {"c-base", "c-config"} & updated(out)
    assert of_c[0].sent > 50
    assert of_c[0].missing == ()
    assert gap_s(through.result) <= 1
    assert gap_s(of_a[0]) <= 1
    assert_settled(line)
    assert_nothing_changes(line)


def test_a_rotation_that_was_killed_half_way(line: Line, record_property: Record) -> None:
    """The hub has the new key, the spoke has not, and the hub reboots."""
    raise_keys(line, "c", "10.70.0.3")
    line.kill_up_at("z-config updated")

    def served_by_the_former_key() -> bool | str:
        # Had the spoke begun, it would undo what nobody confirms.
        return answers_with(line, "c") == "former" or "c has its new key"

    wait_until("c to be served by its former key", served_by_the_former_key, timeout_s=120)
    assert status(line, "z")["differences"] == []
    line.lab.reboot("z")
    back = wait_for_line(line)
    record_property("measured", f"hub rebooted amid a rotation: line back {back:.1f} s after SSH")
    wait_until("c to be served again", served_by_the_former_key, timeout_s=60)
    assert status(line, "z")["differences"] == []
    with line.lab.pinging("b", DEVICES["d"], interval_s=INTERVAL_S) as through:
        line.make("up")
    record_property("measured", f"c's rotation finished: b to d {told(through.result)}")
    assert gap_s(through.result) <= 1
    assert_settled(line)
    assert_nothing_changes(line)
