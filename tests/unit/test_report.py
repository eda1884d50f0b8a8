"""What the stack tells: endpoints, routes, recipes, diagram and readme."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network

from hypothesis import given

from leasedline import report
from leasedline.gateways import RECIPES
from leasedline.network import Hub, Lan, Network, Spoke
from tests.unit.networks import RING, article, networks, planner, plans, with_spokes

HUB_ENDPOINT = "203.0.113.1:51820"


def test_the_articles_endpoints() -> None:
    network = article()
    assert report.endpoints(network, planner(network).plans(), HUB_ENDPOINT) == {
        "z": {
            "role": "hub",
            "public_key": RING.host("z").public,
            "tunnel_address": "10.70.0.1",
            "lans": [],
            "endpoint": "203.0.113.1:51820",
        },
        "a": {
            "role": "spoke",
            "public_key": RING.host("a").public,
            "tunnel_address": "10.70.0.2",
            "lans": ["192.168.201.0/24"],
            "endpoint": "behind NAT",
        },
        "c": {
            "role": "spoke",
            "public_key": RING.host("c").public,
            "tunnel_address": "10.70.0.3",
            "lans": ["192.168.200.0/24"],
            "endpoint": "behind NAT",
        },
    }


def test_the_articles_routes() -> None:
    assert report.routes(article()) == {
        "a": [
            {
                "gateway": "192.168.201.1",
                "destination": "192.168.200.0/24",
                "next_hop": "192.168.201.247",
            }
        ],
        "c": [
            {
                "gateway": "192.168.200.1",
                "destination": "192.168.201.0/24",
                "next_hop": "192.168.200.248",
            }
        ],
    }


def lan(prefix: str, gateway: bool = True) -> Lan:
    network = IPv4Network(prefix)
    return Lan(prefix=network, address=network[2], gateway=network[1] if gateway else None)


def wide() -> Network:
    """Spoke a with two LANs, one of them without a known gateway, and a lone server."""
    a, c = article().spokes
    lans = (*a.lans, lan("172.20.8.0/23", gateway=False))
    return with_spokes(article(), a.model_copy(update={"lans": lans}), c, Spoke(name="lone-server"))


def test_each_lan_of_an_office_has_its_own_gateway_and_next_hop() -> None:
    routes = report.routes(wide())
    assert [(r["gateway"], r["destination"], r["next_hop"]) for r in routes["a"]] == [
        ("192.168.201.1", "192.168.200.0/24", "192.168.201.247"),
        (None, "192.168.200.0/24", "172.20.8.2"),
    ]
    assert [r["destination"] for r in routes["c"]] == ["192.168.201.0/24", "172.20.8.0/23"]
    assert routes["lone-server"] == []


def test_with_a_summary_the_gateways_get_the_summary() -> None:
    network = article().model_copy(update={"summary": (IPv4Network("192.168.0.0/16"),)})
    assert [
        (office, route["destination"], route["next_hop"])
        for office, routes in report.routes(network).items()
        for route in routes
    ] == [
        ("a", "192.168.0.0/16", "192.168.201.247"),
        ("c", "192.168.0.0/16", "192.168.200.248"),
    ]


@given(network=networks(summary=False))
def test_the_routes_join_every_two_offices(network: Network) -> None:
    """Each LAN's gateway knows every LAN of every other office, by a neighbour of its own LAN."""
    told = report.routes(network)
    for spoke in network.spokes:
        others = [lan for other in network.spokes if other is not spoke for lan in other.lans]
        assert sorted((r["next_hop"], r["destination"]) for r in told[spoke.name]) == sorted(
            (str(own.address), str(other.prefix)) for own in spoke.lans for other in others
        )


def test_recipes_are_there_for_each_office_and_vendor() -> None:
    recipes = report.gateway_recipes(article())
    assert list(recipes) == ["a", "c"]
    assert all(set(texts) == set(RECIPES) for texts in recipes.values())
    assert "192.168.200.0/24 via 192.168.201.247" in recipes["a"]["linux"]
    assert "192.168.201.0/24 via 192.168.200.248" in recipes["c"]["linux"]
    for texts in recipes.values():
        assert all(text.endswith("\n") and text.strip() for text in texts.values())


def test_an_office_with_two_lans_gets_one_text_per_vendor() -> None:
    text = report.gateway_recipes(wide())["a"]["linux"]
    assert text.index("via 192.168.201.247") < text.index("via 172.20.8.2")
    assert report.gateway_recipes(wide())["lone-server"]["linux"] == ""


