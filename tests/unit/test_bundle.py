"""The text that is sent: its format, its digest, and that nothing in it can step out of it."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leasedline.bundle import PAYLOAD, bundle, configuration, digest, installer, program
from leasedline.files import File
from leasedline.network import Network
from tests.unit.networks import article, networks, planner, plans
from tests.unit.shell import SHELLS, Host, verbs

PLAN = plans(article())["a"]

# What an editor or a hostile value might put into a line, the format's own words among it.
_lines = st.one_of(
    st.text(
        st.characters(codec="utf-8", exclude_characters="\n\r\0", exclude_categories=["Cs"]),
        max_size=12,
    ),
    st.sampled_from(
        ["", "|", "||", "file /etc/passwd root:root 0644", "end sha256:00", "[Match]", "\\n", "%s"]
    ),
)
_texts = st.lists(_lines, min_size=1, max_size=6).map(lambda lines: "\n".join(lines) + "\n")


def test_a_bundle_is_this_text() -> None:
    text = bundle(
        PLAN,
        [
            File(path="/etc/one", text="first\n\nthird\n"),
            File(path="/etc/two", text="alone\n", mode="0640", group="systemd-network"),
        ],
    )
    body = """\
leased-line bundle 1
host a
role spoke
interface wg0
probe 10.70.0.1
file /etc/one root:root 0644
|first
|
|third
file /etc/two root:systemd-network 0640
|alone
"""
    assert text == f"{body}end sha256:{hashlib.sha256(body.encode()).hexdigest()}\n"
    assert digest(text) == hashlib.sha256(body.encode()).hexdigest()


def test_the_hub_probes_nobody() -> None:
    assert "\nprobe " not in bundle(plans(article())["z"], [])


def test_a_text_without_its_last_line_end_is_refused() -> None:
    with pytest.raises(ValueError, match="/etc/one: its text must end in a newline"):
        File(path="/etc/one", text="torn")


@given(texts=st.lists(_texts, max_size=4))
def test_whatever_a_file_says_stays_in_that_file(texts: list[str]) -> None:
    files = [File(path=f"/etc/{n}", text=text) for n, text in enumerate(texts)]
    body = bundle(PLAN, files).split("\n")
    outside = [line for line in body if not line.startswith("|")]
    assert outside[:5] == bundle(PLAN, []).split("\n")[:5]
    assert outside[5:-2] == [f"file /etc/{n} root:root 0644" for n in range(len(texts))]
    assert outside[-2].startswith("end sha256:")
    assert outside[-1] == ""


@pytest.mark.parametrize("shell", SHELLS)
@given(texts=st.lists(_texts, min_size=1, max_size=4))
@settings(max_examples=15)
def test_the_host_unpacks_what_was_packed(shell: tuple[str, ...], texts: list[str]) -> None:
    files = [File(path=f"/etc/d{n % 2}/{n}", text=text) for n, text in enumerate(texts)]
    with tempfile.TemporaryDirectory() as root:
        host = Host(root=Path(root), shell=shell)
        sent = host.file("bundle", bundle(PLAN, files))
        ran = host.sh('bundle_unpack "$1" "$RUN/root"; bundle_files "$1"', sent)
        assert (ran.code, ran.stderr) == (0, "")
        assert ran.lines == [f"{file.path} root:root 0644" for file in files]
        unpacked = host.run_directory / "root"
        assert {
            f"/{path.relative_to(unpacked)}": path.read_bytes()
            for path in unpacked.rglob("*")
            if path.is_file()
        } == {file.path: file.text.encode() for file in files}


@pytest.mark.parametrize("name", ["z", "a", "c"])
def test_the_host_accepts_and_unpacks_its_configuration(name: str, host: Host) -> None:
    plan = planner(article())
    sent = host.file("bundle", configuration(plan.plan(name)))
    ran = host.sh(
        'bundle_check "$1" configuration; bundle_unpack "$1" "$RUN/root"; bundle_field "$1" host',
        sent,
    )
    assert (ran.code, ran.stdout, ran.stderr) == (0, f"{name}\n", "")
    golden = Path(__file__).parent / "golden" / name
    root = host.run_directory / "root"
    agreed = [path for path in golden.rglob("*") if path.is_file()]
    assert agreed
    for path in agreed:
        assert (root / path.relative_to(golden)).read_bytes() == path.read_bytes()


@given(network=networks())
def test_no_configuration_holds_a_secret(network: Network) -> None:
    plan = planner(network)
    secrets = [text for one in network.hosts for text in plan.secrets(one.name).values()]
    assert len(secrets) == 1 + 3 * len(network.spokes)
    for one in plan.plans():
        text = configuration(one)
        assert not [secret for secret in secrets if secret in text]
        # Every key that it does hold is a public one of the plan.
        keys = set(re.findall(r"[A-Za-z0-9+/]{43}=", text))
        assert keys == {peer.public_key for peer in one.peers}


# --- the installer ---


def parts(text: str) -> tuple[str, str]:
    before, _, after = text.partition(f"{PAYLOAD}\n")
    return before, after


def test_the_installer_is_the_program_then_the_keys() -> None:
    plan = planner(article())
    secrets = plan.secrets("a")
    script, keys = parts(installer(plan.plan("a"), secrets))
    assert script == program()
    assert keys == bundle(
        plan.plan("a"),
        [
            File(path=path, text=f"{secret}\n", mode="0640", group="systemd-network")
            for path, secret in secrets.items()
        ],
    )
    assert len(secrets) == 2


def test_the_line_that_parts_stands_alone() -> None:
    assert program().count(f"\n{PAYLOAD}\n") == 0
    assert program().endswith("\nexit 0\n")


def test_the_host_takes_the_installer_apart(host: Host) -> None:
    plan = planner(article())
    text = installer(plan.plan("z"), plan.secrets("z"))
    ran = host.sh(
        r"""
        sed '1,/^#--- payload ---#$/d' "$1" >"$RUN/bundle"
        sed '/^#--- payload ---#$/,$d' "$1" >"$RUN/program"
        KEYS=/etc/leased-line/keys
        bundle_check "$RUN/bundle" keys
        bundle_unpack "$RUN/bundle" "$RUN/root"
        bundle_files "$RUN/bundle"
        """,
        host.file("installer", text),
    )
    assert (ran.code, ran.stderr) == (0, "")
    assert (host.run_directory / "program").read_text() == program()
    secrets = plan.secrets("z")
    assert ran.lines == [f"{path} root:systemd-network 0640" for path in secrets]
    for path, secret in secrets.items():
        assert (host.run_directory / "root" / path.lstrip("/")).read_text() == f"{secret}\n"
        assert len(base64.b64decode(secret)) == 32


def test_the_shell_runs_nothing_of_the_payload(host: Host) -> None:
    witness = host.root / "witness"
    payload = f"{PAYLOAD}\ntouch {witness}\n"
    # Once ended by the verb's own exit, once by reaching the end of the program.
    refused = host.sh(verbs() + payload, "no-such-verb")
    assert refused.code == 2
    assert "usage: leased-line apply" in refused.stderr
    ended = host.sh("need_root() { :; }\n" + verbs() + payload, "remove")
    assert (ended.code, ended.stdout) == (0, "nothing was applied here\n")
    assert not witness.exists()


def test_the_program_is_sh_to_every_shell(host: Host) -> None:
    read = subprocess.run(
        [*host.shell, "-n"], input=program(), capture_output=True, text=True, check=False
    )
    assert (read.returncode, read.stderr) == (0, "")
