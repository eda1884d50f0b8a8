"""What the metadata service tells an instance, path by path."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lab.cloud.image import recipe, release
from lab.cloud.metadata import answer
from lab.errors import LabError
from lab.image import server
from tests.cloud.hosts import instance

HUB = instance("i-bp1hub", "172.16.0.5", "#!/bin/sh\ntrue\n", "ssh-ed25519 AAAA me\n")
PUBLIC = IPv4Address("203.0.113.1")
MAC = "52:54:00:00:00:01"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/2016-01-01/meta-data/instance-id", "i-bp1hub"),
        ("/latest/meta-data/hostname", "bp1hub"),
        ("/latest/meta-data/eipv4", "203.0.113.1"),
        ("/latest/meta-data/public-keys/", "0/"),
        ("/latest/meta-data/public-keys/0/", "openssh-key"),
        ("/latest/meta-data/public-keys/0/openssh-key", "ssh-ed25519 AAAA me"),
        (f"/latest/meta-data/network/interfaces/macs/{MAC}/gateway", "172.16.0.253"),
        ("/latest/user-data", "#!/bin/sh\ntrue\n"),
        ("/2009-04-04/meta-data/instance-id", None),
        ("/latest/meta-data/no-such-thing", None),
        ("/latest/meta-data/instance-id/more", None),
    ],
)
def test_what_is_told_at_a_path(path: str, told: str | None) -> None:
    assert answer(path, HUB, PUBLIC, MAC) == told


def test_a_directory_marks_what_are_directories_in_it() -> None:
    listed = (answer("/latest/meta-data/", HUB, PUBLIC, MAC) or "").splitlines()
    assert {"instance-id", "public-keys/", "network/", "eipv4"} <= set(listed)


def test_what_an_instance_does_not_have_is_not_told() -> None:
    bare = replace(HUB, user_data="", authorized_key="")
    listed = (answer("/latest/meta-data/", bare, None, MAC) or "").splitlines()
    assert not {"public-keys/", "eipv4"} & set(listed)
    assert answer("/latest/user-data", bare, None, MAC) is None


def test_an_images_name_says_which_debian_it_is() -> None:
    assert release("debian_12_11_x64_20G_alibase_20250601.vhd") == "bookworm"
    with pytest.raises(LabError, match="has no disk for image ubuntu_22"):
        release("ubuntu_22_04_x64_20G_alibase_20250601.vhd")
    assert recipe("bookworm").digest != server("bookworm").digest
