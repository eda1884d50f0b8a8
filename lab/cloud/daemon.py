"""The cloud of a stack as a daemon, `python -m lab.cloud.daemon`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from lab.cloud.api import Cloud
from lab.cloud.home import CloudFiles
from lab.cloud.journal import Journal
from lab.cloud.machines import LabMachines
from lab.cloud.server import application, server
from lab.cloud.state import Store
from lab.errors import LabError
from lab.process import PID_FILE, say_ready
from lab.settings import load_settings
from lab.state import LabState
from lab.world import internet


def main() -> int:
    """Serve until it is ended; faults are told in words on standard error."""
    parser = argparse.ArgumentParser(prog="python -m lab.cloud.daemon")
    parser.add_argument("--stack", required=True)
    parser.add_argument(PID_FILE, required=True, type=Path)
    options = parser.parse_args()
    # Each with its time: it is the daemon's log that the lines go to.
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        _serve(CloudFiles(LabState(options.stack)), options.pid_file)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(files: CloudFiles, pid_file: Path) -> None:
    state, key = files.state, files.key()
    line = internet(load_settings(state.stack, state.project), state.stack)
    cloud = Cloud(
        store=Store(files.world),
        machines=LabMachines(state, line),
        settings=files.settings(),
        key=key,
        journal=Journal(files.log),
    )
    app = application(cloud, key, files.settings)
    server(app, files.port(), files.certificate(), lambda: say_ready(pid_file)).run()


if __name__ == "__main__":
    sys.exit(main())
