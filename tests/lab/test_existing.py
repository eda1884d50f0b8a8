"""Servers that somebody already has: joined as they are, and given back as they were.

They are logged in to in three ways: as root, as a user with passwordless sudo, and through a
jump host.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.client import Lab
from lab.settings import PROJECT
from leasedline import bundle
from leasedline.commands import commands
from leasedline.keys import KeyRing
from leasedline.load import load_network
from leasedline.plan import Planner, allot
from tests.lab.bare import BARE, HUB_NAME, Running, call, snapshot
from tests.lab.command import environment_of, run
from tests.lab.line import DEVICES, TUNNEL

STACK = BARE
HOSTS = ("z", "a", "c")
EDITED = "/etc/sysctl.d/10-ip-forward.conf"


class Servers:
    """Three servers, and a stack of the user's own for them in a backend of their own."""

    def __init__(self, lab: Lab, reached: dict[str, Any], home: Path) -> None:
        self.lab = lab
        self.network = home / "office.network.yaml"
        self.network.write_text(yaml.safe_dump(self._described(reached)), encoding="utf-8")
        own = {
            "PULUMI_BACKEND_URL": f"file://{home}",
            "PULUMI_CONFIG_PASSPHRASE": "a passphrase of the user's own",
        }
        self.environment = environment_of(STACK, own)

    def run(
        self, *argv: str, stdin: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        return run(argv, self.environment, stdin=stdin, check=check)

    def pulumi(self, *argv: str, stdin: str = "") -> str:
        return self.run("pulumi", *argv, "--stack", STACK, "--non-interactive", stdin=stdin).stdout

    def _described(self, reached: dict[str, Any]) -> dict[str, Any]:
        network: dict[str, Any] = yaml.safe_load(
            (PROJECT / "stacks/lab.network.yaml").read_text("utf-8")
        )
        key = str(self.lab.state.private_key)
        ssh = {name: {**at, "key_file": key} for name, at in reached.items()}
        network["hub"] |= {"endpoint": HUB_NAME, "ssh": ssh["z"]}
        network["spokes"][0]["ssh"] = ssh["a"] | {"user": "admin"}
        network["spokes"][1]["ssh"] = ssh["c"] | {"port": 22, "jump": reached["c"]}
        return network


@pytest.fixture(scope="module")
def servers(bare: Running, tmp_path_factory: pytest.TempPathFactory) -> Servers:
    # One of them boots its network by other means: networkd is there and not enabled.
    bare.lab.run("c", "systemctl", "disable", "systemd-networkd")
    # sudo itself marks its first use by an administrator.
    bare.lab.run("a", "su", "admin", "-c", "sudo -n true")
    return Servers(bare.lab, bare.reached, tmp_path_factory.mktemp("existing"))


@pytest.fixture(scope="module")
def before(servers: Servers) -> dict[str, list[str]]:
    return {host: snapshot(servers.lab, host) for host in HOSTS}


@pytest.fixture(scope="module")
def joined(servers: Servers, before: dict[str, list[str]]) -> Iterator[Servers]:
    settings = PROJECT / "stacks" / f"Pulumi.{STACK}.yaml"
    settings.unlink(missing_ok=True)
    servers.run("pulumi", "stack", "init", STACK)
    try:
        seed = base64.b64encode(os.urandom(32)).decode()
        servers.pulumi("config", "set", "--secret", "seed", stdin=seed)
        servers.pulumi("config", "set", "network", str(servers.network))
        servers.pulumi("up", "--yes", "--skip-preview")
        recipes = json.loads(servers.pulumi("stack", "output", "gateway_recipes", "--json"))
        for office, by_vendor in recipes.items():
            call("gateway", office, stack=STACK, stdin=by_vendor["linux"])
        yield servers
    finally:
        settings.unlink(missing_ok=True)


def direct(servers: Servers, host: str, change: str = "") -> Any:
    """Run the host program by hand, after a shell line that changes the host."""
    network = load_network(PROJECT / "stacks/lab.network.yaml")
    planner = Planner(network, KeyRing("A" * 43 + "="), "203.0.113.1", allot(network, {}))
    plan = planner.plan(host)
    if change:
        servers.lab.run(host, "sh", "-c", change)
    installed = servers.lab.run(
        host,
        "sh",
        "-c",
        commands("root").install,
        check=False,
        input=bundle.installer(plan, planner.secrets(host)),
    )
    if installed.code:
        return installed
    return servers.lab.run(
        host,
        "sh",
        "-c",
        commands("root").apply,
        input=bundle.configuration(plan),
        check=False,
        timeout_s=120,
    )


OWN_INTERFACE = r"""
cd /etc/systemd/network
umask 027
wg genkey >own.key
printf '[NetDev]\nName=own0\nKind=wireguard\n[WireGuard]\nPrivateKeyFile=%s\n' \
    /etc/systemd/network/own.key >own.netdev
chgrp systemd-network own.*
networkctl reload
timeout 30 sh -c 'until ip link show own0 >/dev/null 2>&1; do sleep 0.2; done'
echo ListenPort=51999 >>own.netdev
# The reload may have ended a moment after the link was there.
touch -d '10 seconds' own.netdev
"""

REFUSED = [
    (
        "ip link add wg0 type wireguard",
        "ip link del wg0",
        "the interface wg0 exists and is not ours",
    ),
    (
        "ip link add other0 type wireguard && wg set other0 listen-port 51820 && "
        "ip link set other0 up",
        "ip link del other0",
        "UDP port 51820 is in use",
    ),
    (
        "mv /usr/bin/wg /usr/bin/wg.away",
        "mv /usr/bin/wg.away /usr/bin/wg",
        "programs are missing: apt-get install wireguard-tools",
    ),
    ("systemctl mask systemd-networkd", "systemctl unmask systemd-networkd", "is masked"),
    # z has systemd 257.
    (
        OWN_INTERFACE,
        "rm /etc/systemd/network/own.*; ip link del own0; networkctl reload",
        "since /etc/systemd/network/own.netdev was changed after networkd read it",
    ),
]
"""What is done to a server, how it is taken back, and what the host program says of it."""


def test_what_a_server_cannot_hold_is_refused_and_leaves_nothing(
    servers: Servers, before: dict[str, list[str]]
) -> None:
    try:
        for change, back, says in REFUSED:
            try:
                refused = direct(servers, "z", change)
            finally:
                servers.lab.run("z", "sh", "-c", back)
            assert refused.code == 1
            assert says in refused.stderr
    finally:
        servers.lab.run("z", "sh", "-c", commands("root").uninstall)
        servers.lab.run("z", "sysctl", "-w", "net.ipv4.conf.all.send_redirects=1")
    assert snapshot(servers.lab, "z") == before["z"]


def test_a_file_that_takes_the_interface_away_does_not_pass_as_applied(servers: Servers) -> None:
    """Every command succeeds, and networkd configures wg0 by somebody else's broader file."""
    other = "/etc/systemd/network/00-all.network"
    try:
        failed = direct(servers, "z", f"printf '[Match]\\nName=w*\\n' >{other}")
    finally:
        servers.lab.run("z", "rm", "-f", other)
        servers.lab.run("z", "sh", "-c", commands("root").uninstall)
        servers.lab.run("z", "sysctl", "-w", "net.ipv4.conf.all.send_redirects=1")
    assert failed.code == 1
    assert f"interface wg0: networkd knows it by {other}" in failed.stderr
    assert "address 10.70.0.1/16: missing" in failed.stderr
    assert "was undone" in failed.stderr


def test_devices_reach_each_other(joined: Servers) -> None:
    """The spokes dial a name."""
    assert joined.pulumi("stack", "output", "hub_endpoint").strip() == f"{HUB_NAME}:51820"
    for source, target in (("b", "d"), ("d", "b")):
        assert joined.lab.ping(source, DEVICES[target], count=10).lost == 0
    assert joined.lab.ping("z", TUNNEL["a"]).lost == 0


def test_a_spoke_whose_hub_cannot_be_reached_is_as_before(joined: Servers) -> None:
    """A change that does not work undoes itself, fails the update and says why."""
    before = joined.lab.run("a", "cat", "/var/lib/leased-line/current").stdout
    body = before.replace(f"Endpoint={HUB_NAME}:51820", "Endpoint=203.0.113.9:51820")
    body = body[: body.rindex("end sha256:")]
    bad = f"{body}end sha256:{hashlib.sha256(body.encode()).hexdigest()}\n"
    failed = joined.lab.run("a", "leased-line", "apply", input=bad, check=False, timeout_s=180)
    assert failed.code == 1
    # Where the old session still lives, the kernel names where its packets come from.
    assert re.search(
        r"should be 203\.0\.113\.9:51820|does not answer, though|no handshake with the hub",
        failed.stderr,
    )
    assert "was undone" in failed.stderr
    assert joined.lab.run("a", "cat", "/var/lib/leased-line/current").stdout == before
    joined.lab.wait_until_succeeds("b", "ping", "-c", "1", "-W", "1", DEVICES["d"], timeout_s=60)
    assert joined.lab.run("a", "leased-line", "status").code == 0


def test_status_logs_in_to_all_of_them(joined: Servers) -> None:
    shown = joined.run("python", "-m", "components.status", "--stack", STACK, "--json").stdout
    assert {name: report["differences"] for name, report in json.loads(shown).items()} == {
        "z": [],
        "a": [],
        "c": [],
    }


def test_a_second_up_changes_nothing(joined: Servers) -> None:
    joined.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")


def test_a_server_with_another_host_key_stops_the_run(joined: Servers) -> None:
    text = joined.network.read_text("utf-8")
    network = yaml.safe_load(text)
    ssh = network["hub"]["ssh"]
    ssh["host_key"] = network["spokes"][0]["ssh"]["host_key"]
    joined.network.write_text(yaml.safe_dump(network), encoding="utf-8")
    try:
        done = joined.run(
            "pulumi",
            "up",
            "--yes",
            "--skip-preview",
            "--stack",
            STACK,
            "--non-interactive",
            check=False,
        )
    finally:
        joined.network.write_text(text, encoding="utf-8")
    assert done.returncode != 0
    assert f"z (127.0.0.1:{ssh['port']}): its SSH host key is not the pinned one" in done.stdout
    assert "nothing was changed" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.fixture(scope="module")
def receipt(joined: Servers) -> str:
    """What destroy shows, after somebody on c has made a file of ours his own."""
    joined.lab.run("c", "sh", "-c", f"echo '# mine' >>{EDITED}")
    return joined.pulumi("destroy", "--yes", "--skip-preview")


@pytest.mark.parametrize("host", HOSTS)
def test_the_servers_are_given_back_as_they_were(
    joined: Servers, before: dict[str, list[str]], receipt: str, host: str
) -> None:
    assert f"{host}: interface wg0: removed" in receipt
    now = snapshot(joined.lab, host)
    # Whatever differs is in the receipt; on two of them nothing does.
    differing = set(now) ^ set(before[host])
    kept = f"{EDITED}.kept"
    assert {row for row in differing if kept not in row} == set()
    assert bool(differing) is (host == "c")
    if host == "c":
        assert f"c: {EDITED}: was changed here since it was applied" in receipt
        assert kept in receipt
        assert joined.lab.run("c", "tail", "-n", "1", kept).stdout == "# mine\n"
