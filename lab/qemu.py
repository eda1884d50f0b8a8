"""QEMU's command line and its process.

QEMU runs outside the namespaces, as the person at the keyboard; only its taps were opened
inside. It detaches, so that the end of Pulumi or of a terminal is not the end of a machine.
"""

from __future__ import annotations

import grp
import os
import pwd
import select
import shlex
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab.errors import LabError
from lab.image import Image
from lab.parts import MANAGEMENT, MANAGEMENT_MACHINE, Machine, namespace
from lab.ssh import LOOPBACK
from lab.state import owner

START_TIMEOUT_S: Final = 60
EXIT_TIMEOUT_S: Final = 20

KERNEL: Final = " ".join(
    (
        "root=/dev/vda rw console=ttyS0 net.ifnames=0",
        # Each saves an emulated processor some work; lab/README.md has the figures.
        "quiet loglevel=4 mitigations=off audit=0 random.trust_cpu=on",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A machine's QEMU, known by its pid file; the pid alone may since be somebody else's."""

    pid_file: Path

    def pid(self) -> int | None:
        """Return the pid if it runs and is the one that wrote the file."""
        try:
            pid = int(self.pid_file.read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return pid if os.fsencode(self.pid_file) in words else None

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Send `how` and wait for the end; not running is no error.

        Raises:
            LabError: it does not end.
        """
        with self._open() as process:
            if process is not None:
                signal.pidfd_send_signal(process, how)
                _wait_for_end(process, self.pid_file, EXIT_TIMEOUT_S)
        self.pid_file.unlink(missing_ok=True)

    def wait_for_end(self, timeout_s: float) -> None:
        """Wait until it has ended.

        Raises:
            LabError: it runs on.
        """
        with self._open() as process:
            if process is not None:
                _wait_for_end(process, self.pid_file, timeout_s)
        self.pid_file.unlink(missing_ok=True)

    @contextmanager
    def _open(self) -> Iterator[int | None]:
        """Hold a descriptor of the process (pidfd_open(2)), or None if it does not run."""
        pid = self.pid()
        try:
            process = os.pidfd_open(pid) if pid is not None else None
        except ProcessLookupError:
            process = None
        try:
            # Asked again: the number may have become somebody else's before it was opened.
            yield process if self.pid() == pid else None
        finally:
            if process is not None:
                os.close(process)


def _wait_for_end(process: int, pid_file: Path, timeout_s: float) -> None:
    # A dying process has no command line any more and still has its port and its taps; the
    # descriptor is readable once its last thread has let go of them.
    poll = select.poll()
    poll.register(process, select.POLLIN)
    if not poll.poll(timeout_s * 1000):
        msg = f"QEMU of {pid_file.parent.name} ({pid_file}) runs on after {timeout_s:.0f} s"
        raise LabError(msg)


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
    cpu = "host" if accel == "kvm" else "max"
    inside = MANAGEMENT_MACHINE.ip
    user_net = (
        f"user,id=management,restrict=on,ipv6=off,net={MANAGEMENT},"
        f"host={MANAGEMENT.network_address + 2},hostfwd=tcp:{LOOPBACK}:{port}-{inside}:22"
    )
    # fmt: off
    words = [
        "qemu-system-x86_64", "-name", f"guest={namespace(machine.stack, machine.name)}",
        "-nodefaults", "-no-user-config", "-display", "none", "-daemonize",
        "-pidfile", os.fspath(home / "pid"),
        # Not svm=off or vmx=off: QEMU 7.2's emulation then fails the kernel's mounts.
        "-machine", "q35", "-accel", accel, "-cpu", cpu,
        "-smp", "1", "-m", str(machine.memory_mib),
        "-kernel", os.fspath(image.kernel), "-initrd", os.fspath(home / "initrd"),
        "-append", KERNEL,
        "-chardev", f"file,id=console,path={_quoted(home / 'serial.log')},append=on",
        "-serial", "chardev:console",
        "-drive", f"file={_quoted(home / 'overlay.qcow2')},if=none,id=disk,format=qcow2",
        "-device", "virtio-blk-pci,drive=disk",
        "-device", "virtio-rng-pci",
    ]
    # fmt: on
    for number, (nic, tap) in enumerate(zip(machine.nics, taps, strict=True)):
        words += ["-netdev", f"tap,id=nic{number},fd={tap}"]
        words += ["-device", f"virtio-net-pci,netdev=nic{number},mac={nic.mac},romfile="]
    words += ["-netdev", user_net]
    card = f"virtio-net-pci,netdev=management,mac={machine.management_mac},romfile="
    return [*words, "-device", card]


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
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        name = f"guest={namespace(stack, '')}".encode()
        home = os.fsencode(state_directory) + b"/"
        if any(w.startswith(name) for w in words) and any(w.startswith(home) for w in words):
            found.append(int(path.parent.name))
    return found


def _quoted(path: Path) -> str:
    # A comma ends an option's value, and two stand for one (qemu(1), keyval syntax).
    return os.fspath(path).replace(",", ",,")


def _as_owner() -> dict[str, Any]:
    uid, gid = owner()
    if os.geteuid() != 0 or uid == 0:
        return {}
    name = pwd.getpwuid(uid).pw_name
    groups = [group.gr_gid for group in grp.getgrall() if name in group.gr_mem]
    return {"user": uid, "group": gid, "extra_groups": groups}
