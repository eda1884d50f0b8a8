"""No key and no seed in clear: not in the state, its history, logs, outputs or process list."""

from __future__ import annotations

import pytest

from tests.lab.leaks import found, in_files, in_process_list, in_what_pulumi_shows, secrets_of
from tests.lab.line import STACK, Line


@pytest.fixture(scope="module")
def secrets(line: Line) -> dict[str, str]:
    return secrets_of(line)


def test_the_search_finds_what_is_there(line: Line, secrets: dict[str, str]) -> None:
    """The keys searched for are those in use: the hosts' own files hold them."""
    keys = line.lab.run("z", "sh", "-c", "cat /etc/leased-line/keys/*").stdout
    assert found(secrets, keys) == [
        "private key of z",
        "pre-shared key of a",
        "pre-shared key of c",
    ]


def test_state_history_and_logs(line: Line, secrets: dict[str, str]) -> None:
    files, leaks = in_files(secrets)
    assert any(file.match(f"*/stacks/leased-line/{STACK}.json") for file in files)
    assert any("history" in file.parts for file in files)
    assert leaks == {}


def test_what_pulumi_shows(line: Line, secrets: dict[str, str]) -> None:
    assert in_what_pulumi_shows(line, secrets) == {}


def test_process_list_during_up(line: Line, secrets: dict[str, str]) -> None:
    assert in_process_list(line, secrets) == []


@pytest.mark.parametrize("host", ["z", "a", "c"])
def test_key_files_and_journal_on_the_hosts(line: Line, secrets: dict[str, str], host: str) -> None:
    modes = line.lab.run(host, "stat", "-c", "%U:%G %a", "-L", "/etc/leased-line/keys").stdout
    assert modes == "root:systemd-network 750\n"
    files = line.lab.run(host, "sh", "-c", "stat -c '%U:%G %a' /etc/leased-line/keys/*").stdout
    assert set(files.splitlines()) == {"root:systemd-network 640"}
    elsewhere = line.lab.run(
        host,
        "sh",
        "-c",
        "journalctl -b --no-pager; cat /etc/systemd/network/wg0* "
        "/etc/systemd/network/wg0.netdev.d/* /var/lib/leased-line/current; ls -R /run/leased-line",
        check=False,
    ).stdout
    assert "WireGuard" in elsewhere
    assert found(secrets, elsewhere) == []
