"""An OpenWrt router, with uci (OpenWrt wiki, "Static routes"; OpenWrt 19.07 to 24.10).

Named sections instead of `uci add`: an anonymous one would be added again by every run. The name
is also the mark, for uci keeps no comments. The mask is written on its own, because `target` takes
a prefix length only in later releases.
"""

from __future__ import annotations

from ipaddress import IPv4Network

from leasedline.gateways.routes import MARK, OfficeRoutes, headed, recipe, text


def _section(net: IPv4Network) -> str:
    name = f"{MARK}_{net.network_address}_{net.prefixlen}"
    return name.replace("-", "_").replace(".", "_")


def _add(routes: OfficeRoutes) -> str:
    settings = (
        f"uci set network.{_section(net)}{setting}"
        for net in routes.destinations
        for setting in (
            "=route",
            '.interface="$lan"',
            f".target={net.network_address}",
            f".netmask={net.netmask}",
            f".gateway={routes.next_hop}",
        )
    )
    return text(
        headed(routes),
        f"# The section of /etc/config/network that holds {routes.lan}; lan unless you renamed it.",
        "lan=lan",
        *settings,
        "uci commit network",
        "/etc/init.d/network reload",
    )


def _take_away(routes: OfficeRoutes) -> str:
    deletions = (
        f"if uci -q get network.{_section(net)} >/dev/null; then "
        f"uci delete network.{_section(net)}; fi"
        for net in routes.destinations
    )
    return text(headed(routes), *deletions, "uci commit network", "/etc/init.d/network reload")


RECIPE = recipe(
    title="OpenWrt",
    where="In a root shell on the router, over SSH or in the web interface's terminal.",
    add=_add,
    take_away=_take_away,
    one_way=(
        "Nothing to do in the default configuration. If you set Drop invalid packets under "
        "Network > Firewall, take it out again; the lan zone's Forward must be accept, which is "
        "the default."
    ),
)
