"""KVM or emulation? A present /dev/kvm may hang, so a tiny machine is started to find out."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Final

from lab.image import Image
from lab.progress import say
from lab.state import LabState, locked, write

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
KVM: Final = Path("/dev/kvm")
PROBE_TIMEOUT_S: Final = 8
"""With KVM the kernel is at its panic in under one second."""

_KILL_TIMEOUT_S: Final = 5

EMULATION: Final = "tcg,thread=multi,tb-size=256"
"""tb-size: MiB of translated code. QEMU's own choice, 1 GiB, made a machine a 1.4 GiB process."""


def accelerator(image: Image, state: LabState) -> str:
    """Return QEMU's -accel option for this machine: "kvm", or emulation; found once per boot."""
    known = state.cache / "accel.json"
    boot = BOOT_ID.read_text(encoding="ascii").strip()
    with locked(state.cache / "locks" / "accel"):
        if known.exists():
            kept = json.loads(known.read_text())
            if kept.get("boot") == boot and "kvm" in kept:
                return "kvm" if kept["kvm"] else EMULATION
        works = KVM.exists() and _kvm_works(image)
        write(known, json.dumps({"boot": boot, "kvm": works}))
    return "kvm" if works else EMULATION


def _kvm_works(image: Image) -> bool:
    """Return whether a kernel under KVM gets as far as its panic for want of a disk."""
    # fmt: off
    command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
               "-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m", "256", "-no-reboot",
               "-kernel", os.fspath(image.kernel), "-append", "panic=-1 quiet"]
    # fmt: on
    probe = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return probe.wait(PROBE_TIMEOUT_S) == 0
    except subprocess.TimeoutExpired:
        say(f"{KVM} is there and hangs: the machines are emulated, which is slower")
        return False
    finally:
        probe.kill()
        try:
            probe.wait(_KILL_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            # Stuck in the kernel, where no signal reaches it; it ends when that call returns.
            say(f"the process that tried {KVM}, {probe.pid}, hangs in the kernel and is left there")
