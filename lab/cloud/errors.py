"""What the cloud's API answers when it does not do what it was asked, in Alibaba's own codes."""

from __future__ import annotations

from typing import Final

OK: Final = 200
BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
INTERNAL: Final = 500
UNAVAILABLE: Final = 503


class ApiError(Exception):
    """A refusal that goes back to the client as code, message and HTTP status."""

    def __init__(self, code: str, message: str, status: int = BAD_REQUEST) -> None:
        self.code = code
        self.message = message
        self.status = status
        super().__init__(f"{code}: {message}")


def missing(name: str) -> ApiError:
    """Return the refusal of a request without the parameter `name`."""
    said = f'The input parameter "{name}" that is mandatory for processing this request '
    return ApiError("MissingParameter", said + "is not supplied.")


def invalid(name: str, why: str = "") -> ApiError:
    """Return the refusal of a parameter's value; `why` never repeats the value."""
    said = f'The specified parameter "{name}" is not valid.'
    return ApiError("InvalidParameter", f"{said} {why}".strip())


def unknown_parameter(name: str, action: str) -> ApiError:
    """Return the refusal of a parameter that the action does not have."""
    return ApiError("InvalidParameter", f'The action {action} has no parameter "{name}".')


def not_found(code: str, what: str, id: str) -> ApiError:
    """Return the answer that there is no `what` of this id, in this region."""
    return ApiError(code, f'The specified {what} "{id}" does not exist.', NOT_FOUND)


def forbidden(action: str) -> ApiError:
    """Return the refusal of an action that the RAM policy does not allow, such as ecs:StopInstance.

    The real one names the account and the resource as well.
    """
    said = "User not authorized to operate on the specified resource, or this API doesn't "
    return ApiError("Forbidden.RAM", f"{said}support RAM. Action: {action}", FORBIDDEN)


def depends(code: str, message: str) -> ApiError:
    """Return the refusal to remove what something else still needs."""
    return ApiError(code, message)


def wrong_status(what: str, status: str) -> ApiError:
    """Return the refusal of an action that does not suit the status of `what`."""
    code = "IncorrectInstanceStatus" if what == "instance" else f"Incorrect{what}Status"
    said = f"The current status of the resource does not support this operation: {what} is "
    return ApiError(code, said + status, FORBIDDEN)


def quota(code: str, what: str, most: int) -> ApiError:
    """Return the refusal of one more `what` than the account may have."""
    return ApiError(code, f"The maximum number of {what} is exceeded: {most}.", FORBIDDEN)
