"""Units of the line: enabled, running, and systemd reloaded once at most, where it says it must."""

from __future__ import annotations

from typing import Final

import pytest

from leasedline.bundle import configuration
from tests.unit.networks import article
from tests.unit.shell import Host
from tests.unit.test_endpoint import named

# A unit is a line "NAME enabled|disabled|static active|inactive fresh|stale". As seen on the lab's
# machines: once any unit is enabled and systemd not reloaded, 257 calls all units stale; to 252 a
# unit is that only if a file of it changed after it was loaded. To both, one that is active stays
# disabled until then.
SYSTEMD: Final = r"""
systemctl() {
    case "$*" in
    show*)
        while read -r name enabled active files; do
            [ "$files" = stale ] && files=yes || files=no
            [ "$enabled" != soon ] || enabled=disabled
            printf 'Id=%s\nActiveState=%s\nUnitFileState=%s\nNeedDaemonReload=%s\n\n' \
                "$name" "$active" "$enabled" "$files"
        done <"$RUN/systemd"
        return
        ;;
    *" enable "*)
        sed -i -e "s/ disabled active / soon active /; s/ disabled / enabled /" \
            -e "s/[a-z]*\$/$AFTER_ENABLE/" "$RUN/systemd"
        ;;
    daemon-reload) sed -i 's/ soon / enabled /; s/stale$/fresh/' "$RUN/systemd" ;;
    esac
    say "$*"
}
"""

LINE: Final = "leased-line.service"
PROBE: Final = "leased-line-probe.service"
TIMER: Final = "leased-line-endpoint.timer"
DIALS: Final = "leased-line-endpoint.service"
"""Its timer starts it."""

RIGHT: Final = {
    LINE: "enabled active fresh",
    PROBE: "enabled active fresh",
    TIMER: "enabled active fresh",
    DIALS: "static inactive fresh",
}


def activated(
    host: Host, units: dict[str, str], *changed: str, after_enable: str = "fresh"
) -> list[str]:
    """What is done where systemd has these units and an apply has changed those files."""
    host.file("run/systemd", "".join(f"{name} {state}\n" for name, state in units.items()))
    host.file("run/changed", "".join(f"/etc/systemd/system/{name}\n" for name in changed))
    bundle = host.file("sent", configuration(named(article()).plan("a")))
    ran = host.sh(f'AFTER_ENABLE={after_enable}\n{SYSTEMD}\nactivate_units "$1"', bundle)
    assert (ran.code, ran.stderr) == (0, "")
    return ran.lines


def test_what_is_right_is_left_alone(host: Host) -> None:
    assert activated(host, RIGHT) == []


@pytest.mark.parametrize(("after_enable", "reloads"), [("fresh", []), ("stale", ["daemon-reload"])])
def test_a_first_apply_reloads_once_at_most(
    after_enable: str, reloads: list[str], host: Host
) -> None:
    new = dict.fromkeys((LINE, PROBE, TIMER), "disabled inactive fresh")
    new[DIALS] = RIGHT[DIALS]
    assert activated(host, new, *new, after_enable=after_enable) == [
        f"--quiet --no-reload enable {LINE} {PROBE} {TIMER}",
        *reloads,
        *(f"restart {name}" for name in (LINE, PROBE, TIMER)),
    ]


def test_a_text_that_changed_is_read_and_its_unit_started_anew(host: Host) -> None:
    units = RIGHT | {PROBE: "enabled active stale"}
    assert activated(host, units, PROBE) == ["daemon-reload", f"restart {PROBE}"]


def test_so_is_one_that_an_apply_changed_which_was_cut_short(host: Host) -> None:
    units = RIGHT | {PROBE: "enabled active stale"}
    assert activated(host, units) == ["daemon-reload", f"restart {PROBE}"]


def test_what_a_timer_starts_is_read_and_not_started(host: Host) -> None:
    units = RIGHT | {DIALS: "static inactive stale"}
    assert activated(host, units, DIALS) == ["daemon-reload"]


def test_a_unit_that_somebody_stopped_is_started(host: Host) -> None:
    assert activated(host, RIGHT | {PROBE: "enabled inactive fresh"}) == [f"start {PROBE}"]


def test_one_that_somebody_disabled_is_enabled(host: Host) -> None:
    assert activated(host, RIGHT | {LINE: "disabled active fresh"}) == [
        f"--quiet --no-reload enable {LINE}",
        "daemon-reload",
    ]
