"""`stacks/<stack>.lab.yaml`: what the lab's world looks like around a stack's network.

Every field may be left out; a missing file means all defaults.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
)
from pydantic_core import ErrorDetails

from lab.errors import WorldError
from leasedline.document import Document, Fields, Odd, SyntaxFaultError, read
from leasedline.faults import BrokenRule, Fault, FieldPath, shown, spelled
from leasedline.fields import Endpoint, is_dns_name
from leasedline.network import Address, HostName

PROJECT: Final = Path(__file__).resolve().parent.parent
"""The directory of Pulumi.yaml."""

LEAST_MEMORY_MIB: Final = 256
"""With less, Debian's kernel has no room left for the initial RAM disk and systemd."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _dns_name(text: str) -> str:
    if not is_dns_name(text):
        raise BrokenRule(rule="is an address, and no name", remedy="write hub.example.net")
    return text


DnsName = Annotated[Endpoint, AfterValidator(_dns_name)]


class HubSettings(_Settings):
    """Where the hub is on the lab's internet."""

    public: Address = IPv4Address("203.0.113.1")
    """Its public address, alone with the internet's router in a /24 (RFC 5737)."""
    name: DnsName | None = Field(default=None, examples=["hub.example.net"])
    """A DNS name for it, which the offices then dial; the lab's internet knows no other."""


class OfficeSettings(_Settings):
    """One office: its ISP's router and the plain devices in its LANs."""

    isp: Address | None = None
    """The router's address towards the internet, the second host of a /30; else a free one."""
    devices: dict[HostName, Address] = {}
    """Name and LAN address of each plain device; else one, `<office>1`, at a free address."""


Memory = Annotated[int, Field(strict=True, ge=LEAST_MEMORY_MIB, le=16384)]
Release = Literal["bookworm", "trixie"]


class OneMachine(_Settings):
    """What one machine is where it is not as all are."""

    memory_mib: Memory | None = None
    debian: Release | None = None


class MachineSettings(_Settings):
    """What all machines (z, a, c) are, and those that differ."""

    memory_mib: Memory = 512
    """Memory of each, in MiB; the article's instance has 512."""
    debian: Release = "bookworm"
    """Debian's release: bookworm has systemd 252, trixie 257."""
    each: dict[HostName, OneMachine] = {}
    """By the name of the hub or the spoke."""

    def memory_of(self, name: str) -> int:
        """Return the memory of a machine, in MiB."""
        return self.each.get(name, OneMachine()).memory_mib or self.memory_mib

    def debian_of(self, name: str) -> str:
        """Return the Debian release of a machine."""
        return self.each.get(name, OneMachine()).debian or self.debian


Seconds = Annotated[float, Field(ge=0, le=600)]
Most = Annotated[int, Field(strict=True, ge=0, le=199)]


class Quotas(_Settings):
    """How many of each the cloud's account may have in a region."""

    vpcs: Most = 10
    vswitches: Most = 24
    """In a VPC."""
    security_groups: Most = 100
    rules: Annotated[int, Field(strict=True, ge=0, le=200)] = 200
    """In a security group."""
    key_pairs: Annotated[int, Field(strict=True, ge=0, le=500)] = 500
    instances: Most = 20
    eips: Most = 20


class CloudSettings(_Settings):
    """The lab's own Alibaba Cloud: there is one if the section is there, be it empty."""

    network_s: Seconds = 1.0
    """How long a new VPC or vSwitch is Pending."""
    pending_s: Seconds = 1.0
    """How long a new instance is Pending before its machine is booted."""
    starting_s: Seconds = 1.0
    """How long an instance is Starting still once its machine has been switched on."""
    stopping_s: Seconds = 1.0
    """How long an instance is Stopping still once its machine has been switched off."""
    eip_s: Seconds = 1.0
    """How long an EIP takes to come to an instance or to leave it."""
    policy: tuple[str, ...] = ("*",)
    """What the account's RAM policy allows, such as ecs:Describe* or vpc:CreateVpc."""
    quotas: Quotas = Quotas()


class LabSettings(_Settings):
    """The whole file."""

    hub: HubSettings = HubSettings()
    offices: dict[HostName, OfficeSettings] = {}
    """By the name of the office's spoke."""
    machines: MachineSettings = MachineSettings()
    cloud: CloudSettings | None = None
    """The cloud that the hub of a cloud-lab stack is in; none for other stacks."""

    _file: str = PrivateAttr("the lab settings")
    _document: Document | None = PrivateAttr(None)

    def fault(self, path: FieldPath, value: object, rule: str, remedy: str) -> Fault:
        """Return a fault of the field at `path`, placed in the file that these came from."""
        line = self._document.line(path) if self._document is not None else 0
        return Fault(path, str(value), rule, remedy, file=self._file, line=line)


