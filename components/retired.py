"""A host that is gone for good: what was done on it stays on record, and nothing dials it."""

from __future__ import annotations

import pulumi
from pulumi_command import remote

from components.linux_host import LinuxHost

_NOWHERE = "retired.invalid"
"""No host (RFC 2606): what is retired keeps the inputs that the state has, and is not dialled."""


def retired_host(name: str, opts: pulumi.ResourceOptions) -> None:
    """Register the two commands of a host so that Pulumi neither runs them nor takes them back.

    Left out of the program, they would be deleted, which logs in. Once they are in the state in
    this way, the host may leave the network file, and the stack may be destroyed.

    Args:
        name: the host's name, of which the state has the commands.
        opts: options of the host's component.
    """
    host = pulumi.ComponentResource(LinuxHost.TYPE, name, None, opts)
    for part in ("base", "config"):
        remote.Command(
            f"{name}-{part}",
            # The fields that the state has: a value can be ignored, and not that one came or went.
            connection=remote.ConnectionArgs(host=_NOWHERE),
            create="",
            delete="",
            stdin=pulumi.Output.secret("") if part == "base" else "",
            logging=remote.Logging.STDOUT if part == "config" else remote.Logging.NONE,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=host,
                ignore_changes=["*"],
                retain_on_delete=True,
                additional_secret_outputs=["stdout", "stderr"] if part == "base" else ["stderr"],
            ),
        )
    host.register_outputs({})
