"""What `wg` says on the article's hosts, and their files laid down in a scratch folder."""

from __future__ import annotations

from pathlib import Path

from leasedline.bundle import configuration
from tests.unit.networks import RING, article, planner
from tests.unit.shell import Host

PLANNER = planner(article())
A, C, Z = (RING.host(name) for name in "acz")
PSK_A, PSK_C = (RING.preshared("z", name) for name in "ac")
OTHER = RING.host("somebody-else")

Row = tuple[str, ...]

# wg(8), show dump: private, public, port, fwmark; then public, psk, endpoint, allowed IPs,
# latest handshake, received, sent, keepalive. Recorded on a hub, keys replaced.
DEVICE: Row = (Z.private, Z.public, "51820", "off")
PEER_A: Row = (
    A.public, PSK_A.secret, "198.51.100.7:40021", "10.70.0.2/32,192.168.201.0/24",
    "1760000000", "1234", "5678", "15",
)  # fmt: skip
PEER_C: Row = (
    C.public, PSK_C.secret, "(none)", "10.70.0.3/32,192.168.200.0/24", "0", "0", "0", "15",
)  # fmt: skip


def dump(*rows: Row) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def row(base: Row, field: int, value: str) -> Row:
    return (*base[: field - 1], value, *base[field:])


def lay_down(host: Host, name: str) -> None:
    for path, secret in PLANNER.secrets(name).items():
        host.file(f"keys/{Path(path).name}", f"{secret}\n")
    text = configuration(PLANNER.plan(name)).replace("/etc/leased-line/keys", str(host.keys))
    host.file("bundle", text)
    host.sh('bundle_want "$1" >"$RUN/want"', host.root / "bundle")
