"""A hub, or a spoke, that the user already has: nothing is created, it is only logged in to."""

from __future__ import annotations

from pathlib import Path

import pulumi
from pulumi_command.remote import ConnectionArgs, ProxyConnectionArgs

from components.place import PlacedHost, PlacedHub
from leasedline.network import Hub, Jump, Spoke, Ssh
from leasedline.ssh import Login


def existing_hub(hub: Hub, key: str | None) -> PlacedHub:
    """Return where the user's own hub is; `key` is the stack's SSH key, if it has one.

    Raises:
        pulumi.RunError: the network file does not say how the hub is reached.
    """
    if hub.ssh is None:
        raise pulumi.RunError(_unreachable(f"hub {hub.name}"))
    address = hub.endpoint or hub.ssh.host
    host = _existing(hub.name, hub.ssh, key)
    return PlacedHub(user=host.user, connection=host.connection, login=host.login, address=address)


def existing_spoke(spoke: Spoke, key: str | None) -> PlacedHost:
    """Return where the user's own spoke is; `key` is the stack's SSH key, if it has one.

    Raises:
        pulumi.RunError: the network file does not say how the spoke is reached.
    """
    if spoke.ssh is None:
        raise pulumi.RunError(_unreachable(f"spoke {spoke.name}"))
    return _existing(spoke.name, spoke.ssh, key)


def _existing(name: str, ssh: Ssh, key: str | None) -> PlacedHost:
    text = _read_key(name, ssh.key_file) if ssh.key_file else key
    private_key = pulumi.Output.secret(text) if text else None
    return PlacedHost(
        user=ssh.user,
        login=login_of(ssh),
        connection=ConnectionArgs(
            host=ssh.host,
            port=float(ssh.port),
            user=ssh.user,
            host_key=ssh.host_key,
            private_key=private_key,
            proxy=proxy_of(ssh.jump, private_key) if ssh.jump else None,
        ),
    )


def login_of(ssh: Ssh | Jump) -> Login:
    """Return `ssh` as OpenSSH's client needs it."""
    return Login(
        host=ssh.host,
        port=ssh.port,
        user=ssh.user,
        host_key=ssh.host_key,
        key_file=ssh.key_file if isinstance(ssh, Ssh) else None,
        jump=login_of(ssh.jump) if isinstance(ssh, Ssh) and ssh.jump else None,
    )


def proxy_of(jump: Jump, private_key: pulumi.Input[str] | None) -> ProxyConnectionArgs:
    """Return `jump` as pulumi-command needs it; the host behind it takes the same key."""
    return ProxyConnectionArgs(
        host=jump.host,
        port=float(jump.port),
        user=jump.user,
        host_key=jump.host_key,
        private_key=private_key,
    )


def _read_key(name: str, path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        msg = (
            f"{name}: its ssh.key_file {path} cannot be read ({error.strerror}): name a private "
            "key on this machine, or leave key_file out to use the stack's sshPrivateKey or the "
            "SSH agent"
        )
        raise pulumi.RunError(msg) from None


def _unreachable(host: str) -> str:
    return (
        f"{host} has no ssh section in the network file, so nothing says how to log in to it: add "
        "ssh: with host, user and host_key (docs/network-file.md)"
    )
