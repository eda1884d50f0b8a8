"""What the bench works out itself: network files, pings read, figures told. It times nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from bench import changes, core, lab, meshconf, pyinfra
from bench.measure import BenchError, Timed, ran, ratio, seconds, size
from bench.networks import MOST_SPOKES, network_yaml
from bench.render import peak_kib, render
from bench.stack import _BOOTED
from lab.ping import PingResult, Reply
from leasedline.load import load_network

PROJECT = Path(__file__).resolve().parents[2]
SEED = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def text_of(table: Table) -> str:
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


@pytest.mark.parametrize("summary", [False, True])
@pytest.mark.parametrize("spokes", [1, 10, 1_000])
def test_generated_networks_are_what_a_user_may_write(
    tmp_path: Path, spokes: int, summary: bool
) -> None:
    file = tmp_path / "n.network.yaml"
    file.write_text(network_yaml(spokes, summary=summary))
    network = load_network(file)
    assert len(network.spokes) == spokes
    assert bool(network.summary) is summary


def test_the_largest_generated_network_is_one_too(tmp_path: Path) -> None:
    file = tmp_path / "n.network.yaml"
    file.write_text(network_yaml(MOST_SPOKES, summary=True))
    assert len(load_network(file).spokes) == MOST_SPOKES


@pytest.mark.parametrize("spokes", [0, MOST_SPOKES + 1])
def test_a_count_that_has_no_lans_is_refused(spokes: int) -> None:
    with pytest.raises(ValueError, match="has no LAN"):
        network_yaml(spokes, summary=False)


def test_rendering_counts_every_host_and_its_text(tmp_path: Path) -> None:
    sizes = []
    for spokes in (10, 20):
        file = tmp_path / f"{spokes}.network.yaml"
        file.write_text(network_yaml(spokes, summary=True))
        cost = render(file)
        assert cost["hosts"] == spokes + 1
        sizes.append(cost["bytes"])
    assert 1.8 < sizes[1] / sizes[0] < 2.2


def test_peak_memory_is_read_from_proc() -> None:
    assert peak_kib("Name:\tpython3\nVmPeak:\t  90000 kB\nVmHWM:\t   41712 kB\n") == 41712
    assert peak_kib(Path("/proc/self/status").read_text()) > 1_000


def test_figures_have_as_many_digits_as_mean_something() -> None:
    assert [seconds(value) for value in (0.0012, 0.0714, 0.714, 7.14, 71.4)] == [
        "1.2 ms",
        "71 ms",
        "0.71 s",
        "7.1 s",
        "71 s",
    ]
    assert [size(value) for value in (12, 30_600, 65_442_300, 6.1 * 2**30)] == [
        "12 B",
        "30 KiB",
        "62 MiB",
        "6.1 GiB",
    ]
    assert [ratio(*pair) for pair in ((9.0, 6.3), (48, 1.6), (0.3, 0.6), (1, 0))] == [
        "1.4 x",
        "30 x",
        "0.50 x",
        "-",
    ]
    assert str(Timed((3.0, 1.0, 2.0))) == "2.0 s (median of 3)"


def core_cost(spokes: int) -> core.CoreCost:
    return core.CoreCost(
        spokes=spokes,
        runs=5,
        process_s=0.2 + spokes / 1000,
        load_s=spokes / 10_000,
        render_s=spokes / 1000,
        peak_bytes=spokes * 2**20,
        text_bytes=spokes**2 * 1024,
    )


def test_growth_is_told_over_the_row_before() -> None:
    rows = text_of(core.own_table("t", [core_cost(10), core_cost(100)])).splitlines()
    assert " ".join(rows[-2].split()) == "100 10 ms 0.10 s 10 x 100 MiB 10 x 9.8 MiB 100 x"
    assert core.square_bytes(core_cost(1_000), 10_000) == 100 * core_cost(1_000).text_bytes


def test_the_other_tool_is_told_with_what_was_given_up() -> None:
    own = {spokes: core_cost(spokes) for spokes in (10, 1_000, 10_000)}
    done = meshconf.MeshCost(sites=11, added=11, add_s=0.63, generate_s=0.21, bytes=1024)
    late = meshconf.MeshCost(sites=1001, added=422, add_s=None, generate_s=24.0, bytes=2**27)
    text = text_of(core.mesh_table(own, {10: done, 1_000: late, 10_000: None}))
    rows = {row.split()[0]: row for row in text.splitlines() if row.strip()}
    assert " ".join(rows["10"].split()) == "10 0.21 s 0.63 s 0.21 s 1.0 KiB 1.0 x 4.0 x"
    assert f"> {core.LIMIT_S:.0f} s at 422" in rows["1,000"]
    assert rows["1,000"].rstrip().endswith(f"20 x   > {(core.LIMIT_S + 24) / 1.2:.0f} x")
    assert rows["10,000"].count("not tried") == 2


def test_the_tables_of_the_lab() -> None:
    ours = lab.cost([(6.0, 1.0), (5.0, 1.0), (7.0, 1.0)])
    theirs = lab.cost([(9.0, 4.0)] * 3)
    text = text_of(lab.push_table(ours, theirs))
    assert re.search(r"first +6.0 s \(median of 3\) +9.0 s \(median of 3\) +1.5 x", text)
    assert re.search(r"no-op +1.0 s.* 4.0 x", text)


def pinged(*whens: float, sent: int) -> PingResult:
    return PingResult(
        sent=sent,
        replies=tuple(Reply(number=n, when=when, rtt_ms=5) for n, when in enumerate(whens, 1)),
    )


def test_the_table_of_lost_packets() -> None:
    row = changes.Measured(
        kind="spoke e is added",
        ours=pinged(0.0, 0.1, 0.2, sent=3),
        theirs=pinged(0.0, 0.1, 14.8, sent=150),
        up_s=62.0,
        boot_s=41.0,
    )
    other = replace(row, kind="keepalive", boot_s=0.0)
    text = text_of(changes.table([row, other]))
    assert re.search(r"e is added +0 of 3 +0.10 s +147 of 150 +15 s", text)
    assert "keepalive" in text
    assert changes.added([row, other]) == (
        "From pulumi up to verified, when spoke e is added: 62 s, of which the new machine took "
        "41 s to boot."
    )


@pytest.mark.parametrize("kind", changes.KINDS, ids=lambda kind: kind.name)
def test_each_kind_of_change_is_a_network_and_changes_the_hosts_done_by_hand(
    kind: changes.Kind, tmp_path: Path
) -> None:
    before = PROJECT / kind.start
    after = tmp_path / "after.network.yaml"
    after.write_text(kind.text(before.read_text()))
    was, now = (pyinfra.files_of(file, SEED, "203.0.113.1") for file in (before, after))
    assert [host for host in kind.by_hand if was[host] != now[host]] == list(kind.by_hand)


def test_a_booted_machine_is_read_off_the_engines_output() -> None:
    out = " +  command:local:Command lab-machine-e created (41.2s) \n"
    assert _BOOTED.findall(out) == ["41.2"]


def test_the_third_network_is_the_second_and_one_spoke() -> None:
    two = (PROJECT / "bench" / "two.network.yaml").read_text().splitlines()[1:]
    three = (PROJECT / "bench" / "three.network.yaml").read_text().splitlines()[1:]
    assert three[: len(two)] == two
    assert [spoke.name for spoke in load_network(PROJECT / "bench/three.network.yaml").spokes] == [
        "a",
        "c",
        "e",
    ]


def test_the_other_tool_pushes_what_the_stack_puts_there() -> None:
    files = pyinfra.files_of(PROJECT / "bench/two.network.yaml", SEED, "203.0.113.1")
    assert list(files) == ["z", "a", "c"]
    hub = {file.path: file for file in files["z"]}
    assert "/etc/systemd/network/wg0.netdev" in hub
    keys = [file for path, file in hub.items() if path.startswith("/etc/leased-line/keys/")]
    assert len(keys) == 3
    assert {(key.owner, key.group, key.mode) for key in keys} == {
        ("root", "systemd-network", "0640")
    }
    logins = {
        name: {
            "host": "127.0.0.1",
            "port": 2200.0 + number,
            "user": "root",
            "host_key": f"ssh-ed25519 {name}",
            "key_file": "k",
        }
        for number, name in enumerate(files)
    }
    data = pyinfra.host_data(logins, files, "hosts")
    assert data["a"]["ssh_port"] == 2201
    assert data["a"]["ssh_strict_host_key_checking"] == "yes"
    assert [file["path"] for file in data["z"]["line_files"]] == list(hub)
    assert pyinfra.known_hosts(logins).splitlines()[1] == "[127.0.0.1]:2201 ssh-ed25519 a"


def test_a_command_that_fails_is_told_with_its_last_words() -> None:
    with pytest.raises(BenchError, match=r"ended with 3:\nno such thing"):
        ran(["sh", "-c", "echo no such thing >&2; exit 3"], limit_s=10)
    with pytest.raises(BenchError, match="run `toolchain/ensure`"):
        ran(["no-such-program"], limit_s=10)
    assert ran(["sleep", "10"], limit_s=0.05) is None
    assert (ran(["cat"], limit_s=10, stdin="in") or (0, ""))[1] == "in"


def test_a_database_that_was_begun_is_filled_up(tmp_path: Path) -> None:
    database = tmp_path / "database.csv"
    database.write_text('"Name","Address","PrivateKey"\n"hub","10.70.0.1/32","K"\n')
    meshconf._fill(database, [{"Name": "site-1", "Address": "10.70.0.2/32"}])
    rows = database.read_text().splitlines()
    assert rows[1] == '"hub","10.70.0.1/32","K"'
    assert re.fullmatch(r'"site-1","10\.70\.0\.2/32","[A-Za-z0-9+/]{43}="', rows[2])
