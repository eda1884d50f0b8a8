"""How files get onto a host and off it again, and the machinery around the steps."""

from __future__ import annotations

import grp
import os
import pwd
import re
from pathlib import Path

from leasedline.bundle import bundle
from leasedline.files import File
from tests.unit.recorded import (
    OTHER,
    PLANNER,
    PSK_A,
    PSK_C,
    Z,
)
from tests.unit.shell import Host

# Who runs the tests: files that they write belong to nobody else.
ME = f"{pwd.getpwuid(os.getuid()).pw_name}:{grp.getgrgid(os.getgid()).gr_name}"


def test_put_writes_once_and_then_leaves_the_file_alone(host: Host) -> None:
    source, target = host.file("source", "text\n"), host.root / "deep/below/target"
    first = host.sh('put "$1" "$2" "$3" 0640', source, target, ME)
    assert first.code == 0
    assert (target.read_text(), target.stat().st_mode & 0o7777) == ("text\n", 0o640)
    os.utime(target, (1, 1))
    again = host.sh('put "$1" "$2" "$3" 0640', source, target, ME)
    assert (again.code, again.stderr) == (1, "")
    assert target.stat().st_mtime == 1


def test_put_repairs_a_mode(host: Host) -> None:
    source, target = host.file("source", "text\n"), host.file("target", "text\n")
    target.chmod(0o666)
    assert host.sh('put "$1" "$2" "$3" 0644', source, target, ME).code == 0
    assert target.stat().st_mode & 0o7777 == 0o644
    assert [path.name for path in host.root.glob("target*")] == ["target"]


def test_put_replaces_a_text(host: Host) -> None:
    source, target = host.file("source", "new\n"), host.file("target", "old\n")
    held = target.open(encoding="utf-8")
    with held:
        assert host.sh('put "$1" "$2" "$3" 0644', source, target, ME).code == 0
        assert held.read() == "old\n", "whoever reads it meanwhile sees one text or the other"
    assert target.read_text() == "new\n"


def test_a_file_that_cannot_be_written_ends_the_step(host: Host) -> None:
    blocked = host.file("blocked", "a file where a folder would have to be") / "target"
    free = host.root / "free"
    sent = host.file(
        "sent",
        bundle(
            PLANNER.hub(), [File(path=str(blocked), text="x\n"), File(path=str(free), text="y\n")]
        ),
    )
    owned = sent.read_text().replace("root:root", ME)
    sent.write_text(owned)
    ran = host.sh(
        'attempt stage_files "$1"; say "code $failed"',
        sent,
    )
    assert ran.lines == ["code 1"]
    assert ran.stderr.count("leased-line:") == 1
    assert f"cannot write {blocked}: is the disk full or read-only?" in ran.stderr
    assert not free.exists()


def put_files(host: Host, **texts: str) -> list[str]:
    files = [File(path=str(host.root / "live" / name), text=text) for name, text in texts.items()]
    sent = host.file("sent", bundle(PLANNER.hub(), files).replace("root:root", ME))
    ran = host.sh(
        """
        record_directories "$2"
        stage_files "$1"
        put_files "$1"
        cp "$1" "$STATE/current"
        cat "$RUN/changed"
        """,
        sent,
        host.root / "live",
    )
    assert (ran.code, ran.stderr) == (0, "")
    return [Path(line).name for line in ran.lines if line.startswith("/") and ":" not in line]


def test_live_files_follow_the_bundle_and_only_changes_are_told(host: Host) -> None:
    live = host.root / "live"
    (host.state / "before").mkdir(parents=True)
    assert put_files(host, one="1\n", two="2\n") == ["one", "two"]
    assert put_files(host, one="1\n", two="2\n") == []
    assert put_files(host, one="1\n", two="changed\n") == ["two"]
    assert put_files(host, two="changed\n", three="3\n") == ["three", "one"]
    assert {path.name: path.read_text() for path in live.iterdir()} == {
        "two": "changed\n",
        "three": "3\n",
    }
    assert (host.state / "before/directories").read_text() == f"{live}\n"


def test_what_stood_there_before_comes_back(host: Host) -> None:
    live = host.file("live/one", "the user's own\n")
    live.chmod(0o600)
    kept = host.file(f"state/before/files{live}", "the user's own\n")
    kept.chmod(0o600)
    assert put_files(host, one="ours\n") == ["one"]
    assert live.read_text() == "ours\n"
    ran = host.sh('put_back "$1"', live)
    assert ran.lines == [f"{live}: restored"]
    assert (live.read_text(), live.stat().st_mode & 0o7777) == ("the user's own\n", 0o600)


