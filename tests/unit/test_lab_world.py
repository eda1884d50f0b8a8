"""Lab settings and the world made of them: what is chosen, and what is refused in which words."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import WorldError
from lab.parts import Machine, Office, World, interface_name
from lab.settings import PROJECT, LabSettings, load_settings, parse_settings
from lab.world import internet, world
from leasedline.load import load_network
from leasedline.network import Network

FILE = "stacks/lab.lab.yaml"


@pytest.fixture(scope="module")
def article() -> Network:
    return load_network(PROJECT / "stacks" / "lab.network.yaml")


def made(network: Network, text: str = "", stack: str = "lab") -> World:
    return world(network, parse_settings(text, FILE), stack)


def network_of(tmp_path: Path, text: str) -> Network:
    path = tmp_path / "x.network.yaml"
    path.write_text(text)
    return load_network(path)


def test_the_articles_world(article: Network) -> None:
    built = world(article, load_settings("lab"), "lab")
    assert str(built.internet.hub_public) == "203.0.113.1"
    assert {name: str(address) for name, (_, address) in built.devices.items()} == {
        "b": "192.168.201.55",
        "d": "192.168.200.244",
    }
    assert [(o.name, str(o.isp), str(o.isp_router), o.udp_timeout_s) for o in built.offices] == [
        ("a", "198.51.100.2/30", "198.51.100.1", 30),
        ("c", "198.51.100.6/30", "198.51.100.5", 30),
    ]
    assert [(m.name, m.memory_mib, [str(n.address) for n in m.nics]) for m in built.machines] == [
        ("z", 512, ["203.0.113.1/24"]),
        ("a", 512, ["192.168.201.247/24"]),
        ("c", 512, ["192.168.200.248/24"]),
    ]
    assert [str(m.nics[0].gateway) for m in built.machines] == [
        "203.0.113.254",
        "192.168.201.1",
        "192.168.200.1",
    ]


def test_a_hub_may_have_a_name(article: Network) -> None:
    plain = made(article)
    assert plain.internet.hub_name is None
    assert {machine.name_server for machine in plain.machines} == {None}
    named = made(article, "hub: {name: hub.example.net}")
    assert named.internet.hub_name == "hub.example.net"
    assert {machine.name_server for machine in named.machines} == {named.internet.router}


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("203.0.113.1", "is an address, and no name: write hub.example.net"),
        ("hub_1.example.net", "is neither an IPv4 address nor a DNS name"),
    ],
)
def test_what_is_no_name_of_a_hub(name: str, rule: str) -> None:
    with pytest.raises(WorldError, match=f"{FILE}:2: hub.name {name} {rule}"):
        parse_settings(f"hub:\n  name: {name}\n", FILE)


def test_a_hub_in_the_cloud_has_no_name_of_the_labs(article: Network) -> None:
    settings = parse_settings("hub: {name: hub.example.net}", FILE)
    with pytest.raises(
        WorldError, match=r"hub\.name hub\.example\.net is the name of a hub that is"
    ):
        world(article, settings, "lab", hub_machine=False)


def test_a_machine_may_differ_from_the_others(article: Network) -> None:
    text = """
machines:
  memory_mib: 384
  each:
    a: {debian: trixie}
    z: {memory_mib: 1024, debian: bookworm}
"""
    found = {m.name: (m.debian, m.memory_mib) for m in made(article, text).machines}
    assert found == {"z": ("bookworm", 1024), "a": ("trixie", 384), "c": ("bookworm", 384)}
    text = "machines: {debian: trixie, each: {a: {debian: bookworm}}}"
    assert [m.debian for m in made(article, text).machines] == ["trixie", "bookworm", "trixie"]


def test_a_hub_in_the_cloud_is_no_machine_of_the_world(article: Network) -> None:
    settings = load_settings("lab")
    with_hub = world(article, settings, "lab")
    built = world(article, settings, "lab", hub_machine=False)
    assert [machine.name for machine in built.machines] == ["a", "c"]
    assert (built.internet, built.offices) == (with_hub.internet, with_hub.offices)
    assert internet(settings, "lab") == built.internet


def test_without_settings_everything_is_chosen(article: Network) -> None:
    built = made(article)
    assert [str(office.isp) for office in built.offices] == ["198.51.100.2/30", "198.51.100.6/30"]
    assert {name: str(address) for name, (_, address) in built.devices.items()} == {
        "a1": "192.168.201.2",
        "c1": "192.168.200.2",
    }


def test_a_missing_settings_file_means_all_defaults(tmp_path: Path) -> None:
    assert load_settings("other", tmp_path) == LabSettings()


def test_specs_survive_their_json(article: Network) -> None:
    built = made(article)
    for office in built.offices:
        assert Office.model_validate(office.spec()) == office
    for machine in built.machines:
        assert Machine.model_validate(machine.spec()) == machine


def test_two_stacks_have_different_cards_and_names(article: Network) -> None:
    one, two = made(article, stack="one"), made(article, stack="two")
    macs = [
        mac
        for built in (one, two)
        for machine in built.machines
        for mac in (machine.management_mac, *(nic.mac for nic in machine.nics))
    ]
    assert len(set(macs)) == len(macs)
    assert one.internet.stack != two.internet.stack


def test_a_spoke_with_two_lans_has_a_card_in_each_and_one_default_route(tmp_path: Path) -> None:
    network = network_of(
        tmp_path,
        """
