"""Leased line: one hub, a Linux box per office, one private line between the offices' LANs.

Read what the stack is told, place the hub and the spokes, join them, tell the result. The network
is `stacks/<stack>.network.yaml`; where hub and spokes are is a setting of the stack.
"""

import pulumi

from components.hub_existing import existing_hub, existing_spoke
from components.hub_lab import Lab
from components.leased_line import LeasedLine
from components.settings import Where, last_run, read_settings
from components.survey import survey
from leasedline import report

settings = read_settings()
network = settings.network

last = last_run()
outputs: dict[str, pulumi.Output[object]] = {}

lab = None
if Where.LAB in (settings.hub, settings.spokes):
    lab = Lab("lab", network, hub_machine=settings.hub is Where.LAB)

if settings.hub is Where.ALIBABA:
    # Only here: pulumi-alicloud is installed for stacks that use it.
    from components.hub_alibaba import AlibabaHub

    cloud = AlibabaHub(network.hub.name, settings, last)
    hub = cloud.booted(lab.way_in(cloud.placed) if lab else cloud.placed)
    outputs |= cloud.outputs
elif lab and settings.hub is Where.LAB:
    hub = lab.hub(network.hub.name)
else:
    hub = existing_hub(network.hub, settings.ssh_key)
spokes = {
    spoke.name: lab.spoke(spoke.name)
    if lab and settings.spokes is Where.LAB
    else existing_spoke(spoke, settings.ssh_key)
    for spoke in network.active.spokes
}

statuses = survey({network.hub.name: hub, **spokes}, settings, last)

line = LeasedLine(
    "line",
    network=network,
    ring=settings.ring,
    hub=hub,
    spokes=spokes,
    last=last,
    statuses=statuses,
)

if lab:
    lab.set_gateways(report.gateway_recipes(network.active))

for name, value in (outputs | line.outputs).items():
    pulumi.export(name, value)
