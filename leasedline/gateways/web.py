"""Any other router whose web pages have a table of static routes.

TP-Link, H3C, Huawei, ASUS, FRITZ!Box, UniFi and many more ask for the same three or four values
under names of their own, most often Static Route or Routing under Advanced or Network.
"""

from __future__ import annotations

from leasedline.gateways.routes import MARK, OfficeRoutes, headed, recipe, text


def _table(routes: OfficeRoutes) -> tuple[str, ...]:
    row = "{:<22}{:<18}{:<18}{}".format
    return (
        row("Destination network", "Subnet mask", "Next hop", "Interface"),
        *(
            row(str(net.network_address), str(net.netmask), str(routes.next_hop), "LAN")
            for net in routes.destinations
        ),
    )


def _add(routes: OfficeRoutes) -> str:
    return text(
        headed(routes, ""),
        f"One static route per row; where there is a name or comment, {MARK}.",
        *_table(routes),
    )


def _take_away(routes: OfficeRoutes) -> str:
    return text(headed(routes, ""), "Delete the static route of each row.", *_table(routes))


RECIPE = recipe(
    title="Any router with a static-route page",
    where=(
        "On the router's web page for static routes; next hop may be called gateway, destination "
        "network target, and a prefix length may stand for the mask."
    ),
    add=_add,
    take_away=_take_away,
    one_way=(
        "If ping works through it and TCP does not, its firewall wants both directions: look for "
        "an option that lets LAN-to-LAN traffic bypass it, or use DHCP option 121 instead."
    ),
    comment="",
)
