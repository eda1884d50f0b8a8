"""The unit that keeps a spoke's session true: a data packet to the hub every ten seconds.

A keepalive carries no data and asks for no answer, so by keepalives alone a spoke does not notice
that its hub rebooted and forgot the session: an idle line stayed dark for 111 s in the lab, until
the key was due for renewal (120 s, REKEY_AFTER_TIME). A data packet without an answer makes
WireGuard start a new handshake after 15 s (whitepaper, 6.2 and 6.5).
"""

from __future__ import annotations

from leasedline.files import File
from leasedline.plan import HostPlan

INTERVAL_S = 10


def files(plan: HostPlan) -> tuple[File, ...]:
    """Return the probe's unit for a spoke, and nothing for the hub."""
    if plan.probe is None:
        return ()
    text = f"""\
[Unit]
Description=Leased line: a packet to the hub every {INTERVAL_S} s, so that a lost session is noticed
StartLimitIntervalSec=0

[Service]
ExecStart=ping -q -n -i {INTERVAL_S} -I {plan.interface} {plan.probe}
StandardOutput=null
StandardError=null
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""
    return (File(path="/etc/systemd/system/leased-line-probe.service", text=text),)
