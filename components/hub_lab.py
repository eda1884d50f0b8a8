"""A hub, or a spoke, in the lab: the article's world on this machine, made by the stack itself."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pulumi
from pulumi_command import local
from pulumi_command.remote import ConnectionArgs

from components.place import PlacedHost, PlacedHub
from lab.settings import load_settings
from lab.state import LabState
from lab.world import world
from leasedline.network import Network
from leasedline.ssh import Login

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

ROUTER_VENDOR: Final = "linux"
"""The recipe that the lab's office routers, Linux in a namespace, are given."""


class Lab(pulumi.ComponentResource):
    """The lab's internet, its offices and its machines, for the current stack.

    Every child is one local command of `python -m lab`, told on stdin what to build. What it
    builds outlives a reboot of this machine only as files, so the boot's id is part of each
    command's environment: after a reboot the next `up` brings everything back.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        *,
        hub_machine: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the world around `network`.

        Args:
            name: the component's name.
            network: what the user wrote.
            hub_machine: whether the hub is one of the lab's machines; else it is in a cloud.
            opts: options of the component itself.

        Raises:
            pulumi.RunError: the lab's settings have faults, or lack the cloud.
        """
        super().__init__("leased-line:lab:Lab", name, None, opts)
        self._name = name
        self._stack = pulumi.get_stack()
        self._state = LabState(self._stack)
        self._boot = {"LAB_BOOT_ID": BOOT_ID.read_text(encoding="ascii").strip()}
        try:
            settings = load_settings(self._stack)
            built = world(network, settings, self._stack, hub_machine=hub_machine)
        except ValueError as error:
            raise pulumi.RunError(str(error)) from None
        if not hub_machine and settings.cloud is None:
            msg = (
                "the lab's offices reach no hub outside of the lab: add cloud: {} to "
                f"stacks/{self._stack}.lab.yaml for a cloud in the lab, or set both places to it: "
                f"pulumi config set hub lab -s {self._stack}"
            )
            raise pulumi.RunError(msg)
        internet = built.internet
        self._dialled = network.hub.endpoint or internet.hub_name or str(internet.hub_public)
        self._internet = self._built("internet", built.internet.spec())
        self._offices = {
            office.name: self._built("office", office.spec(), office.name, after=self._internet)
            for office in built.offices
        }
        self._machines = {
            machine.name: self._built(
                "machine",
                machine.spec(),
                machine.name,
                after=self._offices.get(machine.name, self._internet),
            )
            for machine in built.machines
        }
        self.register_outputs({})

    def hub(self, name: str) -> PlacedHub:
        """Return the place of the hub `name`."""
        host = self.spoke(name)
        return PlacedHub(
            user=host.user,
            connection=host.connection,
            login=host.login,
            ready=host.ready,
            address=self._dialled,
        )

    def spoke(self, name: str) -> PlacedHost:
        """Return the place of the spoke `name`."""
        machine = self._machines[name]
        reached = machine.stdout.apply(json.loads)
        # Read only once the machine is up: the lab makes the key with the first machine.
        private_key: pulumi.Output[str] = pulumi.Output.secret(
            reached.apply(lambda _: self._state.private_key.read_text(encoding="ascii"))
        )
        return PlacedHost(
            user="root",
            connection=ConnectionArgs(
                host=reached["host"],
                port=reached["port"],
                user=reached["user"],
                host_key=reached["host_key"],
                private_key=private_key,
            ),
            login=reached.apply(self._login),
            ready=[machine],
        )

    def way_in(self, hub: PlacedHub) -> PlacedHub:
        """Return `hub`, which is in the lab's cloud, as this machine reaches it.

        Its public address is one of the lab's internet. A forwarder connects from the
        administrator's address there, so it passes the cloud's firewall like anybody.
        """
        address: pulumi.Output[str] = pulumi.Output.from_input(hub.connection.host)
        stack = f" --stack {self._stack}"
        reach = local.Command(
            f"{self._name}-way-in",
            create=pulumi.Output.concat("python -m lab cloud reach ", address, stack),
            delete=pulumi.Output.concat("python -m lab cloud unreach ", address, stack),
            # Another address is another forwarder, and the old one goes with the old address.
            triggers=[address],
            environment=self._boot,
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*hub.ready, self._internet]),
        )
        door = reach.stdout.apply(json.loads)
        connection = copy.copy(hub.connection)
        connection.host, connection.port = door["host"], door["port"]
        login = pulumi.Output.all(hub.login, door).apply(
            lambda known: replace(known[0], host=known[1]["host"], port=known[1]["port"])
        )
        return replace(hub, connection=connection, login=login, ready=[*hub.ready, reach])

    def set_gateways(self, recipes: Mapping[str, Mapping[str, str]]) -> None:
        """Type each office's recipe into its router, as an administrator would.

        A retired office has none: its router is left as it is.
        """
        for office in recipes:
            self._command(
                f"gateway-{office}",
                create=f"python -m lab gateway {office} --stack {self._stack}",
                stdin=recipes[office][ROUTER_VENDOR],
                after=self._offices[office],
            )

    def _login(self, reached: Mapping[str, Any]) -> Login:
        return Login(**reached, key_file=str(self._state.private_key))

    def _built(
        self,
        what: str,
        spec: Mapping[str, Any],
        name: str = "",
        after: pulumi.Resource | None = None,
    ) -> local.Command:
        options = f"--stack {self._stack}"
        return self._command(
            f"{what}-{name}" if name else what,
            create=" ".join(filter(None, ["python -m lab", what, "up", name, options])),
            delete=" ".join(filter(None, ["python -m lab", what, "down", name, options])),
            stdin=json.dumps(spec, indent=1, sort_keys=True),
            after=after,
        )

    def _command(
        self,
        what: str,
        *,
        create: str,
        stdin: str,
        delete: str | None = None,
        after: pulumi.Resource | None = None,
    ) -> local.Command:
        return local.Command(
            f"{self._name}-{what}",
            create=create,
            delete=delete,
            stdin=stdin,
            environment=self._boot,
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[after] if after else None),
        )
