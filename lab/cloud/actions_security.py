"""Security groups (product Ecs)."""

from __future__ import annotations

import time

from lab.cloud.actions_tags import shown_tags
from lab.cloud.actions_vpc import DESCRIPTION, NAME
from lab.cloud.errors import depends, quota
from lab.cloud.registry import PAGES, TAGS, Answer, Call, action
from lab.cloud.state import Permission, SecurityGroup, minute, new_id
from lab.cloud.wire import needed, param


@action(
    "Ecs",
    "CreateSecurityGroup",
    needed("VpcId"),
    param("SecurityGroupName", pattern=NAME),
    param("Description", pattern=DESCRIPTION),
    param("SecurityGroupType", "text", "normal"),
    *TAGS,
    changes=True,
)
def create_security_group(call: Call) -> Answer:
    """Make a basic security group without rules."""
    vpc = call.vpc(call.params.text("VpcId"))
    most = call.settings.quotas.security_groups
    if len(call.here(call.world.groups)) >= most:
        raise quota("QuotaExceed.SecurityGroup", "security groups", most)
    group = SecurityGroup(
        id=new_id("sg", vpc.region),
        region=vpc.region,
        name=call.params.text("SecurityGroupName"),
        description=call.params.text("Description"),
        created=time.time(),
        tags=call.params.tags(),
        vpc=vpc.id,
    )
    call.world.groups[group.id] = group
    return {"SecurityGroupId": group.id}


def members(call: Call, group: SecurityGroup) -> list[str]:
    """Return the ids of the instances in a group."""
    return [i.id for i in call.world.instances.values() if group.id in i.groups]


@action(
    "Ecs",
    "DescribeSecurityGroups",
    param("SecurityGroupId"),
    param("SecurityGroupIds", "ids"),
    param("SecurityGroupName"),
    param("SecurityGroupType", "text", "normal", "enterprise"),
    param("VpcId"),
    param("NetworkType", "text", "vpc", "classic"),
    param("IsQueryEcsCount", "bool"),
    *TAGS,
    *PAGES,
)
def describe_security_groups(call: Call) -> Answer:
    """List security groups; one that does not exist is an empty list."""
    asked = call.params
    ids = [*asked.ids("SecurityGroupIds"), *filter(None, [asked.text("SecurityGroupId")])]
    found = [
        group
        for group in call.here(call.world.groups)
        if (not ids or group.id in ids)
        and asked.text("SecurityGroupName") in ("", group.name)
        and asked.text("VpcId") in ("", group.vpc)
        and asked.text("SecurityGroupType") != "enterprise"
        and asked.text("NetworkType") != "classic"
        and asked.tags().items() <= group.tags.items()
    ]
    shown, about = call.page(found)
    of_each = [
        {
            "SecurityGroupId": group.id,
            "SecurityGroupName": group.name,
            "Description": group.description,
            "SecurityGroupType": "normal",
            "VpcId": group.vpc,
            "CreationTime": minute(group.created),
            "ResourceGroupId": "",
            "ServiceManaged": False,
            "EcsCount": len(members(call, group)),
            "Tags": shown_tags(group.tags),
        }
        for group in shown
    ]
    answer = {"SecurityGroups": {"SecurityGroup": of_each}, "RegionId": call.region}
    return {**answer, **about}


@action(
    "Ecs",
    "DescribeSecurityGroupAttribute",
    needed("SecurityGroupId"),
    param("Direction", "text", "ingress", "egress", "all"),
    # The provider asks for "<nil>" where a rule's nic_type was left out.
    param("NicType", "text", "intranet", "internet", "<nil>"),
    param("Attribute"),
    param("MaxResults", "int", most=1000),
    param("NextToken"),
)
def describe_security_group_attribute(call: Call) -> Answer:
    """Show one security group and its rules."""
    group = call.group(call.params.text("SecurityGroupId"))
    direction = call.params.text("Direction", "all")
    shown = [p for p in group.permissions if direction in ("all", p.direction)]
    return {
        "SecurityGroupId": group.id,
        "SecurityGroupName": group.name,
        "Description": group.description,
        "VpcId": group.vpc,
        "RegionId": group.region,
        "InnerAccessPolicy": group.inner_access,
        "Permissions": {"Permission": [_of_permission(each) for each in shown]},
        "NextToken": "",
    }


def _of_permission(permission: Permission) -> Answer:
    inward = permission.direction == "ingress"
    cidr = str(permission.cidr)
    return {
        "SecurityGroupRuleId": permission.id,
        "Direction": permission.direction,
        "IpProtocol": permission.protocol.upper(),
        "PortRange": permission.ports,
        "SourceCidrIp": cidr if inward else "",
        "DestCidrIp": "" if inward else cidr,
        "Ipv6SourceCidrIp": "",
        "Ipv6DestCidrIp": "",
        "SourceGroupId": "",
        "DestGroupId": "",
        "Policy": permission.policy,
        "Priority": str(permission.priority),
        "NicType": "intranet",
        "Description": permission.description,
        "CreateTime": minute(permission.created),
    }


@action(
    "Ecs",
    "ModifySecurityGroupAttribute",
    needed("SecurityGroupId"),
    param("SecurityGroupName", pattern=NAME),
    param("Description", pattern=DESCRIPTION),
    changes=True,
)
def modify_security_group_attribute(call: Call) -> Answer:
    """Rename or describe a security group."""
    group = call.group(call.params.text("SecurityGroupId"))
    group.name = call.params.text("SecurityGroupName", group.name)
    group.description = call.params.text("Description", group.description)
    return {}


@action(
    "Ecs",
    "ModifySecurityGroupPolicy",
    needed("SecurityGroupId"),
    needed("InnerAccessPolicy", "text", "Accept", "Drop", "accept", "drop"),
    changes=True,
)
def modify_security_group_policy(call: Call) -> Answer:
    """Say whether the group's instances reach each other without a rule."""
    group = call.group(call.params.text("SecurityGroupId"))
    accepts = call.params.text("InnerAccessPolicy").capitalize() == "Accept"
    group.inner_access = "Accept" if accepts else "Drop"
    call.guarded.update(members(call, group))
    return {}


@action("Ecs", "DeleteSecurityGroup", needed("SecurityGroupId"), changes=True)
def delete_security_group(call: Call) -> Answer:
    """Remove a security group that no instance is in."""
    group = call.group(call.params.text("SecurityGroupId"))
    if members(call, group):
        said = "There is still an instance in the specified security group."
        raise depends("DependencyViolation", said)
    del call.world.groups[group.id]
    return {}
