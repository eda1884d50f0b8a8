"""The unit that keeps a hub from forgetting where its spokes are (host/75-watch.sh).

Whoever restarts systemd-networkd on the hub, as each upgrade of systemd's package does, has
WireGuard begin anew with all peers; a spoke behind NAT has no endpoint in the hub's files. Each
spoke comes back by its probe: 15 s after its next packet, so after 25 s at most. With this unit
the hub calls the spokes itself.
"""

from __future__ import annotations

from leasedline.files import PROGRAM, File
from leasedline.plan import HostPlan, Role


def files(plan: HostPlan) -> tuple[File, ...]:
    """Return the watch's unit for the hub, and nothing for a spoke."""
    if plan.role is not Role.HUB:
        return ()
    text = f"""\
[Unit]
Description=Leased line: remembers where each spoke is, for when networkd gives WireGuard all anew
After=systemd-networkd.service
StartLimitIntervalSec=0

[Service]
ExecStart={PROGRAM} watch {plan.interface}
SyslogLevel=notice
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""
    return (File(path="/etc/systemd/system/leased-line-watch.service", text=text),)
