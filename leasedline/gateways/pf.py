"""The steps that OPNsense and pfSense share; they descend from one code base, their menus differ.

Steps by hand and not their programming interfaces: pfSense has none without an add-on, and
OPNsense's wants a key pair that few keep at hand. Both demand a gateway entry before a route, and
both drop half-seen TCP connections until the last step is done (`one_way`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from leasedline.gateways.routes import MARK, OfficeRoutes, Recipe, headed, recipe, text

BYPASS: Final = "Bypass firewall rules for traffic on the same interface"
"""The option's name on both systems, under the heading Static route filtering."""

ONE_WAY: Final = (
    f'The option "{BYPASS}" in the recipe is for this: without it pf drops TCP connections of '
    "which it sees one direction only. It lets packets that enter and leave by one interface pass "
    "for the networks of static routes, with a looser state."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Menus:
    """Where a system keeps its gateway entries, its static routes and the bypass option."""

    gateways: str
    table: str
    bypass: str


def gateway_name(routes: OfficeRoutes) -> str:
    """The gateway entry's name: letters, digits and _, less than 32 characters, one per spoke."""
    return f"{MARK}_{routes.next_hop}".upper().replace("-", "_").replace(".", "_")


def rows(routes: OfficeRoutes) -> tuple[str, ...]:
    """The table of routes, with the columns of both systems' route form."""
    row = "   {:<22}{:<32}{}".format
    return (
        row("Network", "Gateway", "Description"),
        *(row(str(net), gateway_name(routes), MARK) for net in routes.destinations),
    )


def steps(title: str, menus: Menus) -> Recipe:
    """The recipe of a system with these menus."""

    def add(routes: OfficeRoutes) -> str:
        return text(
            headed(routes, ""),
            "What is there already stays as it is; add only what is missing.",
            f"1. {menus.gateways} > Add, then Save:",
            f"   Name                        {gateway_name(routes)}",
            f"   Interface                   the one that holds {routes.lan}, most often LAN",
            "   Address Family              IPv4",
            f"   Gateway (IP address)        {routes.next_hop}",
            "   Disable Gateway Monitoring  ticked",
            f"   Description                 {MARK}",
            "   The default gateway stays what it was.",
            f"2. {menus.table} > Add, then Save, once per row:",
            *rows(routes),
            f"3. {menus.bypass}, Static route filtering, then Save:",
            f"   {BYPASS}  ticked",
            "4. Apply the changes on each page that offers it.",
        )

    def take_away(routes: OfficeRoutes) -> str:
        return text(
            headed(routes, ""),
            f"1. {menus.table}: delete each row:",
            *rows(routes),
            f"2. {menus.gateways}: delete {gateway_name(routes)} ({routes.next_hop}).",
            f"3. {menus.bypass}, Static route filtering: untick",
            f'   "{BYPASS}" if no other static route needs it.',
            "4. Apply the changes on each page that offers it.",
        )

    return recipe(
        title=title,
        where="In the web interface, as an administrator, from the first step to the last.",
        add=add,
        take_away=take_away,
        one_way=ONE_WAY,
        comment="",
    )
