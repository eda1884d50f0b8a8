"""One request, from its signature to its answer."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Final

from lab.cloud import (
    actions_catalogue,
    actions_details,
    actions_eip,
    actions_instances,
    actions_keys,
    actions_power,
    actions_rules,
    actions_security,
    actions_tags,
    actions_vpc,
    actions_vswitch,
    faults,
)
from lab.cloud.errors import INTERNAL, OK, ApiError, forbidden, missing
from lab.cloud.fleet import Fleet
from lab.cloud.journal import Entry, Journal
from lab.cloud.parts import Key, Machines
from lab.cloud.registry import Action, Answer, Call, checked_region, find
from lab.cloud.signing import Nonces, Request, Signed, signed
from lab.cloud.state import Answered, Store, World
from lab.cloud.wire import Params, harmless, merged
from lab.settings import CloudSettings

# Importing them is what registers their actions.
MODULES: Final = (
    *(actions_catalogue, actions_details, actions_eip, actions_instances, actions_keys),
    *(actions_power, actions_rules, actions_security, actions_tags, actions_vpc, actions_vswitch),
)

KEPT_TOKENS: Final = 1000


class CutError(Exception):
    """The connection is to end without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back."""

    status: int
    body: Answer


@dataclass(slots=True)
class _Seen:
    """What is known of a request so far, for the log."""

    request: str
    scheme: str = ""
    action: Action | None = None
    parameters: dict[str, str] | None = None
    fault: str = ""


class Cloud:
    """The API of one account."""

    def __init__(
        self,
        *,
        store: Store,
        machines: Machines,
        settings: CloudSettings,
        key: Key,
        journal: Journal,
    ) -> None:
        """Answer for the world in `store`, and let `machines` follow it."""
        self.store = store
        self.fleet = Fleet(store, machines, settings)
        self.settings = settings
        self._key = key
        self._journal = journal
        self._nonces = Nonces()

    def set(self, settings: CloudSettings) -> None:
        """Go on with other settings."""
        self.settings = self.fleet.settings = settings

    async def answer(self, request: Request) -> Reply:
        """Answer a request, and log it.

        Raises:
            CutError: the connection is to end instead.
        """
        seen = _Seen(request=str(uuid.uuid4()).upper())
        try:
            body = await self._answered(request, seen)
        except ApiError as error:
            self._log(request, seen, error.status, error.code)
            host = request.headers.get("host", "")
            said = {"Code": error.code, "Message": error.message, "HostId": host}
            return Reply(status=error.status, body={"RequestId": seen.request, **said})
        except CutError:
            self._log(request, seen, 0, "Cut")
            raise
        except Exception:
            self._log(request, seen, INTERNAL, "InternalError")
            raise
        self._log(request, seen, OK, "OK")
        return Reply(status=OK, body={"RequestId": seen.request, **body})

    async def _answered(self, request: Request, seen: _Seen) -> Answer:
        now = datetime.now(UTC)
        said: Signed = signed(request)
        seen.scheme = said.scheme
        seen.parameters = merged(request.parameters)
        seen.action = _asked(request, seen.parameters)
        said.check(self._key.id, self._key.secret, now)
        self._nonces.use(said.nonce, now)
        action = seen.action
        if action is None:
            find(*_names(request, seen.parameters))
            raise AssertionError
        if not any(fnmatchcase(action.ram, allowed) for allowed in self.settings.policy):
            raise forbidden(action.ram)
        region = checked_region(seen.parameters.get("RegionId", ""))
        if action.needs_region and not region:
            raise missing("RegionId")
        params = Params(action.name, action.params, seen.parameters)
        seen.fault = faults.due(action, self.store.world)
        if seen.fault:
            self.store.save()
        kind = faults.KINDS.get(seen.fault)
        if kind is not None and kind.refusal is not None:
            raise kind.refusal(action)
        if seen.fault == faults.CUT_BEFORE:
            raise CutError
        body = await self._done(action, region, params)
        if seen.fault == faults.CUT:
            raise CutError
        return body

    async def _done(self, action: Action, region: str, params: Params) -> Answer:
        if not action.changes:
            return action.does(self._call(action, region, params, self.store.world))
        token = f"{region}/{params.text('ClientToken')}" if params.has("ClientToken") else ""
        digest = _digest(action, params)
        before = self.store.world.tokens.get(token)
        if before is not None:
            if before.digest != digest:
                said = "The ClientToken was used for a request with other parameters."
                raise ApiError("IdempotentParameterMismatch", said)
            return before.answer
        # What is refused halfway leaves nothing behind.
        call = self._call(action, region, params, self.store.world.model_copy(deep=True))
        body = action.does(call)
        if params.flag("DryRun"):
            said = "Request validation has been passed with DryRun flag set."
            raise ApiError("DryRunOperation", said)
        if token:
            _remember(call.world, token, Answered(action=action.name, digest=digest, answer=body))
        self.store.world = call.world
        self.store.save()
        for id in call.touched | call.guarded:
            self.fleet.follow(id)
        await self.fleet.settled(call.guarded)
        return body

    def _call(self, action: Action, region: str, params: Params, world: World) -> Call:
        return Call(
            action=action.name, region=region, params=params, world=world, settings=self.settings
        )

    def _log(self, request: Request, seen: _Seen, status: int, code: str) -> None:
        action, sent = seen.action, seen.parameters or {}
        names, values = harmless(action.params if action else (), sent)
        name, version = _names(request, sent)
        self._journal.write(
            Entry(
                time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                request=seen.request,
                product=action.product if action else version[:16],
                action=action.name if action else name[:64],
                ram=action.ram if action else "",
                region=sent.get("RegionId", "")[:32],
                method=request.method,
                scheme=seen.scheme,
                names=names,
                values=values,
                status=status,
                code=code,
                fault=seen.fault,
            )
        )


def _names(request: Request, parameters: dict[str, str]) -> tuple[str, str]:
    """Return the action and the version that a request names: as headers, or as parameters."""
    headers = request.headers
    name = parameters.get("Action") or headers.get("x-acs-action", "")
    return name, parameters.get("Version") or headers.get("x-acs-version", "")


def _asked(request: Request, parameters: dict[str, str]) -> Action | None:
    try:
        return find(*_names(request, parameters))
    except ApiError:
        return None


def _digest(action: Action, params: Params) -> str:
    said: Any = [action.name, sorted(params.sent.items())]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _remember(world: World, token: str, answered: Answered) -> None:
    world.tokens[token] = answered
    for old in list(world.tokens)[:-KEPT_TOKENS]:
        del world.tokens[old]
