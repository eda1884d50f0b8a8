"""toolchain/ensure: what it finds, asks for and refuses, with programs that only pretend."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PULUMI = "#!/bin/sh\necho v3.259.0\n"
PROGRAMS = (
    "pulumi",
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-resource-pulumi-python",
)
TOOLS = (
    *("bash", "sh", "env", "id", "dirname", "basename", "readlink", "cat", "head", "tail", "sort"),
    *("sed", "grep", "tr", "paste", "cut", "awk", "mkdir", "rm", "mv", "ln", "install", "sleep"),
    *("sha256sum", "flock", "uname", "df", "chmod", "wc", "date", "tar"),
)


class Machine:
    """A project and a PATH on which only what the test puts there can be found."""

    def __init__(self, root: Path) -> None:
        self.project = root / "project"
        self.bin = root / "bin"
        self.home = root / "home"
        for folder in (self.project, self.bin, self.home):
            folder.mkdir()
        shutil.copytree(PROJECT / "toolchain", self.project / "toolchain")
        for name in PROJECT.glob("requirements*.txt"):
            shutil.copy(name, self.project)
        for tool in TOOLS:
            place = shutil.which(tool, path=os.defpath)
            assert place is not None, tool
            (self.bin / tool).symlink_to(place)
        (self.bin / "python3").symlink_to(sys.executable)

    def pretend(self, name: str, script: str, folder: Path | None = None) -> None:
        path = (folder or self.bin) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(script, encoding="utf-8")
        path.chmod(0o755)

    def ensure(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.project / "toolchain/ensure", *arguments],
            env={"PATH": str(self.bin), "HOME": str(self.home), **env},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def installed(machine: Machine, tmp_path: Path) -> Machine:
    """The user has pulumi on PATH, and the command plugin in their own home."""
    for name in PROGRAMS:
        machine.pretend(name, PULUMI, tmp_path / "pulumi")
    (machine.bin / "pulumi").symlink_to(tmp_path / "pulumi/pulumi")
    plugin = machine.home / ".pulumi/plugins/resource-command-v1.2.1"
    machine.pretend("pulumi-resource-command", "#!/bin/sh\n", plugin)
    return machine


def test_pulumi_and_its_plugin_are_taken_from_where_the_user_has_them(installed: Machine) -> None:
    answer = installed.ensure("pulumi")
    assert answer.returncode == 0, answer.stderr
    assert "taken from PATH" in answer.stderr
    toolchain = installed.project / ".toolchain"
    assert all((toolchain / "bin" / name).is_symlink() for name in PROGRAMS)
    assert (toolchain / "home/plugins/resource-command-v1.2.1/pulumi-resource-command").is_file()
    again = installed.ensure("pulumi")
    assert (again.returncode, again.stderr) == (0, "")


def test_the_released_plugin_takes_the_stand_ins_place(installed: Machine) -> None:
    home = installed.project / ".toolchain/home"
    stand_in = home / "plugins/resource-command-v1.2.1+stand-in"
    installed.pretend("pulumi-resource-command", "#!/bin/sh\n", stand_in)
    # As in a shell that evaluated toolchain/env: PULUMI_HOME is not the user's.
    assert installed.ensure("pulumi", PULUMI_HOME=str(home)).returncode == 0
    assert [path.name for path in (home / "plugins").iterdir()] == ["resource-command-v1.2.1"]


def own_alicloud(machine: Machine) -> Path:
    """The user has the alicloud plugin; where this project is to have it is returned."""
    plugin = machine.home / ".pulumi/plugins/resource-alicloud-v3.105.0"
    machine.pretend("pulumi-resource-alicloud", "#!/bin/sh\n", plugin)
    plugins = machine.project / ".toolchain/home/plugins"
    return plugins / plugin.name / "pulumi-resource-alicloud"


def test_the_alicloud_plugin_is_taken_from_where_the_user_has_it(machine: Machine) -> None:
    installed = own_alicloud(machine)
    answer = machine.ensure("alicloud")
    assert answer.returncode == 0, answer.stderr
    assert "the alicloud plugin 3.105.0 is copied" in answer.stderr
    assert installed.is_file()
    again = machine.ensure("alicloud")
    assert (again.returncode, again.stderr) == (0, "")


def test_an_alicloud_plugin_that_cannot_be_had_is_named(machine: Machine) -> None:
    answer = machine.ensure("alicloud", LEASED_LINE_TOOLCHAIN="path")
    assert answer.returncode == 1
    assert "leads to no alicloud plugin 3.105.0" in answer.stderr
    assert "pulumi plugin install resource alicloud 3.105.0" in answer.stderr


def test_a_build_that_the_disk_cannot_hold_is_not_begun(machine: Machine) -> None:
    machine.pretend("df", "#!/bin/sh\necho Filesystem; echo / 1 1 102400\n")
    answer = machine.ensure("alicloud", LEASED_LINE_TOOLCHAIN="build")
    assert answer.returncode == 1
    assert "a build of alicloud needs 4500 MB of disk, and 100 MB are free" in answer.stderr


@pytest.mark.parametrize(
    ("file", "text", "used"),
    [
        ("Pulumi.prod.yaml", "config:\n  leased-line:hub: alibaba\n", True),
        ("Pulumi.prod.yaml", 'config:\n  leased-line:hub: "alibaba"\n', True),
        ("Pulumi.prod.yaml", "config:\n  leased-line:hub: existing\n", False),
        ("prod.lab.yaml", "cloud:\n  seconds: 1\n", True),
        ("prod.lab.yaml", "# cloud:\nhosts: {}\n", False),
        ("Pulumi.other.yaml", "config:\n  leased-line:hub: alibaba\n", False),
    ],
)
def test_a_stack_gets_the_alicloud_plugin_only_if_its_hub_is_there(
    installed: Machine, file: str, text: str, used: bool
) -> None:
    plugin = own_alicloud(installed)
    (installed.project / "stacks").mkdir()
    (installed.project / "stacks" / file).write_text(text, encoding="utf-8")
    log = installed.project / "pip"
    installed.pretend("python", f'#!/bin/sh\necho "$*" >> {log}\n', installed.project / ".venv/bin")
    answer = installed.ensure("stack", "prod")
    assert answer.returncode == 0, answer.stderr
    assert plugin.exists() is used
    assert ("requirements-cloud.txt" in log.read_text(encoding="utf-8")) is used


def test_a_pulumi_that_the_user_has_updated_is_noticed(installed: Machine, tmp_path: Path) -> None:
    assert installed.ensure("pulumi").returncode == 0
    installed.pretend("pulumi", "#!/bin/sh\necho v4.0.0\n", tmp_path / "pulumi")
    answer = installed.ensure("pulumi", LEASED_LINE_TOOLCHAIN="path")
    assert answer.returncode == 1
    assert "leads to no pulumi 3.259.0" in answer.stderr


def test_a_pulumi_without_its_language_host_does_not_count(
    installed: Machine, tmp_path: Path
) -> None:
    (tmp_path / "pulumi/pulumi-language-python").unlink()
    answer = installed.ensure("pulumi", LEASED_LINE_TOOLCHAIN="path")
    assert answer.returncode == 1
    assert "put pulumi 3.259.0 and its Python language host on PATH" in answer.stderr


def test_the_projects_own_pulumi_is_not_mistaken_for_the_users(machine: Machine) -> None:
    own = machine.project / ".toolchain/bin"
    for name in PROGRAMS:
        machine.pretend(name, PULUMI, own)
    answer = machine.ensure("pulumi", LEASED_LINE_TOOLCHAIN="path", PATH=f"{own}:{machine.bin}")
    assert answer.returncode == 1


def test_an_unknown_way_or_command_is_refused_with_what_there_is(machine: Machine) -> None:
    answer = machine.ensure("pulumi", LEASED_LINE_TOOLCHAIN="guess")
    assert answer.returncode == 1
    assert "none of path, download, build" in answer.stderr
    answer = machine.ensure("everything")
    assert answer.returncode == 1
    assert "toolchain/ensure debian" in answer.stderr


def test_root_through_sudo_is_refused_where_files_would_become_roots(machine: Machine) -> None:
    machine.pretend("id", "#!/bin/sh\necho 0\n")
    answer = machine.ensure(SUDO_UID="1000")
    assert answer.returncode == 1
    assert "run it without sudo" in answer.stderr


DPKG = """#!/bin/sh
case $* in *nftables*) echo installed ;; *) exit 1 ;; esac
"""


def debian(machine: Machine, user: int) -> Path:
    """A Debian on which only nftables is installed; what apt-get is told is written down."""
    machine.pretend("dpkg-query", DPKG)
    machine.pretend("id", f"#!/bin/sh\necho {user}\n")
    log = machine.project / "apt"
    machine.pretend("apt-get", f'#!/bin/sh\necho "$*" >> {log}\n')
    return log


def test_installed_debian_packages_are_left_alone(machine: Machine) -> None:
    log = debian(machine, user=0)
    answer = machine.ensure("debian", "nftables")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert not log.exists()


def test_root_installs_only_what_is_missing(machine: Machine) -> None:
    log = debian(machine, user=0)
    assert machine.ensure("debian", "nftables", "qemu-utils").returncode == 0
    assert log.read_text(encoding="utf-8").splitlines() == [
        "update -q",
        "install -y --no-install-recommends qemu-utils",
    ]


def test_a_user_sees_the_command_before_sudo_asks(machine: Machine) -> None:
    log = debian(machine, user=1000)
    machine.pretend("sudo", '#!/bin/sh\n[ "$1" = -v ] || exec "$@"\n')
    answer = machine.ensure("debian", "qemu-utils")
    assert answer.returncode == 0
    assert "sudo apt-get install -y --no-install-recommends qemu-utils" in answer.stderr
    assert "install -y --no-install-recommends qemu-utils" in log.read_text(encoding="utf-8")


def test_without_sudo_the_user_is_told_what_root_has_to_do(machine: Machine) -> None:
    debian(machine, user=1000)
    answer = machine.ensure("debian", "qemu-utils")
    assert answer.returncode == 1
    assert "as root: apt-get install -y --no-install-recommends qemu-utils" in answer.stderr


def test_a_failing_step_shows_its_last_lines_its_log_and_a_remedy(machine: Machine) -> None:
    debian(machine, user=0)
    machine.pretend("apt-get", "#!/bin/sh\necho 'E: no such thing' >&2\nexit 100\n")
    answer = machine.ensure("debian", "qemu-utils")
    assert answer.returncode == 1
    for part in (
        "exit status 100",
        "E: no such thing",
        ".toolchain/log/debian-lists.log",
        "remedy:",
    ):
        assert part in answer.stderr


def test_no_python_is_said_with_the_remedy(machine: Machine) -> None:
    (machine.bin / "python3").unlink()
    answer = machine.ensure("python")
    assert answer.returncode == 1
    assert "no Python 3.11 or newer on PATH" in answer.stderr


@pytest.mark.parametrize(
    ("has", "asked", "done"),
    [("all", "runtime", True), ("all", "all", True), ("runtime", "all", False)],
)
def test_a_filled_environment_is_not_filled_again(
    machine: Machine, has: str, asked: str, done: bool
) -> None:
    files = [machine.project / "requirements.txt"]
    if has == "all":
        files.append(machine.project / "requirements-dev.txt")
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    log = machine.project / "pip"
    machine.pretend("python", f'#!/bin/sh\necho "$*" >> {log}\n', machine.project / ".venv/bin")
    stamp = machine.project / ".venv/.leased-line"
    stamp.write_text(f"{has} {digest}\n", encoding="utf-8")
    assert machine.ensure("python", asked).returncode == 0
    assert log.exists() is not done


def test_changed_requirements_are_installed_with_their_hashes(machine: Machine) -> None:
    log = machine.project / "pip"
    machine.pretend("python", f'#!/bin/sh\necho "$*" >> {log}\n', machine.project / ".venv/bin")
    assert machine.ensure("python", "runtime").returncode == 0
    (install,) = [
        line for line in log.read_text(encoding="utf-8").splitlines() if "install" in line
    ]
    assert "--require-hashes" in install
    assert install.endswith("requirements.txt")
    assert "requirements-dev.txt" not in install
