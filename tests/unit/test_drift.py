"""What a host is sent after whatever happened to it, and to the runs before."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasedline.bundle import configuration, digest
from leasedline.drift import SHOWN, Review, Status, read_status, review, told
from leasedline.files import PROGRAM
from leasedline.snapshot import Sent
from tests.unit.networks import article, planner

OURS, OLDER, TAMPERED = "11" * 32, "22" * 32, "33" * 32


def render(version: int, revision: int) -> str:
    network = article().model_copy(update={"keepalive": 15 + version})
    return configuration(planner(network).plan("a"), revision)


@dataclass
class Machine:
    """A host: what it has, and whether somebody or a killed run left it otherwise."""

    bundle: str | None = None
    revision: int = 1
    base_revision: int = 1
    program: str | None = None
    differs: bool = False

    def status(self) -> Status:
        return Status(
            program=self.program,
            bundle=digest(self.bundle) if self.bundle else None,
            differences=("interface wg0: is down",) if self.differs else (),
            revision=self.revision,
            base_revision=self.base_revision,
        )


@dataclass
class World:
    """A stack of one host: what its network file says, its state, its outputs, and the host."""

    version: int = 0
    base: tuple[str, int] | None = None
    config: str | None = None
    before: Sent | None = None
    program_before: str | None = None
    machine: Machine = field(default_factory=Machine)
    updates: int = 0
    complete: bool = False

    def review(self) -> Review:
        return review(
            self.machine.status(),
            before=self.before,
            program=OURS,
            program_before=self.program_before,
            render=lambda revision: render(self.version, revision),
        )

    def up(self, killed: str | None) -> None:
        """One run, as Pulumi does it, ended after the step `killed`."""
        ahead = self.review()
        machine, self.updates, self.complete = self.machine, 0, False
        base = (OURS, ahead.sent.base_revision)
        if self.base != base:
            self.updates += 1
            machine.program, machine.base_revision = base
            if killed == "base applied":
                return
            self.base = base
            if killed == "base recorded":
                return
        if self.config != ahead.bundle:
            self.updates += 1
            if killed == "half applied":
                machine.differs = True
                return
            machine.bundle, machine.revision = ahead.bundle, ahead.sent.revision
            machine.differs = False
            if killed == "applied":
                return
            self.config = ahead.bundle
            if killed == "recorded":
                return
        self.before, self.program_before, self.complete = ahead.sent, OURS, True


STEPS = ("base applied", "base recorded", "half applied", "applied", "recorded")
events = st.one_of(
    st.tuples(st.just("want"), st.integers(0, 2)),
    st.tuples(st.just("up"), st.sampled_from((None, *STEPS))),
    st.sampled_from([("mutate", 0), ("tamper", 0), ("reinstall", 0)]),
)


@given(st.lists(events, max_size=12))
def test_the_next_complete_up_makes_all_right_and_the_one_after_does_nothing(
    happened: list[tuple[str, int | str | None]],
) -> None:
    world = World()
    for what, detail in happened:
        if what == "want":
            assert isinstance(detail, int)
            world.version = detail
        elif what == "up":
            assert not isinstance(detail, int)
            world.up(detail)
        elif what == "mutate":
            world.machine.differs = world.machine.bundle is not None
        elif what == "tamper" and world.machine.program:
            world.machine.program = TAMPERED
        elif what == "reinstall" and world.complete:
            # After a run that was cut off nobody would know what the state says of the host.
            world.machine = Machine()
    world.up(None)
    machine = world.machine
    assert machine.bundle == render(world.version, machine.revision) == world.config
    assert machine.program == OURS
    assert not machine.differs
    assert world.before == Sent(
        bundle=digest(machine.bundle),
        revision=machine.revision,
        base_revision=world.base[1] if world.base else 0,
    )
    kept = (machine.bundle, world.base, world.before)
    world.up(None)
    assert world.updates == 0
    assert world.review().findings == ()
    assert (machine.bundle, world.base, world.before) == kept


def test_a_host_that_was_never_set_up_is_no_finding() -> None:
    found = World().review()
    assert found.findings == ()
    assert found.sent == Sent(bundle=digest(render(0, 1)))


def test_an_older_host_program_of_the_stacks_own_is_an_ordinary_update() -> None:
    world = World(program_before=OLDER, before=Sent(bundle=digest(render(0, 1))))
    world.machine = Machine(bundle=render(0, 1), program=OLDER)
    assert world.review().findings == ()
    world.machine.program = TAMPERED
    assert world.review().findings == (f"host program {PROGRAM}: was changed",)


def test_a_revision_is_raised_though_the_hubs_address_is_not_known() -> None:
    found = review(
        Machine(bundle=render(0, 1), program=OURS, differs=True).status(),
        before=Sent(bundle=digest(render(0, 1))),
        program=OURS,
        program_before=OURS,
        render=None,
    )
    assert found.sent == Sent(bundle=None, revision=2)
    assert found.bundle is None


# --- what a host says ---


def test_a_status_is_read() -> None:
    report = {"bundle": "ab" * 32, "revision": 3, "differences": ["x"]}
    found = read_status(f"{OURS}  {PROGRAM}\n{json.dumps(report)}\n")
    assert found == Status(
        program=OURS, bundle="ab" * 32, revision=3, differences=("x",), report=report
    )


def test_a_host_without_anything() -> None:
    assert read_status("") == Status(program=None, bundle=None, differences=())
    assert read_status(f"{OURS}  {PROGRAM}\n").program == OURS


@pytest.mark.parametrize("text", ["Welcome!\n", "[]\n", '{"bundle": "x"}\n', "{\n"])
def test_what_is_no_status_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="what is no status"):
        read_status(f"{OURS}  {PROGRAM}\n{text}")


def test_many_findings_take_few_lines() -> None:
    shown = told("a", tuple(f"peer s{n}: missing" for n in range(1000))).splitlines()
    assert len(shown) == SHOWN + 1
    assert shown[-1] == "a: and 980 more; make status shows all"
