"""What one run of the program sends to the hosts, and what it says before it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from ipaddress import IPv4Address

from leasedline import ages, bundle, pairs
from leasedline.change import change, lines
from leasedline.drift import Review, Status, review, told
from leasedline.keys import KeyRing
from leasedline.network import Network
from leasedline.plan import HostPlan, Planner, allot
from leasedline.snapshot import Snapshot, snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A run that lies ahead.

    `reviews` has what each host is given; `snapshot` is for the next run; `warnings` are a text
    per host that differs from what the stack made it, and one per key that is due to be rotated;
    `today` is the date of the run; `changes` a line for each thing that changes in the network;
    `pairs` what each spoke is told that verifies others. Where the hub's address is not known
    there are no bundles.
    """

    planner: Planner
    reviews: Mapping[str, Review]
    snapshot: Snapshot
    today: date
    warnings: tuple[str, ...]
    changes: tuple[str, ...]
    pairs: Mapping[str, str]

    def configuration(self, name: str) -> str:
        """Return the bundle of the host `name`.

        Raises:
            ValueError: the hub's address is not known.
        """
        text = self.reviews[name].bundle
        if text is None:
            msg = f"the bundle of {name} needs the hub's address"
            raise ValueError(msg)
        return text

    def installer(self, name: str) -> str:
        """Return the installer of the host `name`, a secret."""
        return bundle.installer(
            self.planner.plan(name),
            self.planner.secrets(name),
            self.reviews[name].sent.base_revision,
        )

    @property
    def confirmed(self) -> str:
        """What the hub is told once all spokes have confirmed: a name and a public key a line."""
        spokes = self.snapshot.spokes.items()
        return "".join(f"{name} {host.public_key}\n" for name, host in spokes)


def look(
    network: Network,
    ring: KeyRing,
    *,
    endpoint: str | None,
    known: Mapping[str, IPv4Address],
    before: Snapshot | None,
    statuses: Mapping[str, Status],
    today: date,
) -> Outlook:
    """Return what lies ahead.

    Args:
        network: what the user wrote.
        ring: the stack's keys.
        endpoint: the hub's public address or DNS name; None in a preview that does not know it.
        known: tunnel addresses that are already out, by host name.
        before: what the last complete run applied; None if there was none.
        statuses: what the hosts said of themselves, as far as they were asked and answered.
        today: the date of the run.
    """
    addresses = allot(network, known)
    # A retired spoke keeps its address, and is no part of the line.
    line = network.active
    planner = Planner(line, ring, endpoint or "", addresses)
    plans = {plan.name: plan for plan in planner.plans()}
    program = bundle.program_digest()

    def judge(name: str, plan: HostPlan) -> Review:
        return review(
            statuses.get(name),
            before=before.sent(name) if before else None,
            program=program,
            program_before=before.program if before else None,
            render=(lambda revision: bundle.configuration(plan, revision)) if endpoint else None,
        )

    reviews = {name: judge(name, plan) for name, plan in plans.items()}
    now = snapshot(
        line,
        plans,
        endpoint=endpoint,
        program=program,
        sent={name: found.sent for name, found in reviews.items()},
        retired=before.retire(network.retired) if before else {},
    )
    now = ages.dated(now, before, today)
    findings = {name: found.findings for name, found in reviews.items() if found.findings}
    return Outlook(
        planner=planner,
        reviews=reviews,
        snapshot=now,
        today=today,
        warnings=(
            *(told(name, found) for name, found in findings.items()),
            *ages.due(now, network, today),
        ),
        changes=tuple(lines(change(before, now))),
        pairs=pairs.questions(line, addresses, now),
    )
