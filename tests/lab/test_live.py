"""Changes while the line is in use: b pings d ten times a second, a TCP stream runs from a to c.

One stream from the first change to the last. The third office, e, is built and taken away by the
changes themselves, machine and all.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import yaml

from tests.lab.line import DEVICES, TUNNEL, Line
from tests.lab.stream import Stream, longest_silence_s, streaming

Network = dict[str, Any]
Record = Callable[[str, object], None]


def add(network: Network) -> None:
    lan = {"lan": "192.168.202.0/24", "lan_address": "192.168.202.249", "gateway": "192.168.202.1"}
    network["spokes"].append({"name": "e", **lan})


def rotate(network: Network) -> None:
    network["spokes"][2] |= {"generation": 2, "psk_generation": 2}


def add_lan(network: Network) -> None:
    """In the lab a LAN is a card of the machine, so e restarts for it."""
    e = network["spokes"][2]
    names = {"lan": "prefix", "lan_address": "address", "gateway": "gateway"}
    second = {"prefix": "192.168.212.0/24", "address": "192.168.212.249"}
    e["lans"] = [{long: e.pop(short) for short, long in names.items()}, second]


def tune(network: Network) -> None:
    network |= {"keepalive": 20, "mtu": 1340}


def sum_up(network: Network) -> None:
    network["summary"] = ["192.168.0.0/16"]


def take_back(network: Network) -> None:
    network |= {"keepalive": 15, "mtu": 1280}
    del network["summary"]


def remove(network: Network) -> None:
    del network["spokes"][2]


KINDS: Final = {
    "a third spoke is added": add,
    "its key and its pre-shared key are rotated": rotate,
    "it gets a second LAN": add_lan,
    "keepalive and MTU of all are raised": tune,
    "a summary takes the place of the LANs' list": sum_up,
    "keepalive, MTU and list are as before": take_back,
    "the third spoke is removed": remove,
}


@pytest.fixture(scope="module")
def article(line: Line) -> Iterator[str]:
    text = line.network.read_text("utf-8")
    yield text
    line.network.write_text(text, "utf-8")


@pytest.fixture(scope="module")
def stream(line: Line) -> Iterator[Stream]:
    with streaming(line.lab, "a", "c", TUNNEL["a"]) as stream:
        yield stream


@pytest.mark.parametrize("kind", KINDS)
def test_no_packet_is_lost(
    kind: str, line: Line, article: str, stream: Stream, record_property: Record
) -> None:
    network = yaml.safe_load(article)
    for name, change in KINDS.items():
        change(network)
        if name == kind:
            break
    line.network.write_text(yaml.safe_dump(network), "utf-8")
    began = time.monotonic()
    with line.lab.pinging("b", DEVICES["d"]) as ping:
        out = line.pulumi("up", "--yes", "--skip-preview").stdout
    seen = ping.result
    record_property(
        "measured",
        f"{kind}: {seen.lost} of {seen.sent} pings lost, longest silence "
        f"{seen.longest_silence_s:.2f} s, {time.monotonic() - began:.0f} s",
    )
    assert re.search(r"remote:Command z-config updated", out), out
    assert seen.missing == ()
    assert stream.flows, stream.running.result()


def test_the_stream_was_never_reset_and_the_line_is_the_articles(
    line: Line, article: str, stream: Stream, record_property: Record
) -> None:
    arrived = stream.stop()
    record_property(
        "measured",
        f"TCP from a to c: {sum(arrived) / len(arrived) / 125:.0f} kbit/s for "
        f"{len(arrived)} s, longest silence {longest_silence_s(arrived)} s",
    )
    line.network.write_text(article, "utf-8")
    line.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
