"""SSH to a public address of the lab's internet, from a port of 127.0.0.1.

A daemon for each address, `python -m lab.cloud.reach`, connects from the administrator's address
on the lab's internet, so it passes the instance's security groups as anybody does.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import shutil
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Final

from lab.errors import LabError, WorldError
from lab.netns import exists, within
from lab.parts import INTERNET, namespace
from lab.places import known_internet
from lab.ports import FORWARDERS, LOOPBACK, allot, is_free
from lab.process import PID_FILE, Process, say_ready
from lab.shell import run
from lab.state import LabState

ADMINISTRATOR: Final = IPv4Address("203.0.113.250")
"""Where the person at the keyboard is on the lab's internet."""

SSH_PORT: Final = 22
CONNECT_TIMEOUT_S: Final = 20.0
"""Above the third SYN of a connection, which is sent after 7 s."""

_CHUNK: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where an address's SSH is reached: what `cloud reach` prints."""

    host: str
    port: int


def reach(address: IPv4Address, state: LabState) -> Door:
    """Return where the SSH of a public address is reached, from now on; the port stays the same.

    Raises:
        LabError: the stack has no internet with this address, no port is free, or the forwarder
            does not start.
    """
    _require_reachable(address, state)
    home = _home(address, state)
    with state.lock("reach"):
        others = state.directory.parent.glob("*/cloud/reach/*/port")
        port = allot(FORWARDERS, home / "port", others, state)
        forwarder = _process(home)
        if forwarder.pid() is None and not is_free(port):
            msg = (
                f"port {port} on {LOOPBACK}, where the SSH of {address} comes in, is taken; "
                f"`ss -tlnp 'sport = :{port}'` shows by whom: end that program, or delete "
                f"{home / 'port'} to have another port allotted"
            )
            raise LabError(msg)
        forwarder.start_daemon(
            "lab.cloud.reach",
            *("--stack", state.stack, "--address", str(address), "--port", str(port)),
        )
    return Door(host=LOOPBACK, port=port)


def unreach(address: IPv4Address, state: LabState) -> None:
    """End the forwarder of an address; none there is no error. Its port is kept for the next."""
    with state.lock("reach"):
        _process(_home(address, state)).end(signal.SIGTERM)


def unreach_all(state: LabState) -> None:
    """End all forwarders of the stack, and forget their ports."""
    with state.lock("reach"):
        for home in _directory(state).glob("*"):
            _process(home).end(signal.SIGTERM)
        shutil.rmtree(_directory(state), ignore_errors=True)


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `reach` and `unreach` to the verbs of `python -m lab cloud`.

    Each sets `act`, a function of the options and the stack's `LabState` that returns the exit
    code.
    """
    for name, act, text in (
        ("reach", _reach, "reach the SSH of a public address from a port of 127.0.0.1"),
        ("unreach", _unreach, "end what reach has begun"),
    ):
        added = verbs.add_parser(name, help=text, description=text)
        added.add_argument("address", help="a public address of the lab's internet")
        added.set_defaults(act=act)


def _reach(options: argparse.Namespace, state: LabState) -> int:
    print(json.dumps(asdict(reach(_address(options.address), state))))
    return 0


def _unreach(options: argparse.Namespace, state: LabState) -> int:
    unreach(_address(options.address), state)
    return 0


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError:
        msg = f"{text} is no IPv4 address: write one such as 203.0.113.1"
        raise WorldError([msg]) from None


def _require_reachable(address: IPv4Address, state: LabState) -> None:
    internet = known_internet(state)
    if internet is None or not exists(namespace(state.stack, INTERNET)):
        msg = (
            f"stack {state.stack} has no internet on which {address} could be: "
            f"`make up STACK={state.stack}` brings it up"
        )
        raise LabError(msg)
    if address not in internet.prefix:
        msg = f"{address} is no public address of the lab's internet, which is {internet.prefix}"
        raise LabError(msg)


def _directory(state: LabState) -> Path:
    return state.cloud / "reach"


def _home(address: IPv4Address, state: LabState) -> Path:
    return _directory(state) / str(address)


def _process(home: Path) -> Process:
    return Process(pid_file=home / "forwarder.pid")


class _Forwarder:
    """Copies what comes in at the port to the address, and back."""

    def __init__(self, address: IPv4Address, place: str) -> None:
        self.address = str(address)
        self.place = place

    async def serve(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        """Serve one connection until both sides have ended it."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                server, ask = await self._connect()
        except OSError as error:  # TimeoutError is one
            # The client sees its connection end; why, is in the log.
            print(f"{self.address}: {str(error) or 'no answer'}", file=sys.stderr, flush=True)
            answer.transport.abort()
            return
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(client, ask))
                both.create_task(_copy(server, answer))
        except* OSError as lost:
            print(f"{self.address}: {lost.exceptions[0]}", file=sys.stderr, flush=True)
        finally:
            ask.transport.abort()
            answer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        outgoing = await asyncio.to_thread(within, self.place, self._socket)
        try:
            await loop.sock_connect(outgoing, (self.address, SSH_PORT))
        except BaseException:
            outgoing.close()
            raise
        return await asyncio.open_connection(sock=outgoing)

    def _socket(self) -> socket.socket:
        outgoing = socket.socket()
        outgoing.setblocking(False)
        try:
            outgoing.bind((str(ADMINISTRATOR), 0))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            # The internet is new. An address of the loopback interface is answered for on all.
            run("ip", "address", "replace", f"{ADMINISTRATOR}/32", "dev", "lo")
            outgoing.bind((str(ADMINISTRATOR), 0))
        return outgoing


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK):
        target.write(data)
        await target.drain()
    # One direction may end before the other (ssh(1) with its input at its end).
    target.write_eof()


async def _forward(options: argparse.Namespace) -> None:
    forwarder = _Forwarder(options.address, namespace(options.stack, INTERNET))
    server = await asyncio.start_server(forwarder.serve, LOOPBACK, options.port)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    say_ready(options.pid_file)
    await ended.wait()
    server.close()


def main() -> None:
    """Forward one port of 127.0.0.1 to one public address until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m lab.cloud.reach", description=main.__doc__)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--address", required=True, type=IPv4Address)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument(PID_FILE, required=True, type=Path, dest="pid_file")
    with suppress(KeyboardInterrupt):
        asyncio.run(_forward(parser.parse_args()))


if __name__ == "__main__":
    main()