def parsed(diagram: str) -> tuple[dict[str, str], set[frozenset[str]], list[str]]:
    """Nodes with labels, edges and subgraphs of a flowchart; fails at a line of no known form."""
    head, *lines = diagram.splitlines()
    assert head == "flowchart LR"
    nodes: dict[str, str] = {}
    edges: set[frozenset[str]] = set()
    subgraphs: list[str] = []
    depth = 0

    def node(text: str) -> str:
        found = re.fullmatch(r'([a-z0-9_]+)(?:\(?\["([^"]*)"\]\)?)?', text.strip())
        assert found, text
        if found[2] is not None:
            assert found[1] not in nodes, f"{found[1]} is defined twice"
            nodes[found[1]] = found[2]
        return found[1]

    for line in map(str.strip, lines):
        if opened := re.fullmatch(r'subgraph ([a-z0-9_]+)\["([^"]*)"\]', line):
            subgraphs.append(opened[1])
            depth += 1
        elif line == "end":
            depth -= 1
        else:
            ends = re.split(r" (?:---|<-->\|WireGuard\|) ", line)
            found = [node(end) for end in ends]
            if len(found) == 2:
                edges.add(frozenset(found))
        assert depth in (0, 1)
    assert depth == 0
    assert len(set(subgraphs)) == len(subgraphs)
    assert not set(subgraphs) & set(nodes), "a subgraph and a node share a name"
    assert set().union(*edges) <= set(nodes)
    return nodes, edges, subgraphs


def test_the_articles_diagram() -> None:
    network = article()
    nodes, edges, subgraphs = parsed(report.diagram(network, plans(network).values(), HUB_ENDPOINT))
    assert sorted(nodes.values()) == [
        "LAN 192.168.200.0/24",
        "LAN 192.168.201.0/24",
        "hub z<br/>10.70.0.1/16<br/>UDP 203.0.113.1:51820",
        "spoke a<br/>10.70.0.2/16",
        "spoke c<br/>10.70.0.3/16",
    ]
    assert len(edges) == 4
    assert len(subgraphs) == 2


@given(network=networks())
def test_every_diagram_can_be_drawn(network: Network) -> None:
    nodes, edges, subgraphs = parsed(
        report.diagram(network, planner(network).plans(), HUB_ENDPOINT)
    )
    lans = sum(len(spoke.lans) for spoke in network.spokes)
    assert len(nodes) == 1 + len(network.spokes) + lans
    assert len(edges) == len(network.spokes) + lans
    assert len(subgraphs) == len(network.spokes)


def test_names_that_only_differ_behind_a_hyphen_stay_apart() -> None:
    names = ("a", "a-office", "a-lan0", "end", "office-a", "lan0-a", "host-a")
    network = Network(
        tunnel=IPv4Network("10.70.0.0/16"),
        hub=Hub(name="subgraph", address=IPv4Address("10.70.0.1")),
        spokes=tuple(
            Spoke(name=name, lans=(lan(f"192.168.{n}.0/24"),)) for n, name in enumerate(names)
        ),
    )
    told = report.diagram(network, planner(network).plans(), HUB_ENDPOINT)
    nodes, _, _ = parsed(told)
    assert len(nodes) == 1 + 2 * len(names)
    assert set(nodes) & {"end", "subgraph", "graph"} == set()


def test_the_readme_stands_on_its_own() -> None:
    network = article()
    page = report.readme(network, planner(network).plans(), HUB_ENDPOINT)
    assert page.startswith("# Leased line\n\n2 offices, one line: hub `203.0.113.1:51820`, tunnel ")
    diagram = report.diagram(network, planner(network).plans(), HUB_ENDPOINT)
    assert f"```mermaid\n{diagram}```\n" in page
    assert (
        f"| a | spoke | 10.70.0.2 | 192.168.201.0/24 | behind NAT | `{RING.host('a').public}` |"
    ) in page
    assert "| a | 192.168.201.1 | 192.168.200.0/24 | 192.168.201.247 |" in page
    assert "| c | 192.168.200.1 | 192.168.201.0/24 | 192.168.200.248 |" in page
    # Every table keeps its number of columns, or Markdown shows it as text.
    for table in re.findall(r"(?:^\|.*\|\n)+", page, flags=re.M):
        assert len({row.count("|") for row in table.splitlines()}) == 1


@given(network=networks())
def test_nothing_that_is_told_is_a_secret(network: Network) -> None:
    plan = planner(network)
    told = [
        str(tell(network, plan.plans(), HUB_ENDPOINT))
        for tell in (report.endpoints, report.diagram, report.readme)
    ]
    told += [str(report.routes(network)), str(report.gateway_recipes(network))]
    keys = set(re.findall(r"[A-Za-z0-9+/]{43}=", "\n".join(told)))
    assert keys == {one.public_key for one in plan.plans()}
