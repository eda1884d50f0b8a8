"""`python -m components.handover`: takes the line down on the hub that another one stands in for.

Two hubs with one key cannot serve side by side: WireGuard sends to wherever the last valid packet
came from (whitepaper, 2.1), so a spoke that was told the new address would follow the old hub's
next packet back, and stay there when the old one goes.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Final

import pulumi
from pulumi_command import local

from components.place import PlacedHub
from components.reach import ask
from leasedline.commands import commands
from leasedline.ssh import Login, login_from

_NAME: Final = "old-hub"


def handover(
    name: str, hub: PlacedHub, ready: pulumi.Resource, opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    """Register what takes the line off the old hub once the new one is `ready`.

    Another address replaces it, and then what it was is deleted first: that is the old hub's end.
    Spokes wait for it.

    Args:
        name: the hub's name; the resource is `<name>-handover`.
        hub: where the hub is, now.
        ready: the hub's configuration.
        opts: options that go before those that it needs.
    """
    login: pulumi.Output[Login] = pulumi.Output.from_input(hub.login)
    told: pulumi.Output[str] = pulumi.Output.all(login, hub.connection.private_key).apply(
        lambda known: json.dumps({"login": asdict(known[0]), "key": known[1]})
    )
    secret: pulumi.Output[str] = pulumi.Output.secret(told)
    needed = pulumi.ResourceOptions(
        depends_on=[ready], delete_before_replace=True, deleted_with=hub.deleted_with
    )
    return local.Command(
        f"{name}-handover",
        delete="python -m components.handover",
        stdin=secret,
        # Not the address that is dialled, which may be a name that stays.
        triggers=[login.apply(lambda login: f"{login.host}:{login.port}")],
        logging=local.Logging.STDERR,
        add_previous_output_in_env=False,
        opts=pulumi.ResourceOptions.merge(opts, needed),
    )


def main() -> int:
    """Remove the line from the host that standard input tells of, if it answers.

    Returns:
        The exit code: 0 also where it does not answer, as it is then taken to be gone.
    """
    told = json.load(sys.stdin)
    login = login_from(told["login"])
    remove = {_NAME: commands(login.user).remove}
    answer = ask({_NAME: login}, remove, told["key"], told["key"])[_NAME]
    if answer.fault:
        print(
            f"the old hub at {login.host}: {answer.fault}; it is taken to be gone", file=sys.stderr
        )
        return 0
    print(answer.stderr.strip(), file=sys.stderr)
    return answer.code


if __name__ == "__main__":
    sys.exit(main())
