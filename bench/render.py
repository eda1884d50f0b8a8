"""`python -m bench.render FILE`: the core's whole job in one process, and what it cost.

A process of its own, so that the peak of memory is this job's and nothing else's.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bench.networks import ENDPOINT, seed
from leasedline import bundle
from leasedline.keys import KeyRing
from leasedline.load import load_network
from leasedline.plan import Planner, allot


def peak_kib(status: str) -> int:
    """Return the greatest resident size in KiB from the text of a /proc/PID/status (proc(5)).

    Not getrusage's ru_maxrss: Linux carries that one over exec, so a child starts with its
    parent's.
    """
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(fields["VmHWM"].split()[0])


def render(file: Path) -> dict[str, float]:
    """Load, check, plan and render one network file; hold all of it, as a deployment does.

    Returns:
        `load_s` (reading and all checks), `render_s` (keys, plans, bundles and key files of all
        hosts), `hosts`, `bytes` (configuration and key files; the host program, the same text on
        every host, is rendered and not counted).
    """
    began = time.perf_counter()
    network = load_network(file)
    loaded = time.perf_counter()
    planner = Planner(network, KeyRing(seed()), ENDPOINT, allot(network, {}))
    configurations: list[str] = []
    keys: list[str] = []
    for plan in planner.plans():
        configurations.append(bundle.configuration(plan))
        # Pulumi is given host program and keys as one text; the program's copies, one for each
        # host, would drown what grows here.
        installer = bundle.installer(plan, planner.secrets(plan.name))
        keys.append(installer.split(bundle.PAYLOAD + "\n", 1)[1])
    return {
        "load_s": loaded - began,
        "render_s": time.perf_counter() - loaded,
        "hosts": len(configurations),
        "bytes": sum(map(len, configurations)) + sum(map(len, keys)),
    }


def main() -> None:
    """Print what `render` returns, and `peak_kib`, as one line of JSON."""
    cost = render(Path(sys.argv[1]))
    status = Path("/proc/self/status").read_text("ascii")
    print(json.dumps({**cost, "peak_kib": peak_kib(status)}))


if __name__ == "__main__":
    main()
