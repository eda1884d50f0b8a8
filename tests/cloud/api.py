"""The lab's cloud on TLS, with machines that are only remembered, and Alibaba's own clients."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.models import Config
from alibabacloud_vpc20160428.client import Client as VpcClient

from lab.cloud.api import Cloud
from lab.cloud.certificate import Certificate, certificate
from lab.cloud.journal import Journal
from lab.cloud.parts import Key
from lab.cloud.server import application, server
from lab.cloud.state import Store
from lab.ports import LOOPBACK
from tests.unit.memory_cloud import AT_ONCE, KEY, MemoryMachines

REGION = "cn-hangzhou"
SCHEMES = {"ACS3-HMAC-SHA256": None, "RPC": "v2"}
"""What the clients' `signature_algorithm` is called for each."""

PATIENCE_S = 20.0

Refusal = AlibabaCloudException


@dataclass(frozen=True)
class Api:
    """A server that runs."""

    cloud: Cloud
    port: int
    certificate: Certificate
    machines: MemoryMachines

    def config(self, scheme: str, key: Key = KEY) -> Config:
        """What a client needs to know of this cloud."""
        return Config(
            access_key_id=key.id,
            access_key_secret=key.secret,
            endpoint=f"{LOOPBACK}:{self.port}",
            region_id=REGION,
            protocol="https",
            ca=str(self.certificate.authority),
            signature_algorithm=SCHEMES[scheme],
        )

    def ecs(self, scheme: str, key: Key = KEY) -> Any:
        """Alibaba's client for ECS."""
        return EcsClient(self.config(scheme, key))

    def vpc(self, scheme: str, key: Key = KEY) -> Any:
        """Alibaba's client for VPC."""
        return VpcClient(self.config(scheme, key))


@contextmanager
def running(home: Path) -> Iterator[Api]:
    """Serve a cloud from `home` in a thread."""
    machines = MemoryMachines()
    cloud = Cloud(
        store=Store(home / "world.json"),
        machines=machines,
        settings=AT_ONCE,
        key=KEY,
        journal=Journal(home / "access.log"),
    )
    made = certificate(home / "tls", "test")
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = int(probe.getsockname()[1])
    ready = threading.Event()
    serving = server(application(cloud, KEY, lambda: AT_ONCE), port, made, ready.set)
    thread = threading.Thread(target=serving.run, name="cloud")
    thread.start()
    try:
        assert ready.wait(PATIENCE_S), "the server does not start"
        yield Api(cloud=cloud, port=port, certificate=made, machines=machines)
    finally:
        serving.should_exit = True
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "the server does not end"
