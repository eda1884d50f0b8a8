package main

import (
	"github.com/aliyun/terraform-provider-alicloud/alicloud"
	tf "github.com/hashicorp/terraform-plugin-sdk/helper/schema"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv1 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v1"
)

// name is the Pulumi package that this program serves a part of.
const name = "alicloud"

// version is the release of pulumi-alicloud that is stood in for, the one that runs the same
// Terraform provider; toolchain/pins.sh and toolchain/python/requirements-cloud.in say the same.
const version = "3.105.0"

// newInfo says which parts of the Terraform provider are served, and under which names.
//
// Every other name, type and default follows from the Terraform schema by the bridge's own rules.
// What the release decides beyond those rules is repeated here; tests/cloud compares the outcome
// with the released Python SDK.
func newInfo() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:           shimv1.NewProvider(alicloud.Provider().(*tf.Provider)),
		Name:        name,
		Version:     version,
		DisplayName: "Alibaba Cloud (stand-in for closed networks)",
		Description: description,
		Config: map[string]*tfbridge.SchemaInfo{
			"ecs_role_name": fromEnvironment("ALICLOUD_ECS_ROLE_NAME"),
			"profile":       fromEnvironment("ALICLOUD_PROFILE"),
			"region":        fromEnvironment("ALICLOUD_REGION"),
		},
		Resources: map[string]*tfbridge.ResourceInfo{
			"alicloud_vpc":                 resource("vpc", "Network"),
			"alicloud_vswitch":             resource("vpc", "Switch"),
			"alicloud_security_group":      resource("ecs", "SecurityGroup"),
			"alicloud_security_group_rule": resource("ecs", "SecurityGroupRule"),
			"alicloud_ecs_key_pair":        resource("ecs", "EcsKeyPair"),
			"alicloud_eip_address":         resource("ecs", "EipAddress"),
			"alicloud_eip_association":     resource("ecs", "EipAssociation"),
			"alicloud_instance":            resource("ecs", "Instance"),
		},
		DataSources: map[string]*tfbridge.DataSourceInfo{
			"alicloud_images":         function("ecs", "getImages"),
			"alicloud_instance_types": function("ecs", "getInstanceTypes"),
			"alicloud_zones":          function("index", "getZones"),
		},
	}
	// The Terraform schema has allowed more than one since, the release keeps the object it was.
	info.Resources["alicloud_instance"].Fields = map[string]*tfbridge.SchemaInfo{
		"network_interfaces": {MaxItemsOne: tfbridge.True()},
	}
	// As in the release: a resource whose `name` is not given gets one of its own.
	info.SetAutonaming(255, "-")
	return info
}

func resource(module, resourceName string) *tfbridge.ResourceInfo {
	return &tfbridge.ResourceInfo{Tok: tfbridge.MakeResource(name, module, resourceName)}
}

func function(module, functionName string) *tfbridge.DataSourceInfo {
	return &tfbridge.DataSourceInfo{Tok: tfbridge.MakeDataSource(name, module, functionName)}
}

func fromEnvironment(variable string) *tfbridge.SchemaInfo {
	return &tfbridge.SchemaInfo{Default: &tfbridge.DefaultInfo{EnvVars: []string{variable}}}
}
