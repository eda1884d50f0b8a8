"""What every host says of itself before anything is touched: one SSH round trip each, at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pulumi

from components.known import known_now
from components.place import PlacedHost
from components.reach import Answer, ask
from components.settings import Last, Settings
from leasedline.commands import commands
from leasedline.drift import STATUS_CODES, Status, read_status
from leasedline.ssh import Login


def survey(
    places: Mapping[str, PlacedHost], settings: Settings, last: Last
) -> pulumi.Output[dict[str, Status]]:
    """Ask every host for its status; what did not answer is not in the result.

    A host that is there already is asked at once, so that nothing is touched where one cannot be
    reached; a preview only warns, since it may run where the hosts are out of reach. A host whose
    place the stack makes itself is asked once it is made, if it was part of the line before
    (`last`); one that does not answer is named and changes nothing.

    Raises:
        pulumi.RunError: hosts cannot be logged in to; the text names each one and what to do.
    """
    there = {n: place.login for n, place in places.items() if isinstance(place.login, Login)}
    made = {n: place for n, place in places.items() if n not in there}
    answered = _require_answers(there, settings)
    if not made:
        return pulumi.Output.from_input(answered)
    more: pulumi.Output[dict[str, Status]] = pulumi.Output.from_input(
        _ask_made(made, settings, last)
    )
    return more.apply(lambda more: answered | more)


def _require_answers(logins: Mapping[str, Login], settings: Settings) -> dict[str, Status]:
    answers = _ask(logins, settings)
    faults = [
        f"{_where(name, logins[name])}: {answer.fault}"
        for name, answer in answers.items()
        if answer.fault
    ]
    if faults and not pulumi.runtime.is_dry_run():
        faults += [
            "a spoke that is gone for good is let go by retired: true "
            '(docs/3am.md, "A spoke is dead")',
            f"{len(faults)} of {len(logins)} hosts cannot be logged in to; nothing was changed",
        ]
        raise pulumi.RunError("\n".join(faults))
    for fault in faults:
        pulumi.log.warn(fault)
    return _read(answers)


async def _ask_made(
    places: Mapping[str, PlacedHost], settings: Settings, last: Last
) -> dict[str, Status]:
    logins: dict[str, Login] = {}
    for name in (*last.snapshot.hosts, *last.snapshot.retired) if last.snapshot else ():
        # A preview does not know the place of what is still to be made or moved.
        if name in places:
            place: pulumi.Output[Login] = pulumi.Output.from_input(places[name].login)
            if login := await known_now(place):
                logins[name] = login
    answers = await asyncio.to_thread(_ask, logins, settings)
    for name, answer in answers.items():
        if answer.fault:
            pulumi.log.warn(
                f"{_where(name, logins[name])}: {answer.fault}; so whether it is still as the "
                "stack made it is not known"
            )
    return _read(answers)


def _ask(logins: Mapping[str, Login], settings: Settings) -> dict[str, Answer]:
    status = {name: commands(login.user).status for name, login in logins.items()}
    return ask(logins, status, settings.ssh_key, settings.ring.ssh_login().private)


def _read(answers: Mapping[str, Answer]) -> dict[str, Status]:
    found = {}
    for name, answer in answers.items():
        if answer.fault:
            continue
        try:
            if answer.code not in STATUS_CODES:
                raise ValueError(answer.stderr.strip() or f"status ended with {answer.code}")
            found[name] = read_status(answer.stdout)
        except ValueError as error:
            pulumi.log.warn(f"{name}: its status cannot be read: {error}")
    return found


def _where(name: str, login: Login) -> str:
    return f"{name} ({login.host}:{login.port})"
