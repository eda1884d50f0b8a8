"""A change that nobody confirms undoes itself: after a kill, a reboot, a power cut, a cut way back.

The machines are bare, and the host program is run by hand as Pulumi runs it, over SSH.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.lab.bare import Running
from tests.lab.by_hand import Bare

BACK_S: Final = 90
"""From a kill to the former state."""

Record = Callable[[str, object], None]

# Ends the run that holds the host, all that it has started, and the sshd that it came by.
KILL: Final = """
read -r _ pid _ </run/leased-line/lock
read -r _ _ _ _ group session _ <"/proc/$pid/stat"
read -r _ _ _ sshd _ <"/proc/$session/stat"
kill -s KILL -- "-$group"
kill -s KILL "$session" "$sshd" 2>/dev/null || :
"""

# Seconds after the boot began. Of a unit that nothing needs any more systemd forgets the times.
UNDONE_AT: Final = r"""
journalctl -b -o short-monotonic -u leased-line-rollback |
    sed -n 's/^\[ *\([0-9.]*\)\].*was not confirmed and was undone.*/\1/p' | tail -n 1
"""


@pytest.fixture(scope="module")
def hosts(bare: Running) -> Iterator[Bare]:
    hosts = Bare(bare.lab)
    # Machines that boot in these tests need their network at boot.
    hosts.each(lambda host: hosts.sh(host, "systemctl --quiet enable systemd-networkd"))
    try:
        hosts.each(hosts.install)
        yield hosts
    finally:
        hosts.each(hosts.uninstall)
        hosts.threads.shutdown()


def test_two_runs_at_once_take_turns(hosts: Bare) -> None:
    runs = [hosts.threads.submit(hosts.apply, "z", hosts.right("z")) for _ in range(2)]
    said = [run.result() for run in runs]
    assert [run.code for run in said] == [0, 0], said
    assert sorted(re.findall(r"\d+ files changed", "".join(run.stdout for run in said))) == [
        "0 files changed",
        "8 files changed",
    ]
    assert hosts.status("z").code == 0


@dataclass(frozen=True)
class Killed:
    """A run that was killed while its change was in the kernel."""

    uptime: float
    said: str


@pytest.fixture(scope="module")
def killed(hosts: Bare) -> Killed:
    """A later change of spoke a, killed with all that belongs to it; its time runs from here."""
    first = hosts.apply("a", hosts.right("a"))
    assert first.code == 0, first
    assert "the way back is proved" in first.stdout
    running = hosts.apply_wrong("a")
    hosts.sh("a", KILL)
    now = Killed(hosts.uptime("a"), hosts.status("a").stdout)
    assert running.result().code not in (0, 1)
    return now


@pytest.mark.usefixtures("killed")
def test_a_full_disk_is_refused_and_nothing_is_changed(hosts: Bare) -> None:
    before = hosts.kept("c")
    hosts.sh("c", "fallocate -l 4G /full 2>/dev/null; cat /dev/zero >/full.rest 2>/dev/null; true")
    try:
        refused = hosts.apply("c", hosts.right("c"))
        after = hosts.kept("c")
    finally:
        hosts.sh("c", "rm -f /full /full.rest")
    assert refused.code == 1
    assert "No space left on device" in refused.stderr
    assert "does not fit on this host's disk, or the disk is read-only: nothing was" in (
        refused.stderr
    )
    assert after == before


@pytest.mark.usefixtures("killed")
def test_a_change_that_cuts_off_its_author_is_undone(hosts: Bare) -> None:
    """The unit of the bundle shuts SSH in when it starts, as a wrong firewall line would."""
    cut = "table inet cut { chain out { type filter hook output priority 0; tcp sport 22 drop; }; }"
    drop_in = "/etc/systemd/system/leased-line.service.d"
    hosts.sh(
        "c",
        f"mkdir {drop_in} && cat >{drop_in}/cut.conf && echo '{cut}' >/root/cut.nft",
        stdin="[Service]\nExecStartPost=nft -f /root/cut.nft\n"
        "ExecStopPost=-nft delete table inet cut\n",
    )
    try:
        failed = hosts.apply("c", hosts.right("c"))
        status = hosts.status("c")
    finally:
        hosts.sh("c", f"rm -r {drop_in} /root/cut.nft; systemctl daemon-reload")
    assert failed.code == 1, failed
    assert "nothing arrives at " in failed.stderr
    assert "it cuts off its own author" in failed.stderr
    assert "the change failed and was undone" in failed.stderr
    assert "differs: no bundle: nothing was applied here" in status.stdout
    assert "not confirmed" not in status.stdout
    assert hosts.sh("c", "nft list ruleset; ip link show wg0", check=False).stdout == ""


def test_a_killed_run_is_undone_in_time(
    hosts: Bare, killed: Killed, record_property: Record
) -> None:
    assert re.search(r"differs: a change is not confirmed: it is undone in \d+ s", killed.said)
    # The host itself says when it was undone; the question may wait for a busy machine.
    hosts.lab.wait_until_succeeds(
        "a", "sh", "-c", "! test -e /var/lib/leased-line/pending", timeout_s=BACK_S
    )
    took = float(hosts.sh("a", UNDONE_AT).stdout) - killed.uptime
    record_property("measured", f"a killed apply was undone {took:.0f} s after the kill")
    assert 0 < took < BACK_S
    assert hosts.status("a").code == 0, hosts.status("a")
    journal = hosts.sh("a", "journalctl -p err -o cat -u leased-line-rollback").stdout
    assert "a change was not confirmed and was undone" in journal


def test_a_boot_undoes_what_was_not_confirmed(hosts: Bare, record_property: Record) -> None:
    """A later change and a reboot, and a first one and a power cut, at the same time."""
    before = hosts.kept("c")
    running = hosts.apply_wrong("a"), hosts.apply_wrong("c")

    def cut_power() -> None:
        hosts.lab.kill("c")
        hosts.lab.start("c")

    for done in (hosts.threads.submit(hosts.lab.reboot, "a"), hosts.threads.submit(cut_power)):
        done.result()
    assert all(run.result().code != 0 for run in running)
    for host in ("a", "c"):
        hosts.lab.wait_until_succeeds(
            host, "sh", "-c", "! test -e /var/lib/leased-line/pending", every_s=0.2
        )
        took = float(hosts.sh(host, UNDONE_AT).stdout)
        record_property("measured", f"{host}: undone {took:.0f} s after its boot began")
    assert hosts.status("a").code == 0, hosts.status("a")
    assert hosts.kept("c") == before
