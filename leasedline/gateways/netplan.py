"""A router configured with netplan (netplan(5) and netplan-generate(8), netplan 0.106).

Netplan reads all files in /etc/netplan in the order of their names and joins lists, so a file of
its own adds routes to an interface that is defined elsewhere. The interface's name and kind are
not known here. Mode 0600, because netplan warns about files that others may read.
"""

from __future__ import annotations

from leasedline.gateways.routes import MARK, OfficeRoutes, headed, recipe, text


def _path(routes: OfficeRoutes) -> str:
    return f"/etc/netplan/90-{MARK}-{routes.lan_id}.yaml"


def _add(routes: OfficeRoutes) -> str:
    entries = (
        line
        for net in routes.destinations
        for line in (f"        - to: {net}", f"          via: {routes.next_hop}")
    )
    return text(
        headed(routes),
        f"# File: {_path(routes)}",
        "# LAN_INTERFACE: the LAN interface's name in your other files there, and ethernets: the",
        "# group it stands in (ethernets, bridges, bonds or vlans); then run: netplan apply",
        "network:",
        "  version: 2",
        "  ethernets:",
        "    LAN_INTERFACE:",
        "      routes:",
        *entries,
    )


def _take_away(routes: OfficeRoutes) -> str:
    return text(headed(routes), f"rm -f {_path(routes)}", "netplan apply")


RECIPE = recipe(
    title="netplan (Ubuntu)",
    where=(
        "Save it on the router under the file name in its comment, owned by root with mode 0600, "
        "with the LAN interface's name filled in, then run `netplan apply`."
    ),
    add=_add,
    take_away=_take_away,
    one_way="As for Linux.",
)
