"""The network file: what loads, and what people are told when it does not."""

import subprocess
import sys
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from leasedline import document
from leasedline.load import NetworkError, json_schema, load_network, main
from leasedline.network import Network
from tests.unit.networks import HOST_KEY

ROOT = Path(__file__).parents[2]
FAULTY = yaml.safe_load(Path(__file__).with_name("faulty_networks.yaml").read_text("utf-8"))
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
