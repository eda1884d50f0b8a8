"""The network file: what loads, and what people are told when it does not."""

import copy
import random
import re
import subprocess
import sys
import time
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from leasedline import document
from leasedline.load import NetworkError, json_schema, load_network, main
from leasedline.network import Network

ROOT = Path(__file__).parents[2]
FAULTY = yaml.safe_load(Path(__file__).with_name("faulty_networks.yaml").read_text("utf-8"))
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
CASES = [pytest.param(case, id=case["name"]) for case in FAULTY["cases"]]
PARSERS = sorted({document.LOADER, yaml.SafeLoader}, key=lambda loader: str(loader.__name__))


@pytest.fixture(autouse=True)
def _in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(text: str, name: str = "net.yaml") -> Network:
    path = Path(name)
    path.write_text(text, "utf-8")
    return load_network(path)


def message(text: str) -> str:
    with pytest.raises(NetworkError) as caught:
        load(text)
    return str(caught.value)


def text_of(case: dict[str, Any]) -> str:
    if "text" in case:
        return str(case["text"])
    text = str(FAULTY["base"])
    for before, after in case["edits"]:
        assert before in text, f"the edit of {before!r} finds nothing"
        text = text.replace(before, after, 1)
    return text


# ---- what loads


def test_the_articles_network_loads() -> None:
    network = load_network(ROOT / "stacks" / "lab.network.yaml")
    assert [host.name for host in network.hosts] == ["z", "a", "c"]
    assert str(network.spokes[1].lans[0].address) == "192.168.200.248"


def test_the_table_starts_from_a_sound_file() -> None:
    assert len(load(FAULTY["base"]).spokes) == 2


def test_short_and_long_form_of_one_lan_are_equal() -> None:
    head = "tunnel: 10.70.0.0/16\nhub: {name: z}\nspokes:\n"
    short = "  - {name: a, lan: 10.1.0.0/24, lan_address: 10.1.0.2, gateway: 10.1.0.1}\n"
    long = "  - {name: a, lans: [{prefix: 10.1.0.0/24, address: 10.1.0.2, gateway: 10.1.0.1}]}\n"
    assert load(head + short) == load(head + long)


def test_anchors_and_merges_are_read() -> None:
    network = load(
        f"""
        tunnel: 10.70.0.0/16
        hub:
          name: z
          ssh: &ssh {{host: 203.0.113.1, host_key: {HOST_KEY}, user: admin}}
        spokes:
          - name: a
            ssh: {{<<: *ssh, host: 192.168.201.247, jump: {{<<: *ssh}}}}
          - {{name: c, ssh: {{<<: [{{host: c.example}}, *ssh]}}}}
        """
    )
    first, second = network.spokes
    assert first.ssh is not None
    assert first.ssh.jump is not None
    assert second.ssh is not None
    assert (first.ssh.host, first.ssh.user) == ("192.168.201.247", "admin")
    assert (first.ssh.jump.host, first.ssh.jump.user) == ("203.0.113.1", "admin")
    assert (second.ssh.host, second.ssh.user) == ("c.example", "admin")


def test_optional_fields_may_be_empty() -> None:
    network = load("tunnel: 10.70.0.0/16\nhub: {name: z, ssh: }\nspokes: [{name: a, address: }]\n")
    assert network.hub.ssh is None
    assert network.spokes[0].address is None


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault() -> None:
    Path("net.yaml").write_bytes(b"\xef\xbb\xbf" + FAULTY["base"].replace("\n", "\r\n").encode())
    assert len(load_network(Path("net.yaml")).spokes) == 2


# ---- what people are told


@pytest.mark.parametrize("loader", PARSERS, ids=lambda loader: str(loader.__name__))
@pytest.mark.parametrize("case", CASES)
def test_message(case: dict[str, Any], loader: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "LOADER", loader)
    assert message(text_of(case)).splitlines() == case["message"].splitlines()


def test_reserved_ranges_are_refused_by_name() -> None:
    Path("net.yaml").write_text(FAULTY["base"])
    with pytest.raises(NetworkError) as caught:
        load_network(Path("net.yaml"), reserved={"the hub's VPC": IPv4Network("192.168.200.0/21")})
    assert str(caught.value).splitlines() == [
        "net.yaml:10: spokes[0].lan 192.168.201.0/24 of office a overlaps 192.168.200.0/21, "
        "the hub's VPC: renumber the office's LAN",
        "net.yaml:15: spokes[1].lan 192.168.200.0/24 of office c overlaps 192.168.200.0/21, "
        "the hub's VPC: renumber the office's LAN",
        "2 faults in net.yaml",
    ]


def test_no_secret_is_repeated() -> None:
    secret = "MC4xMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTA="
    for place in ("seed", "port", "x", "interface", "tunnel"):
        text = FAULTY["base"].replace("mtu: 1280\n", f"{place}: {secret}\n")
        assert secret[:20] not in message(text)
    pem = f"hub: {{name: z, ssh: {{host: z, host_key: '-----BEGIN PRIVATE KEY----- {secret}'}}}}"
    assert secret[:20] not in message(pem)


