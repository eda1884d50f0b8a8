"""Whether a host is still what the stack made of it, and what is sent again if it is not.

The stack remembers what each host was given (`leasedline.snapshot`), the host says what it has
(`leased-line status`). A host that differs gets a revision raised by one: a line of its bundle,
so that bringing it back is an ordinary update that a preview shows. A revision is never lowered,
and the host knows its own, so they stay where they are after a run that was cut off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from leasedline.bundle import digest
from leasedline.files import PROGRAM
from leasedline.snapshot import Sent

SHOWN: Final = 20
"""How many differences of one host are told in full."""

STATUS_CODES: Final = (0, 3)
"""What `leased-line status` exits with: as wanted, or something differs."""

NOTHING: Final = "nothing of the line is in force: reinstalled, or an old disk?"

OTHER: Final = "its configuration is neither that of the last complete up nor the one wanted now"

_OF_THE_BASE: Final = ("key file ", "key directory ", "unit leased-line-rollback.")
"""How differences begin that the installer mends: the configuration holds no key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a host said of itself.

    `program` is the SHA-256 of its host program, None without one; `bundle` the digest of the
    configuration in force, None without one. `report` is all of `leased-line status --json`.
    """

    program: str | None
    bundle: str | None
    differences: tuple[str, ...]
    revision: int = 1
    base_revision: int = 1
    report: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a host is to be given, its bundle as text, and what was found wrong on it.

    `bundle` is None while the hub's address is not known.
    """

    sent: Sent
    bundle: str | None
    findings: tuple[str, ...]


def read_status(text: str) -> Status:
    """Read what `Commands.status` prints.

    Raises:
        ValueError: it is something else; the text says what.
    """
    head, _, rest = text.partition("\n")
    found = re.fullmatch(r"([0-9a-f]{64})  " + re.escape(PROGRAM), head)
    program = found[1] if found else None
    body = (rest if found else text).strip()
    if not body:
        return Status(program=program, bundle=None, differences=())
    try:
        report = json.loads(body)
        return Status(
            program=program,
            bundle=report["bundle"] or None,
            differences=tuple(report["differences"]),
            # A host program of before revisions says none.
            revision=int(report.get("revision") or 1),
            base_revision=int(report.get("base_revision") or 1),
            report=report,
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        msg = f"it says what is no status: {body[:200]}"
        raise ValueError(msg) from None


def review(
    status: Status | None,
    *,
    before: Sent | None,
    program: str,
    program_before: str | None,
    render: Callable[[int], str] | None,
) -> Review:
    """Compare a host with what it was given, and say what it is to be given now.

    Args:
        status: what the host said; None if it was not asked or did not answer, which changes
            nothing.
        before: what the last complete run gave it, None if it was not there then.
        program: the SHA-256 of the host program that it is to have.
        program_before: that of the last complete run, None if there was none.
        render: makes the host's bundle at a revision; None while the hub's address is not known.
    """
    sent = before or Sent(bundle=None)
    revision = max(sent.revision, status.revision if status else 1)
    base_revision = max(sent.base_revision, status.base_revision if status else 1)
    bundle = render(revision) if render else None
    base: list[str] = []
    config: list[str] = []
    if status is not None:
        # The last run's program too: a newer one is an ordinary update.
        programs = (program, program_before)
        base, config = _found(status, before is not None, programs, sent.bundle, bundle)
    if config:
        revision += 1
        bundle = render(revision) if render else None
    return Review(
        sent=Sent(
            bundle=digest(bundle) if bundle else None,
            revision=revision,
            base_revision=base_revision + bool(base),
        ),
        bundle=bundle,
        findings=tuple(dict.fromkeys((*base, *config))),
    )


def _found(
    status: Status,
    known: bool,
    programs: tuple[str | None, ...],
    last: str | None,
    wanted: str | None,
) -> tuple[list[str], list[str]]:
    """Return what the installer is to mend, and what the configuration is to mend."""
    if status.bundle is None and known:
        gone = [program_fault(None) if status.program is None else NOTHING]
        return gone, gone
    base = []
    if status.program not in programs and (status.program or status.bundle):
        base.append(program_fault(status.program))
    if status.bundle is None:
        return base, []
    base += [found for found in status.differences if found.startswith(_OF_THE_BASE)]
    config = list(status.differences)
    # A run was cut off between the host's last step and the stack's state: an `up` with the network
    # file of before would find nothing to do, and leave the host with the newer bundle.
    if wanted and status.bundle not in (digest(wanted), last):
        config.insert(0, OTHER)
    return base, config


def program_fault(found: str | None) -> str:
    """Return what is wrong with a host program of this SHA-256 (None: there is none)."""
    return f"host program {PROGRAM}: {'missing' if found is None else 'was changed'}"


def told(host: str, findings: tuple[str, ...]) -> str:
    """Return the findings of a host for people, a line each."""
    lines = [f"{host}: {finding}" for finding in findings[:SHOWN]]
    if len(findings) > SHOWN:
        lines.append(f"{host}: and {len(findings) - SHOWN} more; make status shows all")
    return "\n".join(lines)
