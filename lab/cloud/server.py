"""The cloud's API on TLS, and beside it what only the lab's own commands ask for.

Everything below /lab/ is the lab's: faults, the inventory, new settings. It is for this machine
alone, as is the whole server, and needs the account's secret.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import socket
import ssl
from asyncio import Transport
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from lab.cloud import faults
from lab.cloud.api import Cloud, CutError
from lab.cloud.certificate import Certificate
from lab.cloud.inventory import inventory
from lab.cloud.parts import Key
from lab.cloud.signing import Request
from lab.ports import LOOPBACK
from lab.settings import CloudSettings

ADMIN: Final = "/lab"
LARGEST_BODY: Final = 1024 * 1024
KEEP_ALIVE_S: Final = 30
SHUT_DOWN_S: Final = 5

LoadSettings = Callable[[], CloudSettings]


class _Protocol(H11Protocol):
    """HTTP that hands its connection to the application, for one that is to be cut."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            # TLS says goodbye and waits for an answer, which a client that only keeps its
            # connection for later never sends.
            self.transport.abort()


def application(cloud: Cloud, key: Key, load: LoadSettings) -> Starlette:
    """Return the server's application.

    Args:
        cloud: what answers.
        key: the account's, of which the lab's own paths ask for the secret.
        load: reads the settings again.
    """

    async def api(request: HttpRequest) -> Response:
        body = await request.body()
        if len(body) > LARGEST_BODY:
            return Response(status_code=413)
        asked = Request(
            method=request.method,
            query=request.url.query,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            path=request.url.path,
        )
        try:
            reply = await cloud.answer(asked)
        except CutError:
            request.state.transport.abort()
            # The protocol notices on the next turn; nothing is sent after that.
            await asyncio.sleep(0)
            return Response(status_code=500)
        headers = {"x-acs-request-id": reply.body["RequestId"]}
        return JSONResponse(reply.body, status_code=reply.status, headers=headers)

    async def admin(request: HttpRequest) -> Response:
        if not _is_ours(request, key):
            return JSONResponse({"error": "these paths are for the lab's own commands"}, 403)
        what = request.path_params["what"]
        try:
            told = json.loads(await request.body() or b"{}")
            return JSONResponse(_administer(cloud, load, what, request.method, told))
        except (ValueError, KeyError) as error:
            return JSONResponse({"error": str(error)}, 400)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        cloud.fleet.resume()
        yield
        await cloud.fleet.close()

    methods = ["GET", "POST"]
    return Starlette(
        routes=[
            Route(f"{ADMIN}/{{what}}", admin, methods=[*methods, "DELETE"]),
            Route("/", api, methods=methods),
        ],
        lifespan=lifespan,
    )


def _is_ours(request: HttpRequest, key: Key) -> bool:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    local = request.client is not None and ip_address(request.client.host).is_loopback
    return local and hmac.compare_digest(given.encode(), key.secret.encode())


def _administer(cloud: Cloud, load: LoadSettings, what: str, method: str, told: Any) -> Any:
    """Do what one of the lab's own commands asks for.

    Raises:
        ValueError: it is not to be done; the text says why.
    """
    world = cloud.store.world
    if (what, method) == ("inventory", "GET"):
        return inventory(world)
    if (what, method) == ("settings", "POST"):
        cloud.set(load())
        return {}
    if (what, method) == ("kinds", "GET"):
        return {name: kind.text for name, kind in faults.KINDS.items()}
    if what != "faults":
        msg = f"there is no {method} {ADMIN}/{what}"
        raise ValueError(msg)
    if method == "POST":
        world.faults.append(faults.ordered(told["kind"], told["action"], told["count"]))
    elif method == "DELETE":
        world.faults.clear()
    cloud.store.save()
    return [fault.model_dump() for fault in world.faults]


class _Server(uvicorn.Server):
    """A server that tells when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def server(
    app: Starlette, port: int, certificate: Certificate, ready: Callable[[], None]
) -> uvicorn.Server:
    """Return the server of an application on 127.0.0.1, not yet running.

    Args:
        app: the application.
        port: where to listen.
        certificate: what to show.
        ready: called once it answers.
    """
    config = uvicorn.Config(
        app,
        host=LOOPBACK,
        port=port,
        http=_Protocol,
        ws="none",
        lifespan="on",
        ssl_certfile=str(certificate.chain),
        ssl_keyfile=str(certificate.key),
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUT_DOWN_S,
        log_level="warning",
        access_log=False,
        server_header=False,
    )
    return _Server(config, ready)