def test_a_very_long_list_of_faults_is_counted() -> None:
    spokes = "".join(f"  - {{name: A{i}}}\n" for i in range(250))
    lines = message(f"tunnel: 10.70.0.0/16\nhub: {{name: z}}\nspokes:\n{spokes}").splitlines()
    assert len(lines) == 101
    assert lines[-1] == "250 faults in net.yaml, the first 100 are shown"


# ---- files that cannot be read


def unreadable(path: str) -> list[str]:
    with pytest.raises(NetworkError) as caught:
        load_network(Path(path))
    return str(caught.value).splitlines()


def test_missing_file_names_the_stack_and_a_file_to_start_from() -> None:
    assert unreadable("stacks/office.network.yaml") == [
        "stacks/office.network.yaml: the file does not exist, where stack office has its network: "
        "copy stacks/lab.network.yaml to it and edit the copy",
        "1 fault in stacks/office.network.yaml",
    ]


def test_missing_file_of_no_stack() -> None:
    assert unreadable("other.yaml")[0] == (
        "other.yaml: the file does not exist: copy stacks/lab.network.yaml to it and edit the copy"
    )


def test_directory() -> None:
    Path("stacks").mkdir()
    assert unreadable("stacks")[0] == (
        "stacks: the file is a directory: name the file in it, for example stacks/lab.network.yaml"
    )


def test_file_that_this_user_may_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root, who runs some tests, reads everything
    assert unreadable("net.yaml")[0] == (
        "net.yaml: the file may not be read by this user: allow it with `chmod u+r net.yaml`, "
        "or chown"
    )


def test_file_that_the_system_cannot_read() -> None:
    Path("net.yaml").symlink_to("net.yaml")
    assert unreadable("net.yaml")[0] == (
        "net.yaml: the file cannot be read, Too many levels of symbolic links: see `ls -l net.yaml`"
    )


def test_file_in_another_encoding() -> None:
    Path("net.yaml").write_bytes("# Büro\n".encode("latin-1"))
    assert unreadable("net.yaml")[0] == (
        "net.yaml: the file is not UTF-8 text, byte 4 fits no character: save it as UTF-8"
    )


# ---- the command


def test_command_counts_hosts(capsys: pytest.CaptureFixture[str]) -> None:
    Path("net.yaml").write_text(FAULTY["base"])
    assert main(["net.yaml"]) == 0
    assert capsys.readouterr().out == "net.yaml: 3 hosts, no faults\n"


def test_command_fails_on_a_faulty_file() -> None:
    Path("net.yaml").write_text("")
    Path("good.yaml").write_text(FAULTY["base"])
    done = subprocess.run(
        [sys.executable, "-m", "leasedline.load", "net.yaml", "good.yaml"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stdout) == (1, "good.yaml: 3 hosts, no faults\n")
    assert done.stderr.startswith("net.yaml:1: the file is empty: ")


def test_schema_knows_the_short_form_and_every_description(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--schema"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == json_schema()
    definitions = json_schema()["$defs"]
    assert {"lan", "lan_address", "gateway", "lans"} <= set(definitions["Spoke"]["properties"])
    for model in (json_schema(), *definitions.values()):
        assert not model["additionalProperties"]
        assert all(field.get("description") for field in model["properties"].values())


# ---- properties

NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    """A network file's data with no fault in it."""
    names = draw(st.lists(NAMES, min_size=2, max_size=8, unique=True))
    length = draw(st.integers(20, 30))
    numbers = st.integers(0, 2 ** (length - 12) - 1)
    free = iter(draw(st.lists(numbers, min_size=24, max_size=24, unique=True)))
    tunnel = IPv4Network(draw(st.sampled_from(["10.70.0.0/16", "10.0.0.0/8", "192.168.9.0/28"])))
    allotted = draw(st.permutations(range(1, 15)))

    def host(i: int) -> dict[str, Any]:
        data: dict[str, Any] = {"name": names[i]}
        if draw(st.booleans()):
            data["address"] = str(tunnel[allotted[i]])
        if draw(st.booleans()):
            data["ssh"] = {"host": f"host{i}.example", "host_key": HOST_KEY}
        return data

    def lan() -> tuple[str, str, str]:
        start = IPv4Address("172.16.0.0") + next(free) * 2 ** (32 - length)
        prefix = IPv4Network((start, length))
        return str(prefix), str(prefix[1]), str(prefix[2])

    spokes = []
    for i in range(1, len(names)):
        spoke = host(i)
        if draw(st.booleans()):
            spoke |= zip(("lan", "lan_address", "gateway"), lan(), strict=True)
        else:
            keys = ("prefix", "address", "gateway")
            count = draw(st.integers(0, 3))
            spoke["lans"] = [dict(zip(keys, lan(), strict=True)) for _ in range(count)]
        spokes.append(spoke)
    data: dict[str, Any] = {"tunnel": str(tunnel), "hub": host(0), "spokes": spokes}
    if draw(st.booleans()):
        data["summary"] = ["172.16.0.0/12"]
    if draw(st.booleans()):
        data["port"] = draw(st.integers(1, 65535))
    return data


def loads(directory: Path, text: str) -> Network:
    path = directory / "net.yaml"
    path.write_text(text, "utf-8", "surrogatepass")
    return load_network(path)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("properties")


@settings(deadline=None, max_examples=60)
@given(data=networks(), flow=st.sampled_from([True, False, None]))
def test_every_valid_network_loads(directory: Path, data: dict[str, Any], flow: bool) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, sort_keys=False)
    assert loads(directory, text) == Network.model_validate(data)


@settings(deadline=None, max_examples=30)
@given(data=networks(), seed=st.integers())
def test_the_order_of_spokes_and_fields_does_not_matter(
    directory: Path, data: dict[str, Any], seed: int
) -> None:
    shuffled = copy.deepcopy(data)
    random.Random(seed).shuffle(shuffled["spokes"])  # noqa: S311
    first = loads(directory, yaml.safe_dump(data, sort_keys=False))
    second = loads(directory, yaml.safe_dump(shuffled, sort_keys=True))
    assert {spoke.name: spoke for spoke in first.spokes} == {
        spoke.name: spoke for spoke in second.spokes
    }


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.binary(max_size=8)
    | st.text(max_size=12)
    | st.sampled_from(["0.0.0.0/0", "10.0.0.0/8", "224.0.0.1", "a", "::1", "1:30", "=", "<<"])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(), SCALARS, max_size=3)
