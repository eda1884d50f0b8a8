"""Keys: the same for ever from the same seed, valid for WireGuard, never shown."""

from __future__ import annotations

import base64
import hashlib
import hmac
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from leasedline.keys import KeyRing, SeedError, SshKey, SshKeyError, ssh_public
from leasedline.network import Network
from tests.unit.networks import RING, SEED, article, names, networks, planner

# A change of any of these texts cuts every line in the field: derive new keys under new names.
HOSTS = {
    ("z", 1): (
        "2JTDEtLFnR/gTns53i3NjJZ9N1jdRMsVh8nj7d3yl04=",
        "Pyit3DrmVV4NtpkVXv03IZ13YI69cL+kJwtJHH83ljA=",
        "efc874083427d4af.key",
    ),
    ("a", 1): (
        "oCENEh0plaa0avpyhj11X1M11vyayisrftGJ/SAWnX8=",
        "vhnAj4OhCh9smbS6Ba92oic+DHX1T0Xv5vDvVzhZT3Q=",
        "29e065b0e3922d97.key",
    ),
    ("a", 2): (
        "0MvNkestrxadMOI/bUlV79Pc0Kqfbj5gTCU6FU0QpVw=",
        "LNqG6P5y/2PLQpW5EZTuO3IMl8VsPi/iS/u2VknNZF8=",
        "98b76989de1b900b.key",
    ),
}
PAIRS = {
    ("z", "a", 1): ("nceVIBvCzzpBEVrbT25yazfvkrqqPg447qDRfyJMomc=", "8063c31fa84271f0.psk"),
    ("z", "c", 1): ("AOEsQJmw6kZOFcNMri9GfvThGxOYZ2opuU9itU/nmQs=", "9ef86ad12525950e.psk"),
    ("z", "a", 2): ("7h77eF14HOlZsWoRH+JdrD/9snUo8XlA4EbB4rMEAIo=", "2e5ce37cf013c6e2.psk"),
}

# Public half, and the digest of the private file's text.
SSH_HOSTS = {
    "z": (
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBcBt3iSWxsmhaD5AkCYWLTlBbBsjwjWNi0OShaS74F0",
        "c46649c4f07c1b8e0de813f48030c91d2892a8a48e17f7480292350e8ad2d66f",
    ),
    "hub": (
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPoaNw+li7e/2uaYuqKBbqB6j1YZshEScRijJ7HeURb8",
        "7807d6be30f4f8c064cded2c526a652666390bf3ec57bcc418acf9cb0db9877b",
    ),
}
SSH_LOGIN = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGGOMTCBuYOLV4SpP9qK"
    "+Respbms5CSPqIc3Z1XsJHzEE2FKUl10Q9WzdXx99rZFAKbNQjWlLmeyjOAMGAg65pA=",
    "dec4faf81f2119199b30b1ad493f085ceff4dd201784981111e81efd5bbc0de9",
)

generations = st.integers(1, 2**31 - 1)
seeds = st.binary(min_size=32, max_size=32)


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def hkdf_sha256(seed: bytes, info: str, length: int = 32) -> bytes:
    """RFC 5869, written out: the check on the library's call."""
    extracted = hmac.new(b"leased-line/1", seed, hashlib.sha256).digest()
    block, whole = b"", b""
    for number in (1, 2):
        block = hmac.new(
            extracted, block + info.encode() + bytes([number]), hashlib.sha256
        ).digest()
        whole += block
    return whole[:length]


@pytest.mark.parametrize(("name", "generation"), HOSTS)
def test_a_host_keeps_its_key_for_ever(name: str, generation: int) -> None:
    key = RING.host(name, generation)
    assert (key.private, key.public, key.name) == HOSTS[name, generation]


@pytest.mark.parametrize(("hub", "spoke", "generation"), PAIRS)
def test_a_pair_keeps_its_key_for_ever(hub: str, spoke: str, generation: int) -> None:
    key = RING.preshared(hub, spoke, generation)
    assert (key.secret, key.name) == PAIRS[hub, spoke, generation]


