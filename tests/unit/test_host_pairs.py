"""The pairs on a host: asked side by side, remembered, and told if one was lost."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

import pytest

from tests.unit.recorded import lay_down
from tests.unit.shell import Host, Ran
from tests.unit.test_host_routes import NAMESPACE

LAN_A: Final = "192.168.201.247"
LAN_C: Final = "192.168.200.248"
LONE: Final = "10.70.0.9"

# Who replies is a file by its address: after how many tries, and in what time. Each try is noted.
PRETENDED: Final = r"""
PATH="$PRETENDED:$PATH"
WAIT_PAIRS=0
need_root() { :; }
hub_answers() { echo "$*" >>"$PRETENDED/hub"; [ -e "$PRETENDED/hub-is-up" ]; }
ip() { echo "2: eth1    inet $OWN/24 brd 192.168.201.255 scope global eth1"; }
"""

PING: Final = r"""#!/bin/sh
for to; do :; done
here=$(dirname "$0")
echo "$*" >>"$here/asked-$to"
[ -e "$here/reply-$to" ] || { echo "1 packets transmitted, 0 received"; exit 1; }
read -r tries time <"$here/reply-$to"
[ "$(wc -l <"$here/asked-$to")" -ge "$tries" ] || exit 1
echo "PING $to ($to) from $OWN : 56(84) bytes of data."
echo "64 bytes from $to: icmp_seq=1 ttl=62 time=$time ms"
"""

QUESTIONS: Final = f"pair c {LAN_A} {LAN_C}\npair e {LAN_A} {LONE}\n"


class Asking:
    """Spoke a, which asks; the others are pretended."""

    def __init__(self, host: Host) -> None:
        self.host = host
        lay_down(host, "a")
        host.file("state/current", (host.root / "bundle").read_text())
        host.file("pretended/ping", PING).chmod(0o755)
        self.replies(LAN_C, 12.3)
        self.replies(LONE, 250)

    def replies(self, address: str, milliseconds: float, *, tries: int = 1) -> None:
        self.host.file(f"pretended/reply-{address}", f"{tries} {milliseconds}\n")

    def silent(self, address: str) -> None:
        (self.host.root / f"pretended/reply-{address}").unlink()

    def asked(self, address: str) -> list[str]:
        log = self.host.root / f"pretended/asked-{address}"
        return log.read_text().splitlines() if log.exists() else []

    def run(self, questions: str = QUESTIONS, *, own: str = LAN_A, before: str = "") -> Ran:
        text = f"leased-line pairs 1\nstate {'ab' * 32}\n{questions}end\n"
        return self.raw(text, own=own, before=before)

    def raw(self, text: str, *, own: str = LAN_A, before: str = "") -> Ran:
        places = f"PRETENDED={self.host.root}/pretended\nexport OWN={own}\n"
        return self.host.sh(f"{places}{PRETENDED}{before}\npairs", stdin=text)

    @property
    def known(self) -> list[str]:
        return (self.host.state / "pairs").read_text().splitlines()


@pytest.fixture
def asking(host: Host) -> Asking:
    return Asking(host)


def test_every_pair_is_told_with_its_time(asking: Asking) -> None:
    ran = asking.run()
    assert (ran.code, ran.stderr) == (0, "")
    assert json.loads(ran.stdout) == {"c": 12.3, "e": 250}
    assert asking.asked(LAN_C) == [f"-n -c 1 -W 2 -I {LAN_A} {LAN_C}"]
    assert asking.known == [f"{LAN_A} {LAN_C}", f"{LAN_A} {LONE}"]


def test_a_spoke_without_questions(asking: Asking) -> None:
    ran = asking.run("")
    assert (ran.code, ran.stdout, ran.stderr) == (0, "{}\n", "")


def test_a_pair_of_several_lans_answers_if_all_do(asking: Asking) -> None:
    asking.replies("192.168.210.248", 7)
    both = f"pair c {LAN_A} {LAN_C}\npair c {LAN_A} 192.168.210.248\n"
    assert json.loads(asking.run(both).stdout) == {"c": 12.3}
    asking.silent(LAN_C)
    ran = asking.run(f"pair c {LAN_A} 192.168.210.248\npair c 192.168.211.1 {LAN_C}\n")
    assert (ran.code, json.loads(ran.stdout)) == (0, {"c": None})


def test_one_that_never_answered_is_no_failure(asking: Asking) -> None:
    asking.silent(LAN_C)
    ran = asking.run()
    assert (ran.code, ran.stderr) == (0, "")
    assert json.loads(ran.stdout) == {"c": None, "e": 250}
    assert asking.known == [f"{LAN_A} {LONE}"]


@pytest.mark.parametrize("hub", [True, False])
def test_one_that_answered_before_and_does_not_now_is_named(hub: bool, asking: Asking) -> None:
    assert asking.run().code == 0
    asking.silent(LAN_C)
    if hub:
        asking.host.file("pretended/hub-is-up", "")
    for _ in range(2):
        ran = asking.run()
        assert (ran.code, ran.stdout) == (1, "")
        (line,) = ran.stderr.splitlines()
        assert f"c does not answer any more, which it did before: from {LAN_A} to {LAN_C}" in line
        assert ("none from the hub's 10.70.0.1 either" in line) is not hub
    asking.replies(LAN_C, 5)
    assert json.loads(asking.run().stdout) == {"c": 5, "e": 250}


def test_an_address_that_this_host_has_lost_is_named(asking: Asking) -> None:
    assert asking.run().code == 0
    asking.silent(LAN_C)
    ran = asking.run(own="192.168.201.9")
    assert f"{LAN_A} is no address of this host now" in ran.stderr


def test_one_that_answers_late_is_asked_again_and_the_others_are_not(asking: Asking) -> None:
    asking.replies(LAN_C, 40, tries=3)
    ran = asking.run(before="WAIT_PAIRS=30")
    assert json.loads(ran.stdout) == {"c": 40, "e": 250}
    assert (len(asking.asked(LAN_C)), len(asking.asked(LONE))) == (3, 1)


def test_more_than_are_asked_at_once(asking: Asking) -> None:
    many = [f"192.168.{n}.1" for n in range(7)]
    for address in many:
        asking.replies(address, 1)
    questions = "".join(f"pair s{n} {LAN_A} {address}\n" for n, address in enumerate(many))
    ran = asking.run(questions, before="PAIRS_AT_ONCE=3")
    assert json.loads(ran.stdout) == {f"s{n}": 1 for n in range(7)}


def test_what_is_not_asked_any_more_is_forgotten(asking: Asking) -> None:
    asking.run()
    asking.run(f"pair e {LAN_A} {LONE}\n")
    assert asking.known == [f"{LAN_A} {LONE}"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"leased-line pairs 1\nstate ab\n{QUESTIONS}",
        f"leased-line pairs 2\nstate ab\n{QUESTIONS}end\n",
        f"leased-line pairs 1\npair c {LAN_A} $(reboot)\nend\n",
        f"leased-line pairs 1\npair c {LAN_A} -f\nend\n",
        f"leased-line pairs 1\nend\npair c {LAN_A} {LAN_C}\n",
    ],
)
def test_what_is_no_whole_list_is_refused(text: str, asking: Asking) -> None:
    ran = asking.raw(text)
    assert ran.code == 1
    assert "no list of pairs" in ran.stderr
    assert asking.asked(LAN_C) == []


def test_a_host_without_a_bundle_asks_nobody(asking: Asking) -> None:
    (asking.host.state / "current").unlink()
    assert "no bundle: nothing was applied here" in asking.run().stderr
    assert asking.asked(LAN_C) == []


def test_the_real_ping_and_kernel_in_a_namespace(host: Host) -> None:
    alone = replace(host, inside=NAMESPACE)
    lay_down(alone, "a")
    alone.file("state/current", (host.root / "bundle").read_text())
    questions = f"leased-line pairs 1\nstate ab\npair c {LAN_A} {LAN_C}\nend\n"
    ran = alone.sh(
        f"""
        WAIT_PAIRS=0
        ip link set lo up
        ip address add {LAN_A}/24 dev lo
        ip address add {LAN_C}/32 dev lo
        cat >"$RUN/told"
        (pairs) <"$RUN/told"
        ip address del {LAN_C}/32 dev lo
        ip route add unreachable {LAN_C}
        (pairs) <"$RUN/told" || say "failed"
        ip address del {LAN_A}/24 dev lo
        pairs <"$RUN/told"
        """,
        stdin=questions,
    )
    first, second = ran.lines
    assert 0 < json.loads(first)["c"] < 1000
    assert (second, ran.code) == ("failed", 1)
    silent, renumbered = ran.stderr.splitlines()
    assert f"from {LAN_A} to {LAN_C} no reply" in silent
    assert f"{LAN_A} is no address of this host now" in renumbered
