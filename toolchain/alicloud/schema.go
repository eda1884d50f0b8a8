package main

import (
	"strings"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	pulumi "github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

// direction is the side of a resource or function that a property is on.
type direction string

const (
	input  direction = "Args"
	output direction = "Result"
)

// schemaWriter derives the Pulumi schema from the Terraform schemas and our map, with the bridge's
// own functions for names and shapes, the same that it translates values with. The bridge's
// generator of schemas would do it too, but it brings every language's code generator along.
type schemaWriter struct {
	spec pulumi.PackageSpec
}

// newSchema returns the schema of everything that is mapped, without documentation.
func newSchema(info tfbridge.ProviderInfo) pulumi.PackageSpec {
	w := schemaWriter{pulumi.PackageSpec{
		Name:        info.Name,
		Version:     info.Version,
		DisplayName: info.DisplayName,
		Description: info.Description,
		// The last part of a module's name is a file's, as in every package of the bridge.
		Meta:      &pulumi.MetadataSpec{ModuleFormat: "(.*)(?:/[^/]*)"},
		Types:     map[string]pulumi.ComplexTypeSpec{},
		Resources: map[string]pulumi.ResourceSpec{},
		Functions: map[string]pulumi.FunctionSpec{},
	}}
	configuration := w.properties(input, "alicloud:index/", "provider", info.P.Schema(), info.Config)
	w.spec.Config = pulumi.ConfigSpec{Variables: configuration.Properties}
	w.spec.Provider = &pulumi.ResourceSpec{
		InputProperties: configuration.Properties,
		RequiredInputs:  configuration.Required,
	}
	for terraformName, mapped := range info.Resources {
		properties := info.P.ResourcesMap().Get(terraformName).Schema()
		module, typeName := split(mapped.Tok.String())
		inputs := w.properties(input, module, typeName, properties, mapped.Fields)
		outputs := w.properties(output, module, typeName, properties, mapped.Fields)
		w.spec.Resources[mapped.Tok.String()] = pulumi.ResourceSpec{
			ObjectTypeSpec:  outputs,
			InputProperties: inputs.Properties,
			RequiredInputs:  inputs.Required,
		}
	}
	for terraformName, mapped := range info.DataSources {
		properties := info.P.DataSourcesMap().Get(terraformName).Schema()
		module, typeName := split(mapped.Tok.String())
		inputs := w.properties(input, module, typeName, properties, mapped.Fields)
		outputs := w.properties(output, module, typeName, properties, mapped.Fields)
		// Every Terraform data source has one, said in its schema or not.
		outputs.Properties["id"] = pulumi.PropertySpec{TypeSpec: pulumi.TypeSpec{Type: "string"}}
		w.spec.Functions[mapped.Tok.String()] = pulumi.FunctionSpec{Inputs: &inputs, Outputs: &outputs}
	}
	return w.spec
}

// split takes a token such as alicloud:ecs/instance:Instance apart into what the tokens of its
// nested types begin with ("alicloud:ecs/") and its last word.
func split(token string) (module, typeName string) {
	return token[:strings.LastIndex(token, "/")+1], token[strings.LastIndex(token, ":")+1:]
}

// properties returns the object of all properties in one direction. What is only computed is no
// input; what has a default of the bridge's (a name of its own) is not required.
func (w *schemaWriter) properties(
	way direction, module, parent string, properties shim.SchemaMap, infos map[string]*tfbridge.SchemaInfo,
) pulumi.ObjectTypeSpec {
	object := pulumi.ObjectTypeSpec{Type: "object", Properties: map[string]pulumi.PropertySpec{}}
	properties.Range(func(key string, property shim.Schema) bool {
		isInput := property.Optional() || property.Required()
		if property.Removed() != "" || (way == input && !isInput) {
			return true
		}
		info := infos[key]
		propertyName := tfbridge.TerraformToPulumiNameV2(key, properties, infos)
		object.Properties[propertyName] = pulumi.PropertySpec{
			TypeSpec:           w.typeOf(way, module, parent+upperFirst(propertyName), property, info),
			Secret:             property.Sensitive(),
			DeprecationMessage: property.Deprecated(),
		}
		if way == input && property.Required() && (info == nil || !info.HasDefault()) {
			object.Required = append(object.Required, propertyName)
		}
		return true
	})
	return object
}

// typeOf returns the type of one property; path names it if it is an object.
func (w *schemaWriter) typeOf(
	way direction, module, path string, property shim.Schema, info *tfbridge.SchemaInfo,
) pulumi.TypeSpec {
	switch property.Type() {
	case shim.TypeBool:
		return pulumi.TypeSpec{Type: "boolean"}
	case shim.TypeInt:
		return pulumi.TypeSpec{Type: "integer"}
	case shim.TypeFloat:
		return pulumi.TypeSpec{Type: "number"}
	case shim.TypeString:
		return pulumi.TypeSpec{Type: "string"}
	}
	element := w.elementOf(way, module, path, property, info)
	_, isObject := property.Elem().(shim.Resource)
	switch {
	case property.Type() == shim.TypeMap && !isObject:
		return pulumi.TypeSpec{Type: "object", AdditionalProperties: &element}
	case property.Type() == shim.TypeMap || tfbridge.IsMaxItemsOne(property, info):
		return element
	default:
		return pulumi.TypeSpec{Type: "array", Items: &element}
	}
}

// elementOf returns the type of what a list, set or map holds; Terraform's default is text.
func (w *schemaWriter) elementOf(
	way direction, module, path string, property shim.Schema, info *tfbridge.SchemaInfo,
) pulumi.TypeSpec {
	var elementInfo *tfbridge.SchemaInfo
	if info != nil {
		elementInfo = info.Elem
	}
	switch element := property.Elem().(type) {
	case shim.Schema:
		return w.typeOf(way, module, path, element, elementInfo)
	case shim.Resource:
		var fields map[string]*tfbridge.SchemaInfo
		if elementInfo != nil {
			fields = elementInfo.Fields
		}
		typeName := path + string(way)
		token := module + typeName + ":" + typeName
		object := w.properties(way, module, path, element.Schema(), fields)
		w.spec.Types[token] = pulumi.ComplexTypeSpec{ObjectTypeSpec: object}
		return pulumi.TypeSpec{Ref: "#/types/" + token}
	default:
		return pulumi.TypeSpec{Type: "string"}
	}
}

func upperFirst(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