FAULT = re.compile(r"\S+net\.yaml:\d+(:\d+)?: .+: .+")


def assert_told_well(directory: Path, text: str) -> None:
    """Either the text loads, or every line but the count says file and line, in our words."""
    try:
        loads(directory, text)
    except NetworkError as error:
        *lines, count = str(error).splitlines()
        assert re.fullmatch(r"\d+ faults? in \S+net\.yaml.*", count)
        assert lines
        for line in lines:
            # An encoding has no lines; everything else has.
            assert FAULT.fullmatch(line) or "is not UTF-8" in line
            assert "Input should" not in line
            assert "does not belong here" not in line


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of nested data."""
    if not isinstance(data, dict | list):
        return []
    keys = list(data) if isinstance(data, dict) else list(range(len(data)))
    return [(data, key) for key in keys] + [at for key in keys for at in places(data[key])]


@settings(deadline=None, max_examples=300)
@given(data=networks(), draw=st.data())
def test_a_changed_field_never_ends_in_a_stack_trace(
    directory: Path, data: dict[str, Any], draw: st.DataObject
) -> None:
    data = copy.deepcopy(data)
    for _ in range(draw.draw(st.integers(1, 3))):
        container, key = draw.draw(st.sampled_from(places(data)))
        match draw.draw(st.sampled_from(["drop", "change", "add"])):
            case "drop" if len(data) > 1:
                del container[key]
            case "add" if isinstance(container, dict):
                container[draw.draw(st.text(max_size=8) | NAMES)] = draw.draw(VALUES)
            case _:
                container[key] = draw.draw(VALUES)
    assert_told_well(directory, yaml.safe_dump(data, allow_unicode=draw.draw(st.booleans())))


@settings(deadline=None, max_examples=300)
@given(data=networks(), draw=st.data())
def test_changed_characters_never_end_in_a_stack_trace(
    directory: Path, data: dict[str, Any], draw: st.DataObject
) -> None:
    text = yaml.safe_dump(data, sort_keys=False)
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(text)))
        cut = draw.draw(st.integers(0, 3))
        new = draw.draw(
            st.text(
                st.sampled_from("\t\n :-[]{}&*!|>'\"%@`#?,<a0\\\x00\u2028") | st.characters(),
                max_size=3,
            )
        )
        text = text[:at] + new + text[at + cut :]
    assert_told_well(directory, text)


# ---- size


def many(count: int) -> str:
    lines = ["tunnel: 10.0.0.0/12", "hub: {name: z}", "spokes:"]
    for i in range(count):
        net = f"10.{64 + i // 256}.{i % 256}"
        lines += [f"  - name: s{i}", f"    lan: {net}.0/24", f"    lan_address: {net}.2"]
        lines += [f"    gateway: {net}.1"]
    return "\n".join(lines)


def cpu_seconds(text: str) -> float:
    Path("net.yaml").write_text(text)
    start = time.process_time()
    load_network(Path("net.yaml"))
    return time.process_time() - start


def test_a_thousand_spokes_load_in_no_time() -> None:
    cpu_seconds(many(10))  # first use builds pydantic's validators
    assert cpu_seconds(many(1000)) < 0.7


def test_loading_grows_no_faster_than_the_file() -> None:
    small = min(cpu_seconds(many(500)) for _ in range(3))
    assert cpu_seconds(many(10_000)) < 60 * small
