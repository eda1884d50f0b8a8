"""pyinfra's deploy: the same files as the stack's, and what makes them take effect.

It does what an administrator would write: files in place, networkd restarted and units started
where something changed. It checks nothing afterwards.
"""

from io import StringIO

from pyinfra.context import host
from pyinfra.operations import files, server, systemd

KEYS = "/etc/leased-line/keys"

files.directory(
    name="Directory of the keys",
    path=KEYS,
    user="root",
    group="systemd-network",
    mode="750",
)
put = [
    files.put(
        name=f"File {file['path']}",
        src=StringIO(file["text"]),
        dest=file["path"],
        user=file["owner"],
        group=file["group"],
        mode=file["mode"].lstrip("0"),
    )
    for file in host.data.line_files
]


def changed() -> bool:
    """Return whether any file was written in this run."""
    return any(operation.did_change() for operation in put)


server.shell(
    name="Forwarding",
    commands=["sysctl -q -p /etc/sysctl.d/10-ip-forward.conf"],
    _if=changed,
)
systemd.service(
    name="networkd reads the files",
    service="systemd-networkd.service",
    restarted=True,
    _if=changed,
)
systemd.service(
    name="MSS clamp",
    service="leased-line.service",
    running=True,
    enabled=True,
    daemon_reload=True,
)
