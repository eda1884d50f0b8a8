"""An OPNsense firewall (OPNsense documentation, "Gateways", "Routes", "Settings"; 24.1 and later).

A route names a gateway entry and not an address, so the entry comes first; the system refuses to
delete an entry that a route still names.
"""

from __future__ import annotations

from leasedline.gateways.pf import Menus, steps

RECIPE = steps(
    "OPNsense",
    Menus(
        gateways="System > Gateways > Configuration",
        table="System > Routes > Configuration",
        bypass="Firewall > Settings > Advanced",
    ),
)
