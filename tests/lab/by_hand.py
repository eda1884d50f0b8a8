"""The host program run by hand on bare machines, as Pulumi runs it: over SSH, without Pulumi."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from lab.client import Completed, Lab
from lab.settings import PROJECT
from leasedline import bundle
from leasedline.commands import commands
from leasedline.keys import KeyRing
from leasedline.load import load_network
from leasedline.plan import Planner, allot
from tests.lab.bare import snapshot

HOSTS: Final = ("z", "a", "c")


def edited(text: str, *changes: tuple[str, str]) -> str:
    """Return a bundle with a new text for each old one, and closed by its digest again."""
    body = text
    for old, new in changes:
        assert old in body, old
        body = body.replace(old, new)
    body = body[: body.rindex("end sha256:")]
    return f"{body}end sha256:{hashlib.sha256(body.encode()).hexdigest()}\n"


@dataclass
class Bare:
    """Three machines with the host program and their keys, and what is applied to them."""

    lab: Lab
    endpoint: str = "203.0.113.1"
    planner: Planner = field(init=False)
    threads: ThreadPoolExecutor = field(default_factory=ThreadPoolExecutor)

    def __post_init__(self) -> None:
        network = load_network(PROJECT / "stacks/lab.network.yaml")
        ring = KeyRing("A" * 43 + "=")
        self.planner = Planner(network, ring, self.endpoint, allot(network, {}))

    def sh(self, host: str, command: str, *, check: bool = True, stdin: str = "") -> Completed:
        return self.lab.run(host, "sh", "-c", command, check=check, input=stdin, timeout_s=200)

    def each(self, act: Callable[[str], object]) -> None:
        """Do something at all machines at once."""
        list(self.threads.map(act, HOSTS))

    def install(self, host: str) -> None:
        text = bundle.installer(self.planner.plan(host), self.planner.secrets(host))
        self.sh(host, commands("root").install, stdin=text)

    def uninstall(self, host: str) -> None:
        self.sh(host, commands("root").uninstall)

    def right(self, host: str) -> str:
        """The bundle of the article's host."""
        return bundle.configuration(self.planner.plan(host))

    def wrong(self, host: str) -> str:
        """A spoke's bundle with another hub's key: it takes half a minute to be seen as wrong."""
        hub, other = (KeyRing(seed * 43 + "=").host("z").public for seed in "AB")
        return edited(self.right(host), (hub, other))

    def apply(self, host: str, text: str) -> Completed:
        return self.sh(host, commands("root").apply, check=False, stdin=text)

    def apply_wrong(self, host: str) -> Future[Completed]:
        """Start an apply and return once it has reached the kernel and waits for the hub."""
        other = re.search(r"PublicKey=(\S+)", self.wrong(host))
        assert other
        running = self.threads.submit(self.apply, host, self.wrong(host))
        show = f"wg show wg0 peers | grep -qxF {other[1]} && [ -e /var/lib/leased-line/pending ]"
        self.lab.wait_until_succeeds(host, "sh", "-c", show, every_s=0.2)
        assert not running.done()
        return running

    def kept(self, host: str) -> list[str]:
        """All that outlives a boot."""
        return [line for line in snapshot(self.lab, host) if "/run/leased-line" not in line]

    def uptime(self, host: str) -> float:
        return float(self.sh(host, "cat /proc/uptime").stdout.split()[0])

    def status(self, host: str) -> Completed:
        return self.sh(host, "leased-line status", check=False)
