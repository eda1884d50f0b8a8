"""The price line: what the API says, or why it says nothing; never an error, never a wait."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from components.price import price
from leasedline.alibaba import Alibaba
from leasedline.moving import planned

WANTED = Alibaba(region="cn-hangzhou")
BOUGHT = planned(WANTED, "cn-hangzhou-k", "debian_12_1")
KEY = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI0", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "nobody's"}
PRICE = {"Currency": "CNY", "OriginalPrice": 0.05, "DiscountPrice": 0.01, "TradePrice": 0.04}


def certificate(directory: Path) -> Path:
    """A certificate of 127.0.0.1 and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an API")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
    )
    file = directory / "api.pem"
    file.write_bytes(
        signed.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return file


@contextmanager
def api(directory: Path, answer: Callable[[], tuple[int, Any]]) -> Iterator[dict[str, Any]]:
    """An API over TLS that says `answer`; yields the environment that leads to it and `asked`."""
    asked: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.update(parse_qs(urlsplit(self.path).query))
            code, body = answer()
            text = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *arguments: Any) -> None:
            pass

    file = certificate(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield {
            **KEY,
            "ALIBABA_CLOUD_ENDPOINT_ECS": f"127.0.0.1:{server.server_port}",
            "SSL_CERT_FILE": str(file),
            "asked": asked,
        }
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def said(environment: dict[str, Any], wanted: Alibaba = WANTED) -> str:
    return asyncio.run(price(wanted, BOUGHT, environment))


def test_the_api_is_asked_and_quoted(tmp_path: Path) -> None:
    body = {"RequestId": "1", "PriceInfo": {"Price": PRICE, "Rules": {"Rule": []}}}
    with api(tmp_path, lambda: (200, body)) as environment:
        assert said(environment) == (
            "price of machine and disk, as Alibaba Cloud says now: 0.04 CNY an hour; outgoing "
            "traffic comes on top, by volume"
        )
        asked = {name: values[0] for name, values in environment["asked"].items()}
    assert (
        asked.items()
        >= {
            "RegionId": "cn-hangzhou",
            "ZoneId": "cn-hangzhou-k",
            "InstanceType": "ecs.t6-c4m1.large",
            "ImageId": "debian_12_1",
            "SystemDisk.Category": "cloud_efficiency",
            "SystemDisk.Size": "20",
            "PriceUnit": "Hour",
            "Period": "1",
        }.items()
    )


def test_a_period_is_asked_for_as_a_whole(tmp_path: Path) -> None:
    body = {"RequestId": "1", "PriceInfo": {"Price": {**PRICE, "TradePrice": 60.0}}}
    wanted = Alibaba(region="cn-hangzhou", charge="PrePaid", period=12)
    with api(tmp_path, lambda: (200, body)) as environment:
        assert "60 CNY for 12 months" in said(environment, wanted)
        assert environment["asked"]["PriceUnit"] == ["Month"]


def test_an_api_that_refuses(tmp_path: Path) -> None:
    body = {"RequestId": "1", "Code": "Forbidden.RAM", "Message": "User not authorized."}
    with api(tmp_path, lambda: (403, body)) as environment:
        line = said(environment)
    assert line.startswith("no price: the access key may not do this (Forbidden.RAM): give its ")


def test_an_api_that_is_not_trusted(tmp_path: Path) -> None:
    with api(tmp_path, lambda: (200, {})) as environment:
        line = said({**environment, "SSL_CERT_FILE": None})
    assert line.startswith("no price: ")
    assert "\n" not in line


def test_an_api_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The preview does not wait for it: the answer is held back until the line is there."""
    monkeypatch.setattr("components.price.TIMEOUT_S", 1)
    told = threading.Event()
    begun, ended = [], []

    def late() -> tuple[int, Any]:
        begun.append("asked")
        told.wait(20)
        ended.append("answered")
        return 200, {}

    with api(tmp_path, late) as environment:
        try:
            assert said(environment).startswith("no price: ")
            assert (begun, ended) == (["asked"], []), "it was asked once, and holds its answer yet"
        finally:
            told.set()


def test_no_key() -> None:
    assert said({}) == "no price: it is asked only with an access key in the environment"
