"""The files of the article's network: byte by byte as agreed, and in meaning the article's."""

from __future__ import annotations

import re
from collections import Counter
from difflib import unified_diff
from pathlib import Path

import pytest
from hypothesis import given

from leasedline import networkd
from leasedline.bundle import configuration
from leasedline.network import Network
from tests.unit.networks import RING, article, networks, planner, plans
from tests.unit.units import lines, sections

HERE = Path(__file__).parent
HOSTS = ("z", "a", "c")


def unpacked(text: str) -> dict[str, str]:
    """The files of a bundle by path, read by other means than the host program's."""
    parts = re.split(r"^file (\S+) \S+ \S+\n", text.rpartition("end sha256:")[0], flags=re.M)
    return {
        path: re.sub(r"^\|", "", body, flags=re.M)
        for path, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def drop_ins(files: dict[str, str], unit: str) -> list[str]:
    return [text for path, text in sorted(files.items()) if path.startswith(f"{unit}.d/")]


@pytest.mark.parametrize("host", HOSTS)
def test_golden_files(host: str, request: pytest.FixtureRequest) -> None:
    golden = HERE / "golden" / host
    files = unpacked(configuration(planner(article()).plan(host)))
    if request.config.getoption("write_golden"):
        for path, text in files.items():
            target = golden / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    agreed = {
        f"/{path.relative_to(golden)}": path.read_text("utf-8")
        for path in golden.rglob("*")
        if path.is_file()
    }
    assert sorted(files) == sorted(agreed)
    changes = [
        line
        for path in files
        for line in unified_diff(
            agreed[path].splitlines(), files[path].splitlines(), f"agreed {path}", path, lineterm=""
        )
    ]
    assert not changes, "\n".join([*changes, "if this is meant: pytest --write-golden"])
    assert files == agreed


def articles_own(host: str, file: str) -> str:
    """A file as the article writes it, its K(...) being the keys that it leaves out."""
    keys = {f"K({name})": RING.host(name).private for name in HOSTS}
    keys |= {f"K({name} public)": RING.host(name).public for name in HOSTS}
    keys |= {f"K(z {name})": RING.preshared("z", name).secret for name in "ac"}
    text = (HERE / "article" / host / file).read_text("utf-8")
    return re.sub(r"K\([a-z ]+\)", lambda key: keys[key[0]], text)


@pytest.mark.parametrize("host", HOSTS)
def test_the_same_sections_and_values_as_the_article(host: str) -> None:
    plan = planner(article())
    files = unpacked(configuration(plan.plan(host)))
    netdev, network = (f"/etc/systemd/network/wg0.{kind}" for kind in ("netdev", "network"))
    ours = sections(files[netdev], *drop_ins(files, netdev))
    # The one accepted difference: keys stand in files, so put each file's content back.
    inline: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
    for (name, settings), count in ours.items():
        keys = plan.secrets(host)
        inline[
            name,
            tuple(
                sorted(
                    (key.removesuffix("File"), keys[value])
                    if key.endswith("KeyFile")
                    else (key, value)
                    for key, value in settings
                )
            ),
        ] += count
    assert inline == sections(articles_own(host, "wg0.netdev"))
    assert sections(files[network], *drop_ins(files, network)) == sections(
        articles_own(host, "wg0.network")
    )
    sysctl = "10-ip-forward.conf"
    assert lines([files[f"/etc/sysctl.d/{sysctl}"]]) == lines([articles_own(host, sysctl)])


def test_the_comparison_with_the_article_sees_a_changed_value() -> None:
    text = articles_own("a", "wg0.netdev")
    assert sections(text) != sections(text.replace("1280", "1420"))
    assert sections(text) != sections(text.replace("AllowedIPs=192.168.200.0/24\n", ""))
    assert sections(text) != sections(text, "[WireGuardPeer]\nPublicKey=x")


@pytest.mark.parametrize("host", HOSTS)
def test_these_are_all_the_files_of_a_host(host: str) -> None:
    peers = {"z": ["a", "c"], "a": ["z"], "c": ["z"]}[host]
    assert [file.path for file in networkd.files(plans(article())[host])] == [
        "/etc/systemd/network/wg0.netdev",
        *(f"/etc/systemd/network/wg0.netdev.d/peer-{peer}.conf" for peer in peers),
        "/etc/systemd/network/wg0.network",
        "/etc/sysctl.d/10-ip-forward.conf",
    ]


@given(network=networks())
def test_rendered_text_says_what_the_plan_says(network: Network) -> None:
    for plan in planner(network).plans():
        files = {file.path: file.text for file in networkd.files(plan)}
        found = sections(*(text for path, text in files.items() if "/systemd/" in path))
        expected = Counter(
            [
                ("NetDev", (("Kind", "wireguard"), ("MTUBytes", "1280"), ("Name", "wg0"))),
                (
                    "WireGuard",
                    (("ListenPort", "51820"), ("PrivateKeyFile", plan.private_key_file)),
                ),
                ("Match", (("Name", "wg0"),)),
                ("Network", (("Address", plan.address),)),
                *(("Route", (("Destination", route),)) for route in plan.routes),
                *(
                    ("Route", (("Destination", route), ("Type", "unreachable")))
                    for route in plan.unreachable
                ),
                *(
                    (
                        "WireGuardPeer",
                        tuple(
                            sorted(
                                [
                                    ("PublicKey", peer.public_key),
                                    ("PresharedKeyFile", peer.preshared_key_file),
                                    ("PersistentKeepalive", "15"),
                                    *(("AllowedIPs", prefix) for prefix in peer.allowed_ips),
                                    *([("Endpoint", peer.endpoint)] if peer.endpoint else []),
                                ]
                            )
                        ),
                    )
                    for peer in plan.peers
                ),
            ]
        )
        assert found == expected


def test_another_interface_name_is_used_throughout() -> None:
    network = article().model_copy(update={"interface": "office-line"})
    for plan in planner(network).plans():
        text = configuration(plan)
        assert "wg0" not in text
        assert "Name=office-line" in text
