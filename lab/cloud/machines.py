"""The machines behind the cloud's API: a VM for each instance, a namespace for each VPC."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from lab import qemu
from lab.accel import accelerator
from lab.cloud import files
from lab.cloud.files import InstanceFiles
from lab.cloud.firewall import Guarded
from lab.cloud.image import cloud_image
from lab.cloud.network import Vpc
from lab.cloud.parts import Instance, Rule
from lab.disk import OVERLAY, disks_image, make_disk, write_initrd
from lab.errors import LabError
from lab.identity import instance_identity
from lab.parts import INTERNET, Internet, interface_name, namespace, stable_mac
from lab.places import internet_down
from lab.process import Process
from lab.progress import say
from lab.state import LabState, give

STOP_TIMEOUT_S: Final = 60
"""A machine on a quiet emulated processor shuts down in ten seconds."""

_PRESS_EVERY_S: Final = 5

# What cloud-init knows Alibaba Cloud by (SMBIOS type 1).
_HARDWARE: Final = "type=1,manufacturer=Alibaba Cloud,product=Alibaba Cloud ECS,serial="

_LOCKS: Final = 16
"""Instances' ids are never used twice: a lock file for each would stay for good."""


class LabMachines:
    """The machines of one stack's cloud (see `lab.cloud.parts.Machines`)."""

    def __init__(self, state: LabState, internet: Internet) -> None:
        """Manage the machines of the stack that `state` is of, on its lab's `internet`."""
        self.state = state
        self._internet = internet

    def start(self, instance: Instance) -> None:
        """Boot the machine, or boot it again with its disk; returns when QEMU runs.

        It comes with the public address and the rules that it was last given. One that runs is
        left alone.

        Raises:
            LabError: it does not start.
        """
        with self._lock(instance.id):
            if self.running(instance.id):
                return
            kept = InstanceFiles(instance.id, self.state)
            kept.write_spec(instance)
            if not (kept.home / OVERLAY).exists():
                make_disk(kept.home, cloud_image(instance.image, self.state))
            vpc = self._vpc(instance.vpc)
            with self._network():
                vpc.ensure()
                self._apply(vpc)
                self._metadata(vpc).start_daemon(
                    "lab.cloud.metadata",
                    *("--stack", self.state.stack, "--vpc", vpc.id, "--namespace", vpc.namespace),
                )
                tap = vpc.plug(instance, interface_name("tap-", instance.id))
            try:
                self._boot(instance, kept.home, tap)
            finally:
                os.close(tap)

    def stop(self, id: str) -> None:
        """Press the power button, or cut the power if that is not heard; the disk stays.

        Raises:
            LabError: QEMU does not end.
        """
        with self._lock(id):
            self._stop(id)

    def remove(self, id: str) -> None:
        """Cut the power, remove the disk, and the networks that no other instance has.

        Raises:
            LabError: QEMU does not end, or a network cannot be removed.
        """
        with self._lock(id):
            kept = InstanceFiles(id, self.state)
            spec = kept.spec()
            self._process(id).end()
            if kept.home.exists():
                shutil.rmtree(kept.home)
            if spec is not None:
                self._leave(spec)

    def running(self, id: str) -> bool:
        """Return whether its QEMU runs."""
        return self._process(id).pid() is not None

    def bind(self, id: str, public: IPv4Address | None) -> None:
        """Translate the public address to the machine's, one to one; None takes it away.

        Raises:
            LabError: the machine was never started, or another one has the address.
        """
        kept = InstanceFiles(id, self.state)
        with self._network():
            spec = kept.spec()
            if spec is None:
                if public is None:
                    return
                msg = f"{public} cannot be bound to instance {id}: it was never started"
                raise LabError(msg)
            if public is not None:
                self._require_free(public, id)
            kept.write_public(public)
            vpc = self._vpc(spec.vpc)
            if public is not None:
                vpc.ensure()
            if vpc.exists:
                self._apply(vpc)

    def protect(self, id: str, rules: Sequence[Rule]) -> None:
        """Enforce these rules, of all its security groups together, and no others.

        May come before the machine is started. Without any rule nothing comes in.

        Raises:
            LabError: a rule cannot be enforced; then the ones before it still are.
        """
        kept = InstanceFiles(id, self.state)
        with self._network():
            before = kept.rules()
            kept.write_rules(rules)
            spec = kept.spec()
            if spec is None or not self._vpc(spec.vpc).exists:
                return
            try:
                self._apply(self._vpc(spec.vpc))
            except LabError:
                kept.write_rules(before)
                raise

    def remove_all(self) -> None:
        """Remove every machine of the stack and every VPC; and the internet if no office has it.

        Raises:
            LabError: something stays; the text names it, and the rest is gone.
        """
        left = []
        for path in sorted(files.directory(self.state).glob("*")):
            try:
                self.remove(path.name)
            except LabError as error:
                left.append(f"instance {path.name}: {error}")
        if left:
            raise LabError("\n".join(left))
        for empty in ("instances", "vpcs"):
            shutil.rmtree(self.state.cloud / empty, ignore_errors=True)
        if self.state.cloud.exists() and not any(self.state.cloud.iterdir()):
            self.state.cloud.rmdir()
        if self.state.parts() == [INTERNET]:
            internet_down(self.state)
        self.state.prune()

    def _boot(self, instance: Instance, home: Path, tap: int) -> None:
        base = disks_image(home, f"delete instance {instance.id} and run it again")
        mac = stable_mac(self.state.stack, instance.id)
        write_initrd(home, base, instance_identity(instance, mac))
        for fifo in (home / "monitor.in", home / "monitor.out"):
            fifo.unlink(missing_ok=True)
            os.mkfifo(fifo, 0o600)
            give(fifo)
        accel = accelerator(base, self.state)
        name = namespace(self.state.stack, instance.id)
        line = qemu.base(name, instance.memory_mib, base, accel=accel, home=home)
        line += qemu.card("eth0", mac, f"tap,fd={tap}")
        line += ["-smbios", f"{_HARDWARE}{instance.id}"]
        line += ["-chardev", f"pipe,id=monitor,path={qemu.quoted(home / 'monitor')}"]
        line += ["-monitor", "chardev:monitor"]
        qemu.start(line, [tap])
        say(f"instance {instance.id} ({instance.name}): started ({accel.split(',')[0]})")

    def _stop(self, id: str) -> None:
        process = self._process(id)
        if process.pid() is None:
            return
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while time.monotonic() < deadline:
            # Again and again: a machine that is still booting does not hear the first.
            _press_power_button(process.pid_file.with_name("monitor.in"))
            try:
                process.wait_for_end(_PRESS_EVERY_S)
            except LabError:
                continue
            return
        say(f"instance {id}: does not shut down, cutting its power")
        process.end(signal.SIGKILL)

    def _leave(self, spec: Instance) -> None:
        """Remove what was made for this instance of its VPC's network."""
        with self._network():
            vpc = self._vpc(spec.vpc)
            others = files.instances(self.state, spec.vpc)
            if not others:
                self._metadata(vpc).end()
                shutil.rmtree(self._metadata(vpc).pid_file.parent, ignore_errors=True)
                vpc.remove()
                return
            if spec.vswitch not in {other.vswitch for other in others}:
                vpc.remove_vswitch(spec.vswitch)
            if vpc.exists:
                self._apply(vpc)

    def _apply(self, vpc: Vpc) -> None:
        guarded = []
        for instance in files.instances(self.state, vpc.id):
            kept = InstanceFiles(instance.id, self.state)
            private = instance.private.ip
            one = Guarded(id=instance.id, private=private, public=kept.public(), rules=kept.rules())
            guarded.append(one)
        vpc.apply(guarded)

    def _require_free(self, public: IPv4Address, id: str) -> None:
        for other in files.instances(self.state):
            taken = InstanceFiles(other.id, self.state).public()
            if other.id != id and taken == public:
                msg = f"{public} cannot be bound to instance {id}: instance {other.id} has it"
                raise LabError(msg)

    def _vpc(self, id: str) -> Vpc:
        return Vpc(id, self.state, self._internet)

    def _metadata(self, vpc: Vpc) -> Process:
        return Process(pid_file=self.state.cloud / "vpcs" / vpc.id / "metadata.pid")

    def _process(self, id: str) -> Process:
        return Process(pid_file=files.directory(self.state) / id / "pid")

    @contextmanager
    def _lock(self, id: str) -> Iterator[None]:
        with self.state.lock(f"instance-{zlib.crc32(id.encode()) % _LOCKS}"):
            yield

    @contextmanager
    def _network(self) -> Iterator[None]:
        with self.state.lock("cloud-network"):
            yield


def _press_power_button(monitor: Path) -> None:
    try:
        # Without O_NONBLOCK it would wait for a QEMU that has just ended.
        descriptor = os.open(monitor, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return
        raise
    with os.fdopen(descriptor, "wb") as file:
        file.write(b"system_powerdown\n")
