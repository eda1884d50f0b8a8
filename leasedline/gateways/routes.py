"""What a recipe says (`OfficeRoutes`) and what a recipe is (`Recipe`).

Pure data and text: nothing here knows a vendor, and nothing is imported from outside this package.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

MARK: Final = "leased-line"
"""The comment or name by which the routes are found again on a router that keeps one."""

_OFFICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ANYWHERE: Final = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeRoutes:
    """The static routes that one LAN of an office needs.

    On the router of `lan`, each of `destinations` goes to `next_hop`, the spoke's address in that
    LAN. `gateway` is the router's own address there, None if the network file does not say it.
    An office with two LANs has two of these.

    Raises:
        ValueError: a value that no router would take, or that would cut the office off; the text
            says which, why and what to write instead.
    """

    office: str
    lan: IPv4Network
    gateway: IPv4Address | None
    next_hop: IPv4Address
    destinations: tuple[IPv4Network, ...]

    def __post_init__(self) -> None:
        if not _OFFICE.fullmatch(self.office):
            msg = (
                f"office {self.office!r}: the name is printed into router configurations, so use "
                "letters, digits, dots, hyphens and underscores, a letter or digit first"
            )
            raise ValueError(msg)
        for what, address in (("next hop", self.next_hop), ("gateway", self.gateway)):
            if address is not None and address not in self.lan:
                msg = (
                    f"office {self.office}: {what} {address} is outside its LAN {self.lan}, and a "
                    "route's next hop must be a neighbour: give an address in that LAN"
                )
                raise ValueError(msg)
        for destination in self.destinations:
            if destination == _ANYWHERE:
                msg = (
                    f"office {self.office}: destination 0.0.0.0/0 would send the spoke's own "
                    "tunnel packets back to the spoke: name the other offices' LANs, or a summary "
                    "such as 192.168.0.0/16"
                )
                raise ValueError(msg)
            if destination.subnet_of(self.lan):
                msg = (
                    f"office {self.office}: destination {destination} lies in its own LAN "
                    f"{self.lan}, whose devices would be sent away: give each office a range of "
                    "its own"
                )
                raise ValueError(msg)

    @property
    def lan_id(self) -> str:
        """The LAN as part of a file name, for example `192.168.201.0-24`."""
        return f"{self.lan.network_address}-{self.lan.prefixlen}"

    def idle(self) -> str | None:
        """Why this LAN needs no route, None if it needs some."""
        if not self.destinations:
            return f"office {self.office} has no other LAN to reach"
        if self.gateway == self.next_hop:
            return (
                f"the gateway of {self.lan} is the spoke itself ({self.next_hop}), which has the "
                "routes already"
            )
        return None


Render = Callable[[OfficeRoutes], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one kind of router is told an office's routes.

    Attributes:
        title: the router's name, for headings.
        where: one sentence, where to type the text.
        render: the text that adds the routes, ending in a newline; typed again, it changes nothing.
        undo: the text that takes exactly these routes away again.
        one_way: what to do if the router's firewall drops connections of which it sees one
            direction only; empty if there is nothing to do.
    """

    title: str
    where: str
    render: Render
    undo: Render
    one_way: str = ""


def headed(routes: OfficeRoutes, comment: str = "#", place: str = "on the router of") -> str:
    """The line that opens a recipe: mark, office and LAN, as a comment of the router's language."""
    return f"{comment} {MARK}: office {routes.office}, {place} {routes.lan}".lstrip()


def text(*lines: str) -> str:
    """Lines joined to a text that ends in a newline."""
    return "\n".join(lines) + "\n"


def recipe(
    *,
    title: str,
    where: str,
    add: Render,
    take_away: Render,
    one_way: str = "",
    comment: str = "#",
) -> Recipe:
    """A `Recipe` that answers with one comment where an office needs no route.

    `add` and `take_away` are then never called, so no text can end in an empty list that someone
    pastes half of. `comment` opens a comment in the router's language, empty for plain steps.
    """

    def render(routes: OfficeRoutes) -> str:
        why = routes.idle()
        return text(f"{comment} nothing to add: {why}".lstrip()) if why else add(routes)

    def undo(routes: OfficeRoutes) -> str:
        why = routes.idle()
        return text(f"{comment} nothing to take away: {why}".lstrip()) if why else take_away(routes)

    return Recipe(title=title, where=where, render=render, undo=undo, one_way=one_way)
