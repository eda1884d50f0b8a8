"""OpenSSH's client configuration, read back by OpenSSH itself; and the commands it carries."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from leasedline.commands import commands
from leasedline.ssh import Login, client_config, known_hosts
from tests.unit.shell import Host

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3yTMqnbs0nmHTjJkMfhUHjzQ0sJeJrQ0aPVyX5fJyH"
JUMP_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB7gkRlgl2JUvI0eo3y8G5q5fD3jXAkUNTRsPmL0fkKA"

DIRECT = Login(host="203.0.113.1", port=22, user="root", host_key=KEY)
BEHIND = Login(
    host="192.168.201.247",
    port=2222,
    user="admin",
    host_key=KEY,
    key_file="/keys of mine/id",
    jump=Login(host="jump.example.net", port=22, user="guest", host_key=JUMP_KEY),
)
LOGINS = {"z": DIRECT, "a": BEHIND}


def effective(tmp_path: Path, name: str, key_file: str | None = None) -> dict[str, list[str]]:
    """What `ssh -G` makes of the configuration for one host."""
    ssh = shutil.which("ssh")
    assert ssh, "ssh is missing: apt-get install openssh-client"
    config = tmp_path / "config"
    config.write_text(client_config(LOGINS, "/pinned hosts", key_file), encoding="utf-8")
    ran = subprocess.run(
        [ssh, "-F", config, "-G", name], capture_output=True, text=True, check=True
    )
    found: dict[str, list[str]] = {}
    for line in ran.stdout.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key, []).append(value)
    return found


def test_a_host_is_reached_at_its_address_with_its_key_pinned(tmp_path: Path) -> None:
    found = effective(tmp_path, "z", "/stack/key")
    assert {key: found[key] for key in ("hostname", "port", "user", "hostkeyalias")} == {
        "hostname": ["203.0.113.1"],
        "port": ["22"],
        "user": ["root"],
        "hostkeyalias": ["z"],
    }
    assert found["stricthostkeychecking"] == ["true"]
    assert found["batchmode"] == ["yes"]
    assert found["hostkeyalgorithms"] == ["ssh-ed25519"]
    assert found["userknownhostsfile"] == ["/pinned hosts"]
    assert found["globalknownhostsfile"] == ["/dev/null"]
    assert found["identityfile"] == ["/stack/key"]
    assert found["identitiesonly"] == ["yes"]
    assert "proxyjump" not in found


def test_a_host_behind_a_jump_host(tmp_path: Path) -> None:
    found = effective(tmp_path, "a", "/stack/key")
    assert found["hostname"] == ["192.168.201.247"]
    assert found["port"] == ["2222"]
    assert found["proxyjump"] == ["a.jump"]
    assert found["identityfile"] == ["/keys of mine/id"]
    jump = effective(tmp_path, "a.jump", "/stack/key")
    assert jump["hostname"] == ["jump.example.net"]
    assert jump["user"] == ["guest"]
    assert jump["hostkeyalias"] == ["a.jump"]
    assert "proxyjump" not in jump


def test_without_a_key_the_agent_serves(tmp_path: Path) -> None:
    assert effective(tmp_path, "z")["identitiesonly"] == ["no"]


def test_every_host_key_is_pinned_under_its_own_name() -> None:
    assert known_hosts(LOGINS) == f"z {KEY}\na {KEY}\na.jump {JUMP_KEY}\n"


# --- the commands ---


def test_root_needs_no_sudo_and_others_never_ask() -> None:
    root, other = commands("root"), commands("admin")
    for verb in ("install", "uninstall", "apply", "remove", "status"):
        as_root, as_other = getattr(root, verb), getattr(other, verb)
        assert "sudo" not in as_root
        assert as_other.replace("sudo -n ", "") == as_root
        assert as_other.count("sudo -n ") == 1
        assert "timeout 300 " in as_root


def test_the_commands_as_they_stand_in_the_state() -> None:
    do = commands("root")
    program = "/usr/local/sbin/leased-line"
    assert do.apply == f'timeout 300 {program} apply "$SSH_CONNECTION"'
    assert do.status == (
        f"sha256sum {program} 2>/dev/null; "
        f"[ ! -x {program} ] || timeout 300 {program} status --json"
    )
    assert do.remove == f"if [ -x {program} ]; then timeout 300 {program} remove; fi"
    assert do.uninstall == f"if [ -x {program} ]; then timeout 300 {program} uninstall; fi"


@pytest.mark.parametrize("verb", ["install", "uninstall", "apply", "remove", "status"])
def test_every_command_is_sh(verb: str, host: Host) -> None:
    ran = subprocess.run(
        [*host.shell, "-n", "-c", getattr(commands("admin"), verb)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_installer_runs_from_memory_and_leaves_nothing(host: Host) -> None:
    """The command itself, its /run moved to the scratch folder, and an installer that tells."""
    memory = host.root / "memory"
    memory.mkdir()
    command = commands("root").install.replace("/run/", f"{memory}/")
    installer = 'stat -c %a "$0"; echo "$1"; cat; exit 7'
    ran = subprocess.run(
        [*host.shell, "-c", command], input=installer, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (7, "")
    assert ran.stdout == f"600\ninstall\n{installer}"
    assert list(memory.iterdir()) == []
