"""The commands that bring a host to its state over SSH: static text, all data goes on stdin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from leasedline.files import PROGRAM

TIMEOUT_S: Final = 300
"""What one remote command may take: SSH itself never ends one whose host went away."""

# The installer holds keys, so it waits in memory (/run is a tmpfs), readable by root alone.
_INSTALL: Final = (
    "umask 077; "
    "t=$(mktemp /run/leased-line.XXXXXX) || exit 1; "
    'trap "rm -f $t" EXIT; trap "exit 1" HUP INT TERM; '
    'cat >"$t"; sh "$t" install <"$t"'
)


@dataclass(frozen=True, slots=True)
class Commands:
    """What is run on a host, for root or a user with passwordless sudo."""

    install: str
    """Takes an installer (`leasedline.bundle.installer`) on stdin."""
    uninstall: str
    apply: str
    """Takes a configuration bundle (`leasedline.bundle.configuration`) on stdin."""
    remove: str
    settle: str
    """Takes a line "NAME PUBLIC-KEY" for each spoke on stdin: those that it has confirmed."""
    pairs: str
    """Takes what to ask (`leasedline.pairs.questions`) on stdin."""
    status: str
    """Prints what `leasedline.drift.read_status` reads; exit code 3 where something differs."""


def commands(user: str) -> Commands:
    """Return the commands for the SSH user `user`."""
    sudo = "" if user == "root" else "sudo -n "
    run = f"timeout {TIMEOUT_S} {sudo}"
    # A host that was reinstalled since has nothing to take away.
    present = f"if [ -x {PROGRAM} ]; then"
    return Commands(
        install=f"{run}sh -c '{_INSTALL}'",
        uninstall=f"{present} {run}{PROGRAM} uninstall; fi",
        # sudo keeps no SSH_CONNECTION, by which the host proves that its answers still arrive.
        apply=f'{run}{PROGRAM} apply "$SSH_CONNECTION"',
        remove=f"{present} {run}{PROGRAM} remove; fi",
        settle=f"{run}{PROGRAM} settle",
        pairs=f"{run}{PROGRAM} pairs",
        # The program does not vouch for itself, and a host may have none.
        status=f"sha256sum {PROGRAM} 2>/dev/null; "
        f"[ ! -x {PROGRAM} ] || {run}{PROGRAM} status --json",
    )