def settings_path(stack: str, project: Path = PROJECT) -> Path:
    """Return where the lab settings of `stack` are."""
    return project / "stacks" / f"{stack}.lab.yaml"


def load_settings(stack: str, project: Path = PROJECT) -> LabSettings:
    """Return the lab settings of `stack`.

    Raises:
        WorldError: the file has faults; each with its line, the rule and the remedy.
    """
    path = settings_path(stack, project)
    name = str(path.relative_to(project))
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return LabSettings()
    except (OSError, UnicodeDecodeError) as error:
        fault = Fault((), "", f"cannot be read, {error}", "make it readable UTF-8 text", file=name)
        raise WorldError([fault]) from error
    return parse_settings(text, name)


def parse_settings(text: str, name: str) -> LabSettings:
    """Return the lab settings that the YAML `text` of the file `name` holds.

    Raises:
        WorldError: it has faults; each with its line, the rule and the remedy.
    """
    try:
        document = read(text)
    except SyntaxFaultError as error:
        raise WorldError([replace(error.fault, file=name)]) from error
    if document.root is None:
        return LabSettings()
    faults = list(document.faults)
    if not isinstance(document.root, Fields):
        remedy = "write fields such as `machines: {memory_mib: 512}`"
        raise WorldError([Fault((), "", "holds no fields", remedy, file=name, line=1)])
    settings = LabSettings()
    try:
        settings = LabSettings.model_validate(document.root)
    except ValidationError as error:
        known = {fault.path for fault in faults}
        found = (_fault(detail, document) for detail in error.errors(include_url=False))
        faults += [fault for fault in found if fault.path not in known]
    if faults:
        placed = [replace(f, file=name, line=f.line or document.line(f.path)) for f in faults]
        placed.sort(key=lambda fault: fault.line)
        raise WorldError(placed)
    settings._file, settings._document = name, document
    return settings


_CLOUD_RULES: Final = {
    "less_than_equal": ("is more than {le:g}", "write a smaller number"),
    "greater_than_equal": ("is less than {ge:g}", "write a larger number"),
    "float_parsing": ("is no whole number of seconds", "write 1"),
    "float_type": ("is no whole number of seconds", "write 1"),
    "int_type": ("is no whole number", "write 10"),
}


def _fault(detail: ErrorDetails, document: Document) -> Fault:
    # pydantic marks a faulty key of a mapping with one more step, which the file does not have.
    path = tuple(step for step in detail["loc"] if step != "[key]")
    value = document.at(path)
    text = "" if value is None or isinstance(value, (dict, list)) else shown(str(value))
    broken = detail.get("ctx", {}).get("error")
    if detail["type"] == "extra_forbidden":
        model = _model_at(path[:-1])
        near = get_close_matches(str(path[-1]), model, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"its fields are {', '.join(model)}"
        home = spelled(path[:-1]) or "the lab settings"
        return Fault(path, "", f"is no field of {home}", remedy)
    if isinstance(broken, BrokenRule):
        return Fault(path, "" if path != detail["loc"] else text, broken.rule, broken.remedy)
    if detail["type"] == "literal_error":
        return Fault(path, text, "is no release that the lab knows", "write bookworm or trixie")
    if path and path[-1] == "memory_mib":
        return Fault(path, text, f"is not from {LEAST_MEMORY_MIB} to 16384 MiB", "write 512")
    if path[:1] == ("cloud",):
        text = value.text if isinstance(value, Odd) else text
        rule, remedy = _CLOUD_RULES.get(detail["type"], ("does not belong here", "leave it out"))
        return Fault(path, text, rule.format(**detail.get("ctx", {})), remedy)
    return Fault(path, text, "does not belong here", "see the example stacks/lab.lab.yaml")


def _model_at(path: tuple[str | int, ...]) -> list[str]:
    if path[:2] == ("machines", "each"):
        return list(OneMachine.model_fields)
    models: dict[tuple[str | int, ...], type[BaseModel]] = {
        (): LabSettings,
        ("hub",): HubSettings,
        ("machines",): MachineSettings,
        ("cloud",): CloudSettings,
        ("cloud", "quotas"): Quotas,
    }
    return list(models.get(path, OfficeSettings).model_fields)
