"""Asks hosts something over SSH, all at once."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leasedline.ssh import Login, client_config, known_hosts

ASK_TIMEOUT_S: Final = 60
SSH_FAILED: Final = 255
"""What ssh(1) exits with when it did not get as far as running the command."""

_REASONS: Final = (
    (
        ("Host key verification failed", "HOST IDENTIFICATION HAS CHANGED"),
        "its SSH host key is not the pinned one: if the host was reinstalled, pin its new key "
        "(ssh-keyscan -t ed25519 {host}, compared on the host's own console) as ssh.host_key; "
        "if it was not, somebody else answers for it",
    ),
    (
        ("no matching host key type",),
        "it has no SSH host key of the pinned kind: pin one that it has (ssh-keyscan {host})",
    ),
    # Before the refused login that follows from it.
    (
        ("Load key",),
        "the private key for it cannot be used: it must be a private key as ssh-keygen writes it, "
        "which nobody else may read (chmod 600)",
    ),
    (
        ("Permission denied", "Too many authentication failures"),
        "it refuses the login of {user}: put your public key into its authorized_keys, or name "
        "the right key (ssh.key_file, the stack's sshPrivateKey, or the SSH agent)",
    ),
    (
        ("Connection refused",),
        "nothing listens on port {port}: is sshd running there, and is the port right?",
    ),
    (
        ("timed out", "No route to host", "Network is unreachable"),
        "it does not answer on port {port}: is it on, and is there a way to it (ssh.jump)?",
    ),
    (("Could not resolve",), "its name has no address: correct ssh.host"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host answered: the command's exit code and output; `fault` says why it got none."""

    code: int
    stdout: str
    stderr: str
    fault: str | None


def ask(
    logins: Mapping[str, Login],
    commands: Mapping[str, str],
    key: str | None = None,
    derived: str | None = None,
) -> dict[str, Answer]:
    """Run one command on each host with OpenSSH's client, in parallel.

    Args:
        logins: how each host is reached.
        commands: what to run, by host name.
        key: the private key text for hosts whose login names no file; an agent serves otherwise.
        derived: the private key text for hosts that take the one derived from the stack's seed.

    Returns:
        An answer for each host in `commands`; an unreachable host has a `fault` for people.
    """
    with tempfile.TemporaryDirectory(prefix="leased-line-") as directory:
        files = [
            _written(Path(directory, name), text)
            for name, text in (("key", key), ("derived", derived))
        ]
        hosts = Path(directory, "known_hosts")
        hosts.write_text(known_hosts(logins), encoding="utf-8")
        config = Path(directory, "config")
        config.write_text(client_config(logins, str(hosts), *files), encoding="utf-8")

        def one(name: str) -> Answer:
            return _ask(name, logins[name], commands[name], config)

        with ThreadPoolExecutor(max_workers=16) as pool:
            return dict(zip(commands, pool.map(one, commands), strict=True))


def _written(file: Path, key: str | None) -> str | None:
    if key is None:
        return None
    file.touch(mode=0o600)
    file.write_text(key.rstrip("\n") + "\n", encoding="utf-8")
    return str(file)


def _ask(name: str, login: Login, command: str, config: Path) -> Answer:
    try:
        ran = subprocess.run(
            ["ssh", "-F", str(config), name, command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ASK_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        return Answer(
            SSH_FAILED, "", "", "the ssh program is missing: apt-get install openssh-client"
        )
    except subprocess.TimeoutExpired:
        return Answer(
            SSH_FAILED, "", "", f"it took the login but gave no answer in {ASK_TIMEOUT_S} s"
        )
    fault = _fault(login, ran.stderr) if ran.returncode == SSH_FAILED else None
    return Answer(ran.returncode, ran.stdout, ran.stderr, fault)


def _fault(login: Login, stderr: str) -> str:
    said = stderr.strip().splitlines()
    for signs, reason in _REASONS:
        if any(sign in stderr for sign in signs):
            return reason.format(host=login.host, port=login.port, user=login.user)
    return said[-1] if said else "ssh failed without a word"