tunnel: 10.70.0.0/16
hub: {name: z}
spokes:
  - name: a
    lans:
      - {prefix: 192.168.1.0/24, address: 192.168.1.2}
      - {prefix: 192.168.2.0/24, address: 192.168.2.2, gateway: 192.168.2.1}
""",
    )
    built = made(network, "offices: {a: {devices: {b: 192.168.2.9}}}")
    assert [(lan.bridge, str(lan.gateway)) for lan in built.offices[0].lans] == [
        ("lan0", "192.168.1.1"),
        ("lan1", "192.168.2.1"),
    ]
    nics = built.machines[1].nics
    assert [(nic.bridge, str(nic.gateway)) for nic in nics] == [
        ("lan0", "192.168.1.1"),
        ("lan1", "None"),
    ]
    assert built.devices["b"] == ("a", IPv4Address("192.168.2.9"))


def test_a_spoke_without_a_lan_still_has_a_line(tmp_path: Path) -> None:
    network = network_of(
        tmp_path, "tunnel: 10.70.0.0/16\nhub: {name: z}\nspokes: [{name: a}, {name: b}]\n"
    )
    built = made(network)
    assert built.devices == {}
    assert [str(m.nics[0].address) for m in built.machines[1:]] == [
        "198.18.0.2/24",
        "198.18.1.2/24",
    ]


def test_an_allotted_line_avoids_the_written_ones(article: Network) -> None:
    built = made(article, "offices: {c: {isp: 198.51.100.2}}")
    assert [str(office.isp) for office in built.offices] == ["198.51.100.6/30", "198.51.100.2/30"]


def test_an_empty_list_of_devices_means_none(article: Network) -> None:
    assert set(made(article, "offices: {a: {devices: {}}}").devices) == {"c1"}


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=63))
def test_interface_names_fit_the_kernel(name: str) -> None:
    short = interface_name("dev-", name)
    assert len(short) <= 15
    assert short.startswith("dev-")


SETTINGS_FAULTS = {
    "no YAML": ("hub: [", f"{FILE}:2:1: the file lacks a value"),
    "a list": ("- a", "holds no fields"),
    "unknown field": ("hub: {publc: 203.0.113.1}", "1: hub.publc is no field of hub: did you mean"),
    "no address": ("hub: {public: 203.0.113}", "hub.public 203.0.113 is no IPv4 address"),
    "device's name": (
        "offices:\n  a: {devices: {B_: 192.168.201.5}}",
        f"{FILE}:2: offices.a.devices.B_ is no host name",
    ),
    "memory": ("machines: {memory_mib: 12}", "machines.memory_mib 12 is not from 256 to 16384"),
    "memory as text": ("machines: {memory_mib: much}", "machines.memory_mib much is not from"),
    "release": ("machines: {debian: sarge}", "machines.debian sarge is no release"),
    "one machine's release": (
        "machines:\n  each:\n    a: {debian: sarge}",
        f"{FILE}:3: machines.each.a.debian sarge is no release that the lab knows: write bookworm",
    ),
    "one machine's memory": (
        "machines: {each: {a: {memory_mib: 12}}}",
        "machines.each.a.memory_mib 12 is not from 256 to 16384 MiB",
    ),
    "one machine's unknown field": (
        "machines: {each: {a: {debain: trixie}}}",
        "machines.each.a.debain is no field of machines.each.a: did you mean debian?",
    ),
}

WORLD_FAULTS = {
    "hub in the tunnel": ("hub: {public: 10.70.0.9}", "overlaps the tunnel 10.70.0.0/16"),
    "hub in a LAN": ("hub: {public: 192.168.201.9}", "overlaps a's LAN 192.168.201.0/24"),
    "hub is no host": ("hub: {public: 203.0.113.0}", "is no host's address in its /24"),
    "no such office": ("offices: {q: {}}", "offices.q is no spoke of the network: an office has"),
    "no such machine": (
        "machines:\n  each:\n    q: {debian: trixie}",
        f"{FILE}:3: machines.each.q is no machine of the lab: the lab's machines are z, a, c",
    ),
    "not the second host": (
        "offices: {a: {isp: 198.51.100.1}}",
        "is not the second host of its /30 198.51.100.0/30: write 198.51.100.2",
    ),
    "one line for two": (
        "offices:\n  a: {isp: 198.51.100.2}\n  c: {isp: 198.51.100.2}",
        f"{FILE}:3: offices.c.isp 198.51.100.2 shares the /30 198.51.100.0/30 with office a",
    ),
    "line in a LAN": ("offices: {a: {isp: 192.168.200.2}}", "lies in c's LAN 192.168.200.0/24"),
    "line in the hub's": ("offices: {a: {isp: 203.0.113.6}}", "lies in the hub's 203.0.113.0/24"),
    "device outside": (
        "offices: {a: {devices: {b: 192.168.9.1}}}",
        "offices.a.devices.b 192.168.9.1 is in no LAN of a: use 192.168.201.0/24",
    ),
    "device is broadcast": ("offices: {a: {devices: {b: 192.168.201.255}}}", "is no host's"),
    "device is the spoke": (
        "offices: {a: {devices: {b: 192.168.201.247}}}",
        "is the spoke's address: give the device one of its own",
    ),
    "device is the gateway": ("offices: {a: {devices: {b: 192.168.201.1}}}", "is the gateway's"),
    "two devices, one address": (
        "offices: {a: {devices: {b: 192.168.201.5, e: 192.168.201.5}}}",
        "is the address of two devices",
    ),
    "two devices, one name": (
        "offices: {a: {devices: {b: 192.168.201.5}}, c: {devices: {b: 192.168.200.5}}}",
        "offices.c.devices.b is the name of two devices",
    ),
    "device named as a machine": (
        "offices: {a: {devices: {z: 192.168.201.5}}}",
        "has the name of a machine",
    ),
    "device with the lab's name": (
        "offices: {a: {devices: {internet: 192.168.201.5}}}",
        "has a name that the lab needs for itself",
    ),
}


@pytest.mark.parametrize(("text", "said"), SETTINGS_FAULTS.values(), ids=SETTINGS_FAULTS)
def test_faulty_settings_are_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(WorldError) as caught:
        parse_settings(text, FILE)
    assert said in str(caught.value)
    assert str(caught.value).startswith(FILE)


@pytest.mark.parametrize(("text", "said"), WORLD_FAULTS.values(), ids=WORLD_FAULTS)
def test_settings_that_do_not_fit_the_network_are_refused(
    article: Network, text: str, said: str
) -> None:
    with pytest.raises(WorldError) as caught:
        made(article, text)
    assert said in str(caught.value)


def test_all_faults_come_at_once(article: Network) -> None:
    text = "hub: {public: 10.70.0.9}\noffices:\n  q: {}\n  a: {devices: {b: 1.2.3.4}}\n"
    with pytest.raises(WorldError) as caught:
        made(article, text)
    assert len(caught.value.faults) == 3


def test_a_stack_name_that_is_no_file_name_is_refused(article: Network) -> None:
    with pytest.raises(WorldError, match="is no stack name"):
        made(article, stack="a/b")


@pytest.mark.parametrize("host", ["internet", "isp-a"])
def test_a_host_with_the_labs_own_name_is_refused(tmp_path: Path, host: str) -> None:
    network = network_of(
        tmp_path, f"tunnel: 10.70.0.0/16\nhub: {{name: z}}\nspokes: [{{name: {host}}}]\n"
    )
    with pytest.raises(WorldError, match="is a name that the lab needs"):
        made(network)


def test_a_lan_in_the_range_of_the_labs_ssh_is_refused(tmp_path: Path) -> None:
    network = network_of(
        tmp_path,
        "tunnel: 10.70.0.0/16\nhub: {name: z}\n"
        "spokes: [{name: a, lan: 192.0.2.0/24, lan_address: 192.0.2.9}]\n",
    )
    with pytest.raises(WorldError, match=r"192\.0\.2\.0/24 overlaps 192\.0\.2\.0/24, by which"):
        made(network)


def test_more_offices_than_lines_are_refused(tmp_path: Path) -> None:
    spokes = "".join(f"  - {{name: s{n}}}\n" for n in range(65))
    network = network_of(tmp_path, f"tunnel: 10.70.0.0/16\nhub: {{name: z}}\nspokes:\n{spokes}")
    with pytest.raises(WorldError, match="finds no free /30"):
        made(network)


def test_offices_do_not_share_a_line(tmp_path: Path) -> None:
    spokes = "".join(f"  - {{name: s{n}}}\n" for n in range(64))
    network = network_of(tmp_path, f"tunnel: 10.70.0.0/16\nhub: {{name: z}}\nspokes:\n{spokes}")
    lines: list[IPv4Network] = [office.isp.network for office in made(network).offices]
    assert len(set(lines)) == 64
    offsets = {int(o.isp.ip) - int(o.isp.network.network_address) for o in made(network).offices}
    assert offsets == {2}
