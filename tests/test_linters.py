"""The linters, the types and the rules of the house, each as a test that shows the tool's words."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from leasedline.bundle import program

ROOT: Final = Path(__file__).parents[1]
CORE: Final = ROOT / "leasedline"
LONGEST_MODULE: Final = 350

_GENERATED: Final = frozenset({".git", ".venv", ".toolchain", ".lab", ".state", "__pycache__"})
_SHEBANG: Final = re.compile(r"#!.*\b(sh|bash|dash)\b")

# What would make the core know Pulumi, a place or a network.
_NOT_FOR_THE_CORE: Final = frozenset(
    {
        *("pulumi", "pulumi_command", "pulumi_alicloud", "components", "lab", "bench", "tests"),
        *("socket", "ssl", "http", "urllib", "asyncio", "subprocess", "asyncssh", "paramiko"),
    }
)


def files(directory: Path = ROOT) -> Iterator[Path]:
    """All files that people wrote."""
    for path in sorted(directory.iterdir()):
        if path.is_dir() and not path.is_symlink():
            if path.name not in _GENERATED and not path.name.endswith("_cache"):
                yield from files(path)
        elif path.is_file():
            yield path


def python_files() -> list[Path]:
    return [path for path in files() if path.suffix == ".py"]


def is_shell(path: Path) -> bool:
    if path.suffix:
        return path.suffix in (".sh", ".bash")
    with path.open("rb") as file:
        return bool(_SHEBANG.match(file.readline(80).decode("utf-8", "replace")))


def shell_files() -> list[Path]:
    # The host program's parts are one script, checked as such below.
    return [path for path in files() if is_shell(path) and path.parent != CORE / "host"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def passes(name: str, *arguments: str | Path, stdin: str | None = None) -> None:
    """Fail with what the tool says, and nothing of Python around it."""
    beside = Path(sys.executable).with_name(name)
    found = beside if beside.exists() else shutil.which(name)
    if not found:
        pytest.fail(f"{name} is missing: pip install -r requirements-dev.txt", pytrace=False)
    ran = subprocess.run(
        [found, *arguments], cwd=ROOT, input=stdin, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        pytest.fail(f"{name}:\n{ran.stdout}{ran.stderr}", pytrace=False)


def test_ruff_check() -> None:
    passes("ruff", "check", ".")


def test_ruff_format() -> None:
    passes("ruff", "format", "--check", "--diff", ".")


def test_mypy() -> None:
    passes("mypy", "--strict", *map(name_of, python_files()))


@pytest.mark.parametrize("path", shell_files(), ids=name_of)
def test_shellcheck(path: Path) -> None:
    passes("shellcheck", "--external-sources", "--source-path=SCRIPTDIR", name_of(path))


def test_shellcheck_of_the_host_program() -> None:
    passes("shellcheck", "--shell=sh", "-", stdin=program())


def test_no_module_grew_too_long() -> None:
    lengths = {name_of(path): path.read_bytes().count(b"\n") for path in python_files()}
    too_long = {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE}
    assert not too_long, f"split these, {LONGEST_MODULE} lines are enough for one concern"


# --- the core ---


def core_modules() -> dict[str, Path]:
    found = {}
    for path in files(CORE):
        if path.suffix == ".py":
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path) -> set[str]:
    """Every module that is named in an import, at whatever depth of the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: name the package in full"
            assert node.module
            # `from leasedline import networkd` names a module of its own.
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


MODULES: Final = core_modules()
USES: Final = {name: imports(path) & set(MODULES) - {name} for name, path in MODULES.items()}


@pytest.mark.parametrize("module", MODULES)
def test_the_core_knows_no_pulumi_and_no_network(module: str) -> None:
    named = {name.partition(".")[0] for name in imports(MODULES[module])}
    assert not named & _NOT_FOR_THE_CORE


def behind(module: str) -> set[str]:
    """All modules of the core that `module` rests on, directly or not."""
    found: set[str] = set()
    open_ends = {module}
    while open_ends:
        found |= open_ends
        open_ends = set().union(*(USES[name] for name in open_ends)) - found
    return found - {module}


def documented_order() -> list[list[str]]:
    """The chain in the core's own description: names in backticks, steps parted by arrows."""
    text = ast.get_docstring(ast.parse((CORE / "__init__.py").read_text("utf-8")))
    assert text
    chain = next(sentence for sentence in text.split(". ") if "->" in sentence)
    return [
        [f"leasedline.{name}" for name in re.findall(r"`(\w+)`", step)]
        for step in chain.partition(":")[2].split("->")
    ]


def test_data_flows_one_way() -> None:
    order = documented_order()
    assert [len(step) for step in order] == [1, 1, 1, 3, 1, 1]
    assert {name for step in order for name in step} <= set(MODULES)
    for place, step in enumerate(order):
        not_yet = {name for later in order[place:] for name in later}
        for name in step:
            assert not behind(name) & (not_yet - {name}), f"{name} rests on what comes after it"


def test_no_module_rests_on_itself() -> None:
    circles = {name for name in MODULES if any(name in behind(used) for used in USES[name])}
    assert not circles
