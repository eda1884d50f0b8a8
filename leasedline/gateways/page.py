"""The recipes as Markdown, for the project's page on gateways and for a stack's readme."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Final

from leasedline.gateways import RECIPES, OfficeRoutes

EXAMPLE: Final = OfficeRoutes(
    office="a",
    lan=IPv4Network("192.168.201.0/24"),
    gateway=IPv4Address("192.168.201.1"),
    next_hop=IPv4Address("192.168.201.247"),
    destinations=(IPv4Network("192.168.200.0/24"),),
)
"""Office 1 of the article, spoke a."""


def section(vendor: str, routes: OfficeRoutes) -> str:
    """One vendor's heading, where to type it, the text and the way back, in Markdown."""
    recipe = RECIPES[vendor]
    paragraphs = [
        f"### {recipe.title}",
        recipe.where,
        f"```text\n{recipe.render(routes)}```",
    ]
    if recipe.one_way:
        paragraphs.append(f"**If the firewall sees one direction only.** {recipe.one_way}")
    paragraphs.append(
        f"<details><summary>Taking it away again</summary>\n\n"
        f"```text\n{recipe.undo(routes)}```\n\n</details>"
    )
    return "\n\n".join(paragraphs) + "\n"


def sections(routes: OfficeRoutes) -> str:
    """All vendors' sections, in the order of `RECIPES`."""
    return "\n".join(section(vendor, routes) for vendor in RECIPES)
