"""Changes of a running line are shown before; what was changed by hand is named."""

from __future__ import annotations

import json
import re

from tests.lab.line import Line


def test_a_second_up_changes_nothing(line: Line) -> None:
    out = line.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes").stdout
    assert re.search(r"^ *\d+ unchanged$", out, re.M), out
    assert not re.search(r"\d+ (created|updated|replaced|deleted)", out), out


def test_preview_shows_the_lines_of_an_added_lan(line: Line) -> None:
    before = line.network.read_text("utf-8")
    line.network.write_text(with_second_lan(before), "utf-8")
    try:
        shown = line.pulumi("preview", "--diff").stdout
    finally:
        line.network.write_text(before, "utf-8")
    told = dict(re.findall(r"remote:Command::(\w)-config\](.*?)(?=urn=|--outputs|\Z)", shown, re.S))
    added = {host: re.findall(r"^\s*\+ ?(.*)", text, re.M) for host, text in told.items()}
    # The hub and the other office learn the LAN; c only has it.
    for host in ("z", "a"):
        assert any("AllowedIPs=192.168.210.0/24" in line for line in added[host]), shown
        assert any("Destination=192.168.210.0/24" in line for line in added[host]), shown
    assert "192.168.210.0/24" not in "".join(added.get("c", []))
    assert not re.search(r"(PrivateKey|PresharedKey)=", shown)


def test_status_names_what_was_changed_by_hand(line: Line) -> None:
    line.lab.run("a", "ip", "route", "del", "192.168.200.0/24", "dev", "wg0")
    line.lab.run("a", "chmod", "0600", "/etc/systemd/network/wg0.network")
    try:
        done = line.run(
            "python", "-m", "components.status", "--stack", "lab-test", "--json", check=False
        )
    finally:
        line.lab.run(
            "a",
            "ip",
            "route",
            "replace",
            "192.168.200.0/24",
            "dev",
            "wg0",
            "proto",
            "static",
            "scope",
            "link",
        )
        line.lab.run("a", "chmod", "0644", "/etc/systemd/network/wg0.network")
    assert done.returncode == 3
    reports = json.loads(done.stdout)
    assert reports["z"]["differences"] == reports["c"]["differences"] == []
    assert reports["a"]["differences"] == [
        "route 192.168.200.0/24: missing",
        "file /etc/systemd/network/wg0.network: is root:root 0600, should be root:root 0644",
    ]


def with_second_lan(text: str) -> str:
    """The article's network, with a second LAN behind spoke c."""
    short = (
        "    lan: 192.168.200.0/24\n    lan_address: 192.168.200.248\n    gateway: 192.168.200.1\n"
    )
    lans = (
        "    lans:\n"
        "      - {prefix: 192.168.200.0/24, address: 192.168.200.248, gateway: 192.168.200.1}\n"
        "      - {prefix: 192.168.210.0/24, address: 192.168.210.248, gateway: 192.168.210.1}\n"
    )
    assert short in text
    return text.replace(short, lans)
