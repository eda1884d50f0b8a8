"""The search for secrets in clear: which there are in a running line, and where they are found."""

from __future__ import annotations

import base64
from pathlib import Path

from lab.settings import PROJECT
from leasedline.keys import KeyRing
from leasedline.load import load_network
from tests.lab.line import Line


def ring_of(line: Line) -> KeyRing:
    """Return the keys of a running line."""
    return KeyRing(line.pulumi("config", "get", "leased-line:seed").stdout.strip())


def secrets_of(line: Line) -> dict[str, str]:
    """Return every secret of a running line by name, in each spelling that could leak."""
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
    texts["SSH key"] = body(line.lab.state.private_key.read_text())
    return texts


def body(pem: str) -> str:
    """Return a line from within a private key's text, which survives any indentation."""
    return pem.splitlines()[2]


def found(secrets: dict[str, str], text: str) -> list[str]:
    """Return the names of the secrets that are in a text."""
    return [name for name, secret in secrets.items() if secret in text]


def read(file: Path) -> str:
    """Return a file as text, whatever it is."""
    return file.read_bytes().decode(errors="replace")


def in_files(secrets: dict[str, str], *more: Path) -> tuple[list[Path], dict[str, list[str]]]:
    """Return the files of state, history and logs, and `more`, and which secrets are in which."""
    folders = (PROJECT / ".state", PROJECT / ".toolchain" / "log")
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    files += more
    return files, {str(file): names for file in files if (names := found(secrets, read(file)))}


def in_what_pulumi_shows(line: Line, secrets: dict[str, str]) -> dict[str, list[str]]:
    """Return which secrets each command of pulumi tells."""
    shown = {
        words: line.pulumi(*words.split()).stdout
        for words in (
            "stack export",
            "stack output --json",
            "stack history --json",
            "config --json",
            "preview --diff",
        )
    }
    assert all(shown.values())
    return {words: names for words, text in shown.items() if (names := found(secrets, text))}


def in_process_list(line: Line, secrets: dict[str, str]) -> list[str]:
    """Return the commands of `line.seen_processes` that told a secret to anybody who looked."""
    assert len(line.seen_processes) > 50
    assert any("pulumi" in words for words, _ in line.seen_processes)
    told = [words for words, _ in line.seen_processes if found(secrets, words)]
    # Pulumi itself hands a Python program its configuration in PULUMI_CONFIG, where only the same
    # user and root can read it (sdk/python/cmd/pulumi-language-python); nobody else gets any.
    told += [
        words
        for words, environment in line.seen_processes
        if found(secrets, environment) and "pulumi-language-python-exec" not in words
    ]
    return told
