"""No secret in what the cloud keeps and logs, in the state or in what pulumi shows."""

from __future__ import annotations

import base64
import json

import pytest

from tests.cloud.cloud_line import CloudLine
from tests.lab.leaks import (
    body,
    found,
    in_files,
    in_process_list,
    in_what_pulumi_shows,
    read,
    secrets_of,
)

HOST_KEY = "SSH host key of z"


@pytest.fixture(scope="module")
def secrets(line: CloudLine) -> dict[str, str]:
    """Those of every line, and those that a hub in the cloud adds."""
    return secrets_of(line) | {
        HOST_KEY: body(line.ring.ssh_host("z").private),
        "SSH login key": body(line.ring.ssh_login().private),
        "the account's secret": line.files.key().secret,
    }


def user_data(line: CloudLine) -> str:
    world = json.loads(line.files.world.read_text("utf-8"))
    (instance,) = world["instances"].values()
    return base64.b64decode(instance["user_data"]).decode()


def test_user_data_holds_the_ssh_host_key_and_no_key_of_the_line(
    line: CloudLine, secrets: dict[str, str]
) -> None:
    text = user_data(line)
    assert text.startswith("#cloud-config\n")
    assert found(secrets, text) == [HOST_KEY]


def test_the_clouds_log(line: CloudLine, secrets: dict[str, str]) -> None:
    (run,) = line.asked(action="RunInstances", code="OK")
    assert "UserData" in run["names"]
    assert "UserData" not in run["values"]
    logs = [line.files.log, line.files.process.pid_file.with_suffix(".log")]
    encoded = base64.b64encode(user_data(line).encode()).decode()
    for log in logs:
        text = read(log)
        assert found(secrets, text) == []
        assert encoded[:60] not in text
    assert len(line.asked()) > 50


def test_state_history_and_logs(line: CloudLine, secrets: dict[str, str]) -> None:
    files, leaks = in_files(secrets)
    assert any(file.match(f"*/stacks/leased-line/{line.stack}.json") for file in files)
    assert leaks == {}


def test_what_pulumi_shows(line: CloudLine, secrets: dict[str, str]) -> None:
    assert in_what_pulumi_shows(line, secrets) == {}


def test_process_list_during_up(line: CloudLine, secrets: dict[str, str]) -> None:
    # The lab's own environment tells every client of the cloud the account's secret.
    of_the_line = {name: text for name, text in secrets.items() if "account" not in name}
    assert in_process_list(line, of_the_line) == []
    assert not [words for words, _ in line.seen_processes if found(secrets, words)]


def test_the_hubs_files_and_journal(line: CloudLine, secrets: dict[str, str]) -> None:
    files = line.on_hub("sh", "-c", "stat -c '%U:%G %a' /etc/leased-line/keys/*")
    assert set(files.splitlines()) == {"root:systemd-network 640"}
    keys = line.on_hub("sh", "-c", "cat /etc/leased-line/keys/*")
    assert found(secrets, keys) == [
        "private key of z",
        "pre-shared key of a",
        "pre-shared key of c",
    ]
    told = line.on_hub(
        "sh",
        "-c",
        "journalctl -b --no-pager; cat /var/log/cloud-init*.log /etc/systemd/network/wg0* "
        "/etc/systemd/network/wg0.netdev.d/* /var/lib/leased-line/current || true",
    )
    assert "WireGuard" in told
    assert found(secrets, told) == []
