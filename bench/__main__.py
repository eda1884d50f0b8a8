"""`python -m bench [core|lab]`: everything, or one half; exits 1 with one message on a fault."""

from __future__ import annotations

import argparse
import signal
import sys

from bench import core, lab
from bench.measure import BenchError
from lab.errors import LabError


def main() -> int:
    """Run what the command line names and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("part", nargs="?", choices=("all", "core", "lab"), default="all")
    options = parser.parse_args()
    # So that a bench that is told to end still takes away what it made.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.part in ("all", "core"):
            core.run()
        if options.part in ("all", "lab"):
            lab.run()
    except (BenchError, LabError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
