"""The routes on a plain device itself, where neither gateway nor DHCP server can give them.

The article's own way out. Linux: ip-route(8). Windows: `route` of Windows 7 and later; the delete
in front makes the line repeatable, since `route add` fails on a route that is there. macOS:
route(8); `change` takes over where `add` finds the route.
"""

from __future__ import annotations

from ipaddress import IPv4Network

from leasedline.gateways.routes import OfficeRoutes, headed, recipe, text

_PLACE = "on each device of"


def _windows_delete(net: IPv4Network, routes: OfficeRoutes) -> str:
    return f"route delete {net.network_address} mask {net.netmask} {routes.next_hop}"


def _windows(net: IPv4Network, routes: OfficeRoutes) -> str:
    return (
        f"{_windows_delete(net, routes)} >nul 2>&1 & "
        f"route -p add {net.network_address} mask {net.netmask} {routes.next_hop}"
    )


def _macos(net: IPv4Network, routes: OfficeRoutes) -> str:
    route = f"-net {net} {routes.next_hop}"
    return f"sudo route -n add {route} || sudo route -n change {route}"


def _sections(
    routes: OfficeRoutes, linux: tuple[str, ...], windows: tuple[str, ...], macos: tuple[str, ...]
) -> str:
    return text(
        headed(routes, place=_PLACE),
        "",
        "# Linux, in a root shell; until it restarts:",
        *linux,
        "",
        "# Windows, in a command prompt opened with Run as administrator; for good:",
        *windows,
        "",
        "# macOS, in a terminal; until it restarts:",
        *macos,
    )


def _add(routes: OfficeRoutes) -> str:
    return _sections(
        routes,
        tuple(f"ip route replace {net} via {routes.next_hop}" for net in routes.destinations),
        tuple(_windows(net, routes) for net in routes.destinations),
        tuple(_macos(net, routes) for net in routes.destinations),
    )


def _take_away(routes: OfficeRoutes) -> str:
    return _sections(
        routes,
        tuple(f"ip route flush exact {net} via {routes.next_hop}" for net in routes.destinations),
        tuple(_windows_delete(net, routes) for net in routes.destinations),
        tuple(f"sudo route -n delete -net {net} {routes.next_hop}" for net in routes.destinations),
    )


RECIPE = recipe(
    title="On the device itself",
    where="On every device that shall reach the other offices, only the lines for its system.",
    add=_add,
    take_away=_take_away,
)
