"""SSH servers in this process, each with a host key and an account as a host of the line has."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

START_TIMEOUT_S = 20

# A failed test then shows what the servers saw.
logging.getLogger("asyncssh").setLevel(logging.DEBUG)
asyncssh.set_debug_level(2)


@dataclass
class Office:
    """One SSH server on 127.0.0.1: its port and host key, what it was asked, what it answers.

    `replies` are what it answers instead to commands that hold a text.
    """

    port: int
    host_key: str
    ran: list[str] = field(default_factory=list)
    says: str = "done\n"
    code: int = 0
    replies: dict[str, str] = field(default_factory=dict)


@dataclass
class World:
    """All servers of a test and the one key that they take."""

    key_file: Path
    offices: list[Office]

    @property
    def key(self) -> str:
        return self.key_file.read_text(encoding="ascii")


def new_key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


def public(key: asyncssh.SSHKey) -> str:
    """The public half in authorized_keys format, without a comment."""
    return " ".join(key.export_public_key().decode("ascii").split()[:2])


@contextmanager
def world(directory: Path, count: int, others: Mapping[int, str] | None = None) -> Iterator[World]:
    """Start `count` servers; they end with the block.

    Args:
        directory: for the file of the one key that they take.
        count: how many.
        others: for servers, by number, the public key that each takes in place of that one.
    """
    login = new_key()
    key_file = directory / "id_ed25519"
    key_file.write_bytes(login.export_private_key("openssh"))
    key_file.chmod(0o600)
    started = threading.Event()
    built = World(key_file, [])
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        servers = []
        for number in range(count):
            taken = (others or {}).get(number, public(login))
            host_key = new_key()
            office = Office(0, public(host_key))
            server = await asyncssh.listen(
                "127.0.0.1",
                0,
                server_host_keys=[host_key],
                authorized_client_keys=asyncssh.import_authorized_keys(taken),
                server_factory=_Server,
                process_factory=_told_to(office),
            )
            office.port = server.get_port()
            built.offices.append(office)
            servers.append(server)
        started.set()
        await over.wait()
        for server in servers:
            server.close()
            await server.wait_closed()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert started.wait(START_TIMEOUT_S), f"no SSH server within {START_TIMEOUT_S} s"
        yield built
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(START_TIMEOUT_S)
        loop.close()


class _Server(asyncssh.SSHServer):
    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> bool:
        """Every server is a jump host too."""
        return True


def _told_to(office: Office) -> Any:
    async def run(process: Any) -> None:
        office.ran.append(process.command)
        # Whoever still writes when the command has ended takes it for a broken connection.
        await process.stdin.read()
        says = [text for part, text in office.replies.items() if part in process.command]
        process.stdout.write(says[0] if says else office.says)
        process.exit(office.code)

    return run
