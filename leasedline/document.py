"""YAML text -> plain data that knows its lines, strictly.

PyYAML's own constructor drops the lines, lets the last of two equal keys win without a word and
expands aliases without a bound. So the parser's events are read directly: one pass, no recursion.
Values are text, whole numbers in plain decimal, None, true and false. Whatever else YAML 1.1
makes of an unquoted scalar (`1:30` is 90, `0777` is 511, `no` is false) is kept as `Odd`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from leasedline.faults import Fault, FieldPath, shown
from leasedline.syntax import syntax_fault

LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML was built with it: ten times as fast, with the same events."""

DEPTH: Final = 20
"""Deepest nesting that is read; the network file needs five."""

_ALIAS_VALUES: Final = 100_000
_TAG: Final = "tag:yaml.org,2002:"
_TEXT_TAGS: Final = ("!", f"{_TAG}str")
_RESOLVED_TAGS: Final = tuple(f"{_TAG}{kind}" for kind in ("int", "bool", "null", "float"))
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_KINDS: Final = {
    "bool": "a truth value",
    "float": "a number with a fraction",
    "int": "a number in octal or another notation",
    "timestamp": "a date",
}


@dataclass(frozen=True, slots=True)
class Odd:
    """A scalar that is no value of this file's.

    `text` is as written; `kind` says what YAML reads it as. `faulted` is True where a fault about
    it has been reported already.
    """

    text: str
    kind: str = ""
    faulted: bool = False


class Fields(dict[str, Any]):
    """A mapping; `lines` has the line (from 1) of each key."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}


class Items(list[Any]):
    """A list; `lines` has the line (from 1) of each item."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []


class SyntaxFaultError(Exception):
    """The text cannot be read to its end; `fault` says why, with the path empty."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(slots=True)
class Document:
    """What a YAML text says: `root` is None for an empty one.

    `faults` are those that do not keep the rest from being read, with lines but without file.
    """

    root: Any
    faults: list[Fault]

    def at(self, path: FieldPath) -> Any:
        """Return the value at `path`, or None."""
        value = self.root
        for step in path:
            if isinstance(value, Fields):
                value = value.get(str(step))
            elif isinstance(value, Items) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def line(self, path: FieldPath) -> int:
        """Return the line (from 1) of what stands at `path` or, missing, of what should hold it."""
        value, line = self.root, 1
        for step in path:
            if isinstance(value, Fields) and step in value:
                line, value = value.lines[str(step)], value[str(step)]
            elif isinstance(value, Items) and isinstance(step, int) and step < len(value):
                line, value = value.lines[step], value[step]
            else:
                break
        return line


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is being read.

    `key` is the key whose value comes next, None when a key comes next. `size` counts the values
    inside, with aliases expanded.
    """

    into: Fields | Items
    line: int
    anchor: str | None
    refused: bool
    is_key: bool
    size: int = 1
    key: str | None = None
    key_line: int = 0
    drops_value: bool = False
    merges_value: bool = False
    merged: list[Fields] = field(default_factory=list)


def read(text: str) -> Document:
    """Return what the YAML `text` says.

    Raises:
        SyntaxFaultError: it is no YAML, more than one document, or nested or aliased without end.
    """
    return _Reader(text).read()


