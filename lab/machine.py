"""A machine's life: up, stop, start, kill, reboot, down. Each may run twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Final

from lab import qemu, ssh
from lab.accel import accelerator
from lab.disk import OVERLAY, disks_image, make_disk, write_initrd
from lab.errors import LabError
from lab.identity import identity
from lab.image import image, server
from lab.netns import open_tap
from lab.parts import Machine, namespace
from lab.ports import LOOPBACK, MACHINES, allot, is_free
from lab.process import Process
from lab.progress import say
from lab.shell import run, wait_until
from lab.state import LabState, make_directory, make_key, write

SSH_TIMEOUT_S: Final = 300
"""Three machines at once on two emulated processors take 30 s; a loaded machine takes more."""

STOP_TIMEOUT_S: Final = 90
_LOG_LINES: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How a machine is reached over SSH: what `machine up` prints."""

    host: str
    port: int
    user: str
    host_key: str

    def json(self) -> str:
        """Return this as one line."""
        return json.dumps(asdict(self))


class LabMachine:
    """One machine of a lab, running or not."""

    def __init__(self, name: str, state: LabState) -> None:
        self.name = name
        self.state = state
        self.home = state.machine(name)
        self.process = Process(pid_file=self.home / "pid")

    @property
    def running(self) -> bool:
        """Whether its QEMU runs."""
        return self.process.pid() is not None

    @property
    def prepared(self) -> bool:
        """Whether it was once started: it has a disk and a port of its own."""
        return (self.home / "spec.json").exists() and (self.home / "port").exists()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1 where its SSH is.

        Raises:
            LabError: there is no such machine.
        """
        self._require_home()
        return int((self.home / "port").read_text())

    @property
    def boot_id(self) -> str | None:
        """The id of its present boot (random(4)), or None if it does not answer."""
        if not self.running:
            return None
        done = run(*self._ssh("cat", "/proc/sys/kernel/random/boot_id"), check=False)
        return done.stdout.strip() or None

    def up(self, spec: Machine) -> Reached:
        """Bring the machine up as `spec` says and wait for its SSH.

        A running machine with another spec is shut down and started anew, with the same disk.

        Raises:
            LabError: it does not come up; the text has its last words.
        """
        self.state.ensure_key()
        with self._lock():
            known = self._spec()
            if not (self.running and known == spec):
                if self.running:
                    say(f"machine {self.name}: its hardware has changed, restarting it")
                    self._shut_down()
                if known is not None and known.debian != spec.debian:
                    (self.home / OVERLAY).unlink(missing_ok=True)
                self._prepare(spec)
                self._start(spec)
            self._wait_for_ssh()
        return self.reached()

    def down(self) -> None:
        """Remove the machine with its disk; none there is no error."""
        with self._lock():
            self.process.end()
            if self.home.exists():
                shutil.rmtree(self.home)
        self.state.prune()

    def start(self) -> None:
        """Start a stopped machine with its disk and port, and wait for its SSH.

        Raises:
            LabError: there is no such machine, or it does not come up.
        """
        with self._lock():
            spec = self._require_home()
            if not self.running:
                self._start(spec)
            self._wait_for_ssh()

    def stop(self) -> None:
        """Shut the machine down as its administrator would; its disk stays."""
        with self._lock():
            self._require_home()
            self._shut_down()

    def kill(self) -> None:
        """Cut the machine's power; its disk stays."""
        with self._lock():
            self._require_home()
            self.process.end()

    def reboot(self) -> None:
        """Reboot the machine from inside and wait until its SSH is back.

        Raises:
            LabError: it does not answer before, or not come back after.
        """
        with self._lock():
            self._require_home()
            before = self.boot_id
            if before is None:
                msg = f"machine {self.name} does not answer: `python -m lab machine start`"
                raise LabError(msg)
            run(*self._ssh("systemctl", "reboot"), check=False)

            def rebooted() -> bool | str:
                if not self.running:
                    return "QEMU has ended"
                if isinstance(state := ssh.answer(self.state, self.name, self.port), str):
                    return state
                now = self.boot_id
                return "still in the old boot" if now in (before, None) else True

            self._awaited("rebooted", rebooted)

    def reached(self) -> Reached:
        """Return how the machine is reached."""
        kind, encoded = (self.home / "host_key.pub").read_text().split()[:2]
        return Reached(host=LOOPBACK, port=self.port, user="root", host_key=f"{kind} {encoded}")

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with self.state.lock(f"machine-{self.name}"):
            yield

    def _ssh(self, *argv: str) -> list[str]:
        return ssh.command(self.state, self.name, self.port, *argv)

    def _spec(self) -> Machine | None:
        path = self.home / "spec.json"
        return Machine.model_validate_json(path.read_text()) if path.exists() else None

    def _require_home(self) -> Machine:
        spec = self._spec()
        if spec is None:
            names = ", ".join(self.state.machines()) or "none"
            msg = (
                f"stack {self.state.stack} has no machine {self.name} (there are: {names}): "
                f"`make up STACK={self.state.stack}` makes them"
            )
            raise LabError(msg)
        return spec

    def _prepare(self, spec: Machine) -> None:
        """Make what is missing of the machine's files, and put down what it now is."""
        make_directory(self.home, 0o700)
        if not (self.home / "host_key.pub").exists():
            (self.home / "host_key").unlink(missing_ok=True)
            make_key(self.home / "host_key", f"{spec.stack} {spec.name}")
        public = (self.home / "host_key.pub").read_text()
        write(self.home / "known_hosts", f"{self.name} {public}")
        if not (self.home / OVERLAY).exists():
            make_disk(self.home, image(server(spec.debian), self.state))
        others = self.state.directory.parent.glob("*/machines/*/port")
        allot(MACHINES, self.home / "port", others, self.state)
        write(self.home / "spec.json", json.dumps(spec.spec()))

    def _start(self, spec: Machine) -> None:
        remedy = f"`python -m lab machine down {self.name}` and bring it up again"
        base = disks_image(self.home, remedy)
        if not is_free(self.port):
            msg = (
                f"machine {self.name} cannot start: port {self.port} on {LOOPBACK}, where its "
                f"SSH comes in, is taken; `ss -tlnp 'sport = :{self.port}'` shows by whom: end "
                f"that program, or delete {self.home / 'port'} to have another port allotted"
            )
            raise LabError(msg)
        accel = accelerator(base, self.state)
        own = identity(
            spec,
            host_key=(self.home / "host_key").read_text(),
            host_public_key=(self.home / "host_key.pub").read_text(),
            authorized_key=self.state.public_key.read_text(),
        )
        write_initrd(self.home, base, own)
        taps: list[int] = []
        try:
            for nic in spec.nics:
                place = namespace(spec.stack, nic.place)
                taps.append(open_tap(place, nic.tap, nic.bridge))
            line = qemu.command_line(
                spec, base, accel=accel, home=self.home, port=self.port, taps=taps
            )
            qemu.start(line, taps)
        finally:
            for tap in taps:
                os.close(tap)
        say(f"machine {self.name}: started ({accel.split(',')[0]}), waiting for its SSH")

    def _wait_for_ssh(self) -> None:
        self._awaited("answers on SSH", lambda: ssh.answer(self.state, self.name, self.port))

    def _awaited(self, what: str, probe: Callable[[], bool | str]) -> None:
        started = time.monotonic()

        def alive_and() -> bool | str | _Ended:
            return probe() if self.running else _Ended()

        try:
            seen = wait_until(
                f"machine {self.name} {what}",
                alive_and,
                timeout_s=SSH_TIMEOUT_S,
                every_s=0.3,
            )
        except LabError as error:
            msg = f"{error}\n{self._last_words()}"
            raise LabError(msg) from None
        if isinstance(seen, _Ended):
            msg = f"machine {self.name}: QEMU has ended\n{self._last_words()}"
            raise LabError(msg)
        say(f"machine {self.name}: {what}, {time.monotonic() - started:.0f} s")

    def _last_words(self) -> str:
        log = self.home / "serial.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join([f"{log} ends with:", *lines[-_LOG_LINES:]])

    def _shut_down(self) -> None:
        if not self.running:
            return
        run(*self._ssh("systemctl", "poweroff"), check=False)
        try:
            self.process.wait_for_end(STOP_TIMEOUT_S)
        except LabError:
            say(f"machine {self.name}: does not shut down, cutting its power")
            self.process.end(signal.SIGTERM)


class _Ended:
    """QEMU ended while something was awaited of the machine."""
