"""Who is asked, and when: hosts that are there already, and hosts that the stack makes itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pulumi
import pytest
from pulumi_command import local
from pulumi_command.remote import ConnectionArgs

from components.place import PlacedHost
from components.settings import Last, Settings, Where
from components.survey import survey
from leasedline.drift import Status
from leasedline.ssh import Login
from tests.program.engine import Deployment, deploy
from tests.program.offices import World, new_key, public, world
from tests.unit.networks import RING, article
from tests.unit.test_change import snapshot


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, 2) as built:
        for office in built.offices:
            office.says = ""
        yield built


def login(here: World, office: int, host_key: str | None = None) -> Login:
    at = here.offices[office]
    return Login(host="127.0.0.1", port=at.port, user="root", host_key=host_key or at.host_key)


def asked(
    here: World, *, made: Login, known: bool, into: Deployment, preview: bool = False
) -> dict[str, Status]:
    """Survey z, which is there already, and a, whose place the stack makes."""
    found: list[dict[str, Status]] = []
    settings = Settings(
        network=article(),
        ring=RING,
        hub=Where.EXISTING,
        spokes=Where.LAB,
        ssh_key=here.key,
    )

    def program() -> None:
        machine = local.Command("machine", create="true")
        places = {
            "z": PlacedHost(user="root", connection=ConnectionArgs(host="x"), login=login(here, 0)),
            "a": PlacedHost(
                user="root",
                connection=ConnectionArgs(host="x"),
                login=machine.create.apply(lambda _: made),
            ),
        }
        last = Last(addresses={}, snapshot=snapshot(article()) if known else None)
        survey(places, settings, last).apply(found.append)

    deploy(program, preview=preview, into=into)
    return found[0]


def test_a_host_that_the_stack_makes_is_asked_if_it_was_there_before(here: World) -> None:
    deployment = Deployment()
    found = asked(here, made=login(here, 1), known=True, into=deployment)
    assert set(found) == {"z", "a"}
    assert [len(office.ran) for office in here.offices] == [1, 1]
    # c is of the last run too, and no place of this one.
    assert deployment.logged == []


def test_a_host_that_is_made_for_the_first_time_is_not_asked(here: World) -> None:
    found = asked(here, made=login(here, 1), known=False, into=Deployment())
    assert set(found) == {"z"}
    assert here.offices[1].ran == []


def test_a_made_host_that_does_not_answer_is_named_and_changes_nothing(here: World) -> None:
    deployment = Deployment()
    stranger = login(here, 1, host_key=public(new_key()))
    assert set(asked(here, made=stranger, known=True, into=deployment)) == {"z"}
    (warning,) = deployment.logged
    assert warning.startswith(f"a (127.0.0.1:{here.offices[1].port}): its SSH host key is not")
    assert warning.endswith("whether it is still as the stack made it is not known")


def test_a_host_that_is_there_already_must_answer_before_anything_is_made(here: World) -> None:
    deployment = Deployment()
    here.offices[0].host_key = public(new_key())
    with pytest.raises(pulumi.RunError, match="1 of 1 hosts cannot be logged in to"):
        asked(here, made=login(here, 1), known=True, into=deployment)
    assert here.offices[1].ran == []
    found = asked(here, made=login(here, 1), known=True, into=deployment, preview=True)
    assert set(found) == {"a"}


def test_a_status_that_fails_is_told(here: World) -> None:
    deployment = Deployment()
    here.offices[1].code = 1
    assert set(asked(here, made=login(here, 1), known=True, into=deployment)) == {"z"}
    assert deployment.logged == ["a: its status cannot be read: status ended with 1"]
