"""What an instance type of Alibaba Cloud carries for ever and for a while, in words.

The figures are Alibaba's own, of the tables of the instance families t5 and t6 (Elastic Compute
Service, "Burstable instances"); a type that is not in the table gets no figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from leasedline.alibaba import Alibaba

MINUTES_PER_HOUR: Final = 60
CREDIT_HOURS: Final = 24
"""Credits of so many hours are kept at most."""

FIRST_CREDITS: Final = 30
"""What each vCPU of a new instance has to begin with, in Standard mode."""

OVERHEAD_BYTES: Final = 60
"""What WireGuard over IPv4 adds to a packet: 20 IP, 8 UDP, 16 header, 16 tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """Alibaba's figures of one instance type.

    `baseline` is the part of each vCPU that is there for ever, in percent. `mbit` is the most in
    each direction, in Mbit/s; `kpps` the most of thousands of packets a second, in and out
    together; None where no figure is known.
    """

    vcpu: int
    memory_gib: float
    baseline: int
    mbit: int | None
    kpps: int | None

    @property
    def credits_per_hour(self) -> int:
        """What comes in: one credit is one vCPU for one minute."""
        return self.vcpu * self.baseline * MINUTES_PER_HOUR // 100

    @property
    def most_credits(self) -> int:
        """How many are kept."""
        return self.credits_per_hour * CREDIT_HOURS


TYPES: Final = {
    "ecs.t6-c4m1.large": InstanceType(vcpu=2, memory_gib=0.5, baseline=5, mbit=80, kpps=40),
    "ecs.t6-c2m1.large": InstanceType(vcpu=2, memory_gib=1, baseline=10, mbit=None, kpps=60),
    "ecs.t6-c1m1.large": InstanceType(vcpu=2, memory_gib=2, baseline=20, mbit=None, kpps=100),
    "ecs.t5-lc2m1.nano": InstanceType(vcpu=1, memory_gib=0.5, baseline=20, mbit=100, kpps=40),
}


def capacity(wanted: Alibaba, mtu: int) -> list[str]:
    """Return what the hub's instance type means for this network, a line for each limit.

    Args:
        wanted: what the network file says of the hub in Alibaba Cloud.
        mtu: the tunnel's MTU in bytes.
    """
    lines = []
    found = TYPES.get(wanted.instance_type)
    limits = [(wanted.bandwidth, "bandwidth")]
    if found is None:
        lines.append(
            f"{wanted.instance_type}: no figures are kept for it here; its page in Alibaba's list "
            "of instance families has them"
        )
    else:
        lines.append(_processor(wanted, found))
        if found.mbit is not None:
            limits.append((found.mbit, f"the {found.mbit} Mbit/s of {wanted.instance_type}"))
        if found.kpps is not None:
            # Each packet is counted when it comes in and when it goes out again.
            relayed = found.kpps * 1000 // 2 * (mtu + OVERHEAD_BYTES) * 8 // 10**6
            limits.append((relayed, f"the {found.kpps} kpps of {wanted.instance_type}"))
    mbit, by = min(limits)
    inside = round(mbit * mtu / (mtu + OVERHEAD_BYTES), 1)
    lines.append(
        f"the line carries up to {inside:g} Mbit/s of packets of {mtu} bytes, all offices and "
        f"directions together, as the hub sends on each packet once; held by {by}"
    )
    if found is not None and found.kpps is not None:
        lines.append(
            f"with small packets (voice, games) up to {found.kpps // 2},000 packets a second; "
            "held by kpps, counted in and out"
        )
    return lines


def _processor(wanted: Alibaba, found: InstanceType) -> str:
    hours = found.most_credits / found.vcpu / MINUTES_PER_HOUR
    after = (
        "without credits it is held to the baseline"
        if wanted.credits == "Standard"
        else "without credits it goes on, and the surplus is billed"
    )
    return (
        f"{wanted.instance_type}: {found.vcpu} vCPU, {found.memory_gib:g} GiB; {found.baseline} % "
        f"of each vCPU for ever, all of it from CPU credits: {found.credits_per_hour} an hour come "
        f"in, {found.most_credits} are kept, that is {hours:.1f} h of all vCPU; a new one begins "
        f"with {FIRST_CREDITS * found.vcpu}; {after}"
    )
