"""What the host refuses of a bundle, and what it reads out of one."""

from __future__ import annotations

import hashlib

import pytest

from leasedline.bundle import bundle, configuration
from leasedline.files import File
from tests.unit.networks import RING, article, planner, plans
from tests.unit.shell import Host

PLAN = plans(article())["a"]
GOOD = configuration(PLAN)


def sealed(body: str) -> str:
    """`body` with a digest that is right: what a mistake of ours would look like."""
    return f"{body}end sha256:{hashlib.sha256(body.encode()).hexdigest()}\n"


def without_end(text: str) -> str:
    return text[: text.rindex("end sha256:")]


def with_file(path: str, text: str = "x") -> str:
    return sealed(f"{without_end(GOOD)}file {path} root:root 0644\n|{text}\n")


def with_change(old: str, new: str) -> str:
    assert old in GOOD
    return sealed(without_end(GOOD).replace(old, new))


def with_keys(path: str) -> str:
    return bundle(PLAN, [File(path=path, text="secret\n")])


WHOLE = "did not arrive whole: nothing was changed; run pulumi up again"
NO_BUNDLE = "is no bundle that this version knows: nothing was changed; run pulumi up again"
FOREIGN = "the bundle touches files that are not its own, so nothing was changed: "
BROADER = "the bundle's .network file matches more than wg0, so nothing was changed"
NAME = "the bundle names no interface that it could own, so nothing was changed"

REFUSED = {
    "nothing": ("", NO_BUNDLE),
    "something-else": ("#!/bin/sh\ntouch /pwned\n", NO_BUNDLE),
    "another-version": (GOOD.replace("bundle 1\n", "bundle 2\n", 1), NO_BUNDLE),
    "truncated-in-a-file": (GOOD[:400], WHOLE),
    "last-line-lost": (without_end(GOOD), WHOLE),
    "last-digit-lost": (GOOD[:-2] + "\n", WHOLE),
    "one-letter-changed": (GOOD.replace("10.70.0.2", "10.70.0.9", 1), WHOLE),
    "more-behind-the-end": (GOOD + "file /etc/passwd root:root 0644\n", WHOLE),
    "foreign-file": (with_file("/etc/passwd"), f"{FOREIGN}/etc/passwd"),
    "every-foreign-file-is-named": (
        sealed(without_end(with_file("/etc/b")) + "file /etc/c root:root 0644\n|x\n"),
        f"{FOREIGN}/etc/b /etc/c",
    ),
    "way-out": (
        with_file("/etc/systemd/network/wg0.netdev.d/../../../passwd"),
        f"{FOREIGN}/etc/systemd/network/wg0.netdev.d/../../../passwd",
    ),
    "double-slash": (
        with_file("/etc/systemd/network//wg0.network"),
        f"{FOREIGN}/etc/systemd/network//wg0.network",
    ),
    "relative": (with_file("etc/passwd"), f"{FOREIGN}etc/passwd"),
    "another-links-network": (
        with_file("/etc/systemd/network/eth0.network"),
        f"{FOREIGN}/etc/systemd/network/eth0.network",
    ),
    "another-links-peers": (
        with_file("/etc/systemd/network/wg1.netdev.d/peer-a.conf"),
        f"{FOREIGN}/etc/systemd/network/wg1.netdev.d/peer-a.conf",
    ),
    "drop-in-of-the-network": (
        with_file("/etc/systemd/network/wg0.network.d/10-more.conf"),
        f"{FOREIGN}/etc/systemd/network/wg0.network.d/10-more.conf",
    ),
    "drop-in-that-is-no-peer": (
        with_file("/etc/systemd/network/wg0.netdev.d/evil.conf"),
        f"{FOREIGN}/etc/systemd/network/wg0.netdev.d/evil.conf",
    ),
    "another-sysctl": (
        with_file("/etc/sysctl.d/99-more.conf"),
        f"{FOREIGN}/etc/sysctl.d/99-more.conf",
    ),
    "a-key-in-the-configuration": (
        with_file("/etc/leased-line/keys/0123456789abcdef.key"),
        f"{FOREIGN}/etc/leased-line/keys/0123456789abcdef.key",
    ),
    "a-second-interface-line": (
        sealed(
            f"{without_end(GOOD)}interface eth0\n"
            "file /etc/systemd/network/eth0.netdev root:root 0644\n|x\n"
        ),
        f"{FOREIGN}/etc/systemd/network/eth0.netdev",
    ),
    "interface-is-a-pattern": (
        sealed(without_end(GOOD).replace("interface wg0", "interface *").replace("wg0", "*")),
        NAME,
    ),
    "interface-is-a-path": (
        sealed(
            without_end(GOOD).replace("interface wg0", "interface wg0/x").replace("wg0", "wg0/x")
        ),
        NAME,
    ),
    "no-interface": (sealed(without_end(GOOD).replace("interface wg0\n", "")), NAME),
    "match-all": (with_change("|Name=wg0\n|\n|[Network]", "|Name=*\n|\n|[Network]"), BROADER),
    "match-a-second": (
        with_change("|Name=wg0\n|\n|[Network]", "|Name=wg0 eth0\n|\n|[Network]"),
        BROADER,
    ),
    "match-by-a-second-line": (
        with_change("|[Match]\n|Name=wg0\n", "|[Match]\n|Name=wg0\n|Name=eth*\n"),
        BROADER,
    ),
    "match-by-another-key": (
        with_change("|[Match]\n|Name=wg0\n", "|[Match]\n|Type=ether\n"),
        BROADER,
    ),
    "match-without-a-setting": (with_change("|[Match]\n|Name=wg0\n", "|[Match]\n"), BROADER),
    "no-match-at-all": (with_change("|[Match]\n|Name=wg0\n|\n", ""), BROADER),
    "match-further-down": (
        with_change("|[Route]\n", "|[Match]\n|Name=*\n|\n|[Route]\n"),
        BROADER,
    ),
    "match-behind-a-blank": (
        with_change("|[Route]\n", "| [Match]\n| Name=*\n|\n|[Route]\n"),
        BROADER,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bundle_that_is_refused(case: str, host: Host) -> None:
    text, says = REFUSED[case]
    ran = host.sh('bundle_check "$1" configuration', host.file("sent", text))
    assert ran.code == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("leased-line: ")
    assert says in ran.stderr
    assert ran.stderr.count("\n") == 1, "one line for people"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/etc/leased-line/firewall.nft",
        "/etc/systemd/network/wg0.network",
        "/etc/leased-line/keys/../../passwd",
        "/etc/leased-line/keys/x/../../../shadow",
        "/etc/leased-line/keys/authorized_keys",
        "/etc/leased-line/keys/0123456789abcdef.key.conf",
        "/etc/leased-line/keys/.key",
    ],
)
def test_keys_go_nowhere_but_to_the_keys(path: str, host: Host) -> None:
    sent = host.file("sent", with_keys(path))
    ran = host.sh('KEYS=/etc/leased-line/keys; bundle_check "$1" keys', sent)
    assert (ran.code, ran.stdout) == (1, "")
    assert f"{FOREIGN}{path}\n" in ran.stderr


