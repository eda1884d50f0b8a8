"""Bring the stack's hosts to the same files with pyinfra, and take them off again."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from bench.measure import BenchError, ran
from bench.stack import LIMIT_S, Stack
from lab.settings import PROJECT, load_settings
from leasedline import firewall, networkd
from leasedline.files import File
from leasedline.keys import KeyRing
from leasedline.load import load_network
from leasedline.plan import Planner, allot

_PUSH: Final = Path(__file__).parent / "push"
_MODE: Final = "0640"


def files_of(network_file: Path, seed: str, endpoint: str) -> dict[str, list[File]]:
    """Return what the stack puts on each host of a network: configuration and key files.

    Args:
        network_file: the network.
        seed: the stack's seed.
        endpoint: the hub's public address.
    """
    network = load_network(network_file)
    planner = Planner(network, KeyRing(seed), endpoint, allot(network, {}))
    return {
        plan.name: [
            *(
                File(path=path, text=f"{text}\n", mode=_MODE, group="systemd-network")
                for path, text in planner.secrets(plan.name).items()
            ),
            *networkd.files(plan),
            *firewall.files(plan),
        ]
        for plan in planner.plans()
    }


def stack_files(stack: Stack, network: str) -> dict[str, list[File]]:
    """Return what the bench's stack puts on each host of a network file (as for `Stack.use`)."""
    endpoint = str(load_settings(stack.name).hub.public)
    return files_of(PROJECT / network, stack.seed(), endpoint)


def host_data(
    logins: Mapping[str, Mapping[str, Any]], files: Mapping[str, Sequence[File]], known_hosts: str
) -> dict[str, dict[str, Any]]:
    """Return pyinfra's data of each host: how it is reached, and `line_files`, its files.

    Args:
        logins: how each host is reached (`leasedline.ssh.Login`'s fields).
        files: the files of each host.
        known_hosts: where `known_hosts(logins)` was written.
    """
    return {
        name: {
            "ssh_hostname": login["host"],
            "ssh_port": int(login["port"]),
            "ssh_user": login["user"],
            "ssh_key": login["key_file"],
            "ssh_known_hosts_file": known_hosts,
            "ssh_strict_host_key_checking": "yes",
            "line_files": [asdict(file) for file in files[name]],
        }
        for name, login in logins.items()
    }


def known_hosts(logins: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a known_hosts file (sshd(8)) with each host's pinned key under its address."""
    return "".join(
        f"[{login['host']}]:{int(login['port'])} {login['host_key']}\n" for login in logins.values()
    )


class Push:
    """pyinfra with its data written down."""

    def __init__(self, stack: Stack, files: Mapping[str, Sequence[File]], data: Path) -> None:
        self._stack = stack
        self._files = files
        self._data = data

    def push(self) -> float:
        """Bring all hosts to their files; return the wall-clock seconds.

        Raises:
            BenchError: pyinfra failed on a host.
        """
        program = str(Path(sys.executable).with_name("pyinfra"))
        command = [program, "-y", str(_PUSH / "inventory.py"), str(_PUSH / "deploy.py")]
        environment = {**self._stack.environment, "LEASED_LINE_BENCH_HOSTS": str(self._data)}
        done = ran(command, limit_s=LIMIT_S, directory=PROJECT, environment=environment)
        if done is None:
            msg = f"pyinfra did not end within {LIMIT_S:.0f} s"
            raise BenchError(msg)
        return done[0]

    def take_off(self) -> None:
        """Undo what was pushed, on all hosts, by hand: pyinfra has no way back."""
        for host, files in self._files.items():
            paths = "\n".join(file.path for file in files)
            self._stack.run(host, "sh", "-euc", _TAKE_OFF, stdin=f"{paths}\n")


_TAKE_OFF: Final = """
systemctl --quiet disable --now leased-line.service
while read -r path; do rm -f "$path"; done
rm -rf /etc/leased-line /etc/systemd/network/wg0.netdev.d
systemctl daemon-reload
ip link delete dev wg0
networkctl reload
sysctl -q net.ipv4.ip_forward=0
"""


@contextmanager
def prepared(stack: Stack, files: Mapping[str, Sequence[File]]) -> Iterator[Push]:
    """Give pyinfra with the data of these hosts, which holds keys and is removed at the end."""
    logins = stack.logins()
    with tempfile.TemporaryDirectory(prefix="leased-line-bench-") as home:
        hosts, data = Path(home, "known_hosts"), Path(home, "hosts.json")
        hosts.write_text(known_hosts(logins), encoding="ascii")
        data.write_text(json.dumps(host_data(logins, files, str(hosts))), encoding="utf-8")
        yield Push(stack, files, data)
