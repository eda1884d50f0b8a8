"""What somebody changed by hand on a host: named by status and preview, repaired by up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from lab.ping import PingResult
from tests.lab.line import TUNNEL, Line

STRANGER = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@dataclass(frozen=True)
class Mutation:
    """What is done by hand on spoke a, and a part of what status says of it then."""

    command: str
    named: str


LIVE = (
    Mutation("wg set wg0 private-key <(wg genkey)", "wg0: its private key is another one"),
    Mutation("wg set wg0 listen-port 51999", "wg0: listens on port 51999, should be 51820"),
    Mutation("wg set wg0 fwmark 77", "wg0: has the fwmark 0x4d, should have none"),
    Mutation("wg set wg0 peer $(wg show wg0 peers) remove", "peer z: missing"),
    Mutation(
        f"wg set wg0 peer {STRANGER} allowed-ips 10.99.0.0/24",
        f"peer {STRANGER}: not in the bundle",
    ),
    Mutation("ip link set wg0 mtu 1400", "wg0: MTU is 1400, should be 1280"),
    Mutation("ip address add 10.99.0.9/16 dev wg0", "address 10.99.0.9/16: not in the bundle"),
    Mutation("ip address del 10.70.0.2/16 dev wg0", "address 10.70.0.2/16: missing"),
    Mutation("ip link set wg0 down", "wg0: is down"),
    Mutation(
        "echo 0 >/proc/sys/net/ipv4/conf/wg0/forwarding", "conf.wg0.forwarding: is 0, should be 1"
    ),
    Mutation("nft delete table inet leased_line", "nft table inet leased_line: missing"),
    Mutation(
        "systemctl disable --quiet --now systemd-networkd.socket systemd-networkd.service",
        "unit systemd-networkd.service: is disabled, so it is lost at the next boot",
    ),
    Mutation("rm /etc/systemd/network/wg0.network", "wg0.network: missing"),
    Mutation(
        "echo '# by hand' >>/etc/systemd/system/leased-line-probe.service",
        "leased-line-probe.service: content was changed",
    ),
    Mutation("echo '# by hand' >>/usr/local/sbin/leased-line", "host program /usr/local/sbin"),
)

AT_REST = (
    Mutation("wg set wg0 peer $(wg show wg0 peers) persistent-keepalive 77", "keepalive is 77"),
    Mutation(
        "wg set wg0 peer $(wg show wg0 peers) allowed-ips 10.70.0.0/16",
        "allowed IPs are 10.70.0.0/16, should be",
    ),
    Mutation("ip route del 192.168.200.0/24 dev wg0", "route 192.168.200.0/24: missing"),
    Mutation("ip route add 192.168.77.0/24 dev wg0", "route 192.168.77.0/24: not in the bundle"),
    Mutation("sysctl -q net.ipv4.ip_forward=0", "sysctl net.ipv4.ip_forward: is 0, should be 1"),
    Mutation("nft flush table inet leased_line", "nft table inet leased_line: was changed"),
    Mutation(
        "chmod 0666 /etc/systemd/network/wg0.network",
        "wg0.network: is root:root 0666, should be root:root 0644",
    ),
    Mutation("chown nobody /etc/systemd/network/wg0.netdev", "wg0.netdev: is nobody:root"),
    Mutation("rm /etc/systemd/network/wg0.netdev.d/peer-z.conf", "peer-z.conf: missing"),
    Mutation(
        "echo '# by hand' >>/etc/sysctl.d/10-ip-forward.conf",
        "10-ip-forward.conf: content was changed",
    ),
    Mutation("systemctl disable --quiet leased-line.service", "leased-line.service: is disabled"),
    Mutation("systemctl stop leased-line-probe.service", "leased-line-probe.service: is inactive"),
    Mutation("chmod 0644 /etc/leased-line/keys/*.key", ".key: is root:systemd-network 0644"),
    Mutation("rm /etc/leased-line/keys/*.psk", ".psk: missing"),
)


def mutate(line: Line, mutations: tuple[Mutation, ...]) -> None:
    script = "\n".join(mutation.command for mutation in mutations)
    line.lab.run("a", "bash", "-euc", script)


def of_a(out: str) -> list[str]:
    """The lines of pulumi's output that tell of a."""
    return [row for row in out.splitlines() if re.match(r"(\s*warning: |\s*)a: ", row)]


