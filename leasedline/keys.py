"""Key pairs and pre-shared keys, all derived from the stack's one seed.

Derivation instead of storage: a lost hub or a lost state comes back with the same keys, nothing
is unknown at preview, and rotating a key is raising its generation.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

SEED_BYTES: Final = 32
KEY_BYTES: Final = 32

# The order of the group (SP 800-186, 3.2.1.3).
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_ARMOUR: Final = "OPENSSH PRIVATE KEY"

SET_SEED: Final = "openssl rand -base64 32 | pulumi config set --secret seed"
"""The command that gives a stack its seed without showing it to the process list."""


class SshKeyError(ValueError):
    """A private SSH key cannot be used; the text is for people and never echoes it."""


class SeedError(ValueError):
    """The stack's seed is missing or malformed; the text is for people and never echoes it."""


@dataclass(frozen=True, slots=True)
class HostKey:
    """A WireGuard key pair: 32 bytes each, in base64, as `wg` prints them."""

    private: str = field(repr=False)
    public: str

    @property
    def name(self) -> str:
        """The key file's name: the public key's fingerprint, 16 hexadecimal digits, and .key."""
        return f"{_fingerprint(self.public)}.key"


@dataclass(frozen=True, slots=True)
class PresharedKey:
    """A symmetric key that a spoke and its hub share: 32 bytes in base64."""

    secret: str = field(repr=False)

    @property
    def name(self) -> str:
        """The key file's name, the same on both sides: a fingerprint of the key and .psk.

        The fingerprint gives nothing away: the key holds 256 random bits, so no guess can be
        checked against it.
        """
        return f"{_fingerprint('pre-shared key ' + self.secret)}.psk"


@dataclass(frozen=True, slots=True)
class SshKey:
    """A key for SSH.

    `private` is the text of a key file as ssh-keygen writes it (openssh-key-v1, unencrypted),
    `public` the public half in authorized_keys format, without a comment.
    """

    private: str = field(repr=False)
    public: str


class KeyRing:
    """All keys of one stack, derived with HKDF-SHA256 (RFC 5869) from its seed.

    The info string names purpose, host or pair, and generation, so that no two keys are ever the
    same and raising a generation changes just one.
    """

    def __init__(self, seed: str | None) -> None:
        """Take the seed as configured.

        Args:
            seed: 32 random bytes in base64.

        Raises:
            SeedError: there is none, or it is not 32 bytes of base64.
        """
        if not seed or not seed.strip():
            msg = (
                "this stack has no seed, the secret that all its keys are derived from: set one "
                f"with `{SET_SEED}` and keep a copy where you keep passwords"
            )
            raise SeedError(msg)
        try:
            raw = base64.b64decode(seed.strip(), validate=True)
        except ValueError:  # binascii.Error, or a character that is not even ASCII
            msg = f"this stack's seed is not base64: set a new one with `{SET_SEED}`"
            raise SeedError(msg) from None
        if len(raw) != SEED_BYTES:
            msg = (
                f"this stack's seed has {len(raw)} bytes and must have {SEED_BYTES}: set a new "
                f"one with `{SET_SEED}`"
            )
            raise SeedError(msg)
        self._seed = raw

    def host(self, name: str, generation: int = 1) -> HostKey:
        """Return the X25519 key pair of the host `name`."""
        raw = bytearray(self._derive(f"private key/{name}/{generation}"))
        # Clamped here (RFC 7748, section 5), so that `wg show` prints the very text of the file.
        raw[0] &= 248
        raw[31] = (raw[31] & 127) | 64
        private = X25519PrivateKey.from_private_bytes(bytes(raw))
        return HostKey(
            private=_text(bytes(raw)), public=_text(private.public_key().public_bytes_raw())
        )

    def preshared(self, hub: str, spoke: str, generation: int = 1) -> PresharedKey:
        """Return the pre-shared key of the pair `hub` and `spoke`."""
        return PresharedKey(_text(self._derive(f"pre-shared key/{hub}/{spoke}/{generation}")))

    def ssh_host(self, name: str) -> SshKey:
        """Return the SSH host key (ed25519) of the host `name`, for a host that the stack makes."""
        raw = self._derive(f"SSH host key/{name}/1")
        public = Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
        kind = _string(b"ssh-ed25519")
        return _ssh_key("ssh-ed25519", kind + _string(public), raw + public)

    def ssh_login(self) -> SshKey:
        """Return the key that the stack logs in with to the hosts that it makes.

        It is ECDSA on P-256: Alibaba Cloud imports RSA, DSA and ECDSA, and no ed25519
        (ImportKeyPair).
        """
        # FIPS 186-5, A.2.1: 128 bits more than the order has, so that no scalar is favoured.
        wide = int.from_bytes(self._derive("SSH login key/1", KEY_BYTES + 16), "big")
        scalar = wide % (_P256_ORDER - 1) + 1
        public = derive_private_key(scalar, SECP256R1()).public_key()
        point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        blob = _string(b"ecdsa-sha2-nistp256") + _string(b"nistp256") + _string(point)
        # An mpint has no leading zeros but the one that keeps it positive (RFC 4251, 5).
        mpint = scalar.to_bytes(scalar.bit_length() // 8 + 1, "big")
        return _ssh_key("ecdsa-sha2-nistp256", blob, mpint)

    def _derive(self, info: str, length: int = KEY_BYTES) -> bytes:
        hkdf = HKDF(algorithm=SHA256(), length=length, salt=b"leased-line/1", info=info.encode())
        return hkdf.derive(self._seed)


def ssh_public(private: str) -> str:
    """Return the public half of a private key file's text, in authorized_keys format.

    Raises:
        SshKeyError: it is no private key, or one with a passphrase.
    """
    data = private.strip().encode() + b"\n"
    load = load_ssh_private_key if b"OPENSSH" in data else load_pem_private_key
    try:
        key = load(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        msg = (
            "the stack's sshPrivateKey is no private key without a passphrase: make one with "
            "`ssh-keygen -t ed25519 -N '' -f FILE` and set it with "
            "`pulumi config set --secret sshPrivateKey <FILE`"
        )
        raise SshKeyError(msg) from error
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _ssh_key(kind: str, public: bytes, secret: bytes) -> SshKey:
    """Return a key whose text is always the same.

    cryptography writes this format too, but with a random check number each time, and the key
    would then seem to change with every run (openssh's PROTOCOL.key, 3).

    Args:
        kind: the key's type in authorized_keys format.
        public: the public key's blob.
        secret: the secret as it stands behind the public parts in the private section.
    """
    check = hashlib.sha256(b"check" + secret).digest()[:4]
    inner = check + check + public + _string(secret) + _string(b"leased-line")
    inner += bytes(range(1, 1 + -len(inner) % 8))
    none = _string(b"none")
    whole = b"openssh-key-v1\0" + none + none + _string(b"") + (1).to_bytes(4, "big")
    text = _text(whole + _string(public) + _string(inner))
    lines = [text[i : i + 70] for i in range(0, len(text), 70)]
    armour = [f"-----BEGIN {_ARMOUR}-----", *lines, f"-----END {_ARMOUR}-----", ""]
    return SshKey(private="\n".join(armour), public=f"{kind} {_text(public)}")


def _string(raw: bytes) -> bytes:
    """Return a string as SSH sends it (RFC 4251, 5)."""
    return len(raw).to_bytes(4, "big") + raw
