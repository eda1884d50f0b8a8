"""Static-route recipes for the offices' own routers, a module per vendor.

The plain devices of an office know one router, their default gateway. For the line to carry their
packets, that router must hand those for the other offices' LANs to the spoke. Each module says so
in one vendor's words; this package knows no plan, no Pulumi and no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from leasedline.gateways import (
    cisco_ios,
    device,
    dhcp_option_121,
    linux,
    netplan,
    networkd,
    openwrt,
    opnsense,
    pfsense,
    routeros,
    vyos,
    web,
    windows,
)
from leasedline.gateways.routes import MARK, OfficeRoutes, Recipe

__all__ = ["MARK", "RECIPES", "OfficeRoutes", "Recipe", "recipes", "undo"]

RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        "linux": linux.RECIPE,
        "networkd": networkd.RECIPE,
        "netplan": netplan.RECIPE,
        "openwrt": openwrt.RECIPE,
        "routeros": routeros.RECIPE,
        "opnsense": opnsense.RECIPE,
        "pfsense": pfsense.RECIPE,
        "vyos": vyos.VYOS,
        "edgeos": vyos.EDGEOS,
        "cisco_ios": cisco_ios.RECIPE,
        "windows": windows.RECIPE,
        "web": web.RECIPE,
        "dhcp_option_121": dhcp_option_121.RECIPE,
        "device": device.RECIPE,
    }
)
"""Every recipe by vendor id: routers first, then the two ways round a router that holds none."""


def recipes(routes: OfficeRoutes) -> dict[str, str]:
    """The text that adds an office's routes, for each vendor id."""
    return {vendor: recipe.render(routes) for vendor, recipe in RECIPES.items()}


def undo(routes: OfficeRoutes) -> dict[str, str]:
    """The text that takes an office's routes away again, for each vendor id."""
    return {vendor: recipe.undo(routes) for vendor, recipe in RECIPES.items()}
