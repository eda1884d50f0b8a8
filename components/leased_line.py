"""The line itself: hub and spokes brought to their bundles, and what the stack tells of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import pulumi

from components.handover import handover
from components.known import known_now
from components.linux_host import LinuxHost, on_host
from components.pairs import verified_pairs
from components.place import PlacedHost, PlacedHub
from components.retired import retired_host
from components.settings import Last
from leasedline import ages, report
from leasedline.commands import commands
from leasedline.drift import Status
from leasedline.keys import KeyRing
from leasedline.network import Network
from leasedline.outlook import Outlook, look
from leasedline.plan import HostPlan


class LeasedLine(pulumi.ComponentResource):
    """Hub first, then all spokes in parallel; every spoke waits until its hub knows it.

    When all spokes have confirmed, the hub forgets the keys that these have replaced, and then the
    spokes verify each other end to end.

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
        last: Last,
        statuses: pulumi.Output[dict[str, Status]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register all hosts.

        Args:
            name: the component's name.
            network: what the user wrote.
            ring: the stack's keys.
            hub: where the hub is.
            spokes: where the spokes are that are not retired, by name.
            last: what the stack's last complete run left.
            statuses: what the hosts say of themselves, by name.
            opts: options of the component itself.
        """
        super().__init__("leased-line:line:LeasedLine", name, None, opts)
        # A preview can tell of the network before it knows the hub's address, but not of bundles.
        address: pulumi.Output[str] = pulumi.Output.from_input(hub.address)
        endpoint: pulumi.Output[str | None] = pulumi.Output.from_input(known_now(address))
        announced = pulumi.Output.all(endpoint, statuses).apply(
            lambda known: _announced(network, ring, last, *known)
        )
        ahead: pulumi.Output[Outlook]
        ahead = pulumi.Output.all(address, announced).apply(lambda known: known[1])
        self.hub = self._host(network.hub.name, hub, ahead)
        first: list[pulumi.Resource] = [self.hub.config]
        own = pulumi.ResourceOptions(parent=self)
        if hub.machine is not None:
            # Only a hub that another machine can stand in for leaves an old one behind.
            first.append(handover(network.hub.name, hub, self.hub.config, own))
        self.spokes = {
            name: self._host(name, place, ahead, after=first) for name, place in spokes.items()
        }
        configured = [self.hub.config, *(host.config for host in self.spokes.values())]
        self.settled = on_host(
            f"{network.hub.name}-settled",
            hub,
            create=commands(hub.user).settle,
            stdin=ahead.apply(lambda ahead: ahead.confirmed),
            after=configured,
            opts=own,
        )
        pairs = verified_pairs(spokes, ahead, [self.settled, *configured], own)
        for name in last.snapshot.retire(network.retired) if last.snapshot else ():
            retired_host(name, own)
        told = self._outputs(network.active, hub, spokes, ahead)
        self.outputs = {**told, "pairs": pairs}
        self.register_outputs(dict(self.outputs))

    def _host(
        self,
        name: str,
        place: PlacedHost,
        ahead: pulumi.Output[Outlook],
        after: Sequence[pulumi.Resource] = (),
    ) -> LinuxHost:
        return LinuxHost(
            name,
            place,
            installer=ahead.apply(lambda ahead: ahead.installer(name)),
            configuration=ahead.apply(lambda ahead: ahead.configuration(name)),
            after=after,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _outputs(
        self,
        network: Network,
        hub: PlacedHub,
        spokes: Mapping[str, PlacedHost],
        ahead: pulumi.Output[Outlook],
    ) -> dict[str, pulumi.Output[object]]:
        hub_endpoint = pulumi.Output.concat(hub.address, ":", str(network.port))

        def told(
            tell: Callable[[Network, list[HostPlan], str], object],
        ) -> pulumi.Output[object]:
            return pulumi.Output.all(ahead, hub_endpoint).apply(
                lambda known: tell(network, list(known[0].planner.plans()), known[1])
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
            "keys": ahead.apply(lambda ahead: ages.as_output(ahead.snapshot, ahead.today)),
            # Only what has become true: it waits for every host.
            "applied": pulumi.Output.all(
                ahead, *(host.config.stdout for host in (self.hub, *self.spokes.values()))
            ).apply(lambda known: known[0].snapshot.as_output()),
        }


def _announced(
    network: Network,
    ring: KeyRing,
    last: Last,
    endpoint: str | None,
    statuses: Mapping[str, Status],
) -> Outlook:
    """Work out what lies ahead, and say it before any host is touched."""
    ahead = look(
        network,
        ring,
        endpoint=endpoint,
        known=last.addresses,
        before=last.snapshot,
        statuses=statuses,
        today=datetime.now(UTC).date(),
    )
    for warning in ahead.warnings:
        pulumi.log.warn(warning)
    if ahead.changes:
        pulumi.log.info("\n".join(ahead.changes))
    return ahead
