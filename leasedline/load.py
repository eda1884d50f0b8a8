"""The network file: YAML text -> `Network`."""

from __future__ import annotations

from pathlib import Path

import yaml

from leasedline.network import Network


def load_network(path: Path) -> Network:
    """Return the network that the YAML file at `path` describes."""
    return Network.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
