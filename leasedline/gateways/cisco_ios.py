"""A Cisco router with IOS or IOS XE (IOS IP Routing: Protocol-Independent Command Reference).

`ip route` typed again is the same line of the configuration; `name` is its comment and is shown in
`show running-config`.
"""

from __future__ import annotations

from ipaddress import IPv4Network

from leasedline.gateways.routes import MARK, OfficeRoutes, headed, recipe, text


def _route(net: IPv4Network, routes: OfficeRoutes) -> str:
    return f"ip route {net.network_address} {net.netmask} {routes.next_hop}"


def _configured(routes: OfficeRoutes, *commands: str) -> str:
    return text(headed(routes, "!"), "configure terminal", *commands, "end", "write memory")


def _add(routes: OfficeRoutes) -> str:
    return _configured(
        routes, *(f"{_route(net, routes)} name {MARK}" for net in routes.destinations)
    )


def _take_away(routes: OfficeRoutes) -> str:
    return _configured(routes, *(f"no {_route(net, routes)}" for net in routes.destinations))


RECIPE = recipe(
    title="Cisco IOS",
    where="In a terminal of the router, at the privileged prompt (the one ending in `#`).",
    add=_add,
    take_away=_take_away,
    one_way=(
        "Nothing to do without an inspecting firewall, nor with a zone-based one, which does not "
        "inspect traffic inside a zone unless a policy of that zone with itself says so."
    ),
    comment="!",
)
