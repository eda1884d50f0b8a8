"""Instances of the lab's cloud without an API in front, and who tries to reach them."""

from __future__ import annotations

import shlex
import socket
import subprocess
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any, Final

from lab.cloud.machines import LabMachines
from lab.cloud.parts import Instance, Rule
from lab.cloud.reach import ADMINISTRATOR, Door, reach
from lab.netns import within
from lab.parts import INTERNET, namespace
from lab.settings import LabSettings
from lab.shell import run, wait_until
from lab.state import LabState, make_key
from lab.world import internet

PUBLIC: Final = IPv4Address("203.0.113.1")
OTHER_PUBLIC: Final = IPv4Address("203.0.113.7")
STRANGER: Final = IPv4Address("203.0.113.254")
"""An address on the lab's internet that is not the administrator's: the router's."""

ANYWHERE: Final = IPv4Network("0.0.0.0/0")
BOOT_TIMEOUT_S: Final = 240
SILENCE_S: Final = 3.0

ECHO: Final = """\
import socket, sys, threading
def udp(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("", port))
        while True:
            data, sender = server.recvfrom(64)
            server.sendto(data, sender)
def tcp(port):
    with socket.create_server(("", port)) as server:
        while True:
            with server.accept()[0] as asked:
                asked.sendall(b"hello")
jobs = {"udp": udp, "tcp": tcp}
for word in sys.argv[1:]:
    kind, port = word.split(":")
    threading.Thread(target=jobs[kind], args=(int(port),)).start()
"""
"""Answers on the ports that it is told ("udp:51820 tcp:8080")."""


def rule(protocol: str, ports: tuple[int, int] | None, **changes: Any) -> Rule:
    """Return a rule that lets a protocol in from anywhere."""
    allowed = Rule(
        direction="ingress",
        protocol=protocol,
        ports=ports,
        cidr=ANYWHERE,
        accept=True,
        priority=1,
    )
    return replace(allowed, **changes)


RULES: Final = (
    rule("udp", (51820, 51820)),
    rule("tcp", (22, 22), cidr=IPv4Network(ADMINISTRATOR)),
)
"""What the article's hub has."""


def instance(id: str, private: str, user_data: str, authorized_key: str) -> Instance:
    """Return an instance of the smallest type in the one VPC and vSwitch of the tests."""
    return Instance(
        id=id,
        name=f"name of {id}",
        hostname=id.removeprefix("i-"),
        vpc="vpc-bp1aevy8sofi8mh1q9999",
        vswitch="vsw-bp1s5fnvk4gn2tws09999",
        private=IPv4Interface(f"{private}/24"),
        gateway=IPv4Address("172.16.0.253"),
        image="debian_12_11_x64_20G_alibase_20250601.vhd",
        memory_mib=512,
        user_data=user_data,
        authorized_key=authorized_key,
        region="cn-hangzhou",
        zone="cn-hangzhou-i",
        instance_type="ecs.t6-c4m1.large",
    )


@dataclass(frozen=True)
class Cloud:
    """The machines of one stack's cloud, and the keys in `keys` that lead to the hub."""

    stack: str
    keys: Path

    @property
    def state(self) -> LabState:
        """Where its files are."""
        return LabState(self.stack)

    @property
    def machines(self) -> LabMachines:
        """The machines, as the API has them."""
        return LabMachines(self.state, internet(LabSettings(), self.stack))

    @property
    def internet(self) -> str:
        """The namespace of its internet."""
        return namespace(self.stack, INTERNET)

    def make_key(self, name: str) -> Path:
        """Make a key pair in `keys`."""
        make_key(self.keys / name, name)
        return self.keys / name

    def ssh(self, door: Door, *argv: str) -> list[str]:
        """Return the command that runs `argv` on the hub, whose host key is pinned."""
        known = self.keys / "known_hosts"
        known.write_text(f"hub {(self.keys / 'host.pub').read_text()}")
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "10",
            "HostKeyAlias": "hub",
            "LogLevel": "ERROR",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(known),
        }
        words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        login = ["-i", str(self.keys / "login"), "-p", str(door.port), f"root@{door.host}"]
        return ["ssh", "-F", "none", *words, *login, shlex.join(argv)]

    def on_hub(self, *argv: str, timeout_s: float = 60) -> str:
        """Run a command on the hub, by the administrator's way in, and return what it says."""
        return run(*self.ssh(reach(PUBLIC, self.state), *argv), timeout_s=timeout_s).stdout

    def wait_for_hub(self) -> None:
        """Wait until the hub lets the administrator in."""
        command = self.ssh(reach(PUBLIC, self.state), "true")

        def answers() -> bool | str:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            return True if done.returncode == 0 else done.stderr.strip() or "no answer"

        wait_until("the hub's SSH", answers, timeout_s=BOOT_TIMEOUT_S)

    def tcp(self, source: IPv4Address, target: IPv4Address, port: int) -> bytes | None:
        """Return what is said first on a TCP port, or None if there is no way in."""

        def ask() -> bytes | None:
            with socket.socket() as asking:
                asking.settimeout(SILENCE_S)
                asking.bind((str(source), 0))
                try:
                    asking.connect((str(target), port))
                    return asking.recv(64)
                except OSError:
                    return None

        return within(self.internet, ask)

    def udp(self, source: IPv4Address, target: IPv4Address, port: int) -> bytes | None:
        """Return what a UDP port answers, or None if there is no way in."""

        def ask() -> bytes | None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                asking.settimeout(SILENCE_S)
                asking.bind((str(source), 0))
                asking.sendto(b"who is there", (str(target), port))
                try:
                    return asking.recv(64)
                except OSError:
                    return None

        return within(self.internet, ask)

    def listening(self, port: int) -> socket.socket:
        """Return a socket that hears what is sent to the router of the internet."""

        def listen() -> socket.socket:
            hearing = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            hearing.settimeout(SILENCE_S)
            hearing.bind((str(STRANGER), port))
            return hearing

        return within(self.internet, listen)

    def pids(self) -> list[int]:
        """Return every process that has to do with the stack's files."""
        home = f"{self.state.directory}/".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if any(home in word for word in words):
                found.append(int(path.parent.name))
        return found

    def left(self) -> list[str]:
        """Return all that is left of the stack on this machine."""
        names = run("ip", "netns", "list").stdout.split()
        places = [name for name in names if name.startswith(namespace(self.stack, ""))]
        files = [str(self.state.directory)] if self.state.directory.exists() else []
        return [*places, *map(str, self.pids()), *files]
