"""`python -m leasedline.gateways` prints the recipes of docs/gateways.md."""

from __future__ import annotations

import sys

from leasedline.gateways.page import EXAMPLE, sections

sys.stdout.write(sections(EXAMPLE))
