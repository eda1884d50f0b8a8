"""`wg` on a device that is a file: `python wg_device.py FILE show|set wg0 ...` (wg(8)).

As far as the host program uses it, and as the kernel does it: a prefix belongs to one peer, and
goes to whoever was given it last (allowedips.c); `set` makes a peer that is not there. `hear KEY`
is a handshake with that peer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Device = dict[str, Any]


def read(file: Path) -> Device:
    if not file.exists():
        return {"private": "(none)", "port": "0", "clock": 1760000000, "peers": {}}
    device: Device = json.loads(file.read_text("utf-8"))
    return device


def peer_of(device: Device, public: str) -> Device:
    new = {"psk": "(none)", "endpoint": "(none)", "allowed": [], "keepalive": "off", "at": 0}
    peer: Device = device["peers"].setdefault(public, new)
    return peer


def give(device: Device, public: str, prefixes: list[str]) -> None:
    for other in device["peers"].values():
        other["allowed"] = [prefix for prefix in other["allowed"] if prefix not in prefixes]
    peer_of(device, public)["allowed"] = prefixes


def hear(device: Device, public: str) -> None:
    assert public in device["peers"], "a peer that the hub does not know gets no answer"
    device["clock"] += 1
    peer_of(device, public)["at"] = device["clock"]


def key(file: str) -> str:
    return Path(file).read_text("utf-8").strip()


def change(device: Device, words: list[str]) -> None:
    rest = iter(words)
    public = ""
    for word in rest:
        if word == "remove":
            del device["peers"][public]
            continue
        value = next(rest)
        if word == "peer":
            public = value
            peer_of(device, public)
        elif word == "private-key":
            device["private"] = key(value)
        elif word == "listen-port":
            device["port"] = value
        elif word == "preshared-key":
            peer_of(device, public)["psk"] = key(value)
        elif word == "persistent-keepalive":
            peer_of(device, public)["keepalive"] = value
        else:
            assert word == "allowed-ips", word
            give(device, public, value.split(","))


def shown(device: Device, what: str) -> str:
    rows = []
    for public, peer in device["peers"].items():
        prefixes = peer["allowed"] or ["(none)"]
        rows.append(
            {
                "latest-handshakes": f"{public}\t{peer['at']}",
                "allowed-ips": f"{public}\t{' '.join(prefixes)}",
                "dump": "\t".join(
                    (public, peer["psk"], peer["endpoint"], ",".join(prefixes), str(peer["at"]))
                )
                + f"\t1\t2\t{peer['keepalive']}",
            }[what]
        )
    if what == "dump":
        rows.insert(0, f"{device['private']}\t-\t{device['port']}\toff")
    return "".join(f"{row}\n" for row in rows)


def main() -> None:
    file, verb, *words = Path(sys.argv[1]), *sys.argv[2:]
    device = read(file)
    if verb == "show":
        print(shown(device, words[1]), end="")
        return
    if verb == "hear":
        hear(device, words[0])
    else:
        assert verb == "set", verb
        change(device, words[1:])
    # In one step, as the unit reads while a test writes.
    new = file.with_suffix(f".{verb}")
    new.write_text(json.dumps(device), "utf-8")
    new.replace(file)


if __name__ == "__main__":
    main()
