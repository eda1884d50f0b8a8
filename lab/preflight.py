"""What this machine needs for a lab: root, programs, /dev/net/tun, memory, disk.

The lab's own commands are the only part of the project that needs root; a person without it
gets there by sudo(8), for these commands alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from lab.errors import LabError, PreflightError
from lab.state import LabState

PROGRAMS: Final = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "nft": "nftables",
    "ip": "iproute2",
    "ping": "iputils-ping",
    "sysctl": "procps",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "tcpdump": "tcpdump",
    "dnsmasq": "dnsmasq-base",
}
"""Each program with its Debian package; lab/packages.txt lists the packages for make."""

SYSTEM_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin"
TUN: Final = Path("/dev/net/tun")
NEEDED_DISK_MIB: Final = 2048
"""Image 400, building it the same again, and the machines' overlays."""

NEEDED_MEMORY_MIB: Final = 640
"""For the next machine; each has 512 and QEMU's own."""


def widen_path() -> None:
    """Let programs for administrators be found: a user's PATH on Debian has no sbin."""
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_PATH}"


def faults(
    state: LabState,
    *,
    which: Callable[[str], str | None] = shutil.which,
    tun: Path = TUN,
    meminfo: Path = Path("/proc/meminfo"),
) -> list[str]:
    """Return everything that keeps a lab from running here, each with its remedy.

    `which`, `tun` and `meminfo` are where programs, the tun device and memory are looked up.
    """
    found = []
    missing = sorted({package for name, package in PROGRAMS.items() if not which(name)})
    if missing:
        names = ", ".join(name for name in PROGRAMS if PROGRAMS[name] in missing)
        found.append(f"{names} not installed: run `apt-get install {' '.join(missing)}` as root")
    if not tun.is_char_device():
        remedy = "run `modprobe tun` as root, or allow the device to this container"
        found.append(f"{tun} is not there, and the machines' network cards need it: {remedy}")
    memory = _available_mib(meminfo)
    if memory < NEEDED_MEMORY_MIB:
        found.append(
            f"{memory} MiB of memory available, and a machine needs {NEEDED_MEMORY_MIB}: end other "
            "programs, or lower machines.memory_mib in the lab settings"
        )
    disk = shutil.disk_usage(state.project).free >> 20
    if disk < NEEDED_DISK_MIB:
        found.append(
            f"{disk} MiB of disk free under {state.project}, and a lab needs {NEEDED_DISK_MIB}: "
            "make room"
        )
    return found


def require(state: LabState) -> None:
    """Check this machine.

    Raises:
        PreflightError: with all faults.
    """
    found = faults(state)
    if found:
        raise PreflightError(found)


def become_root(arguments: Sequence[str]) -> None:
    """Return if root; else run this same command by sudo in the place of this process.

    Raises:
        LabError: sudo is missing or would ask for a password.
    """
    if os.geteuid() == 0:
        return
    why = "the lab makes network namespaces and disk images, which only root may"
    if not shutil.which("sudo"):
        msg = f"not root, and sudo is not installed; {why}: log in as root, or install sudo"
        raise LabError(msg)
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True)
    if asked.returncode != 0:
        msg = f"not root, and sudo wants a password; {why}: run `sudo -v`, then this again"
        raise LabError(msg)
    # Without -B, root would leave byte code in the person's own tree.
    _replace(["sudo", "-n", "--", sys.executable, "-B", "-m", "lab", *arguments])


def _replace(command: list[str]) -> NoReturn:
    sys.stdout.flush()
    os.execvp(command[0], command)  # noqa: S606 -- a list of words, and no shell is wanted


def _available_mib(meminfo: Path) -> int:
    for line in meminfo.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) >> 10
    return 0
