"""The machines' disk: Debian as a server has it, made once with mmdebstrap and kept.

What a machine has of its own (host name, keys, addresses) is in no image: see `lab.initrd`.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.errors import LabError
from lab.initrd import INIT, archive, directory, file
from lab.progress import say
from lab.shell import run
from lab.sources import debian_sources
from lab.state import LabState, give, locked, make_directory

# fmt: off
PACKAGES: Final = (
    "systemd", "systemd-sysv", "udev", "dbus", "openssh-server", "sudo", "wireguard-tools",
    "nftables", "iproute2", "iputils-ping", "tcpdump", "iperf3", "kmod", "procps", "netbase",
    "ca-certificates", "less", "vim-tiny", "linux-image-cloud-amd64", "busybox-static",
)
"""A small server, and what the line needs. The cloud kernel has wireguard.ko (Debian 12, 13).

Without libpam-systemd, as each login would start a service manager: 2 s on an emulated processor.
"""

INITRAMFS: Final = "tiny-initramfs"
"""Satisfies the kernel's dependency with the least work: the lab boots an archive of its own."""

MASKED: Final = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
    "e2scrub_reap.service", "fstrim.timer", "getty@tty1.service", "getty-static.service",
    "serial-getty@ttyS0.service", "systemd-pstore.service",
    "systemd-networkd-wait-online.service", "dev-hugepages.mount", "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount", "systemd-network-generator.service",
    "sys-kernel-config.mount", "sys-fs-fuse-connections.mount", "dev-mqueue.mount",
    "proc-sys-fs-binfmt_misc.automount", "modprobe@configfs.service", "modprobe@dm_mod.service",
    "modprobe@drm.service", "modprobe@efi_pstore.service", "modprobe@fuse.service",
    "modprobe@loop.service", "kmod-static-nodes.service", "systemd-random-seed.service",
    "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
    "run-lock.mount", "tmp.mount", "systemd-udev-load-credentials.service",
)
"""Nobody waits for these, and on an emulated processor each costs the boot a second."""

GENERATORS: Final = (
    "cryptsetup", "debug", "getty", "gpt-auto", "hibernate-resume", "integritysetup", "rc-local",
    "run", "ssh", "system-update", "sysv", "tpm2", "veritysetup",
)
"""Those of systemd that find nothing here: each is a program at every boot and reload of units."""

DEVICES: Final = ("acpi", "block", "input", "net", "virtio")
"""What udev looks at when it starts, of 478 devices that mostly have no driver to be found."""
# fmt: on

BOOT_MODULES: Final = ("virtio_pci", "virtio_blk")
DISK_MIB: Final = 3072
BUILD_TIMEOUT_S: Final = 1800
# Without metadata_csum and 64bit the emulated processor has less to reckon.
FILE_SYSTEM: Final = ("-t", "ext4", "-O", "^metadata_csum,^64bit", "-E", "lazy_itable_init=0")

CUSTOMIZE: Final = f"""\
set -eu
cd "$1"
rm -f etc/ssh/ssh_host_* etc/machine-id var/lib/dbus/machine-id
mkdir -p etc/systemd/network var/log/journal root/.ssh
chmod 700 root/.ssh
for unit in {" ".join(MASKED)}; do ln -sf /dev/null "etc/systemd/system/$unit"; done
mkdir etc/systemd/system-generators etc/systemd/system/systemd-udev-trigger.service.d
for name in {" ".join(GENERATORS)}; do
    ln -s /dev/null "etc/systemd/system-generators/systemd-$name-generator"
done
cat >etc/systemd/system/systemd-udev-trigger.service.d/lab.conf <<'END'
[Service]
ExecStart=
ExecStart=-udevadm trigger --action=add {" ".join(f"--subsystem-match={name}" for name in DEVICES)}
END
systemctl --quiet --root=. enable systemd-networkd.service ssh.service
echo '/dev/vda / ext4 defaults,noatime,errors=remount-ro 0 1' >etc/fstab
chroot . useradd --create-home --shell /bin/bash --password '*' admin
mkdir -m 700 home/admin/.ssh
chroot . chown admin:admin /home/admin/.ssh
echo 'admin ALL=(ALL:ALL) NOPASSWD:ALL' >etc/sudoers.d/admin
chmod 440 etc/sudoers.d/admin
# Without PAM a login takes 0.20 s of an emulated processor's time instead of 0.34 s.
printf '%s\\n' 'PasswordAuthentication no' 'UseDNS no' 'UsePAM no' >etc/ssh/sshd_config.d/lab.conf
# From 9.8 (Debian 13) OpenSSH shuts out for a while an address whose connections often end early,
# and to a machine all of the lab comes from one address: whoever waits for a boot, and Pulumi.
! grep -qi persourcepenalties usr/sbin/sshd ||
    echo 'PerSourcePenalties no' >>etc/ssh/sshd_config.d/lab.conf
# As after a first boot: nothing in /usr is newer, so no cache is made again (systemd-update-done).
touch etc/.updated var/.updated
"""

APT_OPTIONS: Final = ('Acquire::Languages "none"', 'APT::Install-Recommends "false"')
LEFT_OUT: Final = ("man", "doc", "locale", "info", "lintian")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image's files: the disk (raw ext4), the kernel, and the initial RAM disk's first part."""

    disk: Path
    kernel: Path
    initrd: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What an image is made of; images of one `kind` supersede each other."""

    kind: str
    debian: str
    packages: tuple[str, ...] = PACKAGES
    customize: str = CUSTOMIZE
    """A shell script that is run with the image's root directory as its argument."""

    @property
    def digest(self) -> str:
        """What tells this recipe from every other one: 12 hexadecimal digits."""
        own = (self.debian, self.packages, INITRAMFS, BOOT_MODULES, DISK_MIB, FILE_SYSTEM)
        recipe = ((*own, self.customize, INIT), APT_OPTIONS, LEFT_OUT)
        return hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]


