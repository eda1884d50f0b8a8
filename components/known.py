"""Values that a preview may not know yet, without making all that hangs on them unknown too."""

from __future__ import annotations

from typing import TypeVar

import pulumi

T = TypeVar("T")


async def known_now(value: pulumi.Output[T]) -> T | None:
    """Return a value once it is there, or None where a preview cannot know it yet."""
    return await value.future() if await value.is_known() else None