@given(seed=seeds, hub=names, spoke=names, generation=generations)
def test_derivation_is_rfc_5869(seed: bytes, hub: str, spoke: str, generation: int) -> None:
    ring = KeyRing(text(seed))
    assert ring.preshared(hub, spoke, generation).secret == text(
        hkdf_sha256(seed, f"pre-shared key/{hub}/{spoke}/{generation}")
    )
    raw = bytearray(hkdf_sha256(seed, f"private key/{hub}/{generation}"))
    private = base64.b64decode(ring.host(hub, generation).private)
    assert private[1:31] == raw[1:31]
    assert private[0] == raw[0] & 0b11111000
    assert private[31] == raw[31] & 0b01111111 | 0b01000000


@given(seed=seeds, name=names, generation=generations)
def test_public_belongs_to_private(seed: bytes, name: str, generation: int) -> None:
    key = KeyRing(text(seed)).host(name, generation)
    private = X25519PrivateKey.from_private_bytes(base64.b64decode(key.private))
    assert key.public == text(private.public_key().public_bytes_raw())


def test_wg_agrees_on_public_and_private() -> None:
    wg = shutil.which("wg")
    assert wg, "wg is missing: apt-get install wireguard-tools"
    for name in ("z", "a", "c", "an-office"):
        key = RING.host(name)
        ran = subprocess.run(
            [wg, "pubkey"], input=key.private, capture_output=True, text=True, check=True
        )
        assert ran.stdout == f"{key.public}\n"


@given(
    hosts=st.sets(st.tuples(names, generations), max_size=8),
    pairs=st.sets(st.tuples(names, names, generations), max_size=8),
)
def test_no_two_keys_are_alike(
    hosts: set[tuple[str, int]], pairs: set[tuple[str, str, int]]
) -> None:
    private = [RING.host(*host) for host in hosts]
    preshared = [RING.preshared(*pair) for pair in pairs]
    texts = [key.private for key in private] + [key.secret for key in preshared]
    assert len(set(texts)) == len(hosts) + len(pairs)
    files = [key.name for key in private] + [key.name for key in preshared]
    assert len(set(files)) == len(files)


@given(one=seeds, other=seeds)
def test_another_seed_gives_other_keys(one: bytes, other: bytes) -> None:
    if one != other:
        assert KeyRing(text(one)).host("z") != KeyRing(text(other)).host("z")


@given(network=networks())
def test_both_sides_of_a_pair_hold_the_same_key(network: Network) -> None:
    plan = planner(network)
    hub = plan.secrets(network.hub.name)
    for spoke in network.spokes:
        (peer,) = plan.spoke(spoke.name).peers
        assert plan.secrets(spoke.name)[peer.preshared_key_file] == hub[peer.preshared_key_file]


def test_a_host_gets_no_key_of_another() -> None:
    plan = planner(article())
    a, c, z = (set(plan.secrets(name).values()) for name in "acz")
    assert not a & c
    assert len(a & z) == len(c & z) == 1
    assert RING.host("z").private not in a | c
    assert not {RING.host("a").private, RING.host("c").private} & z


def test_a_raised_generation_changes_one_key() -> None:
    network = article()
    a, c = network.spokes
    rotated = network.model_copy(update={"spokes": (a.model_copy(update={"psk_generation": 2}), c)})
    before, after = planner(network), planner(rotated)
    assert before.secrets("c") == after.secrets("c")
    assert len(set(before.secrets("a").values()) & set(after.secrets("a").values())) == 1
    assert len(set(before.secrets("z").values()) & set(after.secrets("z").values())) == 2


@pytest.mark.parametrize(
    ("seed", "says"),
    [
        pytest.param(None, "has no seed", id="none"),
        pytest.param("", "has no seed", id="empty"),
        pytest.param(" \n", "has no seed", id="blank"),
        pytest.param("correct horse battery staple", "is not base64", id="words"),
        pytest.param("ключ-от-всех-дверей", "is not base64", id="not-ascii"),
        pytest.param(SEED[:-1], "is not base64", id="torn"),
        pytest.param(SEED[:20] + "\n" + SEED[20:], "is not base64", id="two-lines"),
        pytest.param(text(bytes(31)), "has 31 bytes and must have 32", id="31-bytes"),
        pytest.param(text(bytes(33)), "has 33 bytes and must have 32", id="33-bytes"),
        pytest.param(text(b""), "has no seed", id="0-bytes"),
    ],
)
def test_a_bad_seed_is_refused_and_never_echoed(seed: str | None, says: str) -> None:
    with pytest.raises(SeedError, match=says) as caught:
        KeyRing(seed)
    message = str(caught.value)
    assert "openssl rand -base64 32 | pulumi config set --secret seed" in message
    assert not (seed and seed.strip()) or seed.strip() not in message
    # A traceback prints what an error was raised from.
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("around", ["{}", "{}\n", "  {}\r\n"])
def test_the_line_end_of_a_pasted_seed_does_not_matter(around: str) -> None:
    assert KeyRing(around.format(SEED)).host("z") == RING.host("z")


