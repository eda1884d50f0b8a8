"""The nft table and its unit, judged by nft and systemd themselves."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from leasedline import firewall
from tests.unit.networks import article, plans


def needed(program: str, package: str) -> str:
    found = shutil.which(program)
    assert found, f"{program} is missing: apt-get install {package}"
    return found


def test_nft_takes_the_table_twice_and_holds_it_once() -> None:
    table, unit = firewall.files(plans(article())["a"])
    assert table.path == "/etc/leased-line/firewall.nft"
    assert unit.path == "/etc/systemd/system/leased-line.service"
    nft = needed("nft", "nftables")
    twice = 'rules=$(cat); for n in 1 2; do echo "$rules" | "$0" -f -; done; "$0" -s list ruleset'
    # A network namespace of its own: this machine's rules are not touched, and no root is needed.
    loaded = subprocess.run(
        [
            *(needed("unshare", "util-linux"), "--user", "--map-root-user", "--net"),
            *("sh", "-ec", twice, nft),
        ],
        input=table.text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr
    listed = [line.strip() for line in loaded.stdout.splitlines()]
    assert listed[:3] == [
        "table inet leased_line {",
        "chain forward {",
        "type filter hook forward priority mangle; policy accept;",
    ]
    # nft 1.0.6 turns the flags' notation round when it lists a rule.
    assert listed[3] in (
        'oifname "wg0" tcp flags syn / syn,rst tcp option maxseg size set rt mtu',
        'oifname "wg0" tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu',
    )
    assert listed[4:] == ["}", "}"]


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    _, unit = firewall.files(plans(article())["z"])
    path = tmp_path / Path(unit.path).name
    path.write_text(unit.text, encoding="utf-8")
    checked = subprocess.run(
        [needed("systemd-analyze", "systemd"), "verify", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")
