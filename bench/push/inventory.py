"""pyinfra's inventory: the hosts that `bench.pyinfra` wrote down, with the files of each."""

import json
import os
from pathlib import Path

hosts = [
    (name, data)
    for name, data in json.loads(Path(os.environ["LEASED_LINE_BENCH_HOSTS"]).read_text()).items()
]
