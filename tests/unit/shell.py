"""Runs the host program's own functions in a scratch folder, under every shell found here."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from leasedline.bundle import program

# dash is Debian's /bin/sh, beside mawk or gawk; busybox brings an ash and an awk of its own.
_SHELLS: Final = {"dash": ["dash"], "busybox": ["busybox", "sh"]}

SHELLS: Final = [
    pytest.param(tuple(call), id=name)
    for name, call in _SHELLS.items()
    if name == "dash" or shutil.which(name)
]

_FUNCTIONS, _VERBS, _ = program().partition('\ncase "${1:-} ${2:-}" in\n')


@dataclass(frozen=True)
class Ran:
    code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()


@dataclass(frozen=True)
class Host:
    """A host whose state is under `root`; nothing else of this machine is touched."""

    root: Path
    shell: tuple[str, ...]
    inside: tuple[str, ...] = ()
    """What the shell is started by, such as a namespace."""

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def run_directory(self) -> Path:
        return self.root / "run"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    def file(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def want(self, text: str) -> None:
        """Lay down what `bundle_want` left for the comparison with the kernel."""
        self.file("run/want", text)

    def sh(self, commands: str, *arguments: object, stdin: str = "") -> Ran:
        """Run `commands` behind the host program's functions; `arguments` are $1 and so on."""
        for directory in (self.state, self.run_directory, self.keys):
            directory.mkdir(exist_ok=True)
        places = f"STATE={self.state}\nRUN={self.run_directory}\nKEYS={self.keys}\n"
        if self.shell[0] == "busybox":
            places += 'awk() { busybox awk "$@"; }\n'
        script = self.file("script.sh", f"{_FUNCTIONS}\n{places}{commands}\n")
        ran = subprocess.run(
            [*self.inside, *self.shell, str(script), *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)


def verbs() -> str:
    """The part of the host program that chooses what to do."""
    assert _VERBS, "the host program's last part no longer opens with `case`"
    return program().removeprefix(_FUNCTIONS)


def power_goes(commands: str) -> str:
    """Count each of the commands, which write to the disk; the one numbered $POWER has no power."""
    return """n=0
step() {
    read -r n <"$RUN/steps" 2>/dev/null || n=0
    n=$((n + 1))
    echo "$n" >"$RUN/steps"
    [ "$n" -ne "$POWER" ] || kill -s KILL 0
    "$@"
}
for name in COMMANDS; do
    eval "$name() { step command $name \\"\\$@\\"; }"
done
""".replace("COMMANDS", commands)
