"""The parameters of a request, and what an action declares of them.

Lists and structures arrive flattened: `Tag.1.Key`, `SecurityGroupIds.2`. A declaration writes N for
the number: `Tag.N.Key`.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Final, Literal

from lab.cloud.errors import ApiError, invalid, missing, unknown_parameter

Kind = Literal["text", "int", "bool", "number", "cidr", "address", "ids"]

_NUMBER: Final = re.compile(r"\.\d+(?=\.|$)")
_BOOLEANS: Final = {"true": True, "false": False}

OF_THE_WIRE: Final = frozenset(
    {
        *("Action", "Version", "Format", "AccessKeyId", "Signature", "SignatureMethod"),
        *("SignatureVersion", "SignatureNonce", "SignatureType", "Timestamp", "SecurityToken"),
    }
)
"""What says how a request is made, and nothing of what it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """What an action declares of one parameter."""

    name: str
    required: bool = False
    kind: Kind = "text"
    choices: tuple[str, ...] = ()
    pattern: str = ""
    """The whole value must match."""
    most: int = 0
    """The longest text, in characters, or the largest int; 0 for no limit."""
    secret: bool = False
    """Whether the value is kept out of the log."""

    def check(self, name: str, value: str) -> None:
        """Hold a value against the declaration; `name` is as it was sent.

        Raises:
            ApiError: it does not fit.
        """
        if self.choices and value not in self.choices:
            raise invalid(name, f"It is none of {', '.join(self.choices)}.")
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise invalid(name, f"It does not match {self.pattern}.")
        if self.kind == "text":
            if self.most and len(value) > self.most:
                raise invalid(name, f"It is longer than {self.most} characters.")
            return
        try:
            _convert(self.kind, value, self.most)
        except (ValueError, AddressValueError):
            raise invalid(name, f"It is no {_WORDS[self.kind]}.") from None

    def fits(self, name: str, value: str) -> bool:
        """Return whether a value fits the declaration."""
        try:
            self.check(name, value)
        except ApiError:
            return False
        return True


_WORDS: Final[Mapping[Kind, str]] = {
    "int": "whole number in the range",
    "bool": "true or false",
    "number": "number",
    "cidr": "IPv4 network such as 192.168.0.0/16",
    "address": "IPv4 address",
    "ids": "JSON array of ids",
}


def _convert(kind: Kind, value: str, most: int) -> None:
    if kind == "int" and not -1 <= int(value) <= (most or int(value)):
        raise ValueError(value)
    if kind == "number":
        float(value)
    elif kind == "bool" and value.lower() not in _BOOLEANS:
        raise ValueError(value)
    elif kind == "cidr":
        IPv4Network(value)
    elif kind == "address":
        IPv4Address(value)
    elif kind == "ids":
        ids = json.loads(value)
        if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
            raise ValueError(value)


def param(
    name: str,
    kind: Kind = "text",
    *choices: str,
    pattern: str = "",
    most: int = 0,
    secret: bool = False,
) -> Param:
    """Return the declaration of a parameter that may be left out."""
    return Param(name=name, kind=kind, choices=choices, pattern=pattern, most=most, secret=secret)


def needed(
    name: str, kind: Kind = "text", *choices: str, pattern: str = "", most: int = 0
) -> Param:
    """Return the declaration of a parameter that must be given."""
    return replace(param(name, kind, *choices, pattern=pattern, most=most), required=True)


def normal(name: str) -> str:
    """Return a parameter's name as it is declared: `Tag.1.Key` as `Tag.N.Key`."""
    return _NUMBER.sub(".N", name)


class Params:
    """The parameters of one request, checked against an action's declaration."""

    def __init__(self, action: str, declared: Sequence[Param], sent: Mapping[str, str]) -> None:
        """Check and keep what was sent, without what is of the wire.

        Raises:
            ApiError: one is missing, unknown or does not fit.
        """
        self._declared = {each.name: each for each in declared}
        # An empty value is one that a client did not leave out.
        self.sent = {n: v for n, v in sent.items() if v != "" and n not in OF_THE_WIRE}
        for name in self.sent:
            if normal(name) not in self._declared:
                raise unknown_parameter(name, action)
        for each in declared:
            if each.required and not self._sent_as(each.name):
                raise missing(each.name.replace(".N", ".1"))
        for name, value in self.sent.items():
            self._declared[normal(name)].check(name, value)

    def _sent_as(self, name: str) -> list[str]:
        return [sent for sent in self.sent if normal(sent) == name]

    def _value(self, name: str) -> str | None:
        if name not in self._declared:
            msg = f"the action reads {name} and does not declare it"
            raise AssertionError(msg)
        return self.sent.get(name)

    def declares(self, name: str) -> bool:
        """Return whether the action has the parameter, given or not."""
        return name in self._declared

    def has(self, name: str) -> bool:
        """Return whether the parameter was given."""
        return self._value(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """Return a text."""
        value = self._value(name)
        return default if value is None else value

    def number(self, name: str, default: int = 0) -> int:
        """Return a whole number."""
        value = self._value(name)
        return default if value is None else int(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a truth."""
        value = self._value(name)
        return default if value is None else _BOOLEANS[value.lower()]

    def ids(self, name: str) -> list[str]:
        """Return a JSON array of ids."""
        value = self._value(name)
        return [] if value is None else [str(id) for id in json.loads(value)]

    def texts(self, name: str) -> list[str]:
        """Return the items of a list, `name` without its number: those of `TagKey.N`."""
        found = self._numbered(name)
        return [values[""] for _, values in sorted(found.items()) if "" in values]

    def items(self, name: str) -> list[dict[str, str]]:
        """Return the structures of a list in their order: those of `Tag.N.Key`, `Tag.N.Value`."""
        return [values for _, values in sorted(self._numbered(name).items())]

    def tags(self) -> dict[str, str]:
        """Return what `Tag.N.Key` and `Tag.N.Value` say.

        Raises:
            ApiError: a tag without a key.
        """
        found = self.items("Tag")
        if any("Key" not in each for each in found):
            raise missing("Tag.1.Key")
        return {each["Key"]: each.get("Value", "") for each in found}

    def _numbered(self, name: str) -> dict[int, dict[str, str]]:
        found: dict[int, dict[str, str]] = defaultdict(dict)
        for sent, value in self.sent.items():
            matched = re.fullmatch(rf"{re.escape(name)}\.(\d+)(?:\.(.+))?", sent)
            if matched:
                found[int(matched[1])][matched[2] or ""] = value
        return found


def harmless(
    declared: Sequence[Param], sent: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return the names of all parameters, and the values that may stand in a log.

    A value that nobody declared, or that does not fit, may be anything, so it may not.
    """
    known = {each.name: each for each in declared if not each.secret}
    names = sorted(name for name in sent if name not in OF_THE_WIRE)
    may = [n for n in names if normal(n) in known and known[normal(n)].fits(n, sent[n])]
    return names, {name: sent[name] for name in may}


def merged(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the parameters of query and form as one mapping.

    Raises:
        ApiError: one is there twice and says two things.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if found.setdefault(name, value) != value:
            raise ApiError("InvalidParameter", f'The parameter "{name}" is there twice.')
    return found
