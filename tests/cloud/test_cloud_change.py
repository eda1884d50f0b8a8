"""Changes of the running line: none, in place, another instance type, another region."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any, Final

from lab.ping import PingResult
from tests.cloud.cloud_line import ONE_OF_EACH, CloudLine, summary
from tests.lab.line import DEVICES

BACK_S: Final = 60
"""Once the new hub has booted, the line may be down for this long."""

BIGGER: Final = "ecs.t6-c2m1.large"
ELSEWHERE: Final = "cn-beijing"

Record = Callable[[str, object], None]


def booted_at(line: CloudLine) -> float:
    """Return when the hub's first boot was over, by this machine's clock."""
    text = line.on_hub(
        "sh", "-c", "cut -d ' ' -f 1 /proc/uptime; systemctl show -P FinishTimestampMonotonic"
    )
    up_s, finished_us = text.split()
    return time.time() - float(up_s) + int(finished_us) / 1e6


def public_keys(line: CloudLine) -> dict[str, str]:
    return {name: host["public_key"] for name, host in line.outputs()["endpoints"].items()}


def replaced(line: CloudLine, record: Record, what: str, **options: Any) -> PingResult:
    """Bring up another hub, and see that it is one, with the same keys, and the only one."""
    (old,) = line.inventory("instance")
    keys = public_keys(line)
    line.set(**options)
    with line.lab.pinging("b", DEVICES["d"], interval_s=0.2) as ping:
        began = time.monotonic()
        line.make("up")
        took = time.monotonic() - began
    (new,) = line.inventory("instance")
    assert new["id"] != old["id"]
    assert line.counts() == ONE_OF_EACH
    assert public_keys(line) == keys
    assert keys["z"] in line.on_hub("wg", "show", "wg0")
    down = ping.result.down_s(booted_at(line))
    record(
        "measured",
        f"{what}: b to d down for {ping.result.longest_silence_s:.1f} s, {down:.1f} s of it after "
        f"the new hub's first boot was over; `make up` took {took:.0f} s",
    )
    assert down < BACK_S
    return ping.result


def test_refresh_finds_everything_as_it_was(line: CloudLine) -> None:
    done = line.pulumi("refresh", "--yes", "--skip-preview")
    # The stack's own outputs, which it reads from itself, are those of the run before.
    assert re.fullmatch(r"(~ 1 updated )?\d+ unchanged", summary(done)), done.stdout
    changed = re.findall(r"^ [-+~]+ +\S+ (\S+) (?:updated|deleted|created)", done.stdout, re.M)
    assert set(changed) <= {"itself"}, done.stdout
    done = line.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert re.fullmatch(r"\d+ unchanged", summary(done)), done.stdout


def test_a_second_up_changes_nothing(line: CloudLine) -> None:
    asked = len(line.asked())
    done = line.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert re.fullmatch(r"\d+ unchanged", summary(done)), done.stdout
    # What is known of the hub is not asked for again.
    assert len(line.asked()) == asked


def test_what_can_be_changed_in_place_costs_no_packet(line: CloudLine) -> None:
    before = line.inventory()
    line.set(
        bandwidth=10,
        disk_gib=30,
        tags={"team": "network"},
        deletion_protection=True,
        admin_cidrs=["203.0.113.250/32", "198.51.100.0/24"],
    )
    with line.lab.pinging("b", DEVICES["d"], interval_s=0.2) as ping:
        line.make("up")
        line.set(bandwidth=10, disk_gib=30)
        line.make("up")
    assert ping.result.missing == ()
    assert [row["id"] for row in line.inventory()] == [row["id"] for row in before]
    (rule,) = line.asked(action="RevokeSecurityGroup", code="OK")
    assert rule["values"]["SourceCidrIp"] == "198.51.100.0/24"


def test_preview_tells_of_the_outage_and_the_price(line: CloudLine) -> None:
    line.set(instance_type=BIGGER)
    shown = line.pulumi("preview").stdout
    assert "the hub's machine is replaced (instance_type ecs.t6-c4m1.large -> " in shown
    assert "the line is down until it has booted" in shown
    assert re.search(r"price of machine and disk, as Alibaba Cloud says now: [\d.]+ XTS", shown)
    assert f"{BIGGER}: 2 vCPU, 1 GiB" in shown


def test_another_instance_type(line: CloudLine, record_property: Record) -> None:
    address = line.address
    seen = replaced(line, record_property, "another instance type", instance_type=BIGGER)
    assert line.address == address
    assert seen.lost > 0
    memory = int(line.on_hub("sh", "-c", "awk '/MemTotal/ {print $2}' /proc/meminfo"))
    assert 800 << 10 < memory < 1024 << 10


def test_another_region(line: CloudLine, record_property: Record) -> None:
    address = line.address
    line.set(instance_type=BIGGER, region=ELSEWHERE)
    assert "the hub moves to a new address (region cn-hangzhou -> " in line.pulumi("preview").stdout
    replaced(line, record_property, "another region", instance_type=BIGGER, region=ELSEWHERE)
    assert line.address != address
    assert {row["region"] for row in line.inventory()} == {ELSEWHERE}
    for spoke in ("a", "c"):
        endpoints = line.lab.run(spoke, "wg", "show", "wg0", "endpoints").stdout
        assert endpoints.split()[1] == f"{line.address}:51820"
    export = json.loads(line.pulumi("stack", "export").stdout)["deployment"]["resources"]
    assert not [one["urn"] for one in export if "cn-hangzhou" in json.dumps(one.get("inputs"))]


def test_the_line_is_unchanged_then(line: CloudLine) -> None:
    done = line.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert re.fullmatch(r"\d+ unchanged", summary(done)), done.stdout
    assert line.make("status").stdout.count("as wanted") == 3
