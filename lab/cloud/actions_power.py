"""Instances: start, stop, change (product Ecs)."""

from __future__ import annotations

from lab.cloud.actions_instances import HOST_NAME, check_user_data
from lab.cloud.actions_vpc import DESCRIPTION, NAME
from lab.cloud.catalogue import TYPES, sold
from lab.cloud.errors import FORBIDDEN, NOT_FOUND, ApiError, missing, wrong_status
from lab.cloud.registry import Answer, Call, action
from lab.cloud.state import Instance
from lab.cloud.wire import needed, param


def _in(call: Call, *statuses: str) -> Instance:
    """Return the instance that is named, which is in one of the statuses.

    Raises:
        ApiError: it is not, or it is about to go.
    """
    instance = call.instance(call.params.text("InstanceId"))
    if instance.status not in statuses or instance.released:
        raise wrong_status("instance", instance.status)
    return instance


@action("Ecs", "StartInstance", needed("InstanceId"), changes=True, needs_region=False)
def start_instance(call: Call) -> Answer:
    """Start a stopped instance."""
    instance = _in(call, "Stopped")
    call.world.moved(instance, "Starting")
    call.touched.add(instance.id)
    return {}


@action(
    "Ecs",
    "StopInstance",
    needed("InstanceId"),
    param("ForceStop", "bool"),
    # The last is what a running one shows, and what the provider sends back.
    param("StoppedMode", "text", "StopCharging", "KeepCharging", "Not-applicable"),
    param("ConfirmStop", "bool"),
    param("Hibernate", "bool"),
    changes=True,
    needs_region=False,
)
def stop_instance(call: Call) -> Answer:
    """Stop a running instance; its disk stays."""
    instance = _in(call, "Running")
    instance.stopped_free = call.params.text("StoppedMode") == "StopCharging"
    call.world.moved(instance, "Stopping")
    call.touched.add(instance.id)
    return {}


@action(
    "Ecs",
    "RebootInstance",
    needed("InstanceId"),
    param("ForceStop", "bool"),
    changes=True,
    needs_region=False,
)
def reboot_instance(call: Call) -> Answer:
    """Stop a running instance and start it again."""
    instance = _in(call, "Running")
    instance.again = True
    call.world.moved(instance, "Stopping")
    call.touched.add(instance.id)
    return {}


@action(
    "Ecs",
    "ModifyInstanceAttribute",
    needed("InstanceId"),
    param("InstanceName", pattern=NAME),
    param("Description", pattern=DESCRIPTION),
    param("HostName", pattern=HOST_NAME),
    param("UserData", secret=True),
    param("DeletionProtection", "bool"),
    param("CreditSpecification", "text", "Standard", "Unlimited"),
    param("SecurityGroupIds.N"),
    changes=True,
    needs_region=False,
)
def modify_instance_attribute(call: Call) -> Answer:
    """Change what needs no other machine; host name and user data count from the next start."""
    instance = _in(call, "Running", "Stopped")
    asked = call.params
    instance.name = asked.text("InstanceName", instance.name)
    instance.description = asked.text("Description", instance.description)
    instance.hostname = asked.text("HostName", instance.hostname)
    instance.protected = asked.flag("DeletionProtection", instance.protected)
    if asked.has("UserData"):
        check_user_data(asked.text("UserData"))
        instance.user_data = asked.text("UserData")
    if asked.has("CreditSpecification"):
        if not TYPES[instance.kind].baseline_credits:
            said = "Only burstable instance types have a CreditSpecification."
            raise ApiError("InvalidParameter.CreditSpecification", said)
        instance.credit = asked.text("CreditSpecification")
    groups = asked.texts("SecurityGroupIds")
    if groups:
        _join(call, instance, groups)
    return {}


def _join(call: Call, instance: Instance, groups: list[str]) -> None:
    for id in groups:
        if call.group(id).vpc != instance.vpc:
            said = "The security group and the instance are in different VPCs."
            raise ApiError("InvalidSecurityGroupId.VPCMismatch", said)
    instance.groups = groups
    call.guarded.add(instance.id)


@action(
    "Ecs",
    "JoinSecurityGroup",
    needed("InstanceId"),
    needed("SecurityGroupId"),
    changes=True,
    needs_region=False,
)
def join_security_group(call: Call) -> Answer:
    """Put an instance into one more security group."""
    instance, id = _in(call, "Running", "Stopped"), call.params.text("SecurityGroupId")
    if id in instance.groups:
        said = "The instance is in the security group already."
        raise ApiError("InvalidInstanceId.AlreadyExists", said, FORBIDDEN)
    _join(call, instance, [*instance.groups, id])
    return {}


