"""No key and no seed in clear: not in the state, its history, logs, outputs or process list."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from lab.settings import PROJECT
from leasedline.keys import KeyRing
from leasedline.load import load_network
from tests.lab.line import STACK, Line


@pytest.fixture(scope="module")
def secrets(line: Line) -> dict[str, str]:
    """Every secret of the running line by name, in each spelling that could leak."""
    network = load_network(line.network)
    seed = line.pulumi("config", "get", "leased-line:seed").stdout.strip()
    ring = KeyRing(seed)
    texts = {"seed": seed}
    texts |= {f"private key of {host.name}": ring.host(host.name).private for host in network.hosts}
    texts |= {
        f"pre-shared key of {spoke.name}": ring.preshared(network.hub.name, spoke.name).secret
        for spoke in network.spokes
    }
    texts |= {f"{name} in hex": base64.b64decode(text).hex() for name, text in texts.items()}
    texts["SSH key"] = line.lab.state.private_key.read_text().splitlines()[2]
    return texts


def found(secrets: dict[str, str], text: str) -> list[str]:
    return [name for name, secret in secrets.items() if secret in text]


def test_the_search_finds_what_is_there(line: Line, secrets: dict[str, str]) -> None:
    """The keys searched for are those in use: the hosts' own files hold them."""
    keys = line.lab.run("z", "sh", "-c", "cat /etc/leased-line/keys/*").stdout
    assert found(secrets, keys) == [
        "private key of z",
        "pre-shared key of a",
        "pre-shared key of c",
    ]


def test_state_history_and_logs(line: Line, secrets: dict[str, str]) -> None:
    folders = (PROJECT / ".state", PROJECT / ".toolchain" / "log")
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    assert any(file.match(f"*/stacks/leased-line/{STACK}.json") for file in files)
    assert any("history" in file.parts for file in files)
    leaks = {str(file): names for file in files if (names := found(secrets, read(file)))}
    assert leaks == {}


def test_what_pulumi_shows(line: Line, secrets: dict[str, str]) -> None:
    shown = [
        line.pulumi("stack", "export").stdout,
        line.pulumi("stack", "output", "--json").stdout,
        line.pulumi("stack", "history", "--json").stdout,
        line.pulumi("config", "--json").stdout,
        line.pulumi("preview", "--diff").stdout,
    ]
    assert [found(secrets, text) for text in shown] == [[]] * len(shown)


def test_process_list_during_up(line: Line, secrets: dict[str, str]) -> None:
    assert len(line.seen_processes) > 50
    assert any("pulumi" in words for words, _ in line.seen_processes)
    assert [names for words, _ in line.seen_processes if (names := found(secrets, words))] == []
    # Pulumi itself hands a Python program its configuration in PULUMI_CONFIG, where only the same
    # user and root can read it (sdk/python/cmd/pulumi-language-python); nobody else gets any.
    told = {words for words, environment in line.seen_processes if found(secrets, environment)}
    assert all("pulumi-language-python-exec" in words for words in told), told


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


def read(file: Path) -> str:
    return file.read_bytes().decode(errors="replace")
