"""A MikroTik router (RouterOS manual, "IP Routing" and "Scripting"; syntax common to 6 and 7).

`add` alone would add a second route each time, so each line looks for its own comment first and
sets the route that it finds. `[find]` with no match makes `set` and `remove` do nothing.
"""

from __future__ import annotations

from ipaddress import IPv4Network

from leasedline.gateways.routes import MARK, OfficeRoutes, headed, recipe, text


def _found(net: IPv4Network) -> str:
    return f'[/ip route find comment="{MARK} {net}"]'


def _route(net: IPv4Network, routes: OfficeRoutes) -> str:
    values = f"dst-address={net} gateway={routes.next_hop}"
    return (
        f":if ([:len {_found(net)}] = 0) "
        f'do={{ /ip route add {values} comment="{MARK} {net}" }} '
        f"else={{ /ip route set {_found(net)} {values} }}"
    )


def _add(routes: OfficeRoutes) -> str:
    return text(headed(routes), *(_route(net, routes) for net in routes.destinations))


def _take_away(routes: OfficeRoutes) -> str:
    return text(
        headed(routes),
        *(f"/ip route remove {_found(net)}" for net in routes.destinations),
    )


RECIPE = recipe(
    title="MikroTik RouterOS",
    where="In a terminal of the router: Winbox or WebFig > New Terminal, or over SSH.",
    add=_add,
    take_away=_take_away,
    one_way=(
        "The default firewall drops `invalid` packets in its forward chain. Under IP > Firewall > "
        "Filter Rules add a rule with Chain forward, In. Interface List LAN, Out. Interface List "
        "LAN and Action accept, and drag it above `defconf: drop invalid`."
    ),
)
