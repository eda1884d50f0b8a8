"""A Windows server that routes for the LAN (NetTCPIP module, Windows Server 2012 to 2025).

The same as `route -p add DESTINATION mask MASK NEXT_HOP`, which fails where the route exists.
`New-NetRoute` without -PolicyStore keeps the route across restarts, and needs the interface, which
`Find-NetRoute` tells. The routing table keeps no comments.
"""

from __future__ import annotations

from ipaddress import IPv4Network

from leasedline.gateways.routes import OfficeRoutes, headed, recipe, text


def _found(net: IPv4Network, routes: OfficeRoutes) -> str:
    return (
        f"Get-NetRoute -DestinationPrefix '{net}' -NextHop '{routes.next_hop}' "
        "-ErrorAction SilentlyContinue"
    )


def _add(routes: OfficeRoutes) -> str:
    return text(
        headed(routes),
        f"$lan = (Find-NetRoute -RemoteIPAddress '{routes.next_hop}' | "
        "Select-Object -First 1).InterfaceIndex",
        *(
            f"if (-not ({_found(net, routes)})) {{ New-NetRoute -DestinationPrefix '{net}' "
            f"-NextHop '{routes.next_hop}' -InterfaceIndex $lan | Out-Null }}"
            for net in routes.destinations
        ),
    )


def _take_away(routes: OfficeRoutes) -> str:
    return text(
        headed(routes),
        *(
            f"{_found(net, routes)} | Remove-NetRoute -Confirm:$false"
            for net in routes.destinations
        ),
    )


RECIPE = recipe(
    title="Windows Server",
    where="In a PowerShell window that was opened with Run as administrator, on the router.",
    add=_add,
    take_away=_take_away,
)
