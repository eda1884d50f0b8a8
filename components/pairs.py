"""Verifying the pairs of spokes end to end, once every host is configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_command import remote

from components.linux_host import on_host
from components.place import PlacedHost
from leasedline import pairs
from leasedline.commands import commands
from leasedline.outlook import Outlook


def verified_pairs(
    spokes: Mapping[str, PlacedHost],
    ahead: pulumi.Output[Outlook],
    after: Sequence[pulumi.Resource],
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[object]:
    """Register `<spoke>-pairs` for each spoke that asks others, and return what came of it.

    One that has lost a pair fails, and so does the update; the next one asks again. Where nothing
    has changed on any host, nobody is asked. Nothing is left to take back when it goes.

    Args:
        spokes: where the spokes are, by name, in the network file's order.
        ahead: the run that lies ahead.
        after: every host's configuration.
        opts: options that go before those that they need.
    """
    asking = [name for name, others in pairs.far_spokes(tuple(spokes)).items() if others]
    asked = {name: _asked(name, spokes[name], ahead, after, opts) for name in asking}
    said = pulumi.Output.all(*(command.stdout for command in asked.values()))
    return said.apply(lambda said: _told(dict(zip(asked, said, strict=True)), len(spokes)))


def _asked(
    name: str,
    place: PlacedHost,
    ahead: pulumi.Output[Outlook],
    after: Sequence[pulumi.Resource],
    opts: pulumi.ResourceOptions,
) -> remote.Command:
    return on_host(
        f"{name}-pairs",
        place,
        create=commands(place.user).pairs,
        stdin=ahead.apply(lambda ahead: ahead.pairs[name]),
        after=after,
        opts=opts,
    )


def _told(said: Mapping[str, str], spokes: int) -> dict[str, pairs.Pair]:
    found = pairs.results(said)
    for line in pairs.remarks(found, spokes):
        pulumi.log.warn(line)
    return found
