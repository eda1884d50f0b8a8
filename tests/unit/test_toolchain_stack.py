"""toolchain/stack, with a pulumi that writes down how it was called."""

from __future__ import annotations

import base64
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

TOOLCHAIN = Path(__file__).parents[2] / "toolchain"

# Keeps a stack the way a file backend does, as far as toolchain/stack looks at it. The real program
# is under test in test_toolchain_engine.py.
PULUMI = """#!/bin/sh
echo "$*" >> calls
[ ! -e broken ] || { echo 'error: broken' >&2; exit 255; }
case "$1 $2" in
"stack select")
    case "$3 $4" in
    --create*)
        mkdir -p .state/.pulumi/stacks/leased-line
        touch ".state/.pulumi/stacks/leased-line/$4.json" ;;
    office*) ;;
    *) echo "error: no stack named '$3' found" >&2; exit 255 ;;
    esac ;;
"config set")
    if [ "$3" = --secret ]; then cat > secret; set -- "" "" "$4"; value=hidden; else value=$4; fi
    echo "  $3: $value" >> stacks/Pulumi.lab.yaml ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("toolchain", "stacks", ".toolchain/bin"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("env", "stack", "pins.sh"):
        shutil.copy(TOOLCHAIN / name, tmp_path / "toolchain" / name)
    (tmp_path / "stacks/lab.lab.yaml").touch()
    pulumi = tmp_path / ".toolchain/bin/pulumi"
    pulumi.write_text(PULUMI, encoding="utf-8")
    pulumi.chmod(0o755)
    return tmp_path


def make(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [project / "toolchain/stack", *arguments],
        env={"HOME": "/home/someone", "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )


def calls(project: Path) -> list[str]:
    return (project / "calls").read_text(encoding="utf-8").splitlines()


def test_a_lab_stack_is_made_whole_and_the_seed_is_in_no_argument(project: Path) -> None:
    answer = make(project, "lab")
    assert (answer.returncode, answer.stderr) == (0, "")
    seed = (project / "secret").read_text(encoding="utf-8").strip()
    assert len(base64.b64decode(seed, validate=True)) == 32
    assert seed not in (project / "calls").read_text(encoding="utf-8")
    assert calls(project) == [
        "stack select --create lab --non-interactive",
        "config set leased-line:hub lab -s lab",
        "config set leased-line:spokes lab -s lab",
        "config set --secret leased-line:seed -s lab",
    ]


def test_only_the_user_can_read_the_state_and_the_passphrase(project: Path) -> None:
    make(project, "lab")
    state = project / ".state"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "passphrase").stat().st_mode) == 0o600
    assert len(base64.b64decode((state / "passphrase").read_bytes())) == 32


def test_a_second_run_does_not_even_call_pulumi(project: Path) -> None:
    make(project, "lab")
    before = calls(project), (project / ".state/passphrase").read_bytes()
    assert make(project, "lab").returncode == 0
    assert (calls(project), (project / ".state/passphrase").read_bytes()) == before


@pytest.mark.parametrize("lost", ["hub", "spokes", "seed"])
def test_an_interrupted_run_is_finished_by_the_next(project: Path, lost: str) -> None:
    make(project, "lab")
    settings = project / "stacks/Pulumi.lab.yaml"
    kept = [line for line in settings.read_text(encoding="utf-8").splitlines() if lost not in line]
    settings.write_text("\n".join(kept) + "\n", encoding="utf-8")
    (project / "calls").unlink()
    assert make(project, "lab").returncode == 0
    assert [call for call in calls(project) if call.startswith("config set")] == [
        f"config set {'--secret ' if lost == 'seed' else ''}leased-line:{lost}"
        f"{'' if lost == 'seed' else ' lab'} -s lab"
    ]


def test_settings_of_a_state_that_is_gone_are_made_anew(project: Path) -> None:
    make(project, "lab")
    shutil.rmtree(project / ".state")
    first = (project / "secret").read_bytes()
    answer = make(project, "lab")
    assert answer.returncode == 0
    assert "stacks/Pulumi.lab.yaml belongs to a state that is gone" in answer.stderr
    assert (project / "secret").read_bytes() != first


def test_a_failing_pulumi_is_quoted_with_a_remedy(project: Path) -> None:
    (project / "broken").touch()
    answer = make(project, "lab")
    assert answer.returncode == 1
    assert "error: broken" in answer.stderr
    assert "remedy:" in answer.stderr


def test_a_lab_stack_whose_settings_git_would_take_is_refused(project: Path) -> None:
    (project / "stacks/try.lab.yaml").touch()
    answer = make(project, "try")
    assert answer.returncode == 1
    assert "begins with 'lab'" in answer.stderr


def test_another_stack_is_looked_for_and_nothing_is_made(project: Path) -> None:
    assert make(project, "office").returncode == 0
    assert calls(project) == ["stack select office --non-interactive"]
    assert not (project / ".state").exists()


def test_another_stack_that_is_missing_comes_with_the_command_that_makes_it(project: Path) -> None:
    answer = make(project, "shop")
    assert answer.returncode == 1
    assert "no stack named 'shop'" in answer.stderr
    assert "pulumi stack init shop" in answer.stderr


@pytest.mark.parametrize("arguments", [(), ("",), ("a b",), ("lab", "lab"), ("$(true)",)])
def test_what_is_no_stack_name_is_refused(project: Path, arguments: tuple[str, ...]) -> None:
    answer = make(project, *arguments)
    assert answer.returncode == 1
    assert "not a stack name" in answer.stderr


def test_without_pulumi_the_remedy_is_the_toolchain(project: Path) -> None:
    (project / ".toolchain/bin/pulumi").unlink()
    answer = make(project, "lab")
    assert answer.returncode == 1
    assert "toolchain/ensure" in answer.stderr


def test_a_lab_with_a_cloud_has_its_hub_there(project: Path) -> None:
    (project / "stacks/cloud-lab.lab.yaml").write_text("cloud: {}\n", encoding="utf-8")
    answer = make(project, "cloud-lab")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert calls(project)[1:3] == [
        "config set leased-line:hub alibaba -s cloud-lab",
        "config set leased-line:spokes lab -s cloud-lab",
    ]


def test_what_a_killed_run_left_half_written_stops_nothing(project: Path) -> None:
    assert make(project, "lab").returncode == 0
    kept = project / ".state/.pulumi/stacks/leased-line"
    whole, cut, begun = (kept / f"lab.json{end}" for end in (".bak.attrs", ".attrs", ".18ead.tmp"))
    whole.write_text('{"md5":"x"}\n', encoding="utf-8")
    cut.touch()
    begun.write_text('{"version": 3,', encoding="utf-8")
    done = make(project, "lab")
    assert done.returncode == 0
    assert "killed while it wrote .state/.pulumi/stacks/leased-line/lab.json.attrs" in done.stderr
    assert whole.exists()
    assert not cut.exists()
    assert not begun.exists()
