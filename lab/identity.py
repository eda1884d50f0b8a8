"""What a machine has of its own: name, keys, addresses. Written to its disk before it boots."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from lab.cloud.parts import Instance
from lab.initrd import DIGEST, IDENTITY, Entry, archive, file
from lab.parts import MANAGEMENT_MACHINE, Machine

ADMIN: int = 1000
"""The image's user admin, the first that useradd(8) makes."""


def identity(
    machine: Machine, *, host_key: str, host_public_key: str, authorized_key: str
) -> bytes:
    """Return the archive that makes a disk this machine's (see `lab.initrd`).

    Args:
        machine: what it is.
        host_key: its private SSH host key, in OpenSSH's format.
        host_public_key: the public half.
        authorized_key: who may log in, as root and as admin.
    """
    name = machine.name
    # Without a machine-id systemd would run the first boot's presets (machine-id(5)).
    machine_id = hashlib.sha256(host_public_key.encode()).hexdigest()[:32]
    files = {
        "etc/hostname": file(f"{name}\n"),
        "etc/hosts": file(f"127.0.0.1 localhost\n127.0.1.1 {name}\n"),
        "etc/machine-id": file(f"{machine_id}\n", 0o444),
        "etc/ssh/ssh_host_ed25519_key": file(host_key, 0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": file(host_public_key),
        "root/.ssh/authorized_keys": file(authorized_key, 0o600),
        "home/admin/.ssh/authorized_keys": file(authorized_key, 0o600, ADMIN),
    }
    if machine.name_server is not None:
        files["etc/resolv.conf"] = file(f"nameserver {machine.name_server}\n")
    for number, nic in enumerate(machine.nics):
        gateway = [f"Gateway={nic.gateway}"] if nic.gateway else []
        files[f"etc/systemd/network/10-lab-{nic.bridge}-{number}.network"] = file(
            _network(nic.mac, [f"Address={nic.address}", *gateway])
        )
    files["etc/systemd/network/10-lab-management.network"] = file(
        _network(machine.management_mac, [f"Address={MANAGEMENT_MACHINE}"])
    )
    return _archive(files)


def instance_identity(instance: Instance, mac: str) -> bytes:
    """Return the archive for a disk of the cloud's image: an address, and nothing to log in by.

    Args:
        instance: what it is.
        mac: its network card's address.
    """
    name = instance.hostname
    machine_id = hashlib.sha256(instance.id.encode()).hexdigest()[:32]
    lines = [f"Address={instance.private}", f"Gateway={instance.gateway}"]
    return _archive(
        {
            # cloud-init sets the host name and leaves this to the image.
            "etc/hosts": file(f"127.0.0.1 localhost\n127.0.1.1 {name}\n"),
            "etc/machine-id": file(f"{machine_id}\n", 0o444),
            "etc/systemd/network/10-lab-eth0.network": file(_network(mac, lines)),
        }
    )


def _archive(files: dict[str, Entry]) -> bytes:
    files[DIGEST] = file(f"{_digest(files)}\n")
    return archive({f"{IDENTITY}/{path}": entry for path, entry in files.items()})


def _network(mac: str, lines: Iterable[str]) -> str:
    """Return a systemd.network(5) file for the card with this address and no other."""
    return "\n".join(
        [
            "[Match]",
            f"MACAddress={mac}",
            "",
            "[Network]",
            *lines,
            "LinkLocalAddressing=no",
            "IPv6AcceptRA=no",
            "",
        ]
    )


def _digest(files: dict[str, Entry]) -> str:
    told = {path: (entry.data or b"").decode() for path, entry in files.items()}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
