"""OpenSSH's client configuration for the stack's hosts: pinned host keys, no questions asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How a host is reached over SSH; holds no secret, so it can be an output.

    `host_key` is the pinned key in authorized_keys format. `key_file` is a path on the machine
    that runs Pulumi, or None where an agent or the stack's own secret serves; `derived` says that
    the key derived from the stack's seed does. `jump` is the one host on the way.
    """

    host: str
    port: int
    user: str
    host_key: str
    key_file: str | None = None
    jump: Login | None = None
    derived: bool = False


def login_from(told: Mapping[str, Any]) -> Login:
    """Return the login that `told` holds: an output of a stack, whose numbers may be floats."""
    jump = login_from(told["jump"]) if told.get("jump") else None
    return Login(**{**told, "port": int(told["port"]), "jump": jump})


def known_hosts(logins: Mapping[str, Login]) -> str:
    """Return a known_hosts file: each host's pinned key under its name in the stack."""
    lines = []
    for name, login in logins.items():
        lines.append(f"{name} {login.host_key}\n")
        if login.jump:
            lines.append(f"{_jump(name)} {login.jump.host_key}\n")
    return "".join(lines)


def client_config(
    logins: Mapping[str, Login],
    known_hosts_file: str,
    key_file: str | None = None,
    derived_file: str | None = None,
) -> str:
    """Return an ssh_config(5): `ssh -F FILE NAME` reaches the host of that name, or fails.

    Args:
        logins: the hosts by name.
        known_hosts_file: where `known_hosts(logins)` was written.
        key_file: the private key for hosts whose login names none.
        derived_file: the private key for hosts that take the one derived from the seed.
    """
    blocks = []
    for name, login in logins.items():
        extra = ""
        key = login.key_file or (derived_file if login.derived else key_file)
        if login.jump:
            # The jump host takes the same key as the host behind it, as in Pulumi's connection.
            blocks.append(_block(_jump(name), login.jump, known_hosts_file, key))
            extra = f"  ProxyJump {_jump(name)}\n"
        blocks.append(_block(name, login, known_hosts_file, key) + extra)
    return "".join(blocks)


def _jump(name: str) -> str:
    return f"{name}.jump"


def _block(alias: str, login: Login, known_hosts_file: str, key_file: str | None) -> str:
    key = login.key_file or key_file
    identity = f'  IdentityFile "{key}"\n  IdentitiesOnly yes\n' if key else ""
    return f"""\
Host {alias}
  HostName {login.host}
  HostKeyAlias {alias}
  HostKeyAlgorithms {login.host_key.split()[0]}
  Port {login.port}
  User {login.user}
  BatchMode yes
  ConnectTimeout 15
  StrictHostKeyChecking yes
  UserKnownHostsFile "{known_hosts_file}"
  GlobalKnownHostsFile /dev/null
  LogLevel ERROR
{identity}"""