class _Reader:
    """Builds a `Document` from the parser's events, with a stack of its own."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root: Any = None
        self.faults: list[Fault] = []
        self.stack: list[_Frame] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        # Every value that is written takes a character, so that only aliases can pass this.
        self.room = len(text) + _ALIAS_VALUES
        self.copied = 0

    def read(self) -> Document:
        documents = 0
        try:
            for event in yaml.parse(self.text, Loader=LOADER):
                if isinstance(event, ScalarEvent):
                    self._scalar(event)
                elif isinstance(event, CollectionStartEvent):
                    self._open(event)
                elif isinstance(event, CollectionEndEvent):
                    self._close(event)
                elif isinstance(event, AliasEvent):
                    self._alias(event)
                elif isinstance(event, DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        rule = "has more than one YAML document"
                        self._stop(event, rule, "keep one, and remove the line ---")
        except yaml.YAMLError as error:
            raise SyntaxFaultError(syntax_fault(error, self.text)) from error
        return Document(self.root, self.faults)

    def _path(self) -> FieldPath:
        """Where the next value goes."""
        return tuple(
            len(frame.into) if isinstance(frame.into, Items) else frame.key or ""
            for frame in self.stack
            if isinstance(frame.into, Items) or frame.key
        )

    def _fault(self, line: int, value: str, rule: str, remedy: str) -> None:
        self.faults.append(Fault(self._path(), value, rule, remedy, line=line))

    def _stop(self, event: yaml.Event, rule: str, remedy: str) -> NoReturn:
        raise SyntaxFaultError(Fault((), "", rule, remedy, line=_line(event)))

    def _wants_key(self) -> bool:
        frame = self.stack[-1] if self.stack else None
        return frame is not None and frame.key is None and isinstance(frame.into, Fields)

    def _scalar(self, event: ScalarEvent) -> None:
        if self._wants_key():
            self._key(event)
            return
        plain = event.tag is None and event.implicit[0]
        if plain or event.tag in _RESOLVED_TAGS:
            value = _resolved(event.value)
        elif event.tag is None or event.tag in _TEXT_TAGS:
            value = event.value
        else:
            self._refuse(event)
            value = Odd(event.value, faulted=True)
        self._add(event, value, 1)

    def _refuse(self, event: ScalarEvent | CollectionStartEvent) -> None:
        tag = (event.tag or "").replace(_TAG, "!!")
        rule = f"has the YAML tag {shown(tag)}, which has no meaning here"
        self._fault(_line(event), "", rule, "remove the tag")

    def _key(self, event: ScalarEvent) -> None:
        frame, name, line = self.stack[-1], event.value, _line(event)
        if not isinstance(frame.into, Fields):
            return
        first = frame.into.lines.get(name)
        frame.key, frame.key_line = name, line
        if name == "<<" and event.implicit[0]:
            frame.merges_value = True
        elif first is not None:
            rule = f"stands here for the second time, first in line {first}"
            self._fault(line, "", rule, "keep one of the two")
            frame.drops_value = True
            if not isinstance(frame.into.get(name), Fields | Items):
                # Which of the two was meant is unknown, so neither is compared with other fields.
                frame.into[name] = Odd("", faulted=True)

    def _open(self, event: CollectionStartEvent) -> None:
        is_mapping = isinstance(event, MappingStartEvent)
        if len(self.stack) == DEPTH:
            self._stop(event, f"nests deeper than {DEPTH} levels", "remove the brackets too many")
        is_key = self._wants_key()
        if is_key:
            self._no_name(event)
        refused = event.tag not in (None, "!", _TAG + ("map" if is_mapping else "seq"))
        if refused:
            self._refuse(event)
        into = Fields() if is_mapping else Items()
        self.stack.append(_Frame(into, _line(event), event.anchor, refused, is_key))

    def _no_name(self, event: NodeEvent) -> None:
        """A mapping, a list or an alias stands where a field's name should."""
        self._fault(_line(event), "", "has a field whose name is no plain text", "name the field")
        self.stack[-1].key, self.stack[-1].drops_value = "", True

    def _close(self, event: yaml.Event) -> None:
        frame = self.stack.pop()
        if isinstance(frame.into, Fields):
            for merged in frame.merged:
                self._merge(event, frame.into, merged)
        if not frame.is_key:
            value = Odd("", faulted=True) if frame.refused else frame.into
            self._add(frame, value, frame.size)

    def _merge(self, event: yaml.Event, into: Fields, merged: Fields) -> None:
        """Take over what `<<` names, as far as the mapping does not say it itself."""
        self.copied += len(merged)
        self._limit(event, self.copied)
        for key, value in merged.items():
            if key not in into:
                into[key], into.lines[key] = value, merged.lines[key]

    def _limit(self, event: yaml.Event | _Frame, size: int) -> None:
        if size > self.room:
            line = event.line if isinstance(event, _Frame) else _line(event)
            rule = f"repeats its aliases (*) to more than {self.room} values"
            raise SyntaxFaultError(Fault((), "", rule, "write fewer of them", line=line))

    def _alias(self, event: AliasEvent) -> None:
        if self._wants_key():
            self._no_name(event)
            return
        name, remedy = event.anchor or "", "write the value itself"
        value, size = self.anchors.get(name, (None, 0))
        if any(frame.anchor == name for frame in self.stack):
            self._fault(_line(event), f"*{shown(name)}", "stands inside what it repeats", remedy)
            value, size = Odd("", faulted=True), 1
        elif not size:
            rule = "repeats what no & above it marks"
            self._fault(_line(event), f"*{shown(name)}", rule, remedy)
            value, size = Odd("", faulted=True), 1
        self._add(event, value, size)

    def _add(self, source: NodeEvent | _Frame, value: Any, size: int) -> None:
        """Put a finished value where it belongs; `source` has its anchor and its line."""
        if source.anchor is not None and not isinstance(source, AliasEvent):
            self.anchors[source.anchor] = (value, size)
        if not self.stack:
            self.root = value
            return
        frame = self.stack[-1]
        frame.size += size
        self._limit(source, frame.size)
        line = source.line if isinstance(source, _Frame) else _line(source)
        if isinstance(frame.into, Items):
            frame.into.append(value)
            frame.into.lines.append(line)
            return
        if frame.merges_value:
            several = value if isinstance(value, Items) else [value]
            if all(isinstance(one, Fields) for one in several):
                frame.merged += several
            else:
                self._fault(line, "", "takes fields from what is no mapping", "write <<: *NAME")
        elif not frame.drops_value and frame.key is not None:
            frame.into[frame.key] = value
            frame.into.lines[frame.key] = frame.key_line
        frame.key, frame.drops_value, frame.merges_value = None, False, False


def _line(event: yaml.Event) -> int:
    # Only events that a program makes by hand have no mark.
    return 0 if event.start_mark is None else event.start_mark.line + 1


def _resolved(text: str) -> Any:
    """Return what an unquoted `text` is, by YAML 1.1's own patterns."""
    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], ()):
        if pattern.match(text):
            kind = tag.removeprefix(_TAG)
            if kind == "null":
                return None
            if kind == "int" and _DECIMAL.fullmatch(text):
                return int(text)
            if kind == "bool" and text.lower() in ("true", "false"):
                return text.lower() == "true"
            if kind in _KINDS:
                return Odd(text, _KINDS[kind])
    return text