def test_without_a_name_there_is_no_interface(host: Host) -> None:
    """A run that ended before its bundle was kept leaves none, and /sys/class/net/ is there."""
    ran = host.sh('for i in "" lo no-such-link; do link_exists "$i" && say "[$i]"; done; :')
    assert ran.lines == ["[lo]"]


def test_keys_that_no_bundle_names_are_forgotten(hub: Host) -> None:
    stray = hub.file("keys/0123456789abcdef.key", f"{OTHER.private}\n")
    former = hub.file("keys/fedcba9876543210.psk", f"{PSK_A.secret}\n")
    text = (hub.root / "bundle").read_text()
    hub.file("state/current", text)
    hub.file("state/previous", text.replace(str(hub.keys / PSK_A.name), str(former)))
    assert hub.sh("forget_keys").code == 0
    assert not stray.exists()
    assert {path.name for path in hub.keys.iterdir()} == {
        Z.name, PSK_A.name, PSK_C.name, former.name,
    }  # fmt: skip


def test_a_lost_key_is_named_before_anything_is_touched(hub: Host) -> None:
    assert hub.sh('preflight_keys "$1"', hub.root / "bundle").code == 0
    (hub.keys / PSK_A.name).unlink()
    (hub.keys / Z.name).write_text("")
    ran = hub.sh('preflight_keys "$1"', hub.root / "bundle")
    assert ran.code == 1
    assert "key files are missing" in ran.stderr
    assert f"{hub.keys / Z.name} {hub.keys / PSK_A.name}" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_all_keys_get_their_owner_and_mode_in_one_call_each(hub: Host) -> None:
    told = hub.root / "told"
    for name in ("chown", "chmod"):
        hub.file(f"bin/{name}", f'#!/bin/sh\necho "{name} $*" >>{told}\n').chmod(0o755)
    ran = hub.sh(f'PATH={hub.root}/bin:$PATH; mend_keys "$1"', hub.root / "bundle")
    assert (ran.code, ran.stderr) == (0, "")
    keys = " ".join(str(hub.keys / key.name) for key in (Z, PSK_A, PSK_C))
    assert told.read_text().splitlines() == [
        f"chown root:systemd-network {keys}",
        f"chmod 0640 {keys}",
    ]


def test_a_key_that_cannot_be_mended_ends_the_step(hub: Host) -> None:
    hub.file("bin/chown", "#!/bin/sh\n").chmod(0o755)
    (hub.keys / PSK_C.name).unlink()
    ran = hub.sh(
        f'PATH={hub.root}/bin:$PATH; attempt mend_keys "$1"; say "failed $failed"',
        hub.root / "bundle",
    )
    assert ran.lines == ["failed 123"]
    assert {(hub.keys / key.name).stat().st_mode & 0o7777 for key in (Z, PSK_A)} == {0o640}


def test_an_attempt_ends_at_its_first_failure(host: Host) -> None:
    ran = host.sh(
        """
        step() { say begun; false; say "went on"; }
        attempt step; say "$failed"
        through_a_pipe() { echo x | while read -r line; do false; done; say "went on"; }
        attempt through_a_pipe; say "$failed"
        fine() { say fine; }
        attempt fine; say "$failed"
        false; say "the program went on"
        """
    )
    assert ran.lines == ["begun", "1", "1", "fine", "0"]
    assert ran.code == 1


def test_a_wait_ends_when_it_is_true_or_over(host: Host) -> None:
    ran = host.sh(
        """
        count=0
        third() { count=$((count + 1)); [ "$count" -eq 3 ]; }
        until_true 30 third && say "after $count"
        until_true 0 false || say over
        """
    )
    assert ran.lines == ["after 3", "over"]


def test_a_message_is_one_line_with_the_hosts_name(host: Host) -> None:
    ran = host.sh("die \"no 100% luck \\n with $(one_line 'a\nb')\"")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr == f"leased-line: {os.uname().nodename}: no 100% luck \\n with a b\n"


def test_two_runs_wait_for_each_other(host: Host) -> None:
    ran = host.sh(
        """
        lock apply
        say "$$"
        (exec 9>&-; WAIT_LOCK=0; lock status; say "both at once")
        say "code $?"
        """
    )
    assert "both at once" not in ran.stdout
    assert re.search(
        rf"another run \(apply, process {ran.lines[0]}\) has held this host for [01] s", ran.stderr
    )


def test_a_lock_ends_with_its_process(host: Host) -> None:
    assert host.sh("lock apply").code == 0
    ran = host.sh('WAIT_LOCK=0; lock status; cat "$RUN/lock"')
    assert (ran.code, ran.lines[0].split()[0]) == (0, "status")
