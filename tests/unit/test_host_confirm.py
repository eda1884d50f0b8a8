"""A change is confirmed or undone: the note, the lock, the disk, and the proof of the way back.

Timers, boots and power cuts are in tests/lab/test_confirm.py.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from leasedline.bundle import bundle
from leasedline.files import File
from tests.unit.recorded import PLANNER
from tests.unit.shell import Host, Ran
from tests.unit.test_host_files import ME
from tests.unit.test_host_routes import NAMESPACE

BOOT: Final = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
UPTIME: Final = "now=$(uptime_s); read -r boot </proc/sys/kernel/random/boot_id"

# --- the note ---


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("$boot $((now + 30))\\n", r"a change is not confirmed: it is undone in (29|30) s"),
        ("$boot $now\\n", "a change was not confirmed, and its rollback has not run yet"),
        (
            "another-boot $((now + 30))\\n",
            "a change was not confirmed, and its rollback has not run",
        ),
        ("", "a change was not confirmed, and its rollback has not run yet"),
    ],
    ids=["in-time", "over", "after-a-boot", "cut-while-it-was-written"],
)
def test_what_status_says_of_a_pending_change(note: str, said: str, host: Host) -> None:
    ran = host.sh(f'{UPTIME}; printf "{note}" >"$STATE/pending"; pending_difference')
    assert ran.code == 0
    assert re.match(said, ran.stdout)


def test_what_status_says_of_a_failed_way_back(host: Host) -> None:
    ran = host.sh(
        f"""
        {UPTIME}
        say "$boot $now" >"$STATE/pending"
        roll_back() {{ cannot_write /etc/x; }}
        attempt undo "a change was not confirmed"
        say "code $failed"
        pending_difference
        """
    )
    assert ran.lines[0] == "code 1"
    assert "and the way back failed: journalctl -u leased-line-rollback" in ran.lines[1]
    assert "cannot write /etc/x" in ran.stderr
    assert "a change was not confirmed, and the way back failed: log in" in ran.stderr


# --- who may undo ---

# What is undone is not the matter here, but who gets to do it and when.
ROLLBACK: Final = f"""
need_root() {{ :; }}
roll_back() {{ say undone; rm "$STATE/pending"; }}
{UPTIME}
"""


def test_nothing_pending_is_nothing_to_undo(host: Host) -> None:
    ran = host.sh(f"{ROLLBACK} rollback")
    assert (ran.code, ran.lines) == (0, ["no change waits to be confirmed"])


def test_a_change_whose_process_is_gone_is_undone(host: Host) -> None:
    ran = host.sh(f'{ROLLBACK} say "$boot $((now + 30))" >"$STATE/pending"; rollback')
    assert (ran.code, ran.lines) == (0, ["undone"])
    assert "a change was not confirmed and was undone" in ran.stderr


def test_a_run_that_is_at_work_is_left_alone(host: Host) -> None:
    ran = host.sh(
        f"""
        {ROLLBACK}
        say "$boot $((now + 30))" >"$STATE/pending"
        lock apply
        (exec 9>&-; rollback)
        """
    )
    assert (ran.code, ran.lines) == (0, ["another run is at work here, and its time is not over"])


def test_a_run_that_hangs_is_ended(host: Host) -> None:
    """The process that holds the lock is dead; what it started lives on and has the lock."""
    ran = host.sh(
        f"""
        {ROLLBACK}
        CONFIRM_SPARE=1
        say "$boot $now" >"$STATE/pending"
        (lock apply; sleep 60 &)
        rollback
        """
    )
    assert (ran.code, ran.lines) == (0, ["undone"])


# --- the disk ---


@pytest.mark.parametrize(
    ("room", "full"), [("64k", "next.new"), ("160k", "live/three"), ("256k", "reserve")]
)
def test_a_full_disk_is_noticed_before_anything_is_touched(
    room: str, full: str, host: Host
) -> None:
    """State and live files on a file system without room for the bundle, a file, the reserve."""
    live = host.root / "state/live"
    texts = {"one": "1\n", "two": "2\n", "three": "x" * 100_000 + "\n"}
    files = [File(path=str(live / name), text=text) for name, text in texts.items()]
    sent = host.file("sent", bundle(PLANNER.hub(), files).replace("root:root", ME))
    # The user's own file, which the bundle would replace, and what a first run has recorded.
    ran = replace(host, inside=NAMESPACE).sh(
        """
        mount -t tmpfs -o "size=$2" none "$STATE"
        mkdir -p "$STATE/live" "$STATE/before"
        say "the user's own" >"$STATE/live/one"
        say recorded >"$STATE/before/settings"
        attempt stage "$1"
        say "code $failed"
        unstage
        (cd "$STATE" && find . -type f)
        cat "$STATE/live/one"
        """,
        sent,
        room,
    )
    assert ran.code == 0, ran.stderr
    assert ran.lines == ["code 1", "./live/one", "the user's own"]
    assert "No space left on device" in ran.stderr
    said = f"cannot write {live}/three: is the disk full or read-only?"
    assert (said in ran.stderr) == (full == "live/three")


def test_what_is_pending_survives_a_refusal(host: Host) -> None:
    """A second change that does not fit must not take the note of the first one's way back."""
    host.file("state/before/settings", "recorded\n")
    host.file("state/next", "leased-line bundle 1\n")
    host.file("state/pending", f"{BOOT} 1\n")
    assert host.sh("unstage").code == 0
    assert {path.name for path in host.state.iterdir()} == {"before", "next", "pending"}


