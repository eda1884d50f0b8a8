"""The network file: YAML -> `Network`, or every fault at once with its line.

`python -m leasedline.load FILE` checks a file without Pulumi; `--schema` prints the file's JSON
Schema, with which editors complete and check it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from leasedline.alibaba import Alibaba
from leasedline.document import Document, Fields, Items, SyntaxFaultError, read
from leasedline.faults import Fault, FieldPath, NetworkError
from leasedline.network import SHORT_LAN, Lan, Network
from leasedline.rules import (
    PartialHub,
    PartialLan,
    PartialNetwork,
    PartialSpoke,
    PartialSsh,
    cross_faults,
)
from leasedline.wording import field_faults, written

__all__ = ["NetworkError", "json_schema", "load_network", "main"]

EXAMPLE: Final = "stacks/lab.network.yaml"
_SUFFIX: Final = ".network.yaml"
_SSH_PORT: Final = 22

T = TypeVar("T", str, int)


def load_network(path: Path, *, reserved: Mapping[str, IPv4Network] | None = None) -> Network:
    """Return the network that the YAML file at `path` describes (see docs/network-file.md).

    `reserved` holds ranges that no LAN and no tunnel may overlap, by name, such as "the hub's
    VPC".

    Raises:
        NetworkError: with all faults of the file in the order of its lines.
    """
    try:
        document = read(_text(path))
    except SyntaxFaultError as error:
        raise NetworkError([replace(error.fault, file=str(path))], path) from error
    if not isinstance(document.root, Fields):
        raise NetworkError([_no_mapping(document, path)], path)
    spell = partial(written, document=document)
    faults = list(document.faults)
    network = None
    try:
        network = Network.model_validate(document.root)
        faults += cross_faults(network, reserved=reserved, written=spell)
    except ValidationError as error:
        seen = {fault.path for fault in faults}
        details = error.errors(include_url=False)
        faults += [fault for fault in field_faults(details, document) if fault.path not in seen]
        bad = {spell(detail["loc"]) for detail in details}
        parts = _Salvage(document, bad).network()
        faults += cross_faults(parts, reserved=reserved, written=spell)
    if faults or network is None:
        placed = [replace(f, file=str(path), line=f.line or document.line(f.path)) for f in faults]
        raise NetworkError(sorted(placed, key=lambda fault: fault.line), path)
    return network


def json_schema() -> dict[str, Any]:
    """Return the network file's JSON Schema (draft 2020-12), for editors."""
    schema = Network.model_json_schema()
    spoke = schema["$defs"]["Spoke"]
    lan = schema["$defs"]["Lan"]["properties"]
    spoke["properties"] |= {short: lan[long] for short, long in SHORT_LAN.items()}
    spoke["dependentRequired"] = {
        "lan": ["lan_address"],
        "lan_address": ["lan"],
        "gateway": ["lan"],
    }
    spoke["not"] = {"required": ["lan", "lans"]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the files that the command line names; return 1 if one has faults, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m leasedline.load", description="Check network files without Pulumi."
    )
    parser.add_argument("file", nargs="*", type=Path, help="a network file")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema for editors")
    options = parser.parse_args(arguments)
    if options.schema:
        print(json.dumps(json_schema(), indent=2))
    elif not options.file:
        parser.error("name a network file, or --schema")
    faulty = False
    for file in options.file:
        try:
            print(f"{file}: {len(load_network(file).hosts)} hosts, no faults")
        except NetworkError as error:
            print(error, file=sys.stderr)
            faulty = True
    return int(faulty)


def _text(path: Path) -> str:
    """Return the file's text; a byte order mark, which some editors write, is no part of it."""
    stack = path.name.removesuffix(_SUFFIX)
    remedy = f"copy {EXAMPLE} to it and edit the copy"
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        owner = f", where stack {stack} has its network" if path.name.endswith(_SUFFIX) else ""
        rule = f"does not exist{owner}"
    except IsADirectoryError:
        rule, remedy = "is a directory", f"name the file in it, for example {path / 'lab'}{_SUFFIX}"
    except PermissionError:
        rule, remedy = "may not be read by this user", f"allow it with `chmod u+r {path}`, or chown"
    except UnicodeDecodeError as error:
        rule = f"is not UTF-8 text, byte {error.start + 1} fits no character"
        remedy = "save it as UTF-8"
    except OSError as error:
        rule, remedy = f"cannot be read, {error.strerror}", f"see `ls -l {path}`"
    raise NetworkError([Fault((), "", rule, remedy, file=str(path))], path)


