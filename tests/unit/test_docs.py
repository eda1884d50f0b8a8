"""README and docs/ against the code: what they name exists, and says what they say it says."""

from __future__ import annotations

import importlib.util
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from leasedline.bundle import configuration, program
from leasedline.gateways import RECIPES
from leasedline.keys import SET_SEED
from leasedline.load import load_network
from tests.unit.networks import ROOT, article, planner
from tests.unit.test_networkd import unpacked

PAGES: Final = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
ARTICLE: Final = Path(__file__).parent / "article"

FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)|<(?:img|a) [^>]*(?:src|href)=\"([^\"]+)\"")
WEB: Final = ("https://", "http://", "mailto:")

name_of = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", page.read_text("utf-8"))


def blocks(page: Path, *languages: str) -> list[str]:
    return [body for kind, body in FENCE.findall(page.read_text("utf-8")) if kind in languages]


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors that GitHub gives the headings of a Markdown file."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.+)$", prose(page), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        number = 0
        while (anchor := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(anchor)
    return frozenset(found)


@name_of
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for pair in LINK.findall(prose(page)):
        link = "".join(pair)
        if link.startswith(WEB):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists():
            broken.append(f"{link}: no such file")
        elif anchor and anchor not in anchors(target):
            broken.append(f"{link}: no such heading")
    assert not broken, "\n".join(broken)


def test_every_page_is_found_from_the_readme() -> None:
    readme = text("README.md")
    missing = [
        page.name for page in PAGES if page.parent.name == "docs" and page.name not in readme
    ]
    assert not missing


@name_of
def test_commands_exist(page: Path) -> None:
    words = page.read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`|\$\()make (?:-s )?([a-z-]+)", words, re.MULTILINE))
    assert named <= targets
    modules = set(re.findall(r"python -m ([\w.]+)", words)) - {"venv", "pip", "pytest"}
    missing = []
    for module in modules:
        found = importlib.util.find_spec(module)
        if found and found.submodule_search_locations:
            found = importlib.util.find_spec(f"{module}.__main__")
        if found is None:
            missing.append(module)
    assert not missing


@name_of
def test_examples_of_the_network_load(page: Path, tmp_path: Path) -> None:
    for number, example in enumerate(blocks(page, "yaml")):
        path = tmp_path / f"{number}.network.yaml"
        path.write_text(example)
        assert load_network(path).spokes


@name_of
def test_no_page_names_a_machine_or_a_registry(page: Path) -> None:
    words = page.read_text("utf-8")
    assert not re.findall(r"/(?:work|root|home/\w+)/\S*", words)
    assert not re.findall(r"\S*(?:pypi|pythonhosted|golang\.org|goproxy|deb\.debian)\S*", words)


@name_of
def test_vendors_are_all_named(page: Path) -> None:
    if "gateway_recipes --json" in page.read_text("utf-8"):
        assert not [vendor for vendor in RECIPES if f"`{vendor}`" not in prose(page)]


@name_of
def test_the_seed_is_set_by_the_command_of_the_messages(page: Path) -> None:
    words = page.read_text("utf-8").replace("\\|", "|")
    for line in re.findall(r"^.*openssl rand.*$", words, re.MULTILINE):
        assert SET_SEED in line


# --- docs/files.md ---

FILES: Final = ROOT / "docs" / "files.md"
SHOWN: Final = re.findall(
    r"^#### (\w+)( in the article)?: `(\S+)`\n\n```\w+\n(.*?)^```$",
    FILES.read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)


def rendered(host: str) -> dict[str, str]:
    return unpacked(configuration(planner(article()).plan(host)))


@pytest.mark.parametrize(
    ("host", "of_article", "path", "shown"), SHOWN, ids=[f"{h}{a}:{p}" for h, a, p, _ in SHOWN]
)
def test_files_are_shown_as_they_are(host: str, of_article: str, path: str, shown: str) -> None:
    if of_article:
        assert shown == (ARTICLE / host / Path(path).name).read_text("utf-8")
    else:
        assert shown == rendered(host)[path]


def test_every_file_is_shown() -> None:
    shown = {(host, path) for host, of_article, path, _ in SHOWN if not of_article}
    assert {path for host, path in shown if host == "z"} == set(rendered("z"))
    # What a spoke has like the hub is shown once.
    alike = {path for path in rendered("a") if rendered("a")[path] == rendered("z").get(path)}
    assert {path for host, path in shown if host == "a"} == set(rendered("a")) - alike


def test_the_mirror_image_is_one() -> None:
    swapped = {
        path: body.replace("10.70.0.2/16", "10.70.0.3/16").replace("192.168.200.", "192.168.201.")
        for path, body in rendered("a").items()
        if path.endswith(".network")
    }
    assert swapped.items() <= rendered("c").items()


# --- docs/3am.md ---

NIGHT: Final = ROOT / "docs" / "3am.md"


def messages(heading: str) -> list[list[str]]:
    """The first cells of a section's table, each split at what differs from host to host."""
    section = NIGHT.read_text("utf-8").split(f"\n### {heading}\n", 1)[1].split("\n#", 1)[0]
    cells = re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)
    assert cells
    return [[part.strip() for part in cell.split("…") if part.strip()] for cell in cells]


def says(line: str, parts: list[str]) -> bool:
    at = 0
    for part in parts:
        found = line.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


@pytest.mark.parametrize("parts", messages("A host says"), ids=" ".join)
def test_the_host_program_says_so(parts: list[str]) -> None:
    assert any(says(line, parts) for line in program().splitlines())


def test_every_word_of_the_host_program_has_its_remedy() -> None:
    told = re.findall(r"\b(?:die|warn) \"([^\"]+)\"", program())
    told += re.findall(r"faults=\"\$faults; ([^\"]+)\"", program())
    known = messages("A host says")
    missing = [
        line
        for line in told
        if line not in ("$difference", "$@") and not any(says(line, parts) for parts in known)
    ]
    assert not missing


@pytest.mark.parametrize("parts", messages("Your machine says"), ids=" ".join)
def test_the_program_says_so(parts: list[str]) -> None:
    sources = (ROOT / "components" / "reach.py", ROOT / "leasedline" / "keys.py")
    # Python joins literals that stand side by side.
    joined = [re.sub(r'"\s+f?"', "", source.read_text("utf-8")) for source in sources]
    assert any(says(line, parts) for source in joined for line in source.splitlines())


def test_every_verb_of_the_host_program_exists() -> None:
    used = {
        shlex.split(command)[1]
        for page in PAGES
        for command in re.findall(r"(?:^|`)(leased-line [a-z]+)", page.read_text("utf-8"), re.M)
        if not command.startswith("leased-line bundle")
    }
    known = re.findall(r"^#   leased-line ([a-z]+)", program(), re.MULTILINE)
    assert used <= set(known)
