"""Signatures: Alibaba's own published examples, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from lab.cloud.errors import ApiError
from lab.cloud.parts import Key
from lab.cloud.signing import (
    ACS3,
    FORM,
    LONGEST_SKEW_S,
    Nonces,
    Request,
    acs3_text,
    rpc_text,
    signature,
    signed,
)
from tests.unit.memory_cloud import KEY, REGION, VERSION_OF, Client, digest, rpc

EMPTY = digest("")


def test_rpc_as_in_alibabas_documentation_of_ecs() -> None:
    parameters = {
        "Timestamp": "2016-02-23T12:46:24Z",
        "Format": "XML",
        "AccessKeyId": "testid",
        "Action": "DescribeRegions",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
        "Version": "2014-05-26",
        "SignatureVersion": "1.0",
    }
    text = rpc_text("GET", list(parameters.items()))
    assert signature("RPC", text, "testsecret") == "OLeaidS1JvxuMvnyHOwuJ+uX5qY="


def acs3(**changed: str) -> Request:
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": EMPTY,
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query = "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"
    return Request(method="POST", query=query, headers={**headers, **changed}, body=b"")


def test_acs3_as_in_alibabas_documentation_of_signature_v3() -> None:
    request = acs3()
    text = acs3_text(request, sorted(request.headers), EMPTY)
    assert text.split("\n") == [
        ACS3,
        "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259",
    ]
    assert signature(ACS3, text, "YourAccessKeySecret") == (
        "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_rpc_signs_what_is_in_the_form_too() -> None:
    request = rpc("CreateVpc", VERSION_OF["Vpc"], {"VpcName": "a b*+~é"}, in_form=True)
    said = signed(request)
    said.check(KEY.id, KEY.secret, datetime.now(UTC))
    changed = replace(request, body=urlencode({"VpcName": "another"}).encode())
    with pytest.raises(ApiError, match="SignatureDoesNotMatch"):
        signed(changed).check(KEY.id, KEY.secret, datetime.now(UTC))


def of_acs3(request: Request, secret: str = KEY.secret, names: list[str] | None = None) -> Request:
    names = sorted(request.headers) if names is None else names
    body = digest(request.body.decode())
    made = signature(ACS3, acs3_text(request, names, body), secret)
    told = f"{ACS3} Credential={KEY.id},SignedHeaders={';'.join(names)},Signature={made}"
    return replace(request, headers={**request.headers, "authorization": told})


def now(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_acs3_is_taken_and_a_changed_query_is_not() -> None:
    request = of_acs3(acs3(**{"x-acs-date": now()}))
    signed(request).check(KEY.id, KEY.secret, datetime.now(UTC))
    changed = replace(request, query=request.query.replace("shanghai", "beijing"))
    with pytest.raises(ApiError, match="SignatureDoesNotMatch"):
        signed(changed).check(KEY.id, KEY.secret, datetime.now(UTC))


def test_acs3_body_is_held_against_its_digest() -> None:
    request = replace(of_acs3(acs3(**{"x-acs-date": now()})), body=b"VpcName=x")
    with pytest.raises(ApiError, match=r"x-acs-content-sha256 is not that of the body"):
        signed(request)


@pytest.mark.parametrize("left_out", ["host", "x-acs-action", "x-acs-signature-nonce"])
def test_acs3_must_sign_what_says_what_it_is(left_out: str) -> None:
    request = acs3(**{"x-acs-date": now()})
    names = sorted(set(request.headers) - {left_out})
    with pytest.raises(ApiError, match=f"IncompleteSignature: Not signed: {left_out}"):
        signed(of_acs3(request, names=names))


@pytest.mark.parametrize("text", [ACS3, f"{ACS3} Credential=a,Signature=b", "Basic abc"])
def test_a_malformed_authorization_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="IncompleteSignature"):
        signed(acs3(authorization=text))


@pytest.mark.parametrize("name", ["AccessKeyId", "Signature", "SignatureNonce", "Timestamp"])
def test_rpc_without_a_part_is_refused(name: str) -> None:
    with pytest.raises(ApiError, match=f'MissingParameter: .*"{name}"'):
        signed(rpc("DescribeRegions", VERSION_OF["Ecs"], {}, own={name: ""}))


async def code(client: Client, request: Request) -> tuple[int, str]:
    reply = await client.cloud.answer(request)
    return reply.status, str(reply.body.get("Code", "OK"))


async def test_who_may_not_is_told_so_in_alibabas_codes(tmp_path: Path) -> None:
    client, version = Client(tmp_path), VERSION_OF["Ecs"]
    stranger, wrong = Key(id="other", secret="s"), Key(id=KEY.id, secret="wrong")
    told = {"RegionId": REGION}

    def ask(**own: str) -> Request:
        return rpc("DescribeZones", version, told, own=own)

    assert await code(client, ask()) == (200, "OK")
    found = await code(client, rpc("DescribeZones", version, told, key=stranger))
    assert found == (404, "InvalidAccessKeyId.NotFound")
    found = await code(client, rpc("DescribeZones", version, told, key=wrong))
    assert found == (400, "SignatureDoesNotMatch")
    late = now(seconds=-LONGEST_SKEW_S - 60)
    assert await code(client, ask(Timestamp=late)) == (400, "InvalidTimeStamp.Expired")
    early = now(seconds=LONGEST_SKEW_S + 60)
    assert await code(client, ask(Timestamp=early)) == (400, "InvalidTimeStamp.Expired")
    assert await code(client, ask(Timestamp="yesterday")) == (400, "InvalidTimeStamp.Format")
    once = ask()
    assert await code(client, once) == (200, "OK")
    assert await code(client, once) == (400, "SignatureNonceUsed")


async def test_a_wrong_signature_uses_up_no_nonce(tmp_path: Path) -> None:
    client, version = Client(tmp_path), VERSION_OF["Ecs"]
    told = {"RegionId": REGION}
    right = rpc("DescribeZones", version, told, own={"SignatureNonce": "n"})
    wrong = Key(id=KEY.id, secret="wrong")
    first = await code(
        client, rpc("DescribeZones", version, told, key=wrong, own={"SignatureNonce": "n"})
    )
    assert first == (400, "SignatureDoesNotMatch")
    assert await code(client, right) == (200, "OK")


def test_nonces_are_forgotten_when_their_time_stamps_have_expired() -> None:
    nonces, start = Nonces(), datetime.now(UTC)
    nonces.use("a", start)
    with pytest.raises(ApiError):
        nonces.use("a", start + timedelta(seconds=LONGEST_SKEW_S))
    nonces.use("b", start + timedelta(seconds=3 * LONGEST_SKEW_S))
    nonces.use("a", start + timedelta(seconds=3 * LONGEST_SKEW_S))


def test_a_body_that_is_no_form_is_refused() -> None:
    for headers, body in (
        ({"content-type": "text/xml"}, b"<a/>"),
        ({"content-type": FORM}, b"\xff"),
    ):
        with pytest.raises(ApiError, match="InvalidParameter"):
            _ = Request(method="POST", query="", headers=headers, body=body).parameters
