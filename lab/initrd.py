"""Initial RAM disks: the image's own, and a small one that gives a machine its identity.

The kernel unpacks one cpio archive behind the other into the same file system
(docs.kernel.org, driver-api/early-userspace/buffer-format), so a machine's disk needs no
second card, no daemon and no first boot of another kind: before systemd starts, its files are
there. The archives are written here because a small newc writer needs no further program.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

IDENTITY: Final = "identity"
"""The directory of the second archive whose content is copied over the machine's disk."""

DIGEST: Final = "etc/.leased-line-lab"
"""Which identity the disk has: the copy is made once, and again after a change."""

INIT: Final = f"""\
#!/bin/busybox sh
# Mount the disk, give the machine its identity if it is new, and start systemd.
b=/bin/busybox
$b mount -t devtmpfs none /dev
while read -r module; do
    $b insmod "/lib/$module" || $b echo "lab: cannot load $module" >/dev/console
done </modules
n=0
until [ -b /dev/vda ]; do
    n=$((n + 1))
    [ "$n" -lt 1500 ] || {{ $b echo "lab: no disk within 30 s" >/dev/console; $b poweroff -f; }}
    $b usleep 20000
done
$b mount -t ext4 -o rw,noatime /dev/vda /disk || $b poweroff -f
if ! $b cmp -s /{IDENTITY}/{DIGEST} /disk/{DIGEST}; then
    $b rm -f /disk/etc/systemd/network/10-lab-*
    # File by file: the directories on the disk keep their owners and modes.
    (cd /{IDENTITY} && $b find . -type f) | while read -r path; do
        $b mkdir -p "/disk/${{path%/*}}"
        $b cp -p "/{IDENTITY}/$path" "/disk/$path"
    done
    $b sync
fi
$b mount -o move /dev /disk/dev
exec $b switch_root /disk /sbin/init
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file, or a directory if `data` is None; `owner` is both user's and group's number."""

    data: bytes | None
    mode: int
    owner: int = 0


def directory(mode: int = 0o755) -> Entry:
    """Return an empty directory."""
    return Entry(data=None, mode=mode)


def file(data: bytes | str, mode: int = 0o644, owner: int = 0) -> Entry:
    """Return a file with `data`."""
    return Entry(data=data.encode() if isinstance(data, str) else data, mode=mode, owner=owner)


def archive(entries: Mapping[str, Entry]) -> bytes:
    """Return a cpio archive ("newc") with `entries` by path, directories above them included.

    Format: docs.kernel.org, driver-api/early-userspace/buffer-format.
    """
    members = _with_parents(entries)
    parts = [_member(path, entry, number) for number, (path, entry) in enumerate(members, 1)]
    parts.append(_member("TRAILER!!!", Entry(data=b"", mode=0), 0))
    return b"".join(parts)


def _with_parents(entries: Mapping[str, Entry]) -> Iterable[tuple[str, Entry]]:
    members: dict[str, Entry] = {}
    for path, entry in entries.items():
        steps = path.split("/")
        for depth in range(1, len(steps)):
            members.setdefault("/".join(steps[:depth]), directory())
        members[path] = entry
    return sorted(members.items())


def _member(path: str, entry: Entry, number: int) -> bytes:
    data = entry.data or b""
    kind = stat.S_IFDIR if entry.data is None else stat.S_IFREG
    name = path.encode() + b"\0"
    # ino, mode, uid, gid, nlink, mtime, filesize, 4 device numbers, namesize, check
    owner, size = entry.owner, len(data)
    fields = (number, kind | entry.mode, owner, owner, 1, 0, size, 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + name) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
