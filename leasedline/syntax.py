"""What a YAML parser complains about, in words for somebody who writes a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import yaml

from leasedline.faults import Fault


@dataclass(frozen=True, slots=True)
class _Words:
    """What libyaml's and PyYAML's complaint means.

    `from_start` is True where the place that helps is where the thing began, not where the parser
    gave up.
    """

    pattern: str
    rule: str
    remedy: str
    from_start: bool = False


_WORDS: Final = (
    _Words(
        r"character '\\t'|tab character",
        "has a tab where YAML wants spaces",
        "indent with spaces only",
    ),
    _Words(
        r"mapping values are not allowed",
        "has a colon where no field can begin",
        "line the field up with its neighbours, see whether the line above lacks its colon, or "
        "quote a text that has a colon and a space in it",
    ),
    _Words(
        r"could not find expected ':'",
        "has a field without its colon",
        "write it as name: value, with a space behind the colon",
        from_start=True,
    ),
    _Words(
        r"expected ',' or '\]'",
        "has a list in brackets that is not closed",
        "put commas between its items and a ] at its end",
        from_start=True,
    ),
    _Words(
        r"expected ',' or '\}'",
        "has a mapping in braces that is not closed",
        "put commas between its fields and a } at its end",
        from_start=True,
    ),
    _Words(
        r"unexpected end of stream|unexpected document (indicator|separator)",
        "has a quote that is not closed",
        "close it with the same kind of quote",
        from_start=True,
    ),
    _Words(
        r"sequence entries are not allowed",
        "has a list item where none can be",
        "begin the item on a line of its own, below the field that the list belongs to",
    ),
    _Words(
        r"expected key|expected '-' indicator|expected <block end>",
        "has something that does not fit the lines above",
        "begin the fields of one thing in the same column, and close each quote and bracket once",
    ),
    _Words(
        r"node content",
        "lacks a value",
        "put a text that begins with , ] or } in quotes, and close what was opened with [ or {",
    ),
    _Words(
        r"cannot start any token",
        "has a character that cannot begin a value",
        "put the value in quotes",
    ),
    _Words(
        r"escape (character|code)",
        "has an unknown escape in double quotes",
        "use single quotes, or write \\\\ for a backslash",
    ),
    _Words(
        r"alphabetic or numeric",
        "has an & or * without a name",
        "put a text that begins with & or * in quotes",
    ),
)


def syntax_fault(error: yaml.YAMLError, text: str) -> Fault:
    """Return what `error` says of `text`, with line and column from 1, without the file."""
    if isinstance(error, yaml.MarkedYAMLError):
        return _marked(error, text)
    # The reader's error: a character that YAML allows nowhere. It counts from the text's start.
    position = getattr(error, "position", 0)
    character = ord(text[position]) if position < len(text) else 0
    before = text[:position]
    return Fault(
        (),
        "",
        f"has the control character U+{character:04X}",
        "remove it; was the file saved as plain text?",
        line=before.count("\n") + 1,
        column=position - (before.rfind("\n") + 1) + 1,
    )


def _marked(error: yaml.MarkedYAMLError, text: str) -> Fault:
    problem = error.problem or ""
    mark = error.problem_mark or error.context_mark
    # libyaml says only that the character is wrong, and a tab is the one that nobody sees.
    if mark is not None and text[mark.index : mark.index + 1] == "\t":
        problem = "tab character"
    words = next((words for words in _WORDS if re.search(words.pattern, problem)), None)
    if words is None:
        words = _Words(
            "",
            f"is no valid YAML, {problem}" if problem else "is no valid YAML",
            "compare the line with docs/network-file.md",
        )
    if words.from_start:
        mark = error.context_mark or mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return Fault((), "", words.rule, words.remedy, line=line, column=column)
