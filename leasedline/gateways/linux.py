"""A Linux router, with iproute2 alone (ip-route(8), iproute2 5.10 to 6.1).

`replace` adds or changes and so may run twice; `flush exact` takes away and is no error where the
route is gone. The routing table keeps no comments, so the only mark is in the text itself.
"""

from __future__ import annotations

from leasedline.gateways.routes import OfficeRoutes, headed, recipe, text


def _add(routes: OfficeRoutes) -> str:
    return text(
        headed(routes),
        *(f"ip route replace {net} via {routes.next_hop}" for net in routes.destinations),
    )


def _take_away(routes: OfficeRoutes) -> str:
    return text(
        headed(routes),
        *(f"ip route flush exact {net} via {routes.next_hop}" for net in routes.destinations),
    )


RECIPE = recipe(
    title="Linux",
    where=(
        "In a root shell on the router; the routes last until it restarts, so make them permanent "
        "in what configures its network: systemd-networkd and netplan have recipes of their own, "
        "and /etc/network/interfaces takes each line behind `up` in the LAN interface's stanza."
    ),
    add=_add,
    take_away=_take_away,
    one_way=(
        "If its rules drop packets in connection state `invalid`, accept what comes from the LAN "
        "interface and leaves by it before that rule: for nftables "
        '`iifname "LAN" oifname "LAN" accept`, with the interface\'s name for both.'
    ),
)