# --- the way back ---

# A TCP connection on the namespace's own loopback; the host program's end of it is descriptor 8.
CONNECTED: Final = """
import os, socket, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
listening = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listening.getsockname())
server, _ = listening.accept()
server.sendall(b"banner")
client.recv(6)
os.dup2(server.fileno(), 8)
there, here = client.getsockname(), client.getpeername()
connection = f"{there[0]} {there[1]} {here[0]} {here[1]}"
os.environ["SSH_CONNECTION"] = connection
sys.exit(subprocess.call(sys.argv[1:], pass_fds=[8]))
"""
CUT: Final = (
    "nft add table inet cut; nft 'add chain inet cut out { type filter hook output priority 0; }'; "
    'nft add rule inet cut out tcp sport "${SSH_CONNECTION##* }" tcp dport != 0 drop'
)


def proved(host: Host, before: str = ":", connection: str = "$SSH_CONNECTION") -> Ran:
    inside = (*NAMESPACE, sys.executable, "-c", CONNECTED)
    return replace(host, inside=inside).sh(
        f'{before}; WAIT_PROOF=2; attempt prove_way_back "{connection}" >&8; say "code $failed"'
    )


def test_a_way_back_that_works_is_proved(host: Host) -> None:
    ran = proved(host)
    assert (ran.code, ran.lines, ran.stderr) == (0, ["code 0"], "")


def test_a_way_back_that_is_cut_is_noticed(host: Host) -> None:
    ran = proved(host, CUT)
    assert ran.lines == ["code 1"]
    assert "nothing arrives at 127.0.0.1 any more" in ran.stderr


def test_what_was_under_way_before_the_change_proves_nothing(host: Host) -> None:
    """An answer to what had been sent before is no answer to what is sent after."""
    ran = proved(host, f"{CUT}; printf early >&8; say() {{ :; }}; nft flush ruleset")
    # Only `say` itself is muted: nothing is written after the change.
    assert "code 0" not in ran.stdout
    assert "nothing arrives" in ran.stderr


def test_a_connection_that_is_gone_proves_nothing(host: Host) -> None:
    ran = proved(host, connection="127.0.0.1 1 127.0.0.1 22")
    assert ran.lines == ["code 1"]
    assert "nothing arrives at 127.0.0.1 any more" in ran.stderr


def test_at_the_console_there_is_nothing_to_prove(host: Host) -> None:
    ran = host.sh('prove_way_back ""')
    assert (ran.code, ran.stderr) == (0, "")
    assert "was not proved: this run came by no SSH connection" in ran.stdout


# A pipe for standard error that nobody reads, and SIGPIPE as sshd leaves it.
UNREAD: Final = """
import os, signal, subprocess, sys
reader, writer = os.pipe()
os.close(reader)
default = lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL)
sys.exit(subprocess.call(sys.argv[1:], stderr=writer, preexec_fn=default))
"""


def test_a_broken_pipe_does_not_end_the_undoing(host: Host) -> None:
    """The SSH connection is gone: nobody reads what is said."""
    inside = (sys.executable, "-c", UNREAD)
    ran = replace(host, inside=inside).sh('warn "lost"; say "went on"')
    assert (ran.code, ran.lines) == (0, ["went on"])
