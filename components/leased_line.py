"""The line itself: hub and spokes brought to their bundles, and what the stack tells of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from ipaddress import IPv4Address

import pulumi

from components.linux_host import LinuxHost
from components.place import PlacedHost, PlacedHub
from leasedline import bundle, report
from leasedline.keys import KeyRing
from leasedline.network import Network
from leasedline.plan import HostPlan, Planner, allot


class LeasedLine(pulumi.ComponentResource):
    """Hub first, then all spokes in parallel; every spoke waits until its hub knows it.

    `outputs` is what the stack exports, by name.
    """

    outputs: dict[str, pulumi.Output[object]]

    def __init__(
        self,
        name: str,
        *,
        network: Network,
        ring: KeyRing,
        hub: PlacedHub,
        spokes: Mapping[str, PlacedHost],
        known: pulumi.Input[Mapping[str, IPv4Address]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register all hosts.

        Args:
            name: the component's name.
            network: what the user wrote.
            ring: the stack's keys.
            hub: where the hub is.
            spokes: where the spokes are, by name.
            known: tunnel addresses that are already out, by host name.
            opts: options of the component itself.
        """
        super().__init__("leased-line:line:LeasedLine", name, None, opts)
        planner = pulumi.Output.all(hub.address, known).apply(
            lambda known: Planner(network, ring, known[0], allot(network, known[1]))
        )
        self.hub = self._host(network.hub.name, hub, planner)
        self.spokes = {
            name: self._host(name, place, planner, after=self.hub) for name, place in spokes.items()
        }
        self.outputs = self._outputs(network, hub, spokes, planner)
        self.register_outputs(dict(self.outputs))

    def _host(
        self,
        name: str,
        place: PlacedHost,
        planner: pulumi.Output[Planner],
        after: LinuxHost | None = None,
    ) -> LinuxHost:
        return LinuxHost(
            name,
            place,
            installer=planner.apply(
                lambda planner: bundle.installer(planner.plan(name), planner.secrets(name))
            ),
            configuration=planner.apply(lambda planner: bundle.configuration(planner.plan(name))),
            after=[after.config] if after else [],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _outputs(
        self,
        network: Network,
        hub: PlacedHub,
        spokes: Mapping[str, PlacedHost],
        planner: pulumi.Output[Planner],
    ) -> dict[str, pulumi.Output[object]]:
        hub_endpoint = pulumi.Output.concat(hub.address, ":", str(network.port))

        def told(
            tell: Callable[[Network, list[HostPlan], str], object],
        ) -> pulumi.Output[object]:
            return pulumi.Output.all(planner, hub_endpoint).apply(
                lambda known: tell(network, list(known[0].plans()), known[1])
            )

        places = {network.hub.name: hub, **spokes}
        return {
            "hub_endpoint": hub_endpoint,
            "endpoints": told(report.endpoints),
            "routes": pulumi.Output.from_input(report.routes(network)),
            "gateway_recipes": pulumi.Output.from_input(report.gateway_recipes(network)),
            "diagram": told(report.diagram),
            "readme": told(report.readme),
            "logins": pulumi.Output.all(
                **{name: place.login for name, place in places.items()}
            ).apply(lambda logins: {name: asdict(login) for name, login in logins.items()}),
        }
