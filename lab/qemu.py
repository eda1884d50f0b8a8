"""QEMU's command line and its start.

QEMU runs outside the namespaces, as the person at the keyboard; only its taps were opened
inside. It detaches, so that the end of Pulumi or of a terminal is not the end of a machine.
"""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from lab.disk import INITRD, OVERLAY
from lab.errors import LabError
from lab.image import Image
from lab.parts import MANAGEMENT, MANAGEMENT_MACHINE, Machine, namespace
from lab.ports import LOOPBACK
from lab.process import command_lines
from lab.state import owner

START_TIMEOUT_S: Final = 60

KERNEL: Final = " ".join(
    (
        "root=/dev/vda rw console=ttyS0 net.ifnames=0",
        # Each saves an emulated processor some work; lab/README.md has the figures.
        "quiet loglevel=4 mitigations=off audit=0 random.trust_cpu=on norandmaps",
    )
)


def base(name: str, memory_mib: int, image: Image, *, accel: str, home: Path) -> list[str]:
    """Return the command that starts a machine without network cards and leaves it running.

    Args:
        name: what QEMU calls it; it begins with its stack's `lab.parts.namespace`.
        memory_mib: its memory.
        image: whose kernel it boots.
        accel: the -accel option.
        home: its directory with overlay.qcow2 and initrd, for serial.log and pid.
    """
    # It lacks what costs the emulation most: with erms, pages are cleared and copied by the byte.
    cpu = "host" if accel == "kvm" else "Nehalem"
    # fmt: off
    return [
        "qemu-system-x86_64", "-name", f"guest={name}",
        "-nodefaults", "-no-user-config", "-display", "none", "-daemonize",
        "-pidfile", os.fspath(home / "pid"),
        # Not svm=off or vmx=off: QEMU 7.2's emulation then fails the kernel's mounts.
        "-machine", "q35", "-accel", accel, "-cpu", cpu,
        "-smp", "1", "-m", str(memory_mib),
        "-kernel", os.fspath(image.kernel), "-initrd", os.fspath(home / INITRD),
        "-append", KERNEL,
        "-chardev", f"file,id=console,path={quoted(home / 'serial.log')},append=on",
        "-serial", "chardev:console",
        "-drive", f"file={quoted(home / OVERLAY)},if=none,id=disk,format=qcow2",
        "-device", "virtio-blk-pci,drive=disk",
        "-device", "virtio-rng-pci",
    ]
    # fmt: on


def card(id: str, mac: str, backend: str) -> list[str]:
    """Return the words for a network card; `backend` is what is behind it ("tap,fd=7")."""
    kind, *options = backend.split(",")
    netdev = ",".join([kind, f"id={id}", *options])
    return ["-netdev", netdev, "-device", f"virtio-net-pci,netdev={id},mac={mac},romfile="]


def command_line(
    machine: Machine,
    image: Image,
    *,
    accel: str,
    home: Path,
    port: int,
    taps: Sequence[int],
) -> list[str]:
    """Return the command that starts `machine` and leaves it running.

    Args:
        machine: what it is.
        image: whose kernel it boots.
        accel: the -accel option.
        home: its directory with overlay.qcow2 and initrd, for serial.log and pid.
        port: where SSH comes in on 127.0.0.1.
        taps: an open tap descriptor per network card.
    """
    user_net = (
        f"user,restrict=on,ipv6=off,net={MANAGEMENT},"
        f"host={MANAGEMENT.network_address + 2},"
        f"hostfwd=tcp:{LOOPBACK}:{port}-{MANAGEMENT_MACHINE.ip}:22"
    )
    name = namespace(machine.stack, machine.name)
    words = base(name, machine.memory_mib, image, accel=accel, home=home)
    for number, (nic, tap) in enumerate(zip(machine.nics, taps, strict=True)):
        words += card(f"nic{number}", nic.mac, f"tap,fd={tap}")
    return words + card("management", machine.management_mac, user_net)


def start(command: Sequence[str], taps: Sequence[int]) -> None:
    """Start QEMU as the person at the keyboard; it has detached when this returns.

    Raises:
        LabError: it did not start; the text is what QEMU says.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            pass_fds=taps,
            timeout=START_TIMEOUT_S,
            **_as_owner(),
        )
    except FileNotFoundError:
        msg = "qemu-system-x86_64 is not installed: `python -m lab check` names the package"
        raise LabError(msg) from None
    except subprocess.TimeoutExpired:
        msg = f"QEMU did not start within {START_TIMEOUT_S} s: {shlex.join(command)}"
        raise LabError(msg) from None
    if done.returncode != 0:
        msg = f"QEMU does not start: {done.stderr.strip() or 'it does not say why'}"
        raise LabError(msg)


def stray(stack: str, state_directory: Path) -> list[int]:
    """Return the pids of QEMUs that run machines of `stack` from under `state_directory`."""
    name = f"guest={namespace(stack, '')}".encode()
    home = os.fsencode(state_directory) + b"/"
    return [
        pid
        for pid, words in command_lines()
        if any(w.startswith(name) for w in words) and any(w.startswith(home) for w in words)
    ]


def quoted(path: Path) -> str:
    """Return a path as the value of one of QEMU's options."""
    # A comma ends an option's value, and two stand for one (qemu(1), keyval syntax).
    return os.fspath(path).replace(",", ",,")


def _as_owner() -> dict[str, Any]:
    uid, gid = owner()
    if os.geteuid() != 0 or uid == 0:
        return {}
    name = pwd.getpwuid(uid).pw_name
    groups = [group.gr_gid for group in grp.getgrall() if name in group.gr_mem]
    return {"user": uid, "group": gid, "extra_groups": groups}
