"""The lab administrator's SSH to a machine: pinned host key, own key, no questions."""

from __future__ import annotations

import socket
from typing import Final, Literal

from lab.ports import LOOPBACK
from lab.shell import run
from lab.state import LabState

CONNECT_TIMEOUT_S: Final = 10

# OpenSSH's first choice is a post-quantum exchange, which costs an emulated processor more.
_KEY_EXCHANGE: Final = "curve25519-sha256"


def command(state: LabState, name: str, port: int, *argv: str, user: str = "root") -> list[str]:
    """Return the ssh(1) command that runs `argv`, each word as it is, on a machine.

    `argv` goes through the login shell there as ssh joins it; quote it with shlex.join first
    where words have to stay apart.
    """
    home = state.machine(name)
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": str(CONNECT_TIMEOUT_S),
        "GlobalKnownHostsFile": "/dev/null",
        "HostKeyAlias": name,
        "HostKeyAlgorithms": "ssh-ed25519",
        "IdentitiesOnly": "yes",
        "KexAlgorithms": _KEY_EXCHANGE,
        "LogLevel": "ERROR",
        "ServerAliveCountMax": "3",
        "ServerAliveInterval": "10",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": f'"{home / "known_hosts"}"',
    }
    given = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    # fmt: off
    return ["ssh", "-F", "none", *given, "-i", str(state.private_key), "-p", str(port),
            "-l", user, LOOPBACK, *argv]
    # fmt: on


def answer(state: LabState, name: str, port: int) -> Literal[True] | str:
    """Return True if the machine lets us in, else what it does, for people."""
    greeting = _greeting(port)
    if greeting is not None:
        return greeting
    done = run(*command(state, name, port, "true"), check=False, timeout_s=60)
    if done.returncode == 0:
        return True
    said = done.stderr.strip().splitlines()
    return f"SSH answers and says: {said[-1] if said else 'nothing'}"


def _greeting(port: int) -> str | None:
    """Return None if an SSH server greets on `port`, else what happens instead.

    QEMU takes the connection whether the machine listens or not, so only the greeting
    (RFC 4253, 4.2) shows that there is somebody.
    """
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            said = connection.recv(64)
    except TimeoutError:
        return f"port {port} is open and nobody speaks yet"
    except OSError as error:
        return f"port {port}: {error.strerror or error}"
    if said.startswith(b"SSH-"):
        return None
    return f"port {port} closes without a word: no SSH server yet"
