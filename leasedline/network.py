"""What the user wrote: the network as frozen, validated data.

Shapes and single-field rules live here; rules that compare fields with each other live in
`leasedline.rules`, so that `leasedline.load` can report all faults of a file at once.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

INTERFACE_NAME_BYTES: Final = 15
"""IFNAMSIZ of linux/if.h is 16 with the closing NUL."""

MTU_BYTES: Final = range(576, 1441)
"""576 is IPv4's least (RFC 791); 1440 is 1500 less WireGuard's 60 bytes over IPv4."""

_HOST_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_INTERFACE_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_DNS_NAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*",
    re.IGNORECASE,
)
_HOST_KEY = re.compile(r"(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*( .*)?")


def _host_name(text: str) -> str:
    if not _HOST_NAME.fullmatch(text):
        msg = (
            "is no host name: use 1 to 63 lower-case letters, digits and hyphens, a letter first "
            "and no hyphen last (RFC 1123)"
        )
        raise ValueError(msg)
    return text


def _interface_name(text: str) -> str:
    if len(text.encode()) > INTERFACE_NAME_BYTES:
        msg = (
            f"has {len(text.encode())} bytes, and the kernel takes {INTERFACE_NAME_BYTES} at most "
            "for an interface name: shorten it, for example to wg0"
        )
        raise ValueError(msg)
    if not _INTERFACE_NAME.fullmatch(text):
        msg = (
            "is no interface name: use lower-case letters, digits, _ and -, a letter first, "
            "for example wg0"
        )
        raise ValueError(msg)
    return text


def _prefix(value: Any) -> IPv4Network:
    if isinstance(value, IPv4Network):
        return value
    if not isinstance(value, str) or "/" not in value:
        msg = "is no IPv4 prefix: write address/length, for example 192.168.201.0/24"
        raise ValueError(msg)
    try:
        return IPv4Network(value)
    except ValueError:
        pass
    try:
        near = IPv4Network(value, strict=False)
    except ValueError as error:
        msg = "is no IPv4 prefix: write address/length, for example 192.168.201.0/24"
        raise ValueError(msg) from error
    msg = f"has bits set behind the prefix length: write {near}"
    raise ValueError(msg)


def _address(value: Any) -> IPv4Address:
    if isinstance(value, IPv4Address):
        return value
    try:
        return IPv4Address(value if isinstance(value, str) else str(value))
    except ValueError as error:
        msg = "is no IPv4 address: write four numbers, for example 10.70.0.2"
        raise ValueError(msg) from error


def _endpoint(text: str) -> str:
    if re.fullmatch(r"[0-9.]+", text):
        _address(text)
    elif not _DNS_NAME.fullmatch(text):
        msg = (
            "is neither an IPv4 address nor a DNS name: write it without scheme and port, "
            "for example 203.0.113.1"
        )
        raise ValueError(msg)
    return text


def _host_key(text: str) -> str:
    if not _HOST_KEY.fullmatch(text):
        msg = (
            "is no ed25519 or ecdsa host key: paste what `ssh-keyscan -t ed25519 HOST` prints "
            "behind the host's name, for example ssh-ed25519 AAAAC3Nza..."
        )
        raise ValueError(msg)
    return " ".join(text.split()[:2])


HostName = Annotated[str, AfterValidator(_host_name)]
InterfaceName = Annotated[str, AfterValidator(_interface_name)]
Prefix = Annotated[IPv4Network, BeforeValidator(_prefix)]
Address = Annotated[IPv4Address, BeforeValidator(_address)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
HostKey = Annotated[str, AfterValidator(_host_key)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
Mtu = Annotated[int, Field(strict=True, ge=MTU_BYTES.start, lt=MTU_BYTES.stop)]
KeepaliveSeconds = Annotated[int, Field(strict=True, ge=1, le=65535)]
Generation = Annotated[int, Field(strict=True, ge=1)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Jump(_Model):
    """The one SSH host on the way to another (`ssh -J`)."""

    host: Endpoint
    port: Port = 22
    user: str = "root"
    host_key: HostKey


class Ssh(_Model):
    """How a host is reached over SSH, with its host key pinned.

    `user` is root or somebody with passwordless sudo. `key_file` is a path on the machine that
    runs Pulumi; without it the stack's `sshPrivateKey` secret or the SSH agent serves.
    """

    host: Endpoint
    port: Port = 22
    user: str = "root"
    host_key: HostKey
    key_file: str | None = None
    jump: Jump | None = None


class Lan(_Model):
    """One of an office's LANs, seen from its spoke.

    `address` is the spoke's own in that LAN: what the office's gateway routes to. `gateway` is
    the LAN's default gateway: where the static routes belong.
    """

    prefix: Prefix
    address: Address
    gateway: Address | None = None


class Hub(_Model):
    """The one host with a public address.

    `address` is its tunnel address; left out, it is the first of the tunnel. `endpoint` is the
    public address or DNS name that the spokes dial; a hub that this stack itself places (lab,
    cloud) brings its own. `generation` counts its private keys: raise it to rotate.
    """

    name: HostName
    address: Address | None = None
    endpoint: Endpoint | None = None
    ssh: Ssh | None = None
    generation: Generation = 1


class Spoke(_Model):
    """One office's Linux box behind NAT.

    In YAML a single LAN is `lan`, `lan_address` and `gateway`; several are a list `lans` of
    `prefix`, `address` and `gateway`. Here it is always `lans`. `address` is its tunnel address;
    left out, one is allotted. `generation` counts its private keys and `psk_generation` its
    pre-shared keys with the hub.
    """

    name: HostName
    address: Address | None = None
    lans: tuple[Lan, ...] = ()
    ssh: Ssh | None = None
    generation: Generation = 1
    psk_generation: Generation = 1

    @model_validator(mode="before")
    @classmethod
    def _one_lan(cls, data: Any) -> Any:
        """Turn the short form of one LAN into the list form, leaving the caller's data alone."""
        if not isinstance(data, dict) or "lan" not in data:
            return data
        rest = {k: v for k, v in data.items() if k not in ("lan", "lan_address", "gateway")}
        if "lans" in data:
            msg = "has both lan and lans: keep one of them"
            raise ValueError(msg)
        one = {"prefix": data["lan"], "gateway": data.get("gateway")}
        if "lan_address" in data:
            one["address"] = data["lan_address"]
        return rest | {"lans": (one,)}


class Network(_Model):
    """The whole network file.

    `tunnel` holds every tunnel address; `port` is the UDP port of all hosts; `mtu` counts bytes
    and `keepalive` seconds. `summary` prefixes, where given, stand in every spoke for the list of
    all other LANs.
    """

    tunnel: Prefix
    port: Port = 51820
    mtu: Mtu = 1280
    keepalive: KeepaliveSeconds = 15
    interface: InterfaceName = "wg0"
    summary: tuple[Prefix, ...] = ()
    hub: Hub
    spokes: tuple[Spoke, ...]

    @property
    def hosts(self) -> tuple[Hub | Spoke, ...]:
        """The hub, then the spokes in the file's order."""
        return (self.hub, *self.spokes)
