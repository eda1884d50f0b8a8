"""The routers' recipes read back: what they say, when they refuse, the Linux one really run."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leasedline import gateways
from leasedline.gateways import RECIPES, OfficeRoutes
from leasedline.gateways.dhcp_option_121 import OPTION_BYTES, option_bytes
from leasedline.gateways.page import EXAMPLE
from tests.unit.recipe_readers import READERS, decoded

ROOT = Path(__file__).parents[2]
OFFICE_1 = EXAMPLE


@st.composite
def office_routes(draw: st.DrawFn, most: int = 25) -> OfficeRoutes:
    lan = IPv4Network(
        (int(draw(st.ip_addresses(v=4))), draw(st.integers(min_value=8, max_value=30))),
        strict=False,
    )
    hosts = st.integers(min_value=1, max_value=lan.num_addresses - 2)
    hop, gateway = draw(st.lists(hosts, min_size=2, max_size=2, unique=True))
    networks = st.builds(
        lambda address, length: IPv4Network((int(address), length), strict=False),
        st.ip_addresses(v=4),
        st.integers(min_value=1, max_value=32),
    ).filter(lambda net: not net.subnet_of(lan))
    return OfficeRoutes(
        office=draw(st.from_regex(r"[a-z][a-z0-9-]{0,14}", fullmatch=True)),
        lan=lan,
        gateway=lan[gateway],
        next_hop=lan[hop],
        destinations=tuple(draw(st.lists(networks, min_size=1, max_size=most, unique=True))),
    )


def changed(**values: object) -> OfficeRoutes:
    fields = {name: getattr(OFFICE_1, name) for name in OfficeRoutes.__slots__}
    return OfficeRoutes(**{**fields, **values})


def test_every_vendor_has_a_reader_here() -> None:
    assert list(RECIPES) == list(READERS)


@settings(deadline=None)
@given(routes=office_routes())
def test_each_destination_goes_to_the_spoke(routes: OfficeRoutes) -> None:
    wanted = [(net, routes.next_hop) for net in routes.destinations]
    for vendor, text in gateways.recipes(routes).items():
        assert READERS[vendor](text) == wanted, vendor


@settings(deadline=None)
@given(routes=office_routes(most=5))
def test_undo_takes_away_what_was_added_and_nothing_else(routes: OfficeRoutes) -> None:
    numbers = r"[0-9]+[._][0-9]+[._][0-9]+[._][0-9]+"
    added, undone = gateways.recipes(routes), gateways.undo(routes)
    for vendor in RECIPES:
        assert set(re.findall(numbers, undone[vendor])) <= set(re.findall(numbers, added[vendor]))
        if vendor in {"networkd", "netplan"}:
            (name,) = re.findall(r"rm -f .*/(\S+)", undone[vendor])
            assert f"/{name}\n" in added[vendor]
        elif vendor != "dhcp_option_121":
            for net in routes.destinations:
                address = str(net.network_address)
                assert address in undone[vendor].replace("_", "."), vendor


@pytest.mark.parametrize("vendor", RECIPES)
def test_the_mark_opens_every_text(vendor: str) -> None:
    for text in (gateways.recipes(OFFICE_1)[vendor], gateways.undo(OFFICE_1)[vendor]):
        assert re.match(r"[#!]? ?leased-line: office a, ", text)
        assert text.endswith("\n")
        assert not text.endswith("\n\n")


@pytest.mark.parametrize(
    ("routes", "why"),
    [
        (changed(destinations=()), "office a has no other LAN to reach"),
        (changed(gateway=OFFICE_1.next_hop), "is the spoke itself (192.168.201.247)"),
    ],
    ids=["no destination", "the spoke is the gateway"],
)
@pytest.mark.parametrize("vendor", RECIPES)
def test_nothing_to_do_is_one_comment(vendor: str, routes: OfficeRoutes, why: str) -> None:
    for text, words in (
        (gateways.recipes(routes)[vendor], "nothing to add: "),
        (gateways.undo(routes)[vendor], "nothing to take away: "),
    ):
        assert text.count("\n") == 1
        assert words in text
        assert why in text
        assert text.startswith({"cisco_ios": "!"}.get(vendor, ("#", "nothing")))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"next_hop": IPv4Address("192.168.202.247")}, r"next hop .* outside its LAN .*neighbour"),
        ({"gateway": IPv4Address("10.0.0.1")}, r"gateway 10\.0\.0\.1 is outside its LAN"),
        ({"destinations": (IPv4Network("192.168.201.0/24"),)}, r"lies in its own LAN"),
        ({"destinations": (IPv4Network("192.168.201.128/25"),)}, r"lies in its own LAN"),
        ({"destinations": (IPv4Network("0.0.0.0/0"),)}, r"own tunnel packets back"),
        ({"office": "a\nreload"}, r"office 'a\\nreload': .* letters"),
        ({"office": ""}, r"office '': .* letters"),
    ],
)
def test_what_no_router_should_be_told(values: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        changed(**values)


def test_a_summary_may_hold_the_own_lan() -> None:
    routes = changed(destinations=(IPv4Network("192.168.0.0/16"),))
    assert "ip route replace 192.168.0.0/16 via" in gateways.recipes(routes)["linux"]
    assert "192.168.0.0           255.255.0.0 " in gateways.recipes(routes)["web"]


@settings(deadline=None)
@given(routes=office_routes(most=60))
def test_option_121_is_given_whole_or_not_at_all(routes: OfficeRoutes) -> None:
    assert routes.gateway is not None
    value = option_bytes(routes)
    assert decoded(value) == [
        (IPv4Network("0.0.0.0/0"), routes.gateway),
        *((net, routes.next_hop) for net in routes.destinations),
    ]
    text = RECIPES["dhcp_option_121"].render(routes)
    assert (value.hex().upper() in text) == (len(value) <= OPTION_BYTES)
    assert ("RFC 3396" in text) == (len(value) > OPTION_BYTES)


def test_option_121_counts_its_bytes() -> None:
    nets = [IPv4Network(f"10.0.{third}.0/24") for third in range(32)]
    fits = changed(destinations=tuple(nets[:31]))
    assert len(option_bytes(fits)) == 253
    assert "253 bytes for option 121" in RECIPES["dhcp_option_121"].render(fits)
    refused = RECIPES["dhcp_option_121"].render(changed(destinations=tuple(nets)))
    assert "32 routes and the default route make 261 bytes, and one option holds 255" in refused
    assert all(line.startswith("#") for line in refused.splitlines())


def test_option_121_without_a_default_route_is_refused() -> None:
    routes = changed(gateway=None)
    text = RECIPES["dhcp_option_121"].render(routes)
    assert "Set gateway: for this LAN in the network file." in text
    assert all(line.startswith("#") for line in text.splitlines())
    with pytest.raises(ValueError, match="cut its devices off the internet"):
        option_bytes(routes)


@pytest.mark.parametrize(
    ("vendor", "what"),
    [
        ("linux", "render"),
        ("linux", "undo"),
        ("openwrt", "render"),
        ("openwrt", "undo"),
        ("networkd", "undo"),
        ("netplan", "undo"),
    ],
)
def test_shell_texts_parse(vendor: str, what: str) -> None:
    text = getattr(RECIPES[vendor], what)(OFFICE_1)
    subprocess.run(["sh", "-n"], input=text, text=True, check=True)


def test_openwrt_settings_are_the_same_when_run_twice(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    # A uci of the few verbs that the recipe uses, a file per setting, that forgets nothing.
    uci = """
    uci() {
        [ "$1" = -q ] && shift
        case $1 in
            set) printf '%s' "${2#*=}" >"$STORE/${2%%=*}" ;;
            get) cat "$STORE/$2" 2>/dev/null ;;
            delete) rm "$STORE/$2" "$STORE/$2".* ;;
            commit) [ "$2" = network ] ;;
            *) return 1 ;;
        esac
    }
    """

    def run(text: str) -> dict[str, str]:
        subprocess.run(
            ["sh", "-eu", "-c", uci + text.replace("/etc/init.d/network reload", "true")],
            env={"STORE": os.fspath(store), "PATH": os.environ["PATH"]},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return {path.name: path.read_text() for path in store.iterdir()}

    once = run(gateways.recipes(OFFICE_1)["openwrt"])
    section = "network.leased_line_192_168_200_0_24"
    assert once[section] == "route"
    assert once[f"{section}.interface"] == "lan"
    assert once[f"{section}.gateway"] == "192.168.201.247"
    assert run(gateways.recipes(OFFICE_1)["openwrt"]) == once
    assert run(gateways.undo(OFFICE_1)["openwrt"]) == {}
    assert run(gateways.undo(OFFICE_1)["openwrt"]) == {}


def test_linux_recipe_on_a_real_routing_table() -> None:
    """In a network namespace of its own, which ends with the process: root or not."""
    routes = changed(destinations=(IPv4Network("192.168.200.0/24"), IPv4Network("10.8.0.0/14")))
    add, undo = (table["linux"] for table in (gateways.recipes(routes), gateways.undo(routes)))
    world = """
    ip link add lan0 type veth peer name far0
    ip addr add 192.168.201.1/24 dev lan0
    ip link set far0 up
    ip link set lan0 up
    ip route add 172.16.0.0/12 via 192.168.201.9
    ip route add 192.168.200.0/25 via 192.168.201.9
    """
    script = world + "\n".join(
        f"sh -eu -c '{text}'\nip -json route" for text in ("", add, add, undo, undo)
    )
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "-r", "--net"]
    assert shutil.which("unshare"), "unshare is missing: install util-linux"
    done = subprocess.run(
        [*unshare, "sh", "-eu", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    before, once, twice, gone, gone_twice = (
        # The link's state is not the route's: a veth may still be coming up.
        [{**route, "flags": []} for route in json.loads(line)]
        for line in done.stdout.splitlines()
    )
    via = {route["dst"]: route.get("gateway") for route in once}
    assert via == {route["dst"]: route.get("gateway") for route in before} | {
        "192.168.200.0/24": "192.168.201.247",
        "10.8.0.0/14": "192.168.201.247",
    }
    assert twice == once
    assert gone == before
    assert gone_twice == before


def test_the_package_leans_on_nothing_else_of_the_project() -> None:
    for path in (ROOT / "leasedline" / "gateways").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                module = node.module or ""
                assert not module.startswith("leasedline") or module.startswith(
                    "leasedline.gateways"
                ), f"{path.name} imports {module}"
                assert module.partition(".")[0] not in {"pulumi", "pydantic", "yaml"}
