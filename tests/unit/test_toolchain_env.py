"""toolchain/env: what a shell gets, for a lab stack and for the user's own."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

TOOLCHAIN = Path(__file__).parents[2] / "toolchain"
USER = {"HOME": "/home/someone", "PATH": "/usr/bin:/bin"}


@pytest.fixture(params=["project", 'a project\'s "place"'])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project with one lab stack, also where its path is none that a shell likes."""
    root = tmp_path / str(request.param)
    (root / "toolchain").mkdir(parents=True)
    (root / "stacks").mkdir()
    (root / "stacks/lab.lab.yaml").touch()
    for name in ("env", "pins.sh"):
        shutil.copy(TOOLCHAIN / name, root / "toolchain" / name)
    return root


def evaluate(project: Path, user: dict[str, str], *stacks: str) -> dict[str, str]:
    """The environment after evaluating the lines for each stack in turn."""
    steps = "\n".join(f'eval "$("$PROJECT"/toolchain/env {stack})"' for stack in stacks)
    answer = subprocess.run(
        ["/bin/sh", "-euc", f"{steps}\nunset PROJECT\nexec /usr/bin/env -0"],
        env={**USER, **user, "PROJECT": str(project)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stderr == ""
    pairs = (line.partition("=") for line in answer.stdout.split("\0") if line)
    shells_own = {"PWD", "OLDPWD", "_", "SHLVL"}
    return {name: value for name, _, value in pairs if name not in shells_own}


def test_a_lab_stack_has_its_state_and_passphrase_inside_the_project(project: Path) -> None:
    env = evaluate(project, {}, "lab")
    assert env["PULUMI_BACKEND_URL"] == f"file://{project}/.state"
    assert env["PULUMI_CONFIG_PASSPHRASE_FILE"] == f"{project}/.state/passphrase"
    assert env["PULUMI_HOME"] == f"{project}/.toolchain/home"
    assert env["PULUMI_CREDENTIALS_PATH"] == env["PULUMI_HOME"]
    assert env["PATH"] == f"{project}/.venv/bin:{project}/.toolchain/bin:/usr/bin:/bin"
    assert env["VIRTUAL_ENV"] == f"{project}/.venv"


def test_the_lab_is_the_default(project: Path) -> None:
    assert evaluate(project, {}, "") == evaluate(project, {}, "lab")


@pytest.mark.parametrize("stack", ["lab", "office"])
def test_evaluating_twice_is_evaluating_once(project: Path, stack: str) -> None:
    user = {"PULUMI_BACKEND_URL": "s3://theirs", "PULUMI_CONFIG_PASSPHRASE": 'it\'s "theirs" $x'}
    assert evaluate(project, user, stack, stack) == evaluate(project, user, stack)


def test_another_stack_keeps_what_the_user_has(project: Path) -> None:
    user = {
        "PULUMI_BACKEND_URL": "s3://theirs",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_CONFIG_PASSPHRASE_FILE": "/theirs/passphrase",
        "PULUMI_CREDENTIALS_PATH": "/theirs/login",
        "SSH_AUTH_SOCK": "/theirs/socket",
    }
    env = evaluate(project, user, "office")
    assert {name: env.get(name) for name in user} == user


@pytest.mark.parametrize(
    ("user", "login"),
    [
        ({}, "/home/someone/.pulumi"),
        ({"PULUMI_HOME": "/theirs"}, "/theirs"),
        ({"PULUMI_HOME": "/theirs", "PULUMI_CREDENTIALS_PATH": "/theirs/login"}, "/theirs/login"),
    ],
)
@pytest.mark.parametrize("stacks", [("office",), ("office", "office"), ("lab", "office")])
def test_the_login_stays_where_it_was_though_the_home_moves(
    project: Path, user: dict[str, str], login: str, stacks: tuple[str, ...]
) -> None:
    env = evaluate(project, user, *stacks)
    assert env["PULUMI_HOME"] == f"{project}/.toolchain/home"
    assert env["PULUMI_CREDENTIALS_PATH"] == login


def test_what_the_lab_displaced_comes_back(project: Path) -> None:
    user = {
        "PULUMI_BACKEND_URL": "s3://theirs",
        "PULUMI_CONFIG_PASSPHRASE": 'it\'s "theirs" $x',
        "PULUMI_CREDENTIALS_PATH": "/theirs/login",
        "SSH_AUTH_SOCK": "/no/such/socket",
    }
    lab = evaluate(project, user, "lab")
    assert "PULUMI_CONFIG_PASSPHRASE" not in lab, "it would win over the lab's passphrase file"
    assert evaluate(project, user, "lab", "lab", "office") == evaluate(project, user, "office")


def test_a_change_between_two_evaluations_counts(project: Path) -> None:
    office = evaluate(project, {"PULUMI_BACKEND_URL": "s3://theirs"}, "office")
    later = evaluate(project, {**office, "PULUMI_BACKEND_URL": "s3://other"}, "office")
    assert later["PULUMI_BACKEND_URL"] == "s3://other"


def test_only_an_agent_that_does_not_answer_is_put_by(project: Path, tmp_path: Path) -> None:
    dead = tmp_path / "dead"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(dead))
    assert "SSH_AUTH_SOCK" not in evaluate(project, {"SSH_AUTH_SOCK": str(dead)}, "lab")
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    answers = dict(
        part.split("=") for line in started.splitlines() for part in line.split(";") if "=" in part
    )
    try:
        user = {"SSH_AUTH_SOCK": answers["SSH_AUTH_SOCK"]}
        assert evaluate(project, user, "lab")["SSH_AUTH_SOCK"] == user["SSH_AUTH_SOCK"]
    finally:
        subprocess.run(["kill", answers["SSH_AGENT_PID"]], check=True)


def test_downloads_of_plugins_are_off_only_with_the_stand_in(project: Path) -> None:
    assert "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" not in evaluate(project, {}, "lab")
    plugins = project / ".toolchain/home/plugins"
    (plugins / "resource-command-v1.2.1+stand-in").mkdir(parents=True)
    assert evaluate(project, {}, "lab")["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
