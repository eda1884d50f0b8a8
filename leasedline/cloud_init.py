"""User data for a machine that the stack makes in a cloud: cloud-config for its first boot.

It pins the machine's SSH host key, so that the first connection is verified already, lets the
stack's own key in, and installs what the host program asks for where it is missing. Whoever can
log in to the machine or ask the cloud about it can read all of this: it holds no key of the line.
"""

from __future__ import annotations

import textwrap
from typing import Final

from leasedline.keys import SshKey

GREATEST_BYTES: Final = 16 * 1024
"""Alibaba Cloud's limit, before base64."""

PREPARE: Final = "/usr/local/sbin/leased-line-prepare"

SMALL_MIB: Final = 1024
"""Up to this much memory a swap file is made: dpkg and apt's lists need more than 0.5 GiB gives."""

SWAP_MIB: Final = 512

TRIES: Final = 5
"""A package mirror may be out of reach until the machine has its public address."""

_PREPARE_TEXT: Final = f"""\
#!/bin/sh
# Leased line: swap where memory is short, then the programs that are missing. May be run again.
set -eu
memory=$(awk '/^MemTotal:/ {{ print int($2 / 1024) }}' /proc/meminfo)
make_swap() {{
    [ -f /swapfile ] || {{ (umask 077 && fallocate -l {SWAP_MIB}M /swapfile.new) &&
        mkswap /swapfile.new && mv /swapfile.new /swapfile; }} || return 1
    swapon /swapfile || return 1
    grep -q '^/swapfile ' /etc/fstab || echo '/swapfile none swap sw 0 0' >>/etc/fstab
}}
if [ "$memory" -le {SMALL_MIB} ] && [ "$(wc -l </proc/swaps)" -le 1 ]; then
    make_swap || echo "leased-line: no swap could be made; going on without" >&2
fi
missing() {{
    command -v wg >/dev/null || echo wireguard-tools
    command -v nft >/dev/null || echo nftables
    command -v ip >/dev/null || echo iproute2
    command -v ping >/dev/null || echo iputils-ping
}}
for try in $(seq {TRIES}); do
    packages=$(missing | paste -s -d ' ')
    [ -n "$packages" ] || exit 0
    [ "$try" -eq 1 ] || sleep $((try * 5))
    # shellcheck disable=SC2086  # a list of names
    if ! apt-get update || ! DEBIAN_FRONTEND=noninteractive apt-get install --yes \\
        --no-install-recommends -o DPkg::Lock::Timeout=120 $packages; then continue; fi
done
packages=$(missing | paste -s -d ' ')
[ -n "$packages" ] || exit 0
echo "leased-line: not to be had from the mirror: $packages" >&2
exit 1
"""


def user_data(name: str, host_key: SshKey, authorized_key: str) -> str:
    """Return the cloud-config of the host `name`; it is a secret, as it holds the SSH host key.

    Args:
        name: the host's name in the network.
        host_key: the SSH host key that the machine shall have, and no other.
        authorized_key: the public key that may log in as root, in authorized_keys format.

    Raises:
        ValueError: it is longer than the cloud takes.
    """
    text = f"""\
#cloud-config
# The leased line's host {name}. Of keys this holds the machine's SSH host key alone.
hostname: {name}
disable_root: false
ssh_pwauth: false
ssh_deletekeys: true
ssh_keys:
  ed25519_public: {host_key.public}
  ed25519_private: |
{textwrap.indent(host_key.private, "    ")}\
ssh_authorized_keys:
  - {authorized_key}
write_files:
  - path: {PREPARE}
    owner: root:root
    permissions: "0755"
    content: |
{textwrap.indent(_PREPARE_TEXT, "      ")}\
runcmd:
  - [{PREPARE}]
"""
    size = len(text.encode())
    if size > GREATEST_BYTES:
        msg = f"the user data of {name} has {size} bytes, and the cloud takes {GREATEST_BYTES}"
        raise ValueError(msg)
    return text


WAIT_TIMEOUT_S: Final = 540
"""For a first boot with packages from a mirror on the smallest instance."""

BOOTED: Final = (
    f"if command -v cloud-init >/dev/null; then timeout {WAIT_TIMEOUT_S} "
    "cloud-init status --wait >/dev/null 2>&1; code=$?; "
    'if [ "$code" -eq 124 ]; then '
    f'echo "cloud-init has not ended after {WAIT_TIMEOUT_S} s: see /var/log/cloud-init-output.log" '
    ">&2; exit 1; fi; fi; "
    # A mirror that was out of reach at boot is no reason to stay without the programs.
    f"if [ -x {PREPARE} ]; then timeout {WAIT_TIMEOUT_S} {PREPARE}; fi"
)
"""The command that ends when the machine is ready for the host program; to be run as root.

cloud-init's own verdict does not count: it also covers modules that nothing here hangs on. The
programs count, and they are looked for.
"""
