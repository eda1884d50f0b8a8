"""pydantic's errors -> faults in the user's words.

Which rule a field has is asked of the models themselves, so that a new field needs no new text.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any, Final, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from leasedline.alibaba import Alibaba
from leasedline.document import Document, Fields, Items, Odd
from leasedline.faults import BrokenRule, Fault, FieldPath, shown, spelled
from leasedline.network import SHORT_LAN, Hub, Jump, Lan, Network, Spoke, Ssh

_SSH_KEY: Final = "pulumi config set --secret sshPrivateKey"
_SEED: Final = "pulumi config set --secret seed"
_SECRETS: Final = {
    "seed": f"delete the line and set the seed with `{_SEED}`",
    "privatekey": f"delete the line: all keys come from the seed, set with `{_SEED}`",
    "presharedkey": f"delete the line: all keys come from the seed, set with `{_SEED}`",
    "psk": f"delete the line: all keys come from the seed, set with `{_SEED}`",
    "sshprivatekey": f"delete the line and set the key with `{_SSH_KEY}`",
    "password": f"delete the line: log in with a key, set with `{_SSH_KEY}`",
    "passphrase": f"delete the line: log in with a key without one, set with `{_SSH_KEY}`",
    "secret": f"delete the line: the one secret is the seed, set with `{_SEED}`",
}
_KEY_OF_SSH: Final = f"delete the line and set SSH's key with `{_SSH_KEY}`, or name its key_file"
_HOMES: Final[dict[type[BaseModel], str]] = {
    Network: "the top level",
    Hub: "hub",
    Alibaba: "hub.alibaba",
    Spoke: "a spoke",
    Lan: "an item of lans",
    Ssh: "ssh",
    Jump: "ssh.jump",
}


_CONTAINERS: Final = {
    "model_type": "a mapping of fields",
    "tuple_type": "a list",
    "dict_type": "a mapping",
}


def field_faults(details: list[ErrorDetails], document: Document) -> list[Fault]:
    """Return a fault for each of `details`, with paths as the user wrote them, without lines."""
    faults = (_fault(detail, document) for detail in details)
    return [fault for fault in faults if fault is not None]


def written(path: FieldPath, document: Document) -> FieldPath:
    """Return the path in the file of what is at `path` in the model.

    A spoke with one LAN has it as `lan`, `lan_address` and `gateway`, not as `lans[0]`.
    """
    if path[:1] != ("spokes",) or path[2:4] != ("lans", 0):
        return path
    spoke = document.at(path[:2])
    if not isinstance(spoke, Fields) or "lans" in spoke or "lan" not in spoke:
        return path
    field = path[4] if path[4:] else "prefix"
    short = next(short for short, long in SHORT_LAN.items() if long == field)
    return (*path[:2], short)


def _fault(detail: ErrorDetails, document: Document) -> Fault | None:
    path = written(tuple(detail["loc"]), document)
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _unknown(path, document)
    field = _field_at(path)
    example = _example(path, field)
    if kind == "missing":
        return Fault(path, "", "is missing", f"add it, for example {example}")
    value = document.at(path)
    if isinstance(value, Odd) and value.faulted:
        return None
    if isinstance(value, Items) and path[-1] == "lan":
        rule, remedy = "is a list, and holds one LAN", "write several as lans, each with an address"
    else:
        rule, remedy = _broken(detail, value, field, example)
    return Fault(path, _text(value), rule, remedy)


def _broken(
    detail: ErrorDetails, value: Any, field: FieldInfo | None, example: str
) -> tuple[str, str]:
    """Return rule and remedy for a `value` that its field does not take."""
    kind, path = detail["type"], detail["loc"]
    wanted = _CONTAINERS.get(kind)
    write = f"write for example {example}"
    if value is None:
        rest = "" if field is None or field.is_required() else ", or remove the line"
        return "has no value", f"{write}{rest}"
    is_taken = kind == "value_error" and _is_mapping(field)
    if wanted or (isinstance(value, Fields | Items) and not is_taken):
        return f"is {_shape(value)} where {wanted or 'one value'} belongs", write
    if kind == "value_error":
        broken = detail["ctx"]["error"]
        if isinstance(broken, BrokenRule):
            return broken.rule, broken.remedy
    if kind == "literal_error":
        return f"is none of {', '.join(_choices(field))}", "write one of these"
    if kind == "bool_type":
        return "is no truth value", f"write {path[-1]}: true or {path[-1]}: false"
    if kind == "string_type":
        return _unquoted(value, field)
    bounds = _bounds(field)
    if bounds is not None:
        if isinstance(value, str) and value.isdecimal():
            return "is a text because of its quotes", f"write {value} without quotes"
        if isinstance(value, int) and not isinstance(value, bool):
            return f"is not from {bounds[0]} to {bounds[1]}", write
        reading = f", YAML reads it as {value.kind}" if isinstance(value, Odd) else ""
        return f"is no whole decimal number{reading}", write
    return "does not belong here", write


def _unquoted(value: Any, field: FieldInfo | None) -> tuple[str, str]:
    """A text was wanted and YAML reads what stands there as something else."""
    text = _text(value)
    if isinstance(value, Odd):
        kind = value.kind
    else:
        kind = "a truth value" if isinstance(value, bool) else "a number"
    broken = _breaks(field, text)
    if broken is not None:
        return broken.rule, broken.remedy
    return f"is {kind} to YAML, and a text belongs here", f'write "{text}" in quotes'


def _breaks(field: FieldInfo | None, text: str) -> BrokenRule | None:
    """Return the rule that `text` would break as a text of `field`, or None."""
    if field is None:
        return None
    try:
        kind: Any = Annotated[field.annotation, field]
        TypeAdapter(kind).validate_python(text)
    except ValidationError as error:
        broken = error.errors(include_url=False)[0].get("ctx", {}).get("error")
        return broken if isinstance(broken, BrokenRule) else None
    return None


def _unknown(path: FieldPath, document: Document) -> Fault:
    """A field that the model does not have: a secret, a stray short form, or a slip of the pen."""
    model = _model_at(path[:-1])
    name = str(path[-1])
    plain = name.lower().replace("_", "").replace("-", "")
    if plain in _SECRETS:
        in_ssh = plain == "privatekey" and "ssh" in path
        remedy = _KEY_OF_SSH if in_ssh else _SECRETS[plain]
        return Fault(path, "", "is a secret, and this file is no place for one", remedy)
    if model is Spoke and name in SHORT_LAN:
        beside = document.at(path[:-1])
        if isinstance(beside, Fields) and "lans" in beside:
            remedy = f"write {SHORT_LAN[name]} in an item of lans"
            return Fault(path, "", "stands beside lans", remedy)
        remedy = "add lan, for example lan: 192.168.201.0/24"
        return Fault(path, "", "stands without lan", remedy)
    names = _names(model)
    far = get_close_matches(name, [n for m in _HOMES for n in _names(m)], n=1, cutoff=0.75)
    homes = [home for other, home in _HOMES.items() if far and far[0] in _names(other)]
    rule = f"is no field of {spelled(path[:-1]) or 'the network file'}"
    if near := get_close_matches(name, names, n=1, cutoff=0.75):
        remedy = f"did you mean {near[0]}?"
    elif homes:
        remedy = f"{far[0]} belongs in {' or '.join(homes)}"
    elif near := get_close_matches(name, names, n=1):
        remedy = f"did you mean {near[0]}?"
    else:
        remedy = f"its fields are {', '.join(names)}"
    return Fault(path, "", rule, remedy)


def _names(model: type[BaseModel]) -> list[str]:
    """Return the names of the fields that the user may write in a `model`."""
    return [*model.model_fields, *(SHORT_LAN if model is Spoke else ())]


def _model_at(path: FieldPath) -> type[BaseModel]:
    """Return the model of the mapping at `path`."""
    field = _field_at(path)
    return Network if field is None else _model_of(field) or Network


def _field_at(path: FieldPath) -> FieldInfo | None:
    """Return the field that holds `path`, an item's list for an item, None for the file."""
    model: type[BaseModel] = Network
    field: FieldInfo | None = None
    for step in path:
        if isinstance(step, int):
            continue
        if field is not None and _model_of(field) is None:
            break  # A key that the user chose, of a mapping without a model.
        short = model is Spoke and step in SHORT_LAN
        field = Lan.model_fields[SHORT_LAN[step]] if short else model.model_fields[step]
        model = _model_of(field) or model
    return field


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _example(path: FieldPath, field: FieldInfo | None) -> str:
    """Return a line that could stand at `path`."""
    example: Any = ""
    if field is not None:
        example = field.examples[0] if field.examples else field.default
    last = path[-1] if path else ""
    if isinstance(last, int):
        return _flow(example[0])
    if isinstance(example, dict) and field is not None and path[-2:-1] == ("tags",):
        return f"{last}: {next(iter(example.values()))}"
    return f"{last}: {_flow(example)}"


def _flow(value: Any) -> str:
    """Return `value` as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_mapping(field: FieldInfo | None) -> bool:
    return field is not None and get_origin(field.annotation) is dict


def _choices(field: FieldInfo | None) -> tuple[str, ...]:
    """Return the texts that `field` takes, where it takes only some."""
    return get_args(field.annotation) if field is not None else ()


def _bounds(field: FieldInfo | None) -> tuple[int, int] | None:
    """Return the least and the greatest whole number that `field` takes."""
    found: dict[type, Any] = {type(m): m for m in (field.metadata if field is not None else ())}
    if Ge not in found or Le not in found:
        return None
    return found[Ge].ge, found[Le].le


def _text(value: Any) -> str:
    """Return `value` as it stands in the file, or nothing where it is no single value."""
    if value is None or isinstance(value, Fields | Items):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return shown(value.text if isinstance(value, Odd) else str(value))


def _shape(value: Any) -> str:
    if isinstance(value, Odd):
        return value.kind
    shapes = {Fields: "a mapping", Items: "a list", str: "a text", bool: "a truth value"}
    return shapes.get(type(value), "a number")
