"""The power goes at any step of a change: what lies on the disk then is one whole set or the other.

The host program's own functions run in a scratch folder, and end, with all that they started,
before the n-th command that writes. Then /run is empty, as after a boot, and the boot's rollback
follows. What only a kernel or a systemd can do is left out here; tests/lab/test_confirm.py has it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from leasedline.bundle import bundle
from leasedline.files import File
from tests.unit.recorded import PLANNER
from tests.unit.shell import Host, power_goes
from tests.unit.test_host_files import ME
from tests.unit.test_host_routes import NAMESPACE

STEPS: Final = f"""
{power_goes("mv cp ln rm install mkdir head rmdir")}
sync() {{ :; }}
systemctl() {{ :; }}
unit_is() {{ false; }}
nft() {{ false; }}
networkctl() {{ :; }}
activate() {{ put_files "$1"; }}
kernel_is_mended() {{ :; }}
drop_unreachable() {{ :; }}
"""
CHANGE: Final = """
armed=$(uptime_s)
mkdir -p "$STATE"
units_are_there() { :; }
stage "$1"
arm
activate "$1"
commit
"""
BOOT: Final = """
need_root() { :; }
say "another-boot 1" >"$RUN/note"
[ ! -e "$STATE/pending" ] || rollback
"""


@dataclass(frozen=True)
class Disk:
    """The live files and what the host program keeps."""

    host: Host

    def bundle(self, name: str, texts: dict[str, str]) -> Path:
        files = [File(path=f"{self.live}/{file}", text=text) for file, text in texts.items()]
        text = bundle(PLANNER.hub(), files).replace("root:root", ME)
        return self.host.file(name, text)

    @property
    def live(self) -> Path:
        return self.host.root / "live"

    def files(self) -> dict[str, str]:
        paths = self.live.rglob("*")
        return {
            str(path.relative_to(self.live)): path.read_text() for path in paths if path.is_file()
        }

    def in_force(self) -> dict[str, str] | None:
        """The files of the bundle that the host holds for the one in force."""
        current = self.host.state / "current"
        if not current.exists():
            return None
        texts: dict[str, str] = {}
        for line in current.read_text().splitlines():
            if line.startswith("file "):
                name = line.split()[1].removeprefix(f"{self.live}/")
                texts[name] = ""
            elif line.startswith("|"):
                texts[name] += f"{line[1:]}\n"
        return texts

    def change(self, wanted: Path, power: int) -> bool:
        """Apply, with the power going before that step; return whether it came to its end."""
        return self._run(CHANGE, power, wanted)

    def boot(self, power: int = 0) -> bool:
        """Boot, with the power going before that step; return whether it came to its end."""
        return self._run(BOOT, power)

    def live_files(self) -> dict[str, str]:
        """The live files; what lies beside one is none, and the next change writes it anew."""
        return {n: t for n, t in self.files().items() if not n.endswith(".leased-line")}

    def keep(self, where: Path) -> None:
        """Keep a copy of the disk."""
        for name in ("live", "state"):
            shutil.copytree(self.host.root / name, where / name)

    def put_back(self, where: Path) -> None:
        """Bring the disk to the copy."""
        for name in ("live", "state"):
            shutil.rmtree(self.host.root / name)
            shutil.copytree(where / name, self.host.root / name)

    def _run(self, commands: str, power: int, *arguments: Path) -> bool:
        shutil.rmtree(self.host.run_directory, ignore_errors=True)
        own = replace(self.host, inside=("setsid", "--wait"))
        ran = own.sh(f"POWER={power}\n{STEPS}{commands}", *arguments)
        assert ran.code in (0, -9, 137), ran.stderr
        return ran.code == 0


MOST_STEPS: Final = 500
"""More than any change has: past it nothing ever counted."""
USER: Final = {"one": "the user's own\n"}
FIRST: Final = {"one": "1\n", "two": "2\n", "deep/three": "3\n"}
SECOND: Final = {"one": "1\n", "two": "changed\n", "four": "4\n"}


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """A host whose settings are recorded already: that needs a running systemd."""
    # One shell: where the power goes is the matter here, and it goes a hundred times.
    host = Host(tmp_path / "host", ("dash",))
    disk = Disk(host)
    for name, text in USER.items():
        host.file(f"live/{name}", text)
    host.file("state/before/settings", "recorded\n")
    return disk


@pytest.mark.parametrize("before", [USER, FIRST], ids=["the-first-change", "a-later-change"])
def test_the_power_goes_at_every_step(before: dict[str, str], disk: Disk, tmp_path: Path) -> None:
    first, second = disk.bundle("first", FIRST), disk.bundle("second", SECOND)
    if before is FIRST:
        assert disk.change(first, power=0)
    wanted, after = (first, FIRST) if before is USER else (second, SECOND)
    disk.keep(tmp_path / "start")
    in_force = []
    for power in range(1, MOST_STEPS):
        disk.put_back(tmp_path / "start")
        if disk.change(wanted, power):
            break
        disk.boot()
        found = disk.live_files()
        assert found in (before, after), f"power cut at step {power}"
        assert disk.in_force() == (found if found != USER else None), f"power cut at step {power}"
        assert not (disk.host.state / "pending").exists()
        in_force.append(found == after)
    assert disk.files() == after
    assert in_force[0] is False
    assert in_force[-1] is True
    assert in_force == sorted(in_force), "from some step on the change is in force, and stays so"


@pytest.mark.parametrize("before", [USER, FIRST], ids=["the-first-change", "a-later-change"])
def test_the_power_goes_again_while_the_change_is_undone(
    before: dict[str, str], disk: Disk, tmp_path: Path
) -> None:
    first, second = disk.bundle("first", FIRST), disk.bundle("second", SECOND)
    if before is FIRST:
        assert disk.change(first, power=0)
    wanted, after = (first, FIRST) if before is USER else (second, SECOND)
    # As far as can be: all files are live, and the bundle is not yet the one in force.
    in_force = disk.in_force()
    disk.keep(tmp_path / "start")
    for power in range(1, MOST_STEPS):
        disk.put_back(tmp_path / "start")
        assert not disk.change(wanted, power)
        if disk.live_files() == after:
            break
    assert disk.in_force() == in_force
    disk.keep(tmp_path / "half")
    for power in range(1, MOST_STEPS):
        disk.put_back(tmp_path / "half")
        whole = disk.boot(power)
        assert disk.boot()
        assert disk.live_files() == before, f"power cut at step {power}"
        assert disk.in_force() == in_force
        if whole:
            break
    assert power > 3
    # The next change needs nothing from the one that was cut off.
    assert disk.change(wanted, power=0)
    assert disk.files() == after


def test_a_disk_that_fills_up_meanwhile_leaves_room_for_the_way_back(disk: Disk) -> None:
    """Somebody else takes the last free block after the change has gone live."""
    first, second = disk.bundle("first", FIRST), disk.bundle("second", SECOND)
    assert disk.change(first, power=0)
    fill = 'cat /dev/zero >"$STATE/../files/somebody-else" 2>/dev/null || :'
    # State and live files on one small file system, as on a small server's only disk.
    places = """
    files=$STATE/../files
    mkdir "$files"
    mount -t tmpfs -o size=256k none "$files"
    for name in state live; do
        cp -a "$STATE/../$name" "$files/$name"
        mount --bind "$files/$name" "$STATE/../$name"
    done
    """
    change = CHANGE.replace("commit\n", "")
    there = f"cd {disk.live} && grep -r . . | grep -v leased-line | sort"
    ran = replace(disk.host, inside=NAMESPACE).sh(
        f"""{places}
        POWER=0
{STEPS}{change}
        {fill}
        echo x >"$STATE/no-room" && say "there was room"
        {BOOT}
        {there}
        """,
        second,
    )
    assert ran.lines == ["./deep/three:3", "./one:1", "./two:2"], ran.stderr
