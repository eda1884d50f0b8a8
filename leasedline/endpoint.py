"""The units that keep a spoke with its hub where that is dialled by a DNS name.

systemd-networkd looks a name up until it has an address, and then never again
(systemd.netdev(5), v252, Endpoint=), so a hub whose address changes is lost to it. A timer has
the host program ask whether the hub answers, and look the name up again where it does not. A hub
that is dialled by an address has nothing to look up, and its spokes have no such units.
"""

from __future__ import annotations

from typing import Final

from leasedline.fields import is_dns_name
from leasedline.files import File
from leasedline.plan import HostPlan

INTERVAL_S: Final = 30

# Nothing here is ordered after network-online.target or nss-lookup.target: no boot waits on DNS.
# Each start would be two lines in the journal, so only what was done is kept there.
_SERVICE: Final = """\
[Unit]
Description=Leased line: looks the hub's name up again where the hub does not answer

[Service]
Type=oneshot
ExecStart=leased-line endpoint
TimeoutStartSec=90
SyslogLevel=notice
LogLevelMax=notice
"""

_TIMER: Final = f"""\
[Unit]
Description=Leased line: every {INTERVAL_S} s, whether the hub answers where its name led to

[Timer]
OnActiveSec=5
OnUnitInactiveSec={INTERVAL_S}
AccuracySec=1

[Install]
WantedBy=timers.target
"""


def files(plan: HostPlan) -> tuple[File, ...]:
    """Return the timer and its service where a peer is dialled by a name, else nothing."""
    dialled = (peer.endpoint.partition(":")[0] for peer in plan.peers if peer.endpoint)
    if not any(map(is_dns_name, dialled)):
        return ()
    base = "/etc/systemd/system/leased-line-endpoint"
    return (
        File(path=f"{base}.service", text=_SERVICE),
        File(path=f"{base}.timer", text=_TIMER),
    )
