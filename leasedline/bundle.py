"""What is sent to a host: its files as one text, checked whole by a digest.

The format is made to be read in `pulumi preview --diff`, line by line:

    leased-line bundle 1
    host a
    role spoke
    interface wg0
    probe 10.70.0.1
    file /etc/systemd/network/wg0.network root:root 0644
    |[Match]
    |Name=wg0
    end sha256:<digest of all lines above, in hexadecimal>

A line `revision 2` in its head says that the host had to be brought back once (leasedline.drift).

A line that starts with `|` is a line of the file named last. The configuration travels as such
a text in plain; the key files travel the same way, but as a secret and behind the host program,
as a script that installs itself (`installer`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from leasedline import endpoint, firewall, networkd, probe, watch
from leasedline.files import File
from leasedline.plan import HostPlan

PAYLOAD: Final = "#--- payload ---#"
"""The line of an installer that parts the host program from the key files."""

_PARTS: Final = Path(__file__).parent / "host"


def configuration(plan: HostPlan, revision: int = 1) -> str:
    """Return the bundle of one host's configuration; it holds no secret.

    `revision` makes another text of the same files, so that they are sent again.
    """
    files = (
        *networkd.files(plan),
        *firewall.files(plan),
        *probe.files(plan),
        *endpoint.files(plan),
        *watch.files(plan),
    )
    return bundle(plan, files, revision)


def installer(plan: HostPlan, secrets: Mapping[str, str], revision: int = 1) -> str:
    """Return the script that installs the host program and the key files; it is a secret.

    Args:
        plan: the host's plan.
        secrets: the host's key files, path to base64 text (`Planner.secrets`).
        revision: as in `configuration`.
    """
    keys = (
        # networkd reads them as systemd-network: systemd.netdev(5), PrivateKeyFile=.
        File(path=path, text=f"{text}\n", mode="0640", group="systemd-network")
        for path, text in secrets.items()
    )
    return f"{program()}{PAYLOAD}\n{bundle(plan, keys, revision)}"


def bundle(plan: HostPlan, files: Iterable[File], revision: int = 1) -> str:
    """Return `files` as one text with the host's name, role, interface and probe.

    The first revision has no line, which keeps the text short for the hosts that nobody touched.
    """
    lines = [
        "leased-line bundle 1\n",
        f"host {plan.name}\nrole {plan.role}\ninterface {plan.interface}\n",
        f"probe {plan.probe}\n" if plan.probe else "",
        f"revision {revision}\n" if revision > 1 else "",
    ]
    for file in files:
        lines.append(f"file {file.path} {file.owner}:{file.group} {file.mode}\n")
        lines.append("|" + file.text[:-1].replace("\n", "\n|") + "\n")
    text = "".join(lines)
    return f"{text}end sha256:{hashlib.sha256(text.encode()).hexdigest()}\n"


def program_digest() -> str:
    """Return the host program's SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(program().encode()).hexdigest()


def digest(text: str) -> str:
    """Return the digest that closes a bundle: 64 hexadecimal digits."""
    return text.rsplit("sha256:", 1)[1].rstrip("\n")


@cache
def program() -> str:
    """Return the host program: its parts in order, one POSIX sh script.

    The last part ends in `exit`, so that the shell never reads on into a payload.
    """
    return "".join(part.read_text("utf-8") for part in sorted(_PARTS.glob("[0-9]*.sh")))
