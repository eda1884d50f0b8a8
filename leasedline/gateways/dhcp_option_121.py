"""Routes that the LAN's DHCP server hands to its devices: option 121 (RFC 3442).

For routers that hold no static route. RFC 3442 makes a client that gets option 121 ignore option 3
(router), so the default route must be in it: without the gateway's address no bytes are made.
Server syntax: dnsmasq(8) 2.90, dhcp-options(5) of ISC DHCP 4.4, Kea 2.2 ARM section 8.2.11; the
Kea lines give bytes, since its own notation for this option is of later versions only. Option 249
is Microsoft's name for the same bytes, all that Windows XP and Server 2003 read (MS-DHCPE 2.2.8).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Final

from leasedline.gateways.routes import OfficeRoutes, headed, recipe, text

OPTION_BYTES: Final = 255
"""The most that one DHCP option holds: its length is one octet (RFC 2132, section 2)."""

_CODES: Final = (121, 249)
_ISC_NAMES: Final = {121: "rfc3442-classless-static-routes", 249: "ms-classless-static-routes"}
_DEFAULT: Final = IPv4Network("0.0.0.0/0")


def _descriptor(net: IPv4Network, router: IPv4Address) -> bytes:
    significant = -(-net.prefixlen // 8)
    return bytes((net.prefixlen,)) + net.network_address.packed[:significant] + router.packed


def _pairs(routes: OfficeRoutes) -> tuple[tuple[IPv4Network, IPv4Address], ...]:
    if routes.gateway is None:
        msg = (
            f"office {routes.office}: the gateway of {routes.lan} is not known, and option 121 "
            "without a default route would cut its devices off the internet: set gateway: for "
            "this LAN in the network file"
        )
        raise ValueError(msg)
    return (
        (_DEFAULT, routes.gateway),
        *((net, routes.next_hop) for net in routes.destinations),
    )


def option_bytes(routes: OfficeRoutes) -> bytes:
    """The option's value: for each route the prefix length, its significant octets, the router.

    The default route via the LAN's gateway comes first. The value may be longer than
    `OPTION_BYTES`; the caller decides what then.

    Raises:
        ValueError: the LAN's gateway is not known.
    """
    return b"".join(_descriptor(net, router) for net, router in _pairs(routes))


def _refusal(routes: OfficeRoutes) -> str | None:
    if routes.gateway is None:
        return text(
            headed(routes, place="for the DHCP server of"),
            "# Not given: the gateway's address is not known, and devices that get option 121",
            "# without a default route lose the internet (RFC 3442: they ignore option 3).",
            "# Set gateway: for this LAN in the network file.",
        )
    if (size := len(option_bytes(routes))) > OPTION_BYTES:
        return text(
            headed(routes, place="for the DHCP server of"),
            f"# Not given: {len(routes.destinations)} routes and the default route make {size} "
            f"bytes, and one option holds {OPTION_BYTES}.",
            "# RFC 3396 lets a server split it, but many clients and servers do not, and a client",
            "# that reads half of it has half of the routes. Set summary: in the network file, so",
            "# that one prefix stands for all offices, or put the routes on the gateway.",
        )
    return None


def _dnsmasq(routes: OfficeRoutes, code: int) -> str:
    values = ",".join(f"{net},{router}" for net, router in _pairs(routes))
    return f"dhcp-option={code},{values}"


def _add(routes: OfficeRoutes) -> str:
    if refusal := _refusal(routes):
        return refusal
    value = option_bytes(routes)
    octets = ", ".join(str(octet) for octet in value)
    mask = routes.lan.netmask
    return text(
        headed(routes, place="for the DHCP server of"),
        f"# {len(value)} bytes for option 121, and the same for option 249 (old Windows). The",
        f"# default route via {routes.gateway} is among them: who gets 121 ignores option 3.",
        "# Take the one form that your server knows; devices learn it with their next lease.",
        "",
        "# Hexadecimal, as most web pages ask for it:",
        f"0x{value.hex().upper()}",
        value.hex(":"),
        "",
        "# dnsmasq, in its configuration; if it serves several LANs, with tag:INTERFACE, behind",
        "# each equals sign; OpenWrt takes what is behind that sign among lan's DHCP options:",
        *(_dnsmasq(routes, code) for code in _CODES),
        "",
        "# ISC dhcpd: the first two lines at the top of dhcpd.conf, the others inside",
        f"# subnet {routes.lan.network_address} netmask {mask} {{ }}:",
        *(
            f"option {_ISC_NAMES[code]} code {code} = array of unsigned integer 8;"
            for code in _CODES
        ),
        *(f"option {_ISC_NAMES[code]} {octets};" for code in _CODES),
        "",
        f'# Kea: inside "option-data": [ ] of the subnet4 entry of {routes.lan}:',
        ",\n".join(
            f'{{ "code": {code}, "csv-format": false, "data": "{value.hex().upper()}" }}'
            for code in _CODES
        ),
    )


def _take_away(routes: OfficeRoutes) -> str:
    return text(
        headed(routes, place="for the DHCP server of"),
        "# Take options 121 and 249 out of the DHCP server's configuration for this LAN and",
        "# restart it. Devices drop the routes with their next lease, or when they reconnect.",
    )


RECIPE = recipe(
    title="DHCP option 121",
    where=(
        "In the configuration of the DHCP server of the LAN, which is often but not always the "
        "router."
    ),
    add=_add,
    take_away=_take_away,
)
