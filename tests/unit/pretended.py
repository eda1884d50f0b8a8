"""Spoke a with a hub dialled by a name, on a system where `wg` and `getent` are pretended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leasedline.bundle import configuration
from tests.unit.networks import article
from tests.unit.recorded import Z, lay_down
from tests.unit.shell import Host, Ran
from tests.unit.test_endpoint import NAME, named

FIRST: Final = "203.0.113.1"
SECOND: Final = "203.0.113.9"
THIRD: Final = "203.0.113.17"

# What they say is in files; `wg set` and each question for a name leave a line.
PRETENDED: Final = r"""
PATH="$PRETENDED:$PATH"
WAIT_NAME=1
WAIT_HUB=0
WAIT_REPLY=0
need_root() { :; }
wg() {
    case $1 in
    set) echo "$*" >>"$PRETENDED/set" ;;
    show) cat "$PRETENDED/$3" ;;
    esac
}
hub_answers() { [ -e "$PRETENDED/answers" ]; }
"""


@dataclass(frozen=True)
class Spoke:
    """Spoke a, whose hub is dialled by a name, on a pretended system."""

    host: Host

    @property
    def pretended(self) -> Path:
        return self.host.root / "pretended"

    @property
    def current(self) -> Path:
        """The bundle in force."""
        return self.host.state / "current"

    @property
    def asked(self) -> list[str]:
        """The names that were looked up."""
        log = self.pretended / "asked"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def dialled(self) -> list[str]:
        """What `wg set` was told."""
        log = self.pretended / "set"
        return log.read_text().splitlines() if log.exists() else []

    def resolves(self, *addresses: str, hangs: bool = False) -> None:
        """Have the name lead to `addresses`, to none if none is given."""
        # getent(1) of glibc 2.36: a line for each socket type, the name behind the first.
        told = "".join(f"{a:15} STREAM {NAME}\n{a:15} DGRAM  \n{a:15} RAW    \n" for a in addresses)
        answer = self.host.file("pretended/answer", told)
        text = f'#!/bin/sh\necho "$*" >>{self.pretended}/asked\n{"sleep 60" if hangs else ""}\n'
        script = self.host.file("pretended/getent", f"{text}cat {answer}; [ -s {answer} ]\n")
        script.chmod(0o755)

    def kernel(self, address: str | None, handshake: str = "0") -> None:
        """Have the kernel dial `address`; None is no peer at all."""
        endpoint = f"{address}:51820" if address else "(none)"
        peer = Z.public
        self.host.file("pretended/endpoints", f"{peer}\t{endpoint}\n")
        self.host.file("pretended/latest-handshakes", f"{peer}\t{handshake}\n")

    def sh(self, commands: str, *arguments: object) -> Ran:
        return self.host.sh(f"PRETENDED={self.pretended}\n{PRETENDED}{commands}", *arguments)

    def look_up(self) -> str:
        ran = self.sh('look_up "$STATE/current" wg0; cat "$RUN/names"')
        assert (ran.code, ran.stderr) == (0, "")
        return ran.stdout


def named_spoke(host: Host) -> Spoke:
    """Return spoke a whose bundle is in force, with a name that leads to where it dials."""
    lay_down(host, "a")
    text = configuration(named(article()).plan("a"))
    host.file("state/current", text.replace("/etc/leased-line/keys", str(host.keys)))
    found = Spoke(host)
    found.kernel(FIRST)
    found.resolves(FIRST)
    return found
