"""The metadata service of a VPC: what an instance may ask about itself, at 100.100.100.200.

A daemon for each VPC, `python -m lab.cloud.metadata`, listening inside the VPC's namespace. It
knows who asks by the address, and answers as Alibaba Cloud does (help.aliyun.com, ECS user guide,
instance metadata): paths below /<version>/meta-data/, /<version>/user-data, and a token by PUT for
who wants one.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

from lab.cloud import files
from lab.cloud.firewall import METADATA
from lab.cloud.parts import Instance
from lab.netns import within
from lab.parts import stable_mac
from lab.process import PID_FILE, say_ready
from lab.state import LabState, owner

PORT: Final = 80
VERSIONS: Final = ("latest", "2016-01-01")
"""What cloud-init's data source AliYun asks for is the second."""

TOKEN_LIFE_HEADER: Final = "X-aliyun-ecs-metadata-token-ttl-seconds"  # noqa: S105 -- a name

Tree = Mapping[str, "str | Tree"]


def tree(instance: Instance, public: IPv4Address | None, mac: str) -> Tree:
    """Return an instance's metadata: a text, or a directory of more, by name.

    `mac` is its network card's address.
    """
    key = instance.authorized_key.strip()
    shown: dict[str, str | Tree] = {
        "instance-id": instance.id,
        "hostname": instance.hostname,
        "mac": mac,
        "network": {"interfaces": {"macs": {mac: _card(instance)}}},
        "image-id": instance.image,
        "instance": {"instance-type": instance.instance_type, "instance-name": instance.name},
        "region-id": instance.region,
        "zone-id": instance.zone,
        "private-ipv4": str(instance.private.ip),
        "network-type": "vpc",
        "vpc-id": instance.vpc,
        "vswitch-id": instance.vswitch,
        "vswitch-cidr-block": str(instance.private.network),
    }
    if key:
        shown["public-keys"] = {"0": {"openssh-key": key}}
    if public is not None:
        shown["eipv4"] = str(public)
    return shown


def _card(instance: Instance) -> Tree:
    return {
        "primary-ip-address": str(instance.private.ip),
        "netmask": str(instance.private.netmask),
        "gateway": str(instance.gateway),
        "vpc-id": instance.vpc,
        "vswitch-id": instance.vswitch,
        "vswitch-cidr-block": str(instance.private.network),
    }


def answer(path: str, instance: Instance, public: IPv4Address | None, mac: str) -> str | None:
    """Return the text at `path`, or None if there is nothing."""
    version, _, rest = path.strip("/").partition("/")
    if version not in VERSIONS:
        return None
    if rest == "user-data":
        return instance.user_data or None
    if rest == "dynamic/instance-identity/document":
        return json.dumps(_document(instance))
    found: str | Tree = {"meta-data": tree(instance, public, mac)}
    for step in rest.split("/") if rest else ():
        if isinstance(found, str) or step not in found:
            return None
        found = found[step]
    if isinstance(found, str):
        return found
    return "\n".join(name if isinstance(at, str) else f"{name}/" for name, at in found.items())


def _document(instance: Instance) -> dict[str, str]:
    return {
        "instance-id": instance.id,
        "image-id": instance.image,
        "instance-type": instance.instance_type,
        "private-ipv4": str(instance.private.ip),
        "region-id": instance.region,
        "zone-id": instance.zone,
    }


class _Service(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, listening: socket.socket, state: LabState, vpc: str) -> None:
        super().__init__((str(METADATA), PORT), _Request, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.state = state
        self.vpc = vpc

    def asked_by(self, address: str) -> Instance | None:
        """Return the instance with this private address."""
        asking = IPv4Address(address)
        known = files.instances(self.state, self.vpc)
        return next((one for one in known if one.private.ip == asking), None)


class _Request(BaseHTTPRequestHandler):
    server: _Service
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        instance = self.server.asked_by(self.client_address[0])
        if instance is None:
            self._say(HTTPStatus.NOT_FOUND, "no instance has this address\n")
            return
        public = files.InstanceFiles(instance.id, self.server.state).public()
        mac = stable_mac(self.server.state.stack, instance.id)
        told = answer(self.path.partition("?")[0], instance, public, mac)
        if told is None:
            self._say(HTTPStatus.NOT_FOUND, "404 - Not Found\n")
        else:
            self._say(HTTPStatus.OK, told)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/latest/api/token":
            self._say(HTTPStatus.NOT_FOUND, "404 - Not Found\n")
        elif not self.headers.get(TOKEN_LIFE_HEADER, "").isdecimal():
            self._say(HTTPStatus.BAD_REQUEST, f"{TOKEN_LIFE_HEADER} is missing\n")
        else:
            # Never asked for again: instances here have HttpTokens optional, as by default.
            self._say(HTTPStatus.OK, secrets.token_urlsafe(32))

    def _say(self, status: HTTPStatus, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        # Paths hold no secret; the user data is in no log.
        print(f"{self.client_address[0]} {format % args}", file=sys.stderr, flush=True)


def _listen() -> socket.socket:
    listening = socket.create_server((str(METADATA), PORT), backlog=16)
    listening.set_inheritable(False)
    return listening


def _drop_root() -> None:
    """Go on as the person at the keyboard: only the socket needed more."""
    uid, gid = owner()
    if os.geteuid() == 0 and uid != 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def main() -> None:
    """Serve one VPC's instances until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m lab.cloud.metadata", description=main.__doc__)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--vpc", required=True)
    parser.add_argument("--namespace", required=True, help="the VPC's network namespace")
    parser.add_argument(PID_FILE, required=True, type=Path, dest="pid_file")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    listening = within(options.namespace, _listen)
    say_ready(options.pid_file)
    _drop_root()
    _Service(listening, LabState(options.stack), options.vpc).serve_forever()


if __name__ == "__main__":
    main()