@pytest.mark.parametrize("kind", ["key", "psk"])
def test_key_files_are_accepted(kind: str, host: Host) -> None:
    sent = host.file("sent", with_keys(f"/etc/leased-line/keys/0123456789abcdef.{kind}"))
    ran = host.sh('KEYS=/etc/leased-line/keys; bundle_check "$1" keys', sent)
    assert (ran.code, ran.stderr) == (0, "")


def test_the_refused_ones_differ_from_one_that_is_accepted(host: Host) -> None:
    ran = host.sh('bundle_check "$1" configuration', host.file("sent", GOOD))
    assert (ran.code, ran.stderr) == (0, "")
    assert sealed(without_end(GOOD)) == GOOD


# --- what a bundle says ---


def test_what_the_kernel_of_a_spoke_must_hold(host: Host) -> None:
    ran = host.sh('bundle_want "$1"', host.file("sent", GOOD))
    keys = "/etc/leased-line/keys"
    assert ran.lines == [
        "mtu 1280",
        "port 51820",
        f"key {keys}/{RING.host('a').name}",
        f"peer {RING.host('z').public} {keys}/{RING.preshared('z', 'a').name} "
        "203.0.113.1:51820 15 10.70.0.0/16,192.168.200.0/24 z",
        "address 10.70.0.2/16",
        "route 192.168.200.0/24",
    ]


def test_what_the_kernel_of_a_hub_must_hold(host: Host) -> None:
    network = article().model_copy(update={"summary": (PREFIX,)})
    sent = host.file("sent", configuration(planner(network).hub()))
    ran = host.sh('bundle_want "$1"', sent)
    keys = "/etc/leased-line/keys"
    peers = [
        f"peer {RING.host(name).public} {keys}/{RING.preshared('z', name).name} "
        f"- 15 {allowed} {name}"
        for name, allowed in (
            ("a", "10.70.0.2/32,192.168.201.0/24"),
            ("c", "10.70.0.3/32,192.168.200.0/24"),
        )
    ]
    assert ran.lines == [
        "mtu 1280",
        "port 51820",
        f"key {keys}/{RING.host('z').name}",
        *peers,
        "address 10.70.0.1/16",
        "route 192.168.201.0/24",
        "route 192.168.200.0/24",
        "unreachable 192.168.0.0/16",
    ]


PREFIX = article().spokes[0].lans[0].prefix.supernet(new_prefix=16)


def test_the_head_the_paths_and_the_keys(host: Host) -> None:
    sent = host.file("sent", GOOD)
    ran = host.sh(
        'for f in host role interface probe nothing; do say "$f=$(bundle_field "$1" $f)"; done',
        sent,
    )
    assert ran.lines == ["host=a", "role=spoke", "interface=wg0", "probe=10.70.0.1", "nothing="]
    paths = host.sh('bundle_paths "$1"; bundle_paths "$1.no-such-bundle"', sent)
    assert (paths.code, len(paths.lines)) == (0, 7)
    keys = host.sh('bundle_keys "$1"; bundle_keys "$1.no-such-bundle"', sent)
    assert keys.lines == [
        f"/etc/leased-line/keys/{name}"
        for name in (RING.host("a").name, RING.preshared("z", "a").name)
    ]


def test_a_field_is_read_from_the_head_alone(host: Host) -> None:
    sent = host.file(
        "sent", sealed(without_end(GOOD).replace("probe 10.70.0.1\n", "") + "probe x\n")
    )
    assert host.sh('bundle_field "$1" probe', sent).stdout == ""
