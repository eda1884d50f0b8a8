"""The article's hub while keys change: its disk, and a device that is a file (wg_device.py)."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from leasedline.bundle import configuration
from leasedline.network import Network
from tests.unit import wg_device
from tests.unit.networks import RING, article, planner
from tests.unit.shell import Host, Ran

C1 = RING.host("c").public
OF_A: Final = ["10.70.0.2/32", "192.168.201.0/24"]

# The files of a change are another test's matter (test_host_power.py).
APART: Final = """
UNITS=$STATE/../units
need_root() { :; }
sync() { :; }
record() { :; }
unstage_files() { :; }
stage_files() { :; }
put_files() { :; }
mend_keys() { :; }
units_are_there() { :; }
activate_units() { :; }
activate_firewall() { :; }
activate_interface() { sync_kernel "$1" "$2"; }
kernel_is_mended() { :; }
ip() { :; }
sysctl() { :; }
cat() { case ${1-} in /proc/* | /sys/*) say 1 ;; *) command cat "$@" ;; esac; }
systemctl() { say "$*" >>"$STATE/../systemctl"; }
put() { cmp -s "$1" "$2" || cp "$1" "$2"; }
mkdir -p "$UNITS"
"""
CHANGE: Final = """
armed=$(uptime_s)
stage "$1"
arm
activate "$1" wg0
"""


def rotated(key: int = 1, psk: int = 1, hub: int = 1) -> Network:
    """The article's network, with other keys for a and its hub."""
    network = article()
    a, c = network.spokes
    return network.model_copy(
        update={
            "hub": network.hub.model_copy(update={"generation": hub}),
            "spokes": (a.model_copy(update={"generation": key, "psk_generation": psk}), c),
        }
    )


@dataclass(frozen=True)
class Hub:
    """The hub, its disk and its device."""

    host: Host

    @property
    def file(self) -> Path:
        return self.host.root / "device"

    def sh(self, commands: str, *arguments: object, stdin: str = "") -> Ran:
        model = f'wg() {{ "{sys.executable}" -IS "{wg_device.__file__}" "{self.file}" "$@"; }}'
        return self.host.sh(f"{APART}{model}\n{commands}", *arguments, stdin=stdin)

    def ok(self, commands: str, *arguments: object, stdin: str = "") -> Ran:
        ran = self.sh(commands, *arguments, stdin=stdin)
        assert (ran.code, ran.stderr) == (0, "")
        return ran

    def bundle(self, network: Network) -> Path:
        """Lay down the hub's key files as its base does, and return its bundle."""
        plans = planner(network)
        for path, secret in plans.secrets("z").items():
            self.host.file(f"keys/{Path(path).name}", f"{secret}\n")
        text = configuration(plans.hub()).replace("/etc/leased-line/keys", str(self.host.keys))
        name = "-".join(str(s.generation * 10 + s.psk_generation) for s in network.spokes)
        return self.host.file(f"bundle-{name}", text)

    def apply(self, network: Network) -> None:
        self.ok(f"{CHANGE} commit; forget_keys", self.bundle(network))
        assert self.differences() == []

    def differences(self) -> list[str]:
        return self.ok(
            '{ bundle_want "$1"; formers "$1"; } >"$RUN/want"; wg show wg0 dump | '
            "wg_differences wg0",
            self.host.state / "current",
        ).lines

    def hear(self, public: str) -> None:
        """The spoke comes with this key."""
        self.ok(f"wg hear {public}")

    def follow(self, looks: int = 2) -> None:
        """The unit looks so many times, from its start."""
        self.ok(f"n=0; sleep() {{ n=$((n + 1)); [ $n -lt {looks} ] || exit 0; }}; follow")

    def heard(self, public: str) -> None:
        """The spoke comes with this key while the unit runs."""
        device = f'"{sys.executable}" -IS "{wg_device.__file__}" "{self.file}" hear {public}'
        self.ok(
            f"n=0; sleep() {{ n=$((n + 1)); case $n in 1) {device} ;; 3) exit 0 ;; esac; }}; follow"
        )

    def settle(self, *keys: str) -> Ran:
        told = "".join(f"{name} {key}\n" for name, key in zip("ac", keys, strict=True))
        return self.sh("WAIT_PROOF=0; settle", stdin=told)

    def boot(self) -> None:
        """networkd makes the device of its files, which are those of the bundle in force."""
        device = wg_device.read(self.file)
        device["peers"] = {}
        self.file.write_text(json.dumps(device), "utf-8")
        shutil.rmtree(self.host.run_directory)
        # Without the former ones.
        self.ok('formers() { :; }; sync_kernel "$STATE/current" wg0')

    @property
    def peers(self) -> dict[str, Any]:
        peers: dict[str, Any] = wg_device.read(self.file)["peers"]
        return peers

    @property
    def of_a(self) -> dict[str, bool]:
        """The peers but c's, and whether each has the prefixes of a."""
        others = {public: peer for public, peer in self.peers.items() if public != C1}
        assert all(peer["allowed"] in ([], OF_A) for peer in others.values())
        return {public: peer["allowed"] == OF_A for public, peer in others.items()}

    @property
    def unit(self) -> bool:
        return (self.host.root / "units/leased-line-former.service").exists()

    @property
    def calls(self) -> list[str]:
        file = self.host.root / "systemctl"
        calls = file.read_text("utf-8").splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return calls

    def psks(self) -> set[str]:
        return {path.name for path in self.host.keys.glob("*.psk")}
