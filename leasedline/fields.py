"""What fields of the network file hold: names, addresses, keys; each rule on a single one.

Also the ways to a host over SSH, which several sections of the file share.
"""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from leasedline.faults import BrokenRule

INTERFACE_NAME_BYTES: Final = 15
"""IFNAMSIZ of linux/if.h is 16 with the closing NUL."""

MTU_BYTES: Final = range(576, 1441)
"""Every IPv4 host takes 576 (RFC 791, 3.1); 1440 is 1500 less WireGuard's 60 over IPv4."""

_HOST_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_USER_NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")
_INTERFACE_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_DNS_NAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*",
    re.IGNORECASE,
)
# The length of the key's blob (RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709, 4) shows a torn paste.
_HOST_KEY_BYTES: Final = {
    "ssh-ed25519": 51,
    "ecdsa-sha2-nistp256": 104,
    "ecdsa-sha2-nistp384": 136,
    "ecdsa-sha2-nistp521": 172,
}
# "all" and "default" are directories of net.ipv4.conf, "lo" is there already.
_TAKEN_INTERFACE_NAMES: Final = frozenset({"all", "default", "lo"})


def _host_name(text: str) -> str:
    if not _HOST_NAME.fullmatch(text):
        raise BrokenRule(
            rule="is no host name",
            remedy="use 1 to 63 lower-case letters, digits and hyphens, a letter first and no "
            "hyphen last (RFC 1123)",
        )
    return text


def _user_name(text: str) -> str:
    if not _USER_NAME.fullmatch(text):
        raise BrokenRule(
            rule="is no user name", remedy="write a user of that host, for example root"
        )
    return text


def _file_name(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise BrokenRule(
            rule="is no file name", remedy="write a path, for example ~/.ssh/id_ed25519"
        )
    return text


def _interface_name(text: str) -> str:
    size = len(text.encode(errors="surrogatepass"))
    if size > INTERFACE_NAME_BYTES:
        raise BrokenRule(
            rule=f"has {size} bytes, and the kernel takes {INTERFACE_NAME_BYTES} at most for an "
            "interface name",
            remedy="shorten it, for example to wg0",
        )
    if not _INTERFACE_NAME.fullmatch(text) or text in _TAKEN_INTERFACE_NAMES:
        raise BrokenRule(
            rule="is no name for a new interface",
            remedy="use lower-case letters, digits, _ and -, a letter first, for example wg0",
        )
    return text


def _prefix(value: Any) -> IPv4Network:
    if isinstance(value, IPv4Network):
        return value
    rule, remedy = "is no IPv4 prefix", "write address/length, for example 192.168.201.0/24"
    if not isinstance(value, str) or "/" not in value:
        raise BrokenRule(rule=rule, remedy=remedy)
    try:
        near = IPv4Network(value, strict=False)
    except ValueError as error:
        raise BrokenRule(rule=rule, remedy=remedy) from error
    address, length = value.split("/")
    if len(length) > 2:
        raise BrokenRule(rule="has a netmask for its length", remedy=f"write {near}")
    if address != str(near.network_address):
        raise BrokenRule(rule="has bits set behind the prefix length", remedy=f"write {near}")
    return near


def _address(value: Any) -> IPv4Address:
    if isinstance(value, IPv4Address):
        return value
    rule, remedy = "is no IPv4 address", "write four numbers from 0 to 255, joined by dots"
    if not isinstance(value, str):
        raise BrokenRule(rule=rule, remedy=remedy)
    try:
        return IPv4Address(value)
    except ValueError as error:
        raise BrokenRule(rule=rule, remedy=remedy) from error


def _endpoint(text: str) -> str:
    if not is_dns_name(text):
        _address(text)
    elif not _DNS_NAME.fullmatch(text):
        raise BrokenRule(
            rule="is neither an IPv4 address nor a DNS name",
            remedy="write it without scheme and port, for example 203.0.113.1",
        )
    return text


def _host_key(text: str) -> str:
    kind, _, rest = text.strip().partition(" ")
    remedy = (
        "paste what `ssh-keyscan -t ed25519 HOST` prints behind the host's name, for example "
        "ssh-ed25519 AAAAC3Nza..."
    )
    if kind not in _HOST_KEY_BYTES or not rest.strip():
        raise BrokenRule(rule="is no ed25519 or ecdsa host key", remedy=remedy)
    encoded = rest.split()[0]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BrokenRule(
            rule="is no host key, its second word is no base64", remedy=remedy
        ) from error
    if len(blob) != _HOST_KEY_BYTES[kind] or not blob[4:].startswith(kind.encode()):
        raise BrokenRule(rule="is a host key with a part missing or changed", remedy=remedy)
    return f"{kind} {encoded}"


def is_dns_name(endpoint: str) -> bool:
    """Return whether `endpoint` is a name and no IPv4 address: no top-level domain is digits."""
    return not re.fullmatch(r"[0-9.]+", endpoint)


HostName = Annotated[str, AfterValidator(_host_name)]
UserName = Annotated[str, AfterValidator(_user_name)]
FileName = Annotated[str, AfterValidator(_file_name)]
InterfaceName = Annotated[str, AfterValidator(_interface_name), Field(examples=["wg0"])]
Prefix = Annotated[IPv4Network, BeforeValidator(_prefix), Field(examples=["192.168.201.0/24"])]
Address = Annotated[IPv4Address, BeforeValidator(_address), Field(examples=["10.70.0.2"])]
Endpoint = Annotated[str, AfterValidator(_endpoint), Field(examples=["203.0.113.1"])]
HostKey = Annotated[
    str, AfterValidator(_host_key), Field(examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA..."])
]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
Mtu = Annotated[int, Field(strict=True, ge=MTU_BYTES.start, le=MTU_BYTES.stop - 1, examples=[1280])]
KeepaliveSeconds = Annotated[int, Field(strict=True, ge=1, le=65535, examples=[15])]
KeyAgeDays = Annotated[int, Field(strict=True, ge=0, le=36_500, examples=[365])]
Generation = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1, examples=[2])]


class Model(BaseModel):
    """One section of the network file: frozen, and without any field but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Jump(Model):
    """The one SSH host on the way to another (`ssh -J`)."""

    host: Endpoint
    """Address or DNS name of the jump host."""
    port: Port = Field(default=22, examples=[22])
    """TCP port of its SSH server."""
    user: UserName = Field(default="root", examples=["root"])
    """Who logs in there; needs no rights beyond that."""
    host_key: HostKey
    """Its pinned public host key."""


class Ssh(Model):
    """How a host is reached over SSH, with its host key pinned."""

    host: Endpoint
    """Address or DNS name, as seen from the machine that runs Pulumi or from the jump host."""
    port: Port = Field(default=22, examples=[22])
    """TCP port of its SSH server."""
    user: UserName = Field(default="root", examples=["root"])
    """root, or somebody with passwordless sudo."""
    host_key: HostKey
    """Its pinned public host key."""
    key_file: FileName | None = Field(default=None, examples=["~/.ssh/id_ed25519"])
    """Private key on the machine that runs Pulumi; else the secret sshPrivateKey or the agent."""
    jump: Jump | None = Field(
        default=None, examples=[{"host": "203.0.113.1", "host_key": "ssh-ed25519 AAAAC3Nza..."}]
    )
    """The jump host, for a host that cannot be reached directly."""
