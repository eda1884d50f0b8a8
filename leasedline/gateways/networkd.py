"""A router whose LAN interface is run by systemd-networkd (systemd.network(5), systemd 249 to 257).

A drop-in leaves the administrator's own .network file alone. Its directory carries that file's
name, which is not known here: `networkctl status` tells it, and a drop-in in /etc counts also for
a file in /run or /usr/lib. `networkctl reload` (since 244) applies a changed drop-in to just the
links that it concerns.
"""

from __future__ import annotations

from leasedline.gateways.routes import MARK, OfficeRoutes, headed, recipe, text


def _file_name(routes: OfficeRoutes) -> str:
    return f"50-{MARK}-{routes.lan_id}.conf"


def _add(routes: OfficeRoutes) -> str:
    sections = (
        line
        for net in routes.destinations
        for line in ("", "[Route]", f"Destination={net}", f"Gateway={routes.next_hop}")
    )
    return text(
        headed(routes),
        f"# File: /etc/systemd/network/NAME.d/{_file_name(routes)}",
        '# NAME: the last part of the "Network File:" that networkctl status shows for the LAN',
        "# interface, such as 10-lan.network; then run: networkctl reload",
        *sections,
    )


def _take_away(routes: OfficeRoutes) -> str:
    return text(
        headed(routes),
        f"rm -f /etc/systemd/network/*.network.d/{_file_name(routes)}",
        "networkctl reload",
    )


RECIPE = recipe(
    title="systemd-networkd",
    where=(
        "Save it on the router under the file name in its comment, owned by root with mode 0644, "
        "then run `networkctl reload`."
    ),
    add=_add,
    take_away=_take_away,
    one_way="As for Linux.",
)