@given(name=names, generation=generations)
def test_no_secret_is_printed_with_its_object(name: str, generation: int) -> None:
    host, pair = RING.host(name, generation), RING.preshared("z", name, generation)
    for shown in (f"{host!r} {host}", f"{pair!r} {pair}", f"{RING!r} {RING}"):
        assert host.private not in shown
        assert pair.secret not in shown
        assert SEED not in shown
    assert pair.name.removesuffix(".psk") not in pair.secret


# --- SSH ---


def digest(key: SshKey) -> tuple[str, str]:
    return key.public, hashlib.sha256(key.private.encode()).hexdigest()


@pytest.mark.parametrize("name", SSH_HOSTS)
def test_a_host_keeps_its_ssh_host_key_for_ever(name: str) -> None:
    assert digest(RING.ssh_host(name)) == SSH_HOSTS[name]


def test_a_stack_keeps_its_ssh_login_key_for_ever() -> None:
    assert digest(RING.ssh_login()) == SSH_LOGIN


@given(seed=seeds, name=names)
def test_ssh_keys_are_read_by_others(seed: bytes, name: str) -> None:
    key = KeyRing(text(seed)).ssh_host(name)
    loaded = load_ssh_private_key(key.private.encode(), None)
    assert isinstance(loaded, Ed25519PrivateKey)
    assert loaded.private_bytes_raw() == hkdf_sha256(seed, f"SSH host key/{name}/1")
    public = loaded.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    assert public.decode() == key.public


@given(seed=seeds)
def test_the_login_key_is_on_p_256(seed: bytes) -> None:
    # Alibaba Cloud's ImportKeyPair takes no ed25519.
    key = KeyRing(text(seed)).ssh_login()
    loaded = load_ssh_private_key(key.private.encode(), None)
    assert isinstance(loaded, EllipticCurvePrivateKey)
    order = 2**256 - 2**224 + 2**192 - 0x4319055258E8617B0C46353D039CDAAF
    wide = int.from_bytes(hkdf_sha256(seed, "SSH login key/1", 48), "big")
    assert loaded.private_numbers().private_value == wide % (order - 1) + 1
    assert ssh_public(key.private) == key.public


def test_ssh_keygen_agrees(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.touch(mode=0o600)
    file.write_text(RING.ssh_login().private, encoding="ascii")
    ran = subprocess.run(
        ["ssh-keygen", "-y", "-f", file], capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"{SSH_LOGIN[0]} leased-line\n"


@pytest.mark.parametrize(
    "text", ["", "ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----\nAA"]
)
def test_what_is_no_ssh_key_is_said_and_not_shown(text: str) -> None:
    with pytest.raises(SshKeyError) as caught:
        ssh_public(text)
    assert str(caught.value).startswith(
        "the stack's sshPrivateKey is no private key without a passphrase: make one with "
    )


def test_an_ssh_key_in_pem_will_do(tmp_path: Path) -> None:
    file = tmp_path / "rsa"
    make = ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f", str(file)]
    subprocess.run(make, check=True)
    public = file.with_suffix(".pub").read_text("ascii").split()[:2]
    assert ssh_public(file.read_text("ascii")).split() == public


def test_a_passphrase_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "locked"
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(file)]
    subprocess.run(make, check=True)
    with pytest.raises(SshKeyError):
        ssh_public(file.read_text("ascii"))


def test_no_ssh_key_is_shown_by_mistake() -> None:
    key = RING.ssh_login()
    assert key.private.splitlines()[2] not in repr(key)
