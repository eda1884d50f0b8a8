"""The disk image of a cloud's machines: the lab's server, with cloud-init instead of an identity.

A machine learns its name, its keys and what it is to run from the metadata service, as in the
cloud; of its own it brings an address and a machine id only (see `lab.identity`).
"""

from __future__ import annotations

import re
from typing import Final

from lab.cloud.firewall import NAME_SERVERS
from lab.errors import LabError
from lab.image import CUSTOMIZE, PACKAGES, Image, Recipe, image
from lab.state import LabState

RELEASES: Final = {"12": "bookworm", "13": "trixie"}
"""Debian's releases by the number in an image's name."""

_IMAGE_ID: Final = re.compile(r"debian_(\d+)_")

CLOUD_CONFIG: Final = """\
datasource_list: [AliYun, None]
datasource: {AliYun: {timeout: 10, max_wait: 90}}
disable_root: false
# The address comes with the machine, and networkd has it before cloud-init starts.
network: {config: disabled}
# An emulated processor takes minutes for an RSA key.
ssh_genkeytypes: [ed25519]
apt: {preserve_sources_list: true}
# Each module costs an emulated processor up to a second; these are what a server in a cloud has
# a use for.
cloud_init_modules: [bootcmd, write-files, set_hostname, update_hostname, users-groups, ssh]
cloud_config_modules: []
cloud_final_modules: [timezone, runcmd, package-update-upgrade-install, write-files-deferred,
  scripts-vendor, scripts-per-once, scripts-per-boot, scripts-per-instance, scripts-user,
  final-message, power-state-change]
system_info:
  distro: debian
  paths: {cloud_dir: /var/lib/cloud/, templates_dir: /etc/cloud/templates/}
  ssh_svcname: ssh
"""
"""cloud-init's own settings, in the place of Debian's."""

# Each stage costs an emulated processor 4 s, for a start of Python. AliYun's metadata is asked for
# over the network, so the first finds nothing; the third's modules are run by the last.
MASKED: Final = ("cloud-init-local.service", "cloud-init-hotplugd.socket", "cloud-config.service")

_CLOUD_CUSTOMIZE: Final = f"""\
rm -f etc/hostname etc/cloud/cloud.cfg.d/90_dpkg.cfg
printf 'nameserver %s\\n' {" ".join(str(server) for server in NAME_SERVERS)} >etc/resolv.conf
rm etc/systemd/system/systemd-networkd-wait-online.service
systemctl --quiet --root=. enable systemd-networkd-wait-online.service
for unit in {" ".join(MASKED)}; do ln -sf /dev/null "etc/systemd/system/$unit"; done
cat >etc/cloud/cloud.cfg <<'END'
{CLOUD_CONFIG}END
touch etc/.updated var/.updated
"""


def release(image_id: str) -> str:
    """Return the Debian release that the image of this id stands for.

    Raises:
        LabError: it is none of the lab's images.
    """
    found = _IMAGE_ID.match(image_id)
    if found is None or found[1] not in RELEASES:
        known = " or ".join(f"debian_{number}_..." for number in RELEASES)
        msg = f"the lab's cloud has no disk for image {image_id}: it has {known}"
        raise LabError(msg)
    return RELEASES[found[1]]


def recipe(debian: str) -> Recipe:
    """Return the recipe of a cloud's machine of a Debian release."""
    return Recipe(
        kind=f"cloud-{debian}",
        debian=debian,
        packages=(*PACKAGES, "cloud-init"),
        customize=CUSTOMIZE + _CLOUD_CUSTOMIZE,
    )


def cloud_image(image_id: str, state: LabState) -> Image:
    """Return what the image of this id boots from, built now if it has not been before.

    Raises:
        LabError: it is none of the lab's images, or the build failed.
    """
    return image(recipe(release(image_id)), state)
