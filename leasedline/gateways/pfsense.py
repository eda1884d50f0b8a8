"""A pfSense firewall (Netgate documentation, "Static Routes", "Asymmetric Routing"; 2.6 and later).

The documentation describes this very case: the client's packets pass through the firewall, the
answers do not, and connections die after 30 s without the bypass option.
"""

from __future__ import annotations

from leasedline.gateways.pf import Menus, steps

RECIPE = steps(
    "pfSense",
    Menus(
        gateways="System > Routing > Gateways",
        table="System > Routing > Static Routes",
        bypass="System > Advanced > Firewall & NAT",
    ),
)