def unnamed(mutations: tuple[Mutation, ...], told: list[str]) -> list[Mutation]:
    """What was done and is not told."""
    return [m for m in mutations if not any(m.named in row for row in told)]


@contextmanager
def pinging_hub(line: Line, host: str) -> Iterator[list[PingResult]]:
    """Ping z's tunnel address from a spoke ten times a second; the result is there at the end."""
    command = ("ping", "-n", "-i", "0.1", TUNNEL["z"])
    results: list[PingResult] = []
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(line.lab.run, host, *command, check=False, timeout_s=300)
        try:
            yield results
        finally:
            line.lab.run(host, "pkill", "-INT", "-x", "-f", " ".join(command))
            results.append(PingResult.parse(running.result().stdout).settled(1))


def touched(line: Line, host: str) -> str:
    """Changes whenever a file of ours is written on a host, or a unit started."""
    files = line.lab.succeed(
        host, "find", "/etc", "/var/lib/leased-line", "-printf", r"%p %C@ %m %u\n"
    )
    units = line.lab.succeed(
        host, "systemctl", "show", "-p", "InvocationID", "systemd-networkd", "leased-line"
    )
    return files + units


def status(line: Line) -> dict[str, list[str]]:
    done = line.run(
        "python", "-m", "components.status", "--stack", "lab-test", "--json", check=False
    )
    reports = json.loads(done.stdout)
    return {host: report["differences"] for host, report in reports.items()}


def assert_named(line: Line, mutations: tuple[Mutation, ...]) -> None:
    """Status and preview both tell of each mutation, and of nothing on the other hosts."""
    found = status(line)
    assert unnamed(mutations, found["a"]) == []
    assert found["z"] == found["c"] == []
    preview = line.pulumi("preview", "--diff")
    shown = preview.stdout + preview.stderr
    assert unnamed(mutations, of_a(shown)) == []
    assert re.search(r"^ +\+ revision \d+$", shown, re.M)
    assert "hosts: a changed; z, c left alone" in shown


def updated(out: str) -> set[str]:
    return set(re.findall(r"remote:Command (\S+) updated", out))


def assert_nothing_changes(line: Line) -> None:
    """A further run asks every host, finds nothing, and has nothing to do."""
    out = line.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes").stdout
    assert "hosts:" not in out
    assert not re.search(r"warning: [zac]: ", out)


def test_what_was_changed_by_hand_is_named_and_repaired(line: Line) -> None:
    others = {host: touched(line, host) for host in ("z", "c")}
    with pinging_hub(line, "c") as elsewhere:
        mutate(line, AT_REST)
        assert_named(line, AT_REST)
        out = line.pulumi("up", "--yes", "--skip-preview").stdout
    assert unnamed(AT_REST, of_a(out)) == []
    assert updated(out) == {"a-base", "a-config", "c-pairs"}
    assert elsewhere[0].sent > 50
    assert elsewhere[0].missing == ()
    assert {host: touched(line, host) for host in ("z", "c")} == others
    assert_nothing_changes(line)


def test_a_repair_that_was_killed_is_finished_by_the_next_up(line: Line) -> None:
    others = {host: touched(line, host) for host in ("z", "c")}

    def begun() -> bool:
        done = line.lab.run("a", "test", "-e", "/var/lib/leased-line/next", check=False)
        return done.code == 0

    with pinging_hub(line, "c") as elsewhere:
        mutate(line, LIVE)
        assert_named(line, LIVE)
        line.kill_up_once(begun)
        out = line.make("up").stdout
    assert updated(out) <= {"a-base", "a-config", "c-pairs"}
    assert elsewhere[0].sent > 50
    assert elsewhere[0].missing == ()
    assert {host: touched(line, host) for host in ("z", "c")} == others
    line.pulumi("refresh", "--yes", "--skip-preview")
    assert_nothing_changes(line)
