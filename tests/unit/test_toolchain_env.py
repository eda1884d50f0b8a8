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


# --- a lab's own cloud ---

# What `python -m lab cloud env` prints; the real one is under test with the cloud.
CLOUD = """#!/bin/sh
[ "$*" = "-m lab cloud env --stack $6" ] || exit 9
cat <<'END'
export ALIBABA_CLOUD_ACCESS_KEY_ID=LABCLOUD
export ALIBABA_CLOUD_ACCESS_KEY_SECRET='it'"'"'s "ours" $x'
export ALIBABA_CLOUD_ENDPOINT_ECS=127.0.0.1:22100
export ALIBABA_CLOUD_ENDPOINT_VPC=127.0.0.1:22100
export ALIBABA_CLOUD_ENDPOINT_STS=127.0.0.1:22100
export SSL_CERT_FILE=/ours/ca.pem
export NO_PROXY=127.0.0.1
export no_proxy=127.0.0.1
END
"""
THEIRS = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI-theirs",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "theirs",
    "ALICLOUD_ACCESS_KEY": "LTAI-theirs-too",
    "ALICLOUD_SECRET_KEY": "theirs too",
    "SSL_CERT_FILE": "/theirs/ca.pem",
    "PULUMI_CREDENTIALS_PATH": "/theirs/login",
}


@pytest.fixture
def with_cloud(project: Path) -> Path:
    (project / "stacks/cloud-lab.lab.yaml").write_text("cloud: {}\n", encoding="utf-8")
    python = project / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(CLOUD, encoding="utf-8")
    python.chmod(0o755)
    return project


def test_a_lab_with_a_cloud_leads_there_and_nowhere_else(with_cloud: Path) -> None:
    env = evaluate(with_cloud, THEIRS, "cloud-lab")
    assert env["ALIBABA_CLOUD_ACCESS_KEY_ID"] == "LABCLOUD"
    assert env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] == 'it\'s "ours" $x'
    assert env["ALIBABA_CLOUD_ENDPOINT_ECS"] == "127.0.0.1:22100"
    assert env["SSL_CERT_FILE"] == "/ours/ca.pem"
    # The provider would take these first.
    assert "ALICLOUD_ACCESS_KEY" not in env
    assert "ALICLOUD_SECRET_KEY" not in env


@pytest.mark.parametrize("between", [(), ("cloud-lab",), ("lab",)])
def test_the_users_own_cloud_comes_back(with_cloud: Path, between: tuple[str, ...]) -> None:
    stacks = ("cloud-lab", *between, "office")
    assert evaluate(with_cloud, THEIRS, *stacks) == evaluate(with_cloud, THEIRS, "office")
    only_path = {"PULUMI_CREDENTIALS_PATH": "/theirs/login"}
    assert evaluate(with_cloud, only_path, *stacks) == evaluate(with_cloud, only_path, "office")


def test_a_lab_without_a_cloud_leads_to_none(with_cloud: Path) -> None:
    assert "ALIBABA_CLOUD_ACCESS_KEY_ID" not in evaluate(with_cloud, {}, "lab")
    assert "SSL_CERT_FILE" not in evaluate(with_cloud, {}, "cloud-lab", "lab")