@action(
    "Ecs",
    "LeaveSecurityGroup",
    needed("InstanceId"),
    needed("SecurityGroupId"),
    changes=True,
    needs_region=False,
)
def leave_security_group(call: Call) -> Answer:
    """Take an instance out of one of its security groups, which is not the last."""
    instance, id = _in(call, "Running", "Stopped"), call.params.text("SecurityGroupId")
    left = [group for group in instance.groups if group != id]
    if len(left) == len(instance.groups):
        said = "The instance is not in the security group."
        raise ApiError("InstanceNotInSecurityGroup", said, FORBIDDEN)
    if not left:
        said = "The security group is the instance's last."
        raise ApiError("InstanceLastSecurityGroup", said, FORBIDDEN)
    _join(call, instance, left)
    return {}


@action(
    "Ecs",
    "ModifyInstanceSpec",
    needed("InstanceId"),
    param("InstanceType"),
    param("AllowMigrateAcrossZone", "bool"),
    param("Async", "bool"),
    changes=True,
    needs_region=False,
)
def modify_instance_spec(call: Call) -> Answer:
    """Give a stopped instance another type, from its next start on."""
    instance = _in(call, "Stopped")
    kind = call.params.text("InstanceType", instance.kind)
    if kind not in TYPES:
        said = "The specified InstanceType does not exist or beyond the permitted range."
        raise ApiError("InvalidInstanceType.ValueNotSupported", said, FORBIDDEN)
    if not sold(kind, instance.zone):
        said = f"The instance type {kind} is not sold in zone {instance.zone}."
        raise ApiError("InvalidInstanceType.NotSupported", said, FORBIDDEN)
    instance.kind = kind
    burstable = TYPES[kind].baseline_credits > 0
    instance.credit = (instance.credit or "Standard") if burstable else ""
    return {}


@action(
    "Ecs",
    "ModifyInstanceNetworkSpec",
    needed("InstanceId"),
    param("InternetMaxBandwidthOut", "int", most=100),
    param("InternetMaxBandwidthIn", "int", most=200),
    param("NetworkChargeType", "text", "PayByTraffic", "PayByBandwidth"),
    param("AutoPay", "bool"),
    changes=True,
    needs_region=False,
)
def modify_instance_network_spec(call: Call) -> Answer:
    """Change an instance's bandwidth; without any it gives its fixed public address back."""
    instance = _in(call, "Running", "Stopped")
    asked = call.params
    instance.bandwidth_in = asked.number("InternetMaxBandwidthIn", instance.bandwidth_in)
    instance.bandwidth_out = asked.number("InternetMaxBandwidthOut", instance.bandwidth_out)
    instance.traffic_charge = asked.text("NetworkChargeType", instance.traffic_charge)
    if instance.bandwidth_out == 0:
        instance.public = None
    call.touched.add(instance.id)
    return {}


@action(
    "Ecs",
    "AllocatePublicIpAddress",
    needed("InstanceId"),
    param("IpAddress", "address"),
    changes=True,
    needs_region=False,
)
def allocate_public_ip_address(call: Call) -> Answer:
    """Give an instance with bandwidth a fixed public address."""
    instance = _in(call, "Running", "Stopped")
    if instance.bandwidth_out == 0:
        raise missing("InternetMaxBandwidthOut")
    if call.world.eip_of(instance.id) is not None:
        raise ApiError("InvalidIpAddress.EipAssociated", "The instance has an EIP.", FORBIDDEN)
    if instance.public is None:
        instance.public = call.world.free_public(call.params.text("IpAddress"))
        call.touched.add(instance.id)
    return {"IpAddress": str(instance.public)}


@action(
    "Ecs",
    "ResizeDisk",
    needed("DiskId"),
    needed("NewSize", "int", most=2048),
    param("Type", "text", "offline", "online"),
    changes=True,
    needs_region=False,
)
def resize_disk(call: Call) -> Answer:
    """Let a system disk grow: `online` while its instance runs, else while that is stopped.

    It grows in the books alone; the machine's disk is as large as its image lets it be.
    """
    asked = call.params
    id = asked.text("DiskId")
    owner = next((i for i in call.world.instances.values() if i.disk.id == id), None)
    if owner is None:
        said = f'The specified disk "{id}" does not exist.'
        raise ApiError("InvalidDiskId.NotFound", said, NOT_FOUND)
    statuses = ("Running", "Stopped") if asked.text("Type") == "online" else ("Stopped",)
    if owner.status not in statuses or owner.released:
        raise wrong_status("instance", owner.status)
    if asked.number("NewSize") <= owner.disk.size_gib:
        said = "Specified new disk size should be greater than the original disk size."
        raise ApiError("InvalidDiskSize.TooSmall", said)
    owner.disk.size_gib = asked.number("NewSize")
    return {"OrderId": ""}
