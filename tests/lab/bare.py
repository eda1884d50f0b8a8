"""Servers that are just there: the lab's machines without a stack of ours behind them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from lab.client import Lab
from lab.parts import World
from lab.settings import PROJECT, LabSettings, OneMachine, load_settings
from lab.world import world
from leasedline.load import load_network

BARE: Final = "lab-existing"
"""The one stack of bare machines."""

HUB_NAME: Final = "hub.example.net"
"""What the hub of a world of bare machines is called in DNS."""

TRIXIE: Final = ("z", "c")
"""Those with Debian 13 (systemd 257); a has Debian 12 (252). In `Line` it is the other way."""

SNAPSHOT: Final = r"""
find /etc /usr/local /root /home /opt /var/lib/leased-line /run/leased-line -xdev \
    \( -type f -exec sha256sum {} + \) -o -type l -printf '%p -> %l\n' 2>/dev/null | sort
find /etc /usr/local /root /home /opt /var/lib/leased-line /run/leased-line -xdev \
    -printf '%p %m %u:%g\n' 2>/dev/null | sort
# What counts bytes or time, or is drawn anew at each boot, is no setting; nor are the limits that
# the kernel reckons from the pages that are free when it boots, which differ by a few (tcp(7)).
sysctl -a 2>/dev/null | grep -E '^net\.(ipv4|ipv6|core)\.' | grep -vE 'key|nr_|\.stat|route\.gc' |
    sed -E '/^net\.ipv4\.(tcp|udp)_mem /d; s/^(net\.ipv4\.tcp_[rw]mem = [0-9]+\t[0-9]+)\t.*/\1/'
systemctl list-unit-files --no-legend --no-pager
systemctl list-units --no-legend --no-pager --plain --type service,socket |
    awk '{ print $1, $3, $4 }' | grep -vE 'user@|user-runtime|session-|ssh@|hostnamed|timedated'
nft list ruleset
# The kernel numbers interfaces as they come, which differs from boot to boot.
ip -o -4 address | sed -E 's/^[0-9]+: //; s/ *valid_lft.*//' | sort
ip -4 route
ip -o link | sed -E 's/^[0-9]+: //' | sort
"""
"""A host's files with content, owner and mode, sysctls, units, nft ruleset, addresses, routes."""


def command(*words: str, stack: str) -> list[str]:
    """Return the command line of one of the lab's verbs for `stack`."""
    return [sys.executable, "-m", "lab", *words, "--stack", stack]


def call(
    *words: str, stack: str, stdin: object = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run one of the lab's verbs for `stack`; `stdin` is text, or what becomes JSON."""
    done = subprocess.run(
        command(*words, stack=stack),
        input=stdin if isinstance(stdin, str) else json.dumps(stdin),
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=400,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


@dataclass(frozen=True)
class Running:
    """A world that is up."""

    stack: str
    built: World
    lab: Lab
    reached: dict[str, dict[str, Any]] = field(default_factory=dict)
    """How each machine is reached, by its name."""

    def machine_up(self, name: str) -> dict[str, Any]:
        """Bring a machine up and return how it is reached."""
        done = call("machine", "up", name, stack=self.stack, stdin=self.spec(name))
        assert done.stdout.count("\n") == 1
        reached: dict[str, Any] = json.loads(done.stdout)
        return reached

    def spec(self, name: str) -> dict[str, Any]:
        """Return what a machine is."""
        return next(machine for machine in self.built.machines if machine.name == name).spec()

    def office_up(self, name: str) -> None:
        """Bring an office up."""
        spec = next(office for office in self.built.offices if office.name == name).spec()
        call("office", "up", name, stack=self.stack, stdin=spec)

    def down(self) -> None:
        """Take everything down, part by part."""
        for machine in self.built.machines:
            call("machine", "down", machine.name, stack=self.stack)
        for office in self.built.offices:
            call("office", "down", office.name, stack=self.stack)
        call("internet", "down", stack=self.stack)


def mixed(settings: LabSettings) -> LabSettings:
    """Return the lab's settings with both releases of Debian, and a name for the hub."""
    each = {name: OneMachine(debian="trixie") for name in TRIXIE}
    machines = settings.machines.model_copy(update={"each": each})
    hub = settings.hub.model_copy(update={"name": HUB_NAME})
    return settings.model_copy(update={"machines": machines, "hub": hub})


def running(stack: str) -> Running:
    """Bring up internet and offices of the article's world under another stack's name."""
    network = load_network(PROJECT / "stacks" / "lab.network.yaml")
    built = world(network, mixed(load_settings("lab")), stack)
    up = Running(stack, built, Lab(stack))
    call("internet", "up", stack=stack, stdin=built.internet.spec())
    with ThreadPoolExecutor() as pool:
        list(pool.map(up.office_up, [office.name for office in built.offices]))
    return up


def interrupt_machine_up(up: Running, name: str) -> None:
    """End `machine up` as Pulumi does when it is cancelled, once QEMU has started."""
    with subprocess.Popen(
        command("machine", "up", name, stack=up.stack),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps(up.spec(name)))
        process.stdin.close()
        told = []
        for line in process.stderr:
            told.append(line)
            if "started" in line:
                process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 130, told
        assert "the same command again goes on from here" in told[-1]


def snapshot(lab: Lab, host: str) -> list[str]:
    """Return what `SNAPSHOT` says of a host, a line each."""
    return lab.run(host, "sh", "-c", SNAPSHOT).stdout.splitlines()
