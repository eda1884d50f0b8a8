// Package local serves command:local:Command: commands that run where Pulumi runs.
package local

import (
	"context"
	"fmt"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"leasedline.invalid/toolchain/command/shared"
)

// Command is the resource command:local:Command.
type Command struct{}

// Annotate describes the resource in the schema.
func (c *Command) Annotate(a infer.Annotator) {
	a.Describe(&c, "A command that is run where Pulumi runs.")
}

// Logging says which streams are shown while a command runs.
type Logging string

// Values lists what `logging` may be.
func (Logging) Values() []infer.EnumValue[Logging] {
	return []infer.EnumValue[Logging]{
		{Name: "stdout", Value: "stdout", Description: "Show standard output only."},
		{Name: "stderr", Value: "stderr", Description: "Show standard error only."},
		{Name: "stdoutAndStderr", Value: "stdoutAndStderr", Description: "Show both."},
		{Name: "none", Value: "none", Description: "Show nothing."},
	}
}

// CommandInputs are the inputs of a local command, as in the schema of pulumi-command 1.2.1.
// AssetPaths and ArchivePaths are there to be refused by name.
type CommandInputs struct {
	shared.Lifecycle
	Stdin                  *string            `pulumi:"stdin,optional"`
	Logging                *Logging           `pulumi:"logging,optional"`
	Interpreter            *[]string          `pulumi:"interpreter,optional"`
	Dir                    *string            `pulumi:"dir,optional"`
	Environment            *map[string]string `pulumi:"environment,optional"`
	AssetPaths             *[]string          `pulumi:"assetPaths,optional"`
	ArchivePaths           *[]string          `pulumi:"archivePaths,optional"`
	AddPreviousOutputInEnv *bool              `pulumi:"addPreviousOutputInEnv,optional"`
}

// Annotate describes the fields in the schema.
func (c *CommandInputs) Annotate(a infer.Annotator) {
	a.Describe(&c.Stdin, "The text that the command finds on its standard input.")
	a.Describe(&c.Logging, "Which streams are shown while the command runs. Both, unless said otherwise. "+
		"What is captured as an output does not depend on it.")
	a.Describe(&c.Interpreter, "The program and arguments that the command is handed to. "+
		"Defaults to [\"/bin/sh\", \"-c\"].")
	a.Describe(&c.Dir, "The directory to run in. It must exist.")
	a.Describe(&c.Environment, "Variables for the command, beside those of Pulumi's own environment.")
	a.Describe(&c.AssetPaths, "Refused by this stand-in.")
	a.Describe(&c.ArchivePaths, "Refused by this stand-in.")
	a.Describe(&c.AddPreviousOutputInEnv, "Whether the last run's output is handed to the next one in "+
		shared.PreviousStdout+" and "+shared.PreviousStderr+". True, unless said otherwise.")
}

// CommandOutputs are the inputs and what the last run wrote. Assets and Archive stay empty: the
// inputs that fill them are refused.
type CommandOutputs struct {
	CommandInputs
	Stdout  string                            `pulumi:"stdout"`
	Stderr  string                            `pulumi:"stderr"`
	Assets  *map[string]*types.AssetOrArchive `pulumi:"assets,optional"`
	Archive *resource.Archive                 `pulumi:"archive,optional"`
}

// Annotate describes the fields in the schema.
func (c *CommandOutputs) Annotate(a infer.Annotator) {
	a.Describe(&c.Stdout, "What the last create or update wrote to standard output.")
	a.Describe(&c.Stderr, "What the last create or update wrote to standard error.")
	a.Describe(&c.Assets, "Always empty in this stand-in.")
	a.Describe(&c.Archive, "Always empty in this stand-in.")
}

// Check refuses, at preview already, what this stand-in cannot do and what no command can.
func (*Command) Check(
	ctx context.Context, req infer.CheckRequest,
) (infer.CheckResponse[CommandInputs], error) {
	inputs, failures, err := infer.DefaultCheck[CommandInputs](ctx, req.NewInputs)
	refuse := func(property string, isSet bool) {
		if isSet {
			failures = append(failures, p.CheckFailure{
				Property: property,
				Reason: "the stand-in for pulumi-command does not implement " + property +
					" of command:local:Command: " + shared.Remedy,
			})
		}
	}
	refuse("assetPaths", inputs.AssetPaths != nil)
	refuse("archivePaths", inputs.ArchivePaths != nil)
	// An input that is unknown at preview arrives as an empty value.
	if inputs.Logging != nil && *inputs.Logging != "" && !shared.IsLogging(string(*inputs.Logging)) {
		failures = append(failures, p.CheckFailure{
			Property: "logging",
			Reason: fmt.Sprintf("%q is none of stdout, stderr, stdoutAndStderr, none",
				*inputs.Logging),
		})
	}
	return infer.CheckResponse[CommandInputs]{Inputs: inputs, Failures: failures}, err
}

// Create runs `create`; a preview runs nothing.
func (*Command) Create(
	ctx context.Context, req infer.CreateRequest[CommandInputs],
) (infer.CreateResponse[CommandOutputs], error) {
	state := CommandOutputs{CommandInputs: req.Inputs}
	id, err := resource.NewUniqueHex(req.Name, 8, 0)
	if err == nil && !req.DryRun && req.Inputs.Create != nil {
		err = state.run(ctx, *req.Inputs.Create)
	}
	return infer.CreateResponse[CommandOutputs]{ID: id, Output: state}, err
}

// Update runs `update`, else `create`; a preview runs nothing.
func (*Command) Update(
	ctx context.Context, req infer.UpdateRequest[CommandInputs, CommandOutputs],
) (infer.UpdateResponse[CommandOutputs], error) {
	state := req.State
	state.CommandInputs = req.Inputs
	var err error
	if command := req.Inputs.OnUpdate(); command != nil && !req.DryRun {
		err = state.run(ctx, *command)
	}
	return infer.UpdateResponse[CommandOutputs]{Output: state}, err
}

// Delete runs `delete`, where there is one.
func (*Command) Delete(
	ctx context.Context, req infer.DeleteRequest[CommandOutputs],
) (infer.DeleteResponse, error) {
	if req.State.Delete == nil {
		return infer.DeleteResponse{}, nil
	}
	return infer.DeleteResponse{}, req.State.run(ctx, *req.State.Delete)
}
