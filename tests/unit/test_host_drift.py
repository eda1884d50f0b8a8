"""Files and keys against the bundle: what is named, and that no key is shown."""

from __future__ import annotations

import getpass
import grp
import os
from pathlib import Path

import pytest

from tests.unit.recorded import PSK_A, PSK_C, Z
from tests.unit.shell import Host

ME = f"{getpass.getuser()}:{grp.getgrgid(os.getgid()).gr_name}"

# What `wg pubkey` says of the article's hub; every other text is no key.
WG = f"""
wg() {{
    read -r key || :
    [ "$1 $key" != "pubkey {Z.private}" ] || echo "{Z.public}"
}}
unit_states() {{ :; }}
ROLLBACK=rollback
"""


def bundle(host: Host, **files: str) -> Path:
    lines = ["leased-line bundle 1"]
    for name, text in files.items():
        lines += [f"file {host.root}/live/{name} {ME} 0644", *(f"|{row}" for row in text.split())]
    return host.file("bundle", "\n".join(lines) + "\n")


def differences(host: Host, function: str) -> list[str]:
    ran = host.sh(f'{WG}\n{function} "$1"', host.root / "bundle")
    assert (ran.code, ran.stderr) == (0, "")
    for secret in (Z.private, PSK_A.secret, PSK_C.secret):
        assert secret not in ran.stdout
    # Owner and mode of the keys are root's to set, and the lab's to test.
    return [
        line.replace(str(host.root), "")
        for line in ran.lines
        if "should be root:systemd-network" not in line
    ]


def test_files_as_they_should_be(host: Host) -> None:
    bundle(host, one="1 2", two="2")
    host.file("live/one", "1\n2\n").chmod(0o644)
    host.file("live/two", "2\n").chmod(0o644)
    assert differences(host, "file_differences") == []


def test_each_file_that_differs_is_named(host: Host) -> None:
    bundle(host, gone="1", edited="1", opened="1", linked="1", made="1")
    host.file("live/edited", "2\n").chmod(0o644)
    host.file("live/opened", "1\n").chmod(0o666)
    (host.root / "live/linked").symlink_to(host.file("elsewhere", "1\n"))
    (host.root / "live/made").mkdir(mode=0o755)
    assert differences(host, "file_differences") == [
        "file /live/gone: missing",
        "file /live/edited: content was changed",
        f"file /live/opened: is {ME} 0666, should be {ME} 0644",
        f"file /live/linked: is {ME} 0777, should be {ME} 0644",
        "file /live/made: content was changed",
        f"file /live/made: is {ME} 0755, should be {ME} 0644",
    ]


def test_keys_as_their_names_say(hub: Host) -> None:
    assert differences(hub, "key_differences") == []
    assert not (hub.run_directory / "prints").exists()


@pytest.mark.parametrize("key", [Z.name, PSK_A.name])
@pytest.mark.parametrize("text", ["", f"{PSK_C.secret}\n", "no key at all\n"])
def test_another_key_under_the_same_name(key: str, text: str, hub: Host) -> None:
    hub.file(f"keys/{key}", text)
    assert differences(hub, "key_differences") == [
        f"key file /keys/{key}: holds another key than its name says"
    ]


def test_a_key_that_is_gone(hub: Host) -> None:
    (hub.keys / PSK_C.name).unlink()
    (hub.keys / Z.name).unlink()
    assert sorted(differences(hub, "key_differences")) == sorted(
        f"key file /keys/{name}: missing" for name in (PSK_C.name, Z.name)
    )
