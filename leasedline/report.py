"""What the stack tells people and other stacks: endpoints, routes, recipes, diagram, readme."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network
from typing import TypedDict

from leasedline.gateways import RECIPES, OfficeRoutes, recipes
from leasedline.network import Network, Spoke
from leasedline.plan import HostPlan, Role


class HostEndpoint(TypedDict):
    """One host, as others need to know it; `endpoint` is address:port or "behind NAT"."""

    role: str
    public_key: str
    tunnel_address: str
    lans: list[str]
    endpoint: str


class GatewayRoute(TypedDict):
    """A static route that an office's gateway needs; `gateway` is where it belongs."""

    gateway: str | None
    destination: str
    next_hop: str


def endpoints(
    network: Network, plans: Iterable[HostPlan], hub_endpoint: str
) -> dict[str, HostEndpoint]:
    """Return each host by name; `hub_endpoint` is address:port."""
    lans = {s.name: [str(lan.prefix) for lan in s.lans] for s in network.spokes}
    return {
        plan.name: HostEndpoint(
            role=plan.role,
            public_key=plan.public_key,
            tunnel_address=plan.address.partition("/")[0],
            lans=lans.get(plan.name, []),
            endpoint=hub_endpoint if plan.role is Role.HUB else "behind NAT",
        )
        for plan in plans
    }


def office_routes(network: Network) -> dict[str, list[OfficeRoutes]]:
    """Return, for each office, what the gateway of each of its LANs must know.

    With `summary` a gateway gets the summary prefixes, its own LAN being more specific.
    """
    return {spoke.name: _routes_of(network, spoke) for spoke in network.spokes}


def routes(network: Network) -> dict[str, list[GatewayRoute]]:
    """Return the static routes of each office's gateway, by office."""
    return {
        office: [
            GatewayRoute(
                gateway=str(lan.gateway) if lan.gateway else None,
                destination=str(destination),
                next_hop=str(lan.next_hop),
            )
            for lan in lans
            for destination in lan.destinations
        ]
        for office, lans in office_routes(network).items()
    }


def gateway_recipes(network: Network) -> dict[str, dict[str, str]]:
    """Return the commands for each office's router, by office and vendor.

    An office with several LANs gets one text per vendor, LAN by LAN.
    """
    result: dict[str, dict[str, str]] = {}
    for office, lans in office_routes(network).items():
        texts = [recipes(lan) for lan in lans]
        result[office] = {vendor: "\n".join(t[vendor] for t in texts) for vendor in RECIPES}
    return result


def diagram(network: Network, plans: Iterable[HostPlan], hub_endpoint: str) -> str:
    """Return the network as a Mermaid flowchart."""
    by_name = {plan.name: plan for plan in plans}
    hub = by_name[network.hub.name]
    lines = [
        "flowchart LR",
        f'  {_id("host", hub.name)}(["hub {hub.name}<br/>{hub.address}<br/>UDP {hub_endpoint}"])',
    ]
    for spoke in network.spokes:
        plan = by_name[spoke.name]
        node = _id("host", spoke.name)
        lines += [
            f'  subgraph {_id("office", spoke.name)}["office {spoke.name}, behind NAT"]',
            f'    {node}["spoke {spoke.name}<br/>{plan.address}"]',
            *(
                f'    {_id(f"lan{number}", spoke.name)}["LAN {lan.prefix}"] --- {node}'
                for number, lan in enumerate(spoke.lans)
            ),
            "  end",
            f"  {node} <-->|WireGuard| {_id('host', hub.name)}",
        ]
    return "\n".join(lines) + "\n"


def readme(network: Network, plans: Iterable[HostPlan], hub_endpoint: str) -> str:
    """Return a page that stands on its own as the stack's README (Markdown)."""
    plans = list(plans)
    rows = [
        f"| {name} | {host['role']} | {host['tunnel_address']} | "
        f"{', '.join(host['lans']) or '-'} | {host['endpoint']} | `{host['public_key']}` |"
        for name, host in endpoints(network, plans, hub_endpoint).items()
    ]
    gateway_rows = [
        f"| {office} | {route['gateway'] or '(the LAN gateway)'} | {route['destination']} | "
        f"{route['next_hop']} |"
        for office, office_rows in routes(network).items()
        for route in office_rows
    ]
    vendors = ", ".join(f"`{vendor}`" for vendor in RECIPES)
    return "\n".join(
        [
            "# Leased line",
            "",
            f"{len(network.spokes)} offices, one line: hub `{hub_endpoint}`, tunnel "
            f"{network.tunnel}, MTU {network.mtu} bytes, keepalive {network.keepalive} s.",
            "",
            "```mermaid",
            diagram(network, plans, hub_endpoint).rstrip("\n"),
            "```",
            "",
            "| host | role | tunnel address | LANs | endpoint | public key |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "## Static routes for the offices' gateways",
            "",
            "| office | on | destination | next hop |",
            "|---|---|---|---|",
            *gateway_rows,
            "",
            f"The commands for each router: `pulumi stack output gateway_recipes` ({vendors}).",
            "",
        ]
    )


def _routes_of(network: Network, spoke: Spoke) -> list[OfficeRoutes]:
    destinations = network.summary or _other_lans(network, spoke)
    return [
        OfficeRoutes(
            office=spoke.name,
            lan=lan.prefix,
            gateway=lan.gateway,
            next_hop=lan.address,
            destinations=destinations,
        )
        for lan in spoke.lans
    ]


def _other_lans(network: Network, spoke: Spoke) -> tuple[IPv4Network, ...]:
    return tuple(lan.prefix for other in network.spokes if other is not spoke for lan in other.lans)


def _id(kind: str, name: str) -> str:
    # Mermaid takes "end" and some other words for its own, and no hyphens in every version. The
    # kind comes first: behind the name, spoke a's office would be called as the spoke a-office.
    return f"{kind}_{name.replace('-', '_')}"
