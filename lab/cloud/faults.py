"""What goes wrong on demand: which kinds there are, and what each does to a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from lab.cloud.errors import FORBIDDEN, INTERNAL, UNAVAILABLE, ApiError, forbidden
from lab.cloud.registry import Action
from lab.cloud.state import Fault, World

CUT: Final = "cut"
CUT_BEFORE: Final = "cut-before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of fault: what it does, in words, and what is answered in place of the action."""

    text: str
    refusal: Callable[[Action], ApiError] | None = None
    """None where the connection is cut."""


def _throttled(_action: Action) -> ApiError:
    return ApiError("Throttling.User", "Request was denied due to user flow control.")


def _status(action: Action) -> ApiError:
    code = "IncorrectEipStatus" if "Eip" in action.name else "IncorrectInstanceStatus"
    said = "The current status of the resource does not support this operation."
    return ApiError(code, said, FORBIDDEN)


def _no_stock(_action: Action) -> ApiError:
    said = "The requested resource is sold out in the specified zone, try other types of resources "
    return ApiError("OperationDenied.NoStock", said + "or other regions and zones.", FORBIDDEN)


def _quota(action: Action) -> ApiError:
    of = {
        "RunInstances": "QuotaExceed.ElasticQuota",
        "AllocateEipAddress": "QuotaExceeded.Eip",
        "CreateVpc": "QuotaExceeded.Vpc",
        "CreateVSwitch": "QuotaExceeded.VSwitch",
    }
    said = "The number of resources exceeds the quota of your account."
    return ApiError(of.get(action.name, f"QuotaExceeded.{action.name}"), said, FORBIDDEN)


def _internal(_action: Action) -> ApiError:
    said = "The request processing has failed due to some unknown error."
    return ApiError("InternalError", said, INTERNAL)


def _unavailable(_action: Action) -> ApiError:
    said = "The request has failed due to a temporary failure of the server."
    return ApiError("ServiceUnavailable", said, UNAVAILABLE)


KINDS: Final = {
    "throttling": Kind(text="Throttling.User", refusal=_throttled),
    "status": Kind(text="IncorrectInstanceStatus, or IncorrectEipStatus", refusal=_status),
    "no-stock": Kind(text="OperationDenied.NoStock: the zone is sold out", refusal=_no_stock),
    "quota": Kind(text="QuotaExceeded and its like", refusal=_quota),
    "forbidden": Kind(text="Forbidden.RAM", refusal=lambda action: forbidden(action.ram)),
    "internal": Kind(text="500, InternalError", refusal=_internal),
    "unavailable": Kind(text="503, ServiceUnavailable", refusal=_unavailable),
    CUT: Kind(text="the action takes effect, and the connection ends without an answer"),
    CUT_BEFORE: Kind(text="the connection ends without an answer or an effect"),
}


def due(action: Action, world: World) -> str:
    """Return the kind of the first fault that is meant for an action, and count it; "" if none."""
    for fault in world.faults:
        if fnmatchcase(action.name, fault.action) or fnmatchcase(action.ram, fault.action):
            fault.left -= 1
            if fault.left <= 0:
                world.faults.remove(fault)
            return fault.kind
    return ""


def ordered(kind: str, action: str, count: int) -> Fault:
    """Return a new fault.

    Raises:
        ValueError: there is no such kind, or the count is no count; the text says it.
    """
    if kind not in KINDS:
        msg = f"there is no fault {kind!r}: it is one of {', '.join(KINDS)}"
        raise ValueError(msg)
    if count < 1:
        msg = f"a fault happens once or more, not {count} times"
        raise ValueError(msg)
    return Fault(kind=kind, action=action, left=count)
