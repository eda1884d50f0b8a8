"""What is kept of each instance of a stack's cloud, below `.lab/<stack>/cloud/instances/`.

Only what the machines need: the API keeps its own state.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from lab.cloud.parts import Instance, Rule
from lab.state import LabState, make_directory, write

_INSTANCE: Final = TypeAdapter(Instance)
_RULES: Final = TypeAdapter(tuple[Rule, ...])


class InstanceFiles:
    """The directory of one instance."""

    def __init__(self, id: str, state: LabState) -> None:
        self.home = directory(state) / id

    def spec(self) -> Instance | None:
        """Return what it was last booted from, or None."""
        path = self.home / "spec.json"
        return _INSTANCE.validate_json(path.read_text()) if path.exists() else None

    def write_spec(self, instance: Instance) -> None:
        """Keep what it is booted from."""
        # Its user data may hold secrets.
        self._write("spec.json", _INSTANCE.dump_json(instance).decode(), 0o600)

    def public(self) -> IPv4Address | None:
        """Return its public address, or None."""
        path = self.home / "public"
        text = path.read_text().strip() if path.exists() else ""
        return IPv4Address(text) if text else None

    def write_public(self, public: IPv4Address | None) -> None:
        """Keep its public address."""
        self._write("public", f"{public or ''}\n")

    def rules(self) -> tuple[Rule, ...]:
        """Return its security groups' rules; none if it was never protected."""
        path = self.home / "rules.json"
        return _RULES.validate_json(path.read_text()) if path.exists() else ()

    def write_rules(self, rules: Sequence[Rule]) -> None:
        """Keep its security groups' rules."""
        told = json.loads(_RULES.dump_json(tuple(rules)))
        self._write("rules.json", json.dumps(told, indent=1))

    def _write(self, name: str, text: str, mode: int = 0o644) -> None:
        make_directory(self.home, 0o700)
        write(self.home / name, text, mode)


def directory(state: LabState) -> Path:
    """Return where the instances' directories are."""
    return state.cloud / "instances"


def instances(state: LabState, vpc: str | None = None) -> list[Instance]:
    """Return the instances that were once started, of one VPC or of all."""
    found = [InstanceFiles(path.name, state).spec() for path in directory(state).glob("*")]
    return [one for one in found if one is not None and vpc in (None, one.vpc)]
