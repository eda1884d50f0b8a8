"""SSH key pairs (product Ecs)."""

from __future__ import annotations

import hashlib
import time
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_public_key,
)

from lab.cloud.actions_tags import shown_tags
from lab.cloud.errors import ApiError, invalid, quota, wrong_status
from lab.cloud.registry import NUMBERED, TAGS, Answer, Call, action
from lab.cloud.state import Instance, KeyPair, minute
from lab.cloud.wire import needed, param

NAME: Final = r"[A-Za-z一-鿿][\w.:-]{1,127}"


@action(
    "Ecs",
    "ImportKeyPair",
    needed("KeyPairName", pattern=NAME),
    param("PublicKeyBody", most=16384, secret=True),
    *TAGS,
    changes=True,
)
def import_key_pair(call: Call) -> Answer:
    """Keep a public key, in authorized_keys format, under a name."""
    name, public = call.params.text("KeyPairName"), call.params.text("PublicKeyBody")
    if not public:
        raise ApiError("MissingParameter", 'The input parameter "PublicKeyBody" is not supplied.')
    fingerprint = _fingerprint(public)
    id = f"{call.region}/{name}"
    if id in call.world.key_pairs:
        said = f"The specified KeyPairName already exists: {name}."
        raise ApiError("KeyPair.AlreadyExist", said)
    most = call.settings.quotas.key_pairs
    if len(call.here(call.world.key_pairs)) >= most:
        raise quota("QuotaExceed.KeyPair", "key pairs", most)
    call.world.key_pairs[id] = KeyPair(
        id=id,
        region=call.region,
        name=name,
        created=time.time(),
        tags=call.params.tags(),
        public=public.strip(),
        fingerprint=fingerprint,
    )
    return {"KeyPairName": name, "KeyPairFingerPrint": fingerprint}


def _fingerprint(public: str) -> str:
    try:
        key = load_ssh_public_key(public.strip().encode())
    except (ValueError, UnsupportedAlgorithm):
        said = "The specified PublicKeyBody is not an SSH public key."
        raise ApiError("InvalidPublicKeyBody.Malformed", said) from None
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    # MD5 is what Alibaba shows; nothing is protected by it.
    return hashlib.md5(der, usedforsecurity=False).hexdigest()


@action(
    "Ecs",
    "DescribeKeyPairs",
    param("KeyPairName"),
    param("KeyPairFingerPrint"),
    param("IncludePublicKey", "bool"),
    *TAGS,
    *NUMBERED,
)
def describe_key_pairs(call: Call) -> Answer:
    """List key pairs; one that does not exist is an empty list."""
    asked = call.params
    found = [
        pair
        for pair in call.here(call.world.key_pairs)
        if _matches(asked.text("KeyPairName"), pair.name)
        and asked.text("KeyPairFingerPrint") in ("", pair.fingerprint)
        and asked.tags().items() <= pair.tags.items()
    ]
    shown, about = call.page(found)
    of_each = [
        {
            "KeyPairName": pair.name,
            "KeyPairFingerPrint": pair.fingerprint,
            "CreationTime": minute(pair.created),
            "ResourceGroupId": "",
            "Tags": shown_tags(pair.tags),
            **({"PublicKey": pair.public} if asked.flag("IncludePublicKey") else {}),
        }
        for pair in shown
    ]
    return {"KeyPairs": {"KeyPair": of_each}, **about}


def _matches(asked: str, name: str) -> bool:
    """Return whether a name is the asked one; * stands for any text at its ends."""
    text = asked.strip("*")
    if asked in ("", name):
        return True
    if asked.startswith("*") and asked.endswith("*"):
        return text in name
    starts = asked.endswith("*") and name.startswith(text)
    return starts or (asked.startswith("*") and name.endswith(text))


@action("Ecs", "DeleteKeyPairs", needed("KeyPairNames", "ids"), changes=True)
def delete_key_pairs(call: Call) -> Answer:
    """Forget key pairs that no instance has; one that is not there is no error."""
    for name in call.params.ids("KeyPairNames"):
        users = call.here(call.world.instances)
        if any(instance.key_pair == name for instance in users):
            said = f"The key pair {name} is attached to an instance."
            raise ApiError("InvalidParameter.KeypairAlreadyAttachedInstance", said)
        call.world.key_pairs.pop(f"{call.region}/{name}", None)
    return {}


@action(
    "Ecs",
    "AttachKeyPair",
    needed("KeyPairName"),
    needed("InstanceIds", "ids"),
    changes=True,
)
def attach_key_pair(call: Call) -> Answer:
    """Give instances a key pair; they have it from their next start on."""
    pair = call.key_pair(call.params.text("KeyPairName"))
    return _attached(call, pair.name)


@action(
    "Ecs",
    "DetachKeyPair",
    needed("KeyPairName"),
    needed("InstanceIds", "ids"),
    changes=True,
)
def detach_key_pair(call: Call) -> Answer:
    """Take a key pair from instances; they are without it from their next start on."""
    pair = call.key_pair(call.params.text("KeyPairName"))
    for id in call.params.ids("InstanceIds"):
        if call.instance(id).key_pair != pair.name:
            raise invalid("InstanceIds", f"Instance {id} does not have this key pair.")
    return _attached(call, "")


def _attached(call: Call, name: str) -> Answer:
    ids = call.params.ids("InstanceIds")
    instances: list[Instance] = [call.instance(id) for id in ids]
    for instance in instances:
        if instance.status not in ("Running", "Stopped"):
            raise wrong_status("instance", instance.status)
        instance.key_pair = name
    results = [
        {"InstanceId": id, "Success": "true", "Code": "200", "Message": "successful"} for id in ids
    ]
    answer = {"Results": {"Result": results}, "TotalCount": str(len(ids)), "FailCount": "0"}
    return {**answer, "KeyPairName": call.params.text("KeyPairName")}
