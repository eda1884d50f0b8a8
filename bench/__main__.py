"""`python -m bench [core|lab]`: everything, or one half; exits 1 with one message on a fault."""

from __future__ import annotations

import argparse
import sys

from bench import core
from bench.measure import BenchError


def main() -> int:
    """Run what the command line names and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("part", nargs="?", choices=("all", "core", "lab"), default="all")
    options = parser.parse_args()
    try:
        if options.part in ("all", "core"):
            core.run()
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