def server(debian: str) -> Recipe:
    """Return the recipe of a plain server of a Debian release."""
    return Recipe(kind=debian, debian=debian)


def at(home: Path) -> Image:
    """Return the image in the directory `home`, whether it is there or not."""
    return Image(disk=home / "disk.raw", kernel=home / "vmlinuz", initrd=home / "initrd")


def image(recipe: Recipe, state: LabState) -> Image:
    """Return the image that a recipe makes, built now if it has not been before.

    Raises:
        LabError: the build failed; the text has the log's end.
    """
    home = state.cache / f"image-{recipe.kind}-{recipe.digest}"
    found = at(home)
    if not found.disk.exists():
        with locked(state.cache / "locks" / "image"):
            if not found.disk.exists():
                _build(recipe, home)
                _remove_superseded(recipe.kind, home, state)
    return found


def _build(recipe: Recipe, home: Path) -> None:
    started = time.monotonic()
    say(f"image: building {recipe.kind} once, about a minute")
    building = home.with_name(f"{home.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    make_directory(building)
    root, log = building / "root", home.with_name(f"{home.name}.log")
    _bootstrap(recipe, root, building, log)
    _check_kernel(root)
    (building / "initrd").write_bytes(_boot_archive(root))
    shutil.copyfile(next((root / "boot").glob("vmlinuz-*")), building / "vmlinuz")
    disk = building / "disk.raw"
    with disk.open("wb") as empty:
        empty.truncate(DISK_MIB << 20)
    run("mke2fs", "-q", *FILE_SYSTEM, "-d", os.fspath(root), os.fspath(disk), timeout_s=300)
    shutil.rmtree(root)
    for path in (building, log, *building.iterdir()):
        give(path)
    building.rename(home)
    say(f"image: built in {time.monotonic() - started:.0f} s")


def _remove_superseded(kind: str, home: Path, state: LabState) -> None:
    """Remove the images of older recipes that no machine's disk is an overlay of."""
    labs = state.directory.parent
    disks = (*labs.glob("*/machines/*/image"), *labs.glob("*/cloud/instances/*/image"))
    used = {path.read_text() for path in disks} | {os.fspath(home)}
    for old in state.cache.glob(f"image-{kind}-*"):
        name = old.name.removesuffix(".log").removesuffix(".building")
        if os.fspath(old.with_name(name)) in used:
            continue
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()


def _bootstrap(recipe: Recipe, root: Path, building: Path, log: Path) -> None:
    debian = recipe.debian
    # In a mount namespace of its own: where it is killed, no /proc and /dev of this machine stay
    # mounted below a directory that somebody is about to remove.
    command = ["unshare", "--mount", "mmdebstrap", "--mode=root", "--variant=minbase"]
    command += [f"--include={','.join([*recipe.packages, INITRAMFS])}"]
    command += [f"--aptopt={option}" for option in APT_OPTIONS]
    command += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    hook = building / "customize"
    hook.write_text(recipe.customize)
    command += [f'--customize-hook=sh {hook} "$1"', debian, os.fspath(root)]
    sources = debian_sources(debian)
    if sources:
        listed = building / f"debian{sources.suffix}"
        listed.write_text(sources.text)
        command.append(os.fspath(listed))
    with log.open("wb") as output:
        try:
            # Bounded by apt's own time-outs too, which name the mirror that does not answer.
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                timeout=BUILD_TIMEOUT_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            msg = f"mmdebstrap did not end within {BUILD_TIMEOUT_S} s: see {log}"
            raise LabError(msg) from None
    if done.returncode != 0:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        msg = (
            f"the image of Debian {debian} could not be built; {log} ends with\n{end}\n"
            "If a package was not found, run `apt-get update` on this machine and try again"
        )
        raise LabError(msg)
    hook.unlink()


def _check_kernel(root: Path) -> None:
    if not any((root / "usr/lib/modules").glob("*/kernel/drivers/net/wireguard/wireguard.ko*")):
        msg = "the image's kernel has no wireguard module: choose another one in lab/image.py"
        raise LabError(msg)


def _boot_archive(root: Path) -> bytes:
    modules = next((root / "usr/lib/modules").iterdir())
    order = list(dict.fromkeys(_needed(modules)))
    entries = {
        "bin/busybox": file((root / "bin/busybox").read_bytes(), 0o755),
        "init": file(INIT, 0o755),
        "modules": file("".join(f"{Path(path).name.removesuffix('.xz')}\n" for path in order)),
        "dev": directory(),
        "disk": directory(),
        "identity": directory(),
    }
    for path in order:
        entries[f"lib/{Path(path).name.removesuffix('.xz')}"] = file(_module(modules / path))
    return archive(entries)


def _needed(modules: Path) -> Iterator[str]:
    """Yield the paths of the boot modules in the order of loading (modules.dep(5))."""
    lines = (modules / "modules.dep").read_text().splitlines()
    needs = {path: rest.split() for path, _, rest in (line.partition(":") for line in lines)}
    for name in BOOT_MODULES:
        for path, before in needs.items():
            if Path(path).name.split(".")[0] == name:
                # modules.dep lists the nearest first; what is needed by all comes last.
                yield from (*reversed(before), path)


def _module(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    return data
