"""A Linux host brought to its bundle over SSH, with two remote commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pulumi
from pulumi_command import remote

from components.place import PlacedHost
from leasedline.commands import commands

BOOT_TIMEOUT = "10m"
"""What one step may take in all, a host's boot included."""


class LinuxHost(pulumi.ComponentResource):
    """One host of the line: its base (host program and keys) and its configuration.

    The base changes rarely and is a secret as a whole; the configuration is plain text, so that
    `pulumi preview --diff` shows the lines that change. Neither has triggers: those replace, and
    the old delete would run after the new create. Both commands end by themselves.
    """

    TYPE: Final = "leased-line:host:LinuxHost"

    def __init__(
        self,
        name: str,
        place: PlacedHost,
        *,
        installer: pulumi.Input[str],
        configuration: pulumi.Input[str],
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the two commands.

        Args:
            name: the host's name; children are `<name>-base` and `<name>-config`.
            place: where and how the host is reached.
            installer: `leasedline.bundle.installer` of the host, a secret.
            configuration: `leasedline.bundle.configuration` of the host.
            after: resources that must be in place before the host is configured.
            opts: options of the component itself.
        """
        super().__init__(self.TYPE, name, None, opts)
        do = commands(place.user)
        own = pulumi.ResourceOptions(parent=self)
        self.base = on_host(
            f"{name}-base",
            place,
            create=do.install,
            delete=do.uninstall,
            stdin=pulumi.Output.secret(installer),
            secret_outputs=["stdout", "stderr"],
            opts=own,
        )
        self.config = on_host(
            f"{name}-config",
            place,
            create=do.apply,
            delete=do.remove,
            stdin=configuration,
            after=(self.base, *after),
            # What was changed and, at the end, the receipt: neither holds a secret.
            logging=remote.Logging.STDOUT,
            opts=own,
        )
        self.register_outputs({"config": self.config.stdout})


def on_host(
    name: str,
    place: PlacedHost,
    *,
    create: str,
    stdin: pulumi.Input[str],
    delete: str | None = None,
    after: Sequence[pulumi.Resource] = (),
    secret_outputs: Sequence[str] = ("stderr",),
    logging: remote.Logging = remote.Logging.NONE,
    opts: pulumi.ResourceOptions,
) -> remote.Command:
    """Register a command on a host, which runs again when `stdin` changes.

    Args:
        name: the resource's name.
        place: where and how the host is reached.
        create: what is run, and run again; it may be cut off at any time.
        stdin: all that it is told.
        delete: what takes back what it did; None where nothing is left of it.
        after: resources that must be in place before.
        secret_outputs: outputs that are kept secret.
        logging: outputs that are shown as they come, whether they are kept secret or not.
        opts: options that go before those that it needs.
    """
    needed = pulumi.ResourceOptions(
        depends_on=[*place.ready, *after],
        deleted_with=place.deleted_with,
        additional_secret_outputs=list(secret_outputs),
        custom_timeouts=pulumi.CustomTimeouts(
            create=BOOT_TIMEOUT, update=BOOT_TIMEOUT, delete=BOOT_TIMEOUT
        ),
    )
    return remote.Command(
        name,
        connection=place.connection,
        # A comment to the host's shell; to Pulumi, a change when the machine is another one.
        create=pulumi.Output.concat(create, " # ", place.machine) if place.machine else create,
        delete=delete,
        stdin=stdin,
        logging=logging,
        # What went before is nobody's business.
        add_previous_output_in_env=False,
        opts=pulumi.ResourceOptions.merge(opts, needed),
    )
