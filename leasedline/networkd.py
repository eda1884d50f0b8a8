"""A host's plan in systemd-networkd's words; the only place that knows its syntax.

The files say what the article's files say, section by section, with two differences: keys stand
in files of their own (`PrivateKeyFile=`, `PresharedKeyFile=`, systemd 242 and later), so that
the configuration is plain text that can be shown; and each peer has a drop-in of its own, so
that a spoke added to the hub is a file added. systemd.netdev(5), systemd.network(5), v252.
"""

from __future__ import annotations

from typing import Final

from leasedline.files import File
from leasedline.plan import HostPlan, Peer

DIRECTORY: Final = "/etc/systemd/network"

Setting = tuple[str, str]


def files(plan: HostPlan) -> tuple[File, ...]:
    """Return the .netdev, a drop-in per peer, the .network and the sysctl file of one host."""
    base = f"{DIRECTORY}/{plan.interface}"
    return (
        File(path=f"{base}.netdev", text=_netdev(plan)),
        *(File(path=f"{base}.netdev.d/peer-{p.name}.conf", text=_peer(p)) for p in plan.peers),
        File(path=f"{base}.network", text=_network(plan)),
        # Not networkd's IPForward= or IPv4Forwarding=: their meaning changed in 256.
        File(path="/etc/sysctl.d/10-ip-forward.conf", text="net.ipv4.ip_forward = 1\n"),
    )


def _netdev(plan: HostPlan) -> str:
    return _unit(
        _section(
            "NetDev",
            ("Name", plan.interface),
            ("Kind", "wireguard"),
            ("MTUBytes", str(plan.mtu_bytes)),
        ),
        _section(
            "WireGuard",
            ("ListenPort", str(plan.port)),
            ("PrivateKeyFile", plan.private_key_file),
        ),
    )


def _peer(peer: Peer) -> str:
    endpoint: tuple[Setting, ...] = (("Endpoint", peer.endpoint),) if peer.endpoint else ()
    return _unit(
        _section(
            "WireGuardPeer",
            ("PublicKey", peer.public_key),
            ("PresharedKeyFile", peer.preshared_key_file),
            *endpoint,
            *(("AllowedIPs", prefix) for prefix in peer.allowed_ips),
            ("PersistentKeepalive", str(peer.keepalive_s)),
        )
    )


def _network(plan: HostPlan) -> str:
    return _unit(
        _section("Match", ("Name", plan.interface)),
        _section("Network", ("Address", plan.address)),
        *(_section("Route", ("Destination", prefix)) for prefix in plan.routes),
        *(
            _section("Route", ("Destination", prefix), ("Type", "unreachable"))
            for prefix in plan.unreachable
        ),
    )


def _section(name: str, *settings: Setting) -> str:
    return f"[{name}]\n" + "".join([f"{key}={value}\n" for key, value in settings])


def _unit(*sections: str) -> str:
    return "\n".join(sections)
