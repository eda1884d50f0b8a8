"""Whether a request is signed with the account's key: both of Alibaba's schemes.

- RPC, SignatureVersion 1.0: HMAC-SHA1 over method and all parameters, sent as one of them. The
  provider for Pulumi and Terraform uses it.
- ACS3-HMAC-SHA256: over method, query, headers and the body's digest, sent as a header. Alibaba's
  current SDKs use it.

Both as in "Request syntax and signature method" of Alibaba Cloud's SDK reference.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote

from lab.cloud.errors import NOT_FOUND, ApiError, invalid, missing

ACS3: Final = "ACS3-HMAC-SHA256"
LONGEST_SKEW_S: Final = 15 * 60
"""How old, or how far ahead, a request's time may be."""

FORM: Final = "application/x-www-form-urlencoded"

_AUTHORIZATION: Final = re.compile(
    rf"{ACS3} Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)"
)
_MUST_BE_SIGNED: Final = frozenset(
    {"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce"}
)
_RPC_OWN: Final = (
    "AccessKeyId",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "SignatureNonce",
    "Timestamp",
)

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it arrived."""

    method: str
    query: str
    """As in the URL, still encoded."""
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    path: str = "/"

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Those of the query and of the form, in this order.

        Raises:
            ApiError: the body is no form of UTF-8 text.
        """
        pairs = parse_qsl(self.query, keep_blank_values=True)
        if self.body and self.headers.get("content-type", FORM).startswith(FORM):
            try:
                pairs += parse_qsl(self.body.decode(), keep_blank_values=True)
            except UnicodeDecodeError:
                raise invalid("body", "It is no UTF-8 text.") from None
        elif self.body:
            raise invalid("body", f"It is no {FORM}.")
        return pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What a signature says of a request, whether it is right or not."""

    scheme: str
    access_key: str
    nonce: str
    time: datetime
    text: str
    """What is signed."""
    signature: str

    def check(self, access_key: str, secret: str, now: datetime) -> None:
        """Hold the signature against the account's key.

        Raises:
            ApiError: another key, another secret, or another time than now.
        """
        if self.access_key != access_key:
            said = "Specified access key is not found."
            raise ApiError("InvalidAccessKeyId.NotFound", said, NOT_FOUND)
        # The real one repeats what it signed, which may be a password; so this one does not.
        if not hmac.compare_digest(signature(self.scheme, self.text, secret), self.signature):
            said = "Specified signature is not matched with our calculation."
            raise ApiError("SignatureDoesNotMatch", said)
        if abs((now - self.time).total_seconds()) > LONGEST_SKEW_S:
            said = "Specified time stamp or date value is expired."
            raise ApiError("InvalidTimeStamp.Expired", said)


def signature(scheme: str, text: str, secret: str) -> str:
    """Return the signature of `text`: base64 of HMAC-SHA1 (RPC), or hexadecimal SHA-256 (ACS3)."""
    if scheme == ACS3:
        return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    digest = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def signed(request: Request) -> Signed:
    """Return what the request's signature says.

    Raises:
        ApiError: there is none, or it lacks something.
    """
    authorization = request.headers.get("authorization", "")
    return _acs3(request, authorization) if authorization else _rpc(request)


def _rpc(request: Request) -> Signed:
    pairs = request.parameters
    values = dict(pairs)
    for name in _RPC_OWN:
        if not values.get(name):
            raise missing(name)
    if values["SignatureMethod"] != "HMAC-SHA1" or values["SignatureVersion"] != "1.0":
        raise invalid("SignatureMethod", "HMAC-SHA1 of version 1.0 is understood.")
    return Signed(
        scheme="RPC",
        access_key=values["AccessKeyId"],
        nonce=values["SignatureNonce"],
        time=_time(values["Timestamp"]),
        text=rpc_text(request.method, [pair for pair in pairs if pair[0] != "Signature"]),
        signature=values["Signature"],
    )


def rpc_text(method: str, pairs: Pairs) -> str:
    """Return what a signature of the RPC scheme is made over."""
    return f"{method}&{_encoded('/')}&{_encoded(_canonical(pairs))}"


def _acs3(request: Request, authorization: str) -> Signed:
    found = _AUTHORIZATION.fullmatch(authorization)
    if found is None:
        raise ApiError("IncompleteSignature", f"The Authorization header is not as in {ACS3}.")
    access_key, names, given = found[1], found[2].split(";"), found[3]
    unsigned = sorted(_MUST_BE_SIGNED - set(names))
    if unsigned:
        raise ApiError("IncompleteSignature", f"Not signed: {', '.join(unsigned)}.")
    digest = hashlib.sha256(request.body).hexdigest()
    if request.headers.get("x-acs-content-sha256", digest) != digest:
        raise ApiError("SignatureDoesNotMatch", "x-acs-content-sha256 is not that of the body.")
    return Signed(
        scheme=ACS3,
        access_key=access_key,
        nonce=request.headers["x-acs-signature-nonce"],
        time=_time(request.headers["x-acs-date"]),
        text=acs3_text(request, names, digest),
        signature=given,
    )


def acs3_text(request: Request, names: Sequence[str], digest: str) -> str:
    """Return what a signature of the ACS3 scheme is made over.

    Args:
        request: the request.
        names: which headers are signed, in lower case and sorted.
        digest: SHA-256 of the body, hexadecimal.

    Raises:
        ApiError: a header that is said to be signed is not there.
    """
    for name in names:
        if name not in request.headers:
            raise ApiError("IncompleteSignature", f'The header "{name}" is not there.')
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in names)
    query = _canonical(parse_qsl(request.query, keep_blank_values=True))
    lines = (request.method, request.path, query, headers, ";".join(names), digest)
    return f"{ACS3}\n{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()}"


def _canonical(pairs: Pairs) -> str:
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(pairs))


def _encoded(text: str) -> str:
    return quote(text, safe="~")


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        said = "Specified time stamp or date value is not well formatted."
        raise ApiError("InvalidTimeStamp.Format", said) from None


class Nonces:
    """The nonces of the last half hour: no request is taken twice."""

    def __init__(self) -> None:
        self._seen: dict[str, datetime] = {}

    def use(self, nonce: str, now: datetime) -> None:
        """Remember a nonce.

        Raises:
            ApiError: it was used already.
        """
        if nonce in self._seen:
            said = "Specified signature nonce was used already."
            raise ApiError("SignatureNonceUsed", said)
        # Older ones need no memory: their time stamps have expired.
        for old, seen in list(self._seen.items()):
            if (now - seen).total_seconds() <= 2 * LONGEST_SKEW_S:
                break
            del self._seen[old]
        self._seen[nonce] = now
