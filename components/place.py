"""What every place of a host gives to the rest: an SSH connection and, for the hub, an address.

Alibaba, lab and "a server I already have" differ in nothing else, so what the lab proves about
the code behind this line holds everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_command.remote import ConnectionArgs

from leasedline.ssh import Login


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedHost:
    """A host that can be logged in to.

    `user` decides whether sudo is needed; `ready` are the resources that must exist first.
    `machine` names the machine where another one can take its place: what was done on the old one
    is then done again. `deleted_with` is the resource that takes the host along when it goes, so
    that nothing needs to be undone on it first.
    """

    user: str
    connection: ConnectionArgs
    login: pulumi.Input[Login]
    ready: Sequence[pulumi.Resource] = ()
    machine: pulumi.Input[str] | None = None
    deleted_with: pulumi.Resource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedHub(PlacedHost):
    """The hub's host, and `address`, the public address or DNS name that spokes dial."""

    address: pulumi.Input[str]
