"""What a stack's cloud keeps in `.lab/<stack>/cloud/`, and the environment of who uses it."""

from __future__ import annotations

import json
import os
import secrets
from typing import Final

from lab.cloud.certificate import Certificate, certificate
from lab.cloud.parts import Key
from lab.errors import WorldError
from lab.ports import CLOUDS, LOOPBACK, allot
from lab.process import Process
from lab.settings import CloudSettings, load_settings, settings_path
from lab.state import LabState, write

KEY_START: Final = "LABCLOUD"
"""Alibaba's own ids of keys begin with LTAI; nobody is to take this one for a real one."""


class CloudFiles:
    """What a stack's cloud keeps."""

    def __init__(self, state: LabState) -> None:
        self.state = state
        self.home = state.cloud
        self.world = self.home / "world.json"
        self.log = self.home / "access.log"
        self.process = Process(pid_file=self.home / "api" / "pid")

    def key(self) -> Key:
        """Return the account's access key, made now if there is none."""
        path = self.home / "key.json"
        if not path.exists():
            new = {"id": KEY_START + secrets.token_hex(8), "secret": secrets.token_urlsafe(24)}
            write(path, json.dumps(new), 0o600)
        return Key(**json.loads(path.read_text()))

    def certificate(self) -> Certificate:
        """Return the server's certificate, made now if there is none."""
        return certificate(self.home / "tls", self.state.stack)

    def port(self) -> int:
        """Return the API's port on 127.0.0.1, allotted now if it has none.

        Raises:
            LabError: there is none left.
        """
        others = self.state.directory.parent.glob("*/cloud/port")
        return allot(CLOUDS, self.home / "port", others, self.state)

    def settings(self) -> CloudSettings:
        """Return the section `cloud:` of the stack's lab settings, as it is written now.

        Raises:
            WorldError: the file has faults, or no such section.
        """
        found = load_settings(self.state.stack, self.state.project).cloud
        if found is None:
            name = settings_path(self.state.stack, self.state.project)
            path = name.relative_to(self.state.project)
            raise WorldError([f"{path} has no section cloud: write `cloud: {{}}` for one"])
        return found

    def environment(self) -> dict[str, str]:
        """Return the variables with which Alibaba's own clients use this cloud and no other."""
        key, endpoint = self.key(), f"{LOOPBACK}:{self.port()}"
        products = ("ECS", "VPC", "STS")
        return {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": key.id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": key.secret,
            **{f"ALIBABA_CLOUD_ENDPOINT_{product}": endpoint for product in products},
            "SSL_CERT_FILE": os.fspath(self.certificate().authority),
            # The clients would ask a proxy for 127.0.0.1, too.
            **{name: _without_proxy(os.environ.get(name, "")) for name in ("NO_PROXY", "no_proxy")},
        }


def _without_proxy(hosts: str) -> str:
    known = [host for host in hosts.split(",") if host]
    return ",".join(known if LOOPBACK in known else [*known, LOOPBACK])
