"""A host's plan in nft's words: one table of our own, and the unit that loads it at boot.

The table clamps the MSS of TCP connections that enter the tunnel, so that a site whose path
eats "fragmentation needed" messages still carries full-size TLS (ping works, TLS hangs: the
MTU black hole). It lowers the MSS to what the outgoing route carries and never raises one
(nft(8) 1.0.6, extension header statement). It drops nothing.
"""

from __future__ import annotations

from typing import Final

from leasedline.files import File
from leasedline.plan import HostPlan

TABLE: Final = "leased_line"

_UNIT: Final = """\
[Unit]
Description=Leased line: MSS clamp of the tunnel
# nftables.service flushes every table when it starts, so this one comes back after it.
After=nftables.service
PartOf=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=nft -f /etc/leased-line/firewall.nft
ExecStop=nft delete table inet leased_line

[Install]
WantedBy=multi-user.target
"""


def files(plan: HostPlan) -> tuple[File, ...]:
    """Return the nft table of one host and the systemd unit that loads it at boot."""
    return (
        File(path="/etc/leased-line/firewall.nft", text=_table(plan.interface)),
        File(path="/etc/systemd/system/leased-line.service", text=_UNIT),
    )


def _table(interface: str) -> str:
    # Declared, deleted, defined: one transaction that replaces the table without a gap.
    return f"""\
table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
	chain forward {{
		type filter hook forward priority mangle; policy accept;
		oifname "{interface}" tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu
	}}
}}
"""