def _no_mapping(document: Document, path: Path) -> Fault:
    remedy = f"write its fields, tunnel, hub and spokes, as in {EXAMPLE}"
    if document.root is None:
        return Fault((), "", "is empty", remedy, file=str(path), line=1)
    rule = "is a list" if isinstance(document.root, Items) else "is a single value"
    return Fault((), "", f"{rule} where fields belong", remedy, file=str(path), line=1)


class _Salvage:
    """Takes what is valid out of a faulty document.

    `bad` are the paths, as written, of which pydantic complained; every other leaf is valid.
    """

    def __init__(self, document: Document, bad: set[FieldPath]) -> None:
        self.document = document
        self.bad = bad

    def network(self) -> PartialNetwork:
        spokes = self._count(("spokes",))
        return PartialNetwork(
            tunnel=self._prefix(("tunnel",)),
            summary=tuple(
                self._prefix(("summary", i)) for i in range(self._count(("summary",)) or 0)
            ),
            hub=PartialHub(
                name=self._value(("hub", "name"), str),
                address=self._address(("hub", "address")),
                endpoint=self._value(("hub", "endpoint"), str),
                ssh=self._ssh(("hub", "ssh")),
                alibaba=self._alibaba(("hub", "alibaba")),
            ),
            spokes=None if spokes is None else tuple(self._spoke(i) for i in range(spokes)),
        )

    def _spoke(self, i: int) -> PartialSpoke:
        path: FieldPath = ("spokes", i)
        several = self._count((*path, "lans"))
        if several is None:
            lans = [self._lan(path, {long: short for short, long in SHORT_LAN.items()})]
        else:
            same = {name: name for name in Lan.model_fields}
            lans = [self._lan((*path, "lans", j), same) for j in range(several)]
        return PartialSpoke(
            name=self._value((*path, "name"), str),
            address=self._address((*path, "address")),
            lans=tuple(lans),
            ssh=self._ssh((*path, "ssh")),
        )

    def _lan(self, path: FieldPath, names: Mapping[str, str]) -> PartialLan:
        return PartialLan(
            prefix=self._prefix((*path, names["prefix"])),
            address=self._address((*path, names["address"])),
            gateway=self._address((*path, names["gateway"])),
        )

    def _ssh(self, path: FieldPath) -> PartialSsh | None:
        host = self._value((*path, "host"), str)
        port_path, jump_path = (*path, "port"), (*path, "jump")
        port = self._value(port_path, int)
        port = _SSH_PORT if self.document.at(port_path) is None else port
        has_jump = isinstance(self.document.at(jump_path), Fields)
        jump = self._ssh(jump_path) if has_jump else None
        if host is None or port is None or (has_jump and jump is None) or jump_path in self.bad:
            return None
        return PartialSsh(host, port, jump)

    def _alibaba(self, path: FieldPath) -> Alibaba | None:
        """Return the section if all of it is valid: its rules compare most of its fields."""
        section = self.document.at(path)
        if section is None or any(bad[: len(path)] == path for bad in self.bad):
            return None
        return Alibaba.model_validate(section)

    def _count(self, path: FieldPath) -> int | None:
        items = self.document.at(path)
        return len(items) if isinstance(items, Items) else None

    def _prefix(self, path: FieldPath) -> IPv4Network | None:
        text = self._value(path, str)
        return None if text is None else IPv4Network(text)

    def _address(self, path: FieldPath) -> IPv4Address | None:
        text = self._value(path, str)
        return None if text is None else IPv4Address(text)

    def _value(self, path: FieldPath, kind: type[T]) -> T | None:
        value = self.document.at(path)
        return value if isinstance(value, kind) and path not in self.bad else None


if __name__ == "__main__":
    sys.exit(main())
