"""The lab's cloud without its machines, and a client that signs as the provider for Pulumi does."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from lab.cloud.api import Cloud, Reply
from lab.cloud.journal import Journal
from lab.cloud.parts import Instance, Key, Rule
from lab.cloud.registry import ACTIONS, VERSIONS
from lab.cloud.signing import FORM, Request, rpc_text, signature
from lab.cloud.state import Store
from lab.errors import LabError
from lab.settings import CloudSettings

KEY = Key(id="LABCLOUDtest", secret="test-secret")
REGION = "cn-hangzhou"
ZONE = "cn-hangzhou-h"
DEBIAN = "debian_12_11_x64_20G_alibase_20250715.vhd"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP2mzbeYg0RMFuHCgVKDm2IE1ySXgqIWVJdm0hbs3HIB"
AT_ONCE = CloudSettings(network_s=0, pending_s=0, starting_s=0, stopping_s=0, eip_s=0)

VERSION_OF: dict[str, str] = {product: version for version, product in VERSIONS.items()}


@dataclass
class MemoryMachines:
    """Machines that are only remembered; what the API is to ask of the real ones shows here."""

    on: set[str] = field(default_factory=set)
    known: dict[str, Instance] = field(default_factory=dict)
    rules: dict[str, Sequence[Rule]] = field(default_factory=dict)
    public: dict[str, IPv4Address | None] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.broken:
            msg = f"{name} is broken"
            raise LabError(msg)

    def start(self, instance: Instance) -> None:
        self._called("start")
        self.known[instance.id] = instance
        self.on.add(instance.id)

    def stop(self, id: str) -> None:
        self._called("stop")
        self.on.discard(id)

    def remove(self, id: str) -> None:
        self._called("remove")
        self.on.discard(id)
        for kept in (self.known, self.rules, self.public):
            kept.pop(id, None)

    def running(self, id: str) -> bool:
        return id in self.on

    def bind(self, id: str, public: IPv4Address | None) -> None:
        self._called("bind")
        self.public[id] = public

    def protect(self, id: str, rules: Sequence[Rule]) -> None:
        self._called("protect")
        self.rules[id] = rules

    def remove_all(self) -> None:
        for id in list(self.known):
            self.remove(id)


def rpc(
    action: str,
    version: str,
    parameters: Mapping[str, str],
    *,
    key: Key = KEY,
    in_form: bool = False,
    own: Mapping[str, str] | None = None,
) -> Request:
    """A request of the RPC scheme; `own` goes before what is usually of the wire."""
    wire = {
        "Action": action,
        "Version": version,
        "Format": "JSON",
        "AccessKeyId": key.id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": str(uuid4()),
        "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **(own or {}),
    }
    text = rpc_text("POST", [*wire.items(), *parameters.items()])
    wire.setdefault("Signature", signature("RPC", text, key.secret))
    query = wire if in_form else {**wire, **parameters}
    return Request(
        method="POST",
        query=urlencode(query),
        headers={"content-type": FORM, "host": "127.0.0.1"},
        body=urlencode(parameters).encode() if in_form else b"",
    )


class RefusedError(Exception):
    """The API refused; `code` is why."""

    def __init__(self, reply: Reply) -> None:
        self.code = str(reply.body["Code"])
        self.status = reply.status
        self.message = str(reply.body["Message"])
        super().__init__(f"{self.code}: {self.message}")


class Client:
    """The cloud of one test, called as a client calls it, without a server between."""

    def __init__(self, home: Path, settings: CloudSettings = AT_ONCE) -> None:
        self.home = home
        self.machines = MemoryMachines()
        self.settings = settings
        self.cloud = self._new()

    def _new(self) -> Cloud:
        return Cloud(
            store=Store(self.home / "world.json"),
            machines=self.machines,
            settings=self.settings,
            key=KEY,
            journal=Journal(self.home / "access.log"),
        )

    @property
    def world(self) -> Any:
        return self.cloud.store.world

    def log(self) -> str:
        return (self.home / "access.log").read_text()

    async def restart(self) -> None:
        """What a killed server leaves is the file alone."""
        await self.cloud.fleet.close()
        self.cloud = self._new()
        self.cloud.fleet.resume()

    async def call(self, action: str, region: str = REGION, /, **parameters: object) -> Any:
        """Call an action; a double underscore in a name stands for a point."""
        product = next(product for product, name in ACTIONS if name == action)
        if "product" in parameters:
            product = str(parameters.pop("product"))
        sent = {name.replace("__", "."): str(value) for name, value in parameters.items()}
        if region:
            sent["RegionId"] = region
        reply = await self.cloud.answer(rpc(action, VERSION_OF[product], sent))
        if reply.status != 200:
            raise RefusedError(reply)
        assert "Code" not in reply.body, "clients take a 200 with a Code for a refusal"
        return reply.body

    async def network(self, region: str = REGION, zone: str = ZONE) -> tuple[str, str, str]:
        """A VPC, a vSwitch and a security group."""
        vpc = (await self.call("CreateVpc", region, CidrBlock="172.16.0.0/16"))["VpcId"]
        created = await self.call(
            "CreateVSwitch", region, VpcId=vpc, ZoneId=zone, CidrBlock="172.16.1.0/24"
        )
        group = await self.call("CreateSecurityGroup", region, VpcId=vpc)
        return vpc, created["VSwitchId"], group["SecurityGroupId"]

    async def run(self, vswitch: str, group: str, region: str = REGION, /, **more: object) -> str:
        """Order an instance, and return its id."""
        told = {"InstanceType": "ecs.t6-c4m1.large", "ImageId": DEBIAN, **more}
        told = {"VSwitchId": vswitch, "SecurityGroupIds__1": group, **told}
        ran = await self.call("RunInstances", region, **told)
        return str(ran["InstanceIdSets"]["InstanceIdSet"][0])

    async def instance(self, id: str, region: str = REGION) -> Any:
        """An instance as it is listed, or None."""
        found = await self.call("DescribeInstances", region, InstanceIds=f'["{id}"]')
        return next(iter(found["Instances"]["Instance"]), None)

    async def until(self, id: str, status: str | None, region: str = REGION) -> Any:
        """Wait until an instance has a status, or is gone for None."""
        async with asyncio.timeout(10):
            while True:
                found = await self.instance(id, region)
                if (found and found["Status"]) == status:
                    return found
                await asyncio.sleep(0.01)

    async def eip(self, id: str, status: str) -> Any:
        """Wait until an EIP has a status."""
        async with asyncio.timeout(10):
            while True:
                found = await self.call("DescribeEipAddresses", AllocationId=id)
                one = found["EipAddresses"]["EipAddress"][0]
                if one["Status"] == status:
                    return one
                await asyncio.sleep(0.01)


def digest(text: str) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


async def code(client: Client, action: str, region: str = REGION, /, **told: object) -> str:
    """Call an action that is to be refused, and return why it was."""
    with pytest.raises(RefusedError) as caught:
        await client.call(action, region, **told)
    return caught.value.code


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)
