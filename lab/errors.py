"""What goes wrong in the lab, in words for the person at the keyboard."""

from __future__ import annotations

from collections.abc import Sequence


class LabError(Exception):
    """Something the lab cannot do; the text says what, where, and what to do about it."""


class WorldError(LabError, ValueError):
    """Settings and network that make no world; `str()` lists every fault, one a line."""

    def __init__(self, faults: Sequence[object]) -> None:
        self.faults = tuple(str(fault) for fault in faults)
        super().__init__("\n".join(self.faults))


class PreflightError(LabError):
    """What this machine lacks for a lab; `str()` lists every fault, one a line."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))
