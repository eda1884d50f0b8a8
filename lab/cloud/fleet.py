"""Keeps the machines as the world says: boots, stops and removes them, and moves statuses on.

One task for each instance that is on its way somewhere. All changes of the world are made on the
event loop; only what blocks runs in threads. After a restart the tasks begin again from the
statuses, since all that a machine is asked for may be asked for twice.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from lab.cloud import parts
from lab.cloud.catalogue import TYPES
from lab.cloud.parts import Machines, Rule
from lab.cloud.state import Instance, InstanceStatus, Permission, Store, World
from lab.errors import LabError
from lab.settings import CloudSettings

INNER_PRIORITY: Final = 100
"""What a group lets in from itself gives way to every rule."""

LONGEST_WAIT_S: Final = 10.0

_log = logging.getLogger(__name__)


class Fleet:
    """The machines of all instances."""

    def __init__(self, store: Store, machines: Machines, settings: CloudSettings) -> None:
        """Keep `machines` as the world of `store` says."""
        self.settings = settings
        self._store = store
        self._machines = machines
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()

    @property
    def _world(self) -> World:
        return self._store.world

    def resume(self) -> None:
        """Go on with what was on its way when the last server ended; boot what has died since."""
        for instance in self._world.instances.values():
            if instance.status == "Running" and not self._machines.running(instance.id):
                self._world.moved(instance, "Starting")
            self.follow(instance.id)
        self._store.save()

    def follow(self, id: str) -> None:
        """Let an instance's machine follow the world, after what it is doing now."""
        if id in self._tasks:
            self._again.add(id)
        else:
            self._tasks[id] = asyncio.create_task(self._run(id))

    async def settled(self, ids: set[str]) -> None:
        """Wait until running instances among `ids` have the rules and addresses of the world."""
        running = {i.id for i in self._world.instances.values() if i.status == "Running"}
        tasks = [self._tasks[id] for id in ids & running if id in self._tasks]
        if tasks:
            await asyncio.wait(tasks, timeout=LONGEST_WAIT_S)

    async def close(self) -> None:
        """End all tasks; the machines stay as they are."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, id: str) -> None:
        try:
            while True:
                self._again.discard(id)
                while await self._step(id):
                    pass
                if id not in self._again:
                    return
        except Exception:
            _log.exception("instance %s: its machine is followed no more", id)
        finally:
            del self._tasks[id]

    async def _step(self, id: str) -> bool:
        """Do the next thing that is due for an instance; False if nothing is."""
        instance = self._world.instances.get(id)
        if instance is None:
            return False
        if instance.status == "Pending":
            await self._last(instance.since, self.settings.pending_s)
            self._move(id, "Starting")
            return True
        if instance.status == "Starting":
            return await self._start(id)
        if instance.status == "Stopping":
            return await self._stop(id)
        try:
            bound = await self._sync(id)
        except LabError as error:
            return await self._troubled(id, f"is not as its rules and addresses say: {error}")
        return await self._settle_eip(id, bound)

    async def _start(self, id: str) -> bool:
        try:
            # Before it boots, so that it is never without.
            await self._protect(id)
            await self._call(lambda: self._machines.start(self._booted(id)))
            await self._sync(id)
        except LabError as error:
            return self._failed(id, f"does not start: {error}")
        instance = self._world.instances[id]
        if instance.status != "Starting":
            return True
        await asyncio.sleep(self.settings.starting_s)
        if self._world.instances[id].status == "Starting":
            self._world.instances[id].started = time.time()
            self._world.instances[id].trouble = ""
            self._move(id, "Running")
            self._follow_neighbours(self._world.instances[id])
        return True

    def _failed(self, id: str, why: str) -> bool:
        _log.error("instance %s %s", id, why)
        instance = self._world.instances[id]
        instance.trouble = why
        # Stopping is what tells a waiting client at once that it will not run.
        if instance.status == "Starting":
            self._move(id, "Stopping")
        return True

    async def _troubled(self, id: str, why: str) -> bool:
        _log.error("instance %s %s", id, why)
        self._world.instances[id].trouble = why
        self._store.save()
        await asyncio.sleep(LONGEST_WAIT_S)
        return True

    async def _stop(self, id: str) -> bool:
        released = self._world.instances[id].released
        try:
            stop = self._machines.remove if released else self._machines.stop
            await self._call(lambda: stop(id))
        except LabError as error:
            return await self._troubled(id, f"does not stop: {error}")
        await asyncio.sleep(self.settings.stopping_s)
        instance = self._world.instances[id]
        if instance.released and not released:
            return True
        if released:
            self._gone(id)
        elif instance.again:
            instance.again = False
            self._move(id, "Starting")
        else:
            self._move(id, "Stopped")
        return True

    def _gone(self, id: str) -> None:
        eip = self._world.eip_of(id)
        if eip is not None:
            eip.instance, eip.status = "", "Available"
        instance = self._world.instances.pop(id)
        self._store.save()
        self._follow_neighbours(instance)

    def _follow_neighbours(self, instance: Instance) -> None:
        # What a group lets in from itself names the addresses of those in it.
        for group in instance.groups:
            for other in self._beside(instance, group):
                self.follow(other.id)

    def _move(self, id: str, status: InstanceStatus) -> None:
        self._world.moved(self._world.instances[id], status)
        self._store.save()

    async def _last(self, since: float, seconds: float) -> None:
        await asyncio.sleep(max(since + seconds - time.time(), 0))

    async def _sync(self, id: str) -> IPv4Address | None:
        """Give a machine its rules and its public address; return the latter."""
        await self._protect(id)
        public = self._public(id)
        await self._call(lambda: self._machines.bind(id, public))
        return public

    async def _protect(self, id: str) -> None:
        rules = self.rules(id)
        await self._call(lambda: self._machines.protect(id, rules))

    async def _settle_eip(self, id: str, bound: IPv4Address | None) -> bool:
        """Say that an EIP has come or gone, once the machine has it or is without it."""
        eip = self._world.eip_of(id)
        if eip is None or eip.status not in ("Associating", "Unassociating"):
            return False
        if (eip.status == "Associating") != (bound == eip.address):
            # It was asked for while the machine was being given another address.
            return True
        await self._last(eip.since, self.settings.eip_s)
        eip = self._world.eip_of(id)
        if eip is not None and eip.status == "Associating":
            eip.status = "InUse"
        elif eip is not None:
            eip.instance, eip.status = "", "Available"
        self._store.save()
        return True

    def _public(self, id: str) -> IPv4Address | None:
        eip = self._world.eip_of(id)
        if eip is not None and eip.status != "Unassociating":
            return eip.address
        return self._world.instances[id].public

    async def _call(self, blocking: Callable[[], None]) -> None:
        await asyncio.to_thread(blocking)

    def _booted(self, id: str) -> parts.Instance:
        instance = self._world.instances[id]
        key = self._world.key_pairs.get(f"{instance.region}/{instance.key_pair}")
        return parts.Instance(
            id=id,
            name=instance.name,
            hostname=instance.hostname,
            vpc=instance.vpc,
            vswitch=instance.vswitch,
            private=self._world.interface(instance),
            gateway=self._world.vswitches[instance.vswitch].gateway,
            image=instance.image,
            memory_mib=TYPES[instance.kind].memory_mib,
            user_data=base64.b64decode(instance.user_data).decode(errors="replace"),
            authorized_key=key.public if key is not None else "",
            region=instance.region,
            zone=instance.zone,
            instance_type=instance.kind,
        )

    def rules(self, id: str) -> list[Rule]:
        """Return the rules of all security groups of an instance together."""
        instance = self._world.instances[id]
        found = []
        for group in (self._world.groups[name] for name in instance.groups):
            found += [_rule(permission) for permission in group.permissions]
            if group.inner_access == "Accept":
                found += [_from(other) for other in self._beside(instance, group.id)]
        return found

    def _beside(self, instance: Instance, group: str) -> list[Instance]:
        others = self._world.instances.values()
        return [o for o in others if group in o.groups and o.id != instance.id]


def _rule(permission: Permission) -> Rule:
    first, last = (int(port) for port in permission.ports.split("/"))
    return Rule(
        direction=permission.direction,
        protocol=permission.protocol,
        ports=(first, last) if first > 0 else None,
        cidr=permission.cidr,
        accept=permission.policy == "Accept",
        priority=permission.priority,
    )


def _from(other: Instance) -> Rule:
    return Rule(
        direction="ingress",
        protocol="all",
        ports=None,
        cidr=IPv4Network(other.private),
        accept=True,
        priority=INNER_PRIORITY,
    )
