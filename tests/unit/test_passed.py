"""What `make test` remembers of the slow layers, and when it runs them all the same."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.passed import KEPT_S, ROOT, MustRunError, around, inputs, known, main, remember

NOW: Final = 1_800_000_000.0


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    for name in ("core.py", "lab/qemu.py", "docs/a.md", "tests/unit/test_a.py", "lab/README.md"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("1\n", "utf-8")
    (tree / ".gitignore").write_text("/.lab/\n", "utf-8")
    for words in (["init", "-q"], ["add", "core.py", "docs"]):
        subprocess.run(["git", *words], cwd=tree, check=True)
    return tree


def test_what_machines_are_made_of_counts_whether_git_has_it_or_not(tree: Path) -> None:
    seen = {inputs(tree, [])}
    (tree / "core.py").write_text("2\n", "utf-8")
    seen.add(inputs(tree, []))
    (tree / "lab/qemu.py").write_text("2\n", "utf-8")
    seen.add(inputs(tree, []))
    (tree / "lab/qemu.py").chmod(0o755)
    seen.add(inputs(tree, []))
    (tree / "lab/new.py").write_text("1\n", "utf-8")
    seen.add(inputs(tree, []))
    (tree / "core.py").unlink()
    seen.add(inputs(tree, []))
    seen.add(inputs(tree, ["another kernel"]))
    assert len(seen) == 7


@pytest.mark.parametrize("name", ["docs/a.md", "tests/unit/test_a.py", "lab/README.md", ".lab/x"])
def test_what_machines_never_see_does_not(name: str, tree: Path) -> None:
    before = inputs(tree, [])
    (tree / name).parent.mkdir(exist_ok=True)
    (tree / name).write_text("2\n", "utf-8")
    assert inputs(tree, []) == before


def test_a_place_without_git_remembers_nothing(tmp_path: Path) -> None:
    with pytest.raises(MustRunError, match="no git work tree"):
        inputs(tmp_path, [])


def test_a_run_that_passed_is_known_for_a_day_and_on_the_same_files(tmp_path: Path) -> None:
    record = tmp_path / "cache" / "passed.json"
    with pytest.raises(MustRunError, match="not passed here yet"):
        known(record, "digest", NOW)
    remember(record, "digest", 1354, NOW)
    assert "12 minutes ago (the tests took 1354 s)" in known(record, "digest", NOW + 720)
    with pytest.raises(MustRunError, match="has changed"):
        known(record, "other", NOW + 720)
    for late in (NOW + KEPT_S, NOW - 1):
        with pytest.raises(MustRunError, match="a day ago"):
            known(record, "digest", late)
    record.write_text("cut off", "utf-8")
    with pytest.raises(MustRunError, match="not passed here yet"):
        known(record, "digest", NOW)


def test_how_the_tests_are_set_counts() -> None:
    assert around({"LEASED_LINE_KILLED": "12", "HOME": "/"}) != around({"HOME": "/"})


def test_a_tree_that_changed_while_the_tests_ran_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = tmp_path / "passed.json"
    monkeypatch.setattr("tests.passed.RECORD", record)
    assert main(["remember", "of an hour ago", "1354"]) == 0
    assert not record.exists()


def test_fresh_runs_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "passed.json"
    monkeypatch.setattr("tests.passed.RECORD", record)
    monkeypatch.delenv("FRESH", raising=False)
    main(["digest"])
    main(["remember", capsys.readouterr().out.strip(), "1354"])
    if not record.exists():
        assert not (ROOT / ".git").exists()
        return
    assert main(["known"]) == 0
    monkeypatch.setenv("FRESH", "1")
    assert main(["known"]) == 1
    assert capsys.readouterr().out.endswith("lab and cloud are run: FRESH is set\n")
