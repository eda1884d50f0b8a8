"""Networks for the tests: the article's, and all that hypothesis can think of."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Final

from hypothesis import strategies as st

from leasedline.keys import KeyRing
from leasedline.load import load_network
from leasedline.network import Hub, Lan, Network, Spoke
from leasedline.plan import HostPlan, Planner, allot

ROOT: Final = Path(__file__).parents[2]

SEED: Final = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
"""The bytes 0 to 31. Golden texts hang on it; no stack may use it."""

ENDPOINT: Final = "203.0.113.1"

RING: Final = KeyRing(SEED)

# A well-formed key of nobody.
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


def article() -> Network:
    """The network of stacks/lab.network.yaml."""
    return load_network(ROOT / "stacks/lab.network.yaml")


def planner(network: Network, known: dict[str, IPv4Address] | None = None) -> Planner:
    return Planner(network, RING, ENDPOINT, allot(network, known or {}))


def plans(network: Network) -> dict[str, HostPlan]:
    return {plan.name: plan for plan in planner(network).plans()}


names = st.from_regex(r"[a-z]([a-z0-9-]{0,7}[a-z0-9])?", fullmatch=True)

_lan_prefixes = [
    *(IPv4Network(f"192.168.{n}.0/24") for n in range(40)),
    *IPv4Network("172.20.0.0/22").subnets(new_prefix=26),
]


def _lan(prefix: IPv4Network) -> Lan:
    return Lan(prefix=prefix, address=prefix[2], gateway=prefix[1])


@st.composite
def networks(draw: st.DrawFn, *, summary: bool | None = None, spokes: int = 6) -> Network:
    """Valid networks of 1 to `spokes` spokes with 0 to 3 LANs, some tunnel addresses left out."""
    hub, *offices = draw(st.lists(names, min_size=2, max_size=spokes + 1, unique=True))
    prefixes = iter(draw(st.permutations(_lan_prefixes)))
    addresses = iter(draw(st.permutations([*IPv4Network("10.70.0.0/27").hosts()])))

    def address() -> IPv4Address | None:
        return next(addresses) if draw(st.booleans()) else None

    if summary is None:
        summary = draw(st.booleans())
    return Network(
        tunnel=IPv4Network("10.70.0.0/16"),
        summary=(IPv4Network("192.168.0.0/16"), IPv4Network("172.16.0.0/12")) if summary else (),
        hub=Hub(name=hub, address=address()),
        spokes=tuple(
            Spoke(
                name=name,
                address=address(),
                lans=tuple(_lan(next(prefixes)) for _ in range(draw(st.integers(0, 3)))),
            )
            for name in offices
        ),
    )


def one_more(network: Network) -> Spoke:
    """A spoke that no network of this strategy has yet."""
    return Spoke(name="newcomer-office", lans=(_lan(IPv4Network("192.168.99.0/24")),))


def with_spokes(network: Network, *spokes: Spoke) -> Network:
    return network.model_copy(update={"spokes": spokes})
