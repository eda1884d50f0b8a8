"""VyOS 1.4 and later, and EdgeOS 1.x and 2.x (VyOS documentation, "Static"; EdgeOS user guide).

Both descend from Vyatta and take the same next hop. VyOS keeps a route's description (vyos-1x,
static-route.xml.i); EdgeOS documents none, so that recipe leaves no mark on the router. A value
that is set already is no change, and `commit` then commits nothing. Taking away deletes the whole
route and not just its next hop, because a route without one is refused.
"""

from __future__ import annotations

from leasedline.gateways.routes import MARK, OfficeRoutes, headed, recipe, text


def _configured(routes: OfficeRoutes, *commands: str) -> str:
    return text(headed(routes), "configure", *commands, "commit", "save", "exit")


def _next_hops(routes: OfficeRoutes) -> tuple[str, ...]:
    return tuple(
        f"set protocols static route {net} next-hop {routes.next_hop}"
        for net in routes.destinations
    )


def _add_vyos(routes: OfficeRoutes) -> str:
    descriptions = (
        f"set protocols static route {net} description {MARK}" for net in routes.destinations
    )
    return _configured(routes, *_next_hops(routes), *descriptions)


def _add_edgeos(routes: OfficeRoutes) -> str:
    return _configured(routes, *_next_hops(routes))


def _take_away(routes: OfficeRoutes) -> str:
    return _configured(
        routes, *(f"delete protocols static route {net}" for net in routes.destinations)
    )


_ONE_WAY = (
    "Nothing to do unless you set a state policy that drops `invalid` packets, or a firewall on "
    "the LAN interface that does: accept LAN to LAN before it."
)

VYOS = recipe(
    title="VyOS",
    where="In an SSH session of the router, at the operational prompt (the one ending in `$`).",
    add=_add_vyos,
    take_away=_take_away,
    one_way=_ONE_WAY,
)

EDGEOS = recipe(
    title="Ubiquiti EdgeOS",
    where="In an SSH session of the router or the web interface's CLI window.",
    add=_add_edgeos,
    take_away=_take_away,
    one_way=_ONE_WAY,
)
