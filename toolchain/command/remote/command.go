// Package remote serves command:remote:Command: commands that run on another host over SSH.
package remote

import (
	"context"
	"fmt"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"leasedline.invalid/toolchain/command/shared"
)

// Command is the resource command:remote:Command.
type Command struct{}

// Annotate describes the resource in the schema.
func (c *Command) Annotate(a infer.Annotator) {
	a.Describe(&c, "A command that is run on another host over SSH.")
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

// CommandInputs are the inputs of a remote command, as in the schema of pulumi-command 1.2.1.
type CommandInputs struct {
	shared.Lifecycle
	Stdin                  *string           `pulumi:"stdin,optional"`
	Logging                *Logging          `pulumi:"logging,optional"`
	Connection             *Connection       `pulumi:"connection" provider:"secret"`
	Environment            map[string]string `pulumi:"environment,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
}

// Annotate describes the fields in the schema.
func (c *CommandInputs) Annotate(a infer.Annotator) {
	a.Describe(&c.Stdin, "The text that the command finds on its standard input.")
	a.Describe(&c.Logging, "Which streams are shown while the command runs. Both, unless said otherwise. "+
		"What is captured as an output does not depend on it.")
	a.Describe(&c.Connection, "The host and how to log in there.")
	a.Describe(&c.Environment, "Variables for the command. The server must allow each one (AcceptEnv).")
	a.Describe(&c.AddPreviousOutputInEnv, "Whether the last run's output is handed to the next one in "+
		shared.PreviousStdout+" and "+shared.PreviousStderr+". True, unless said otherwise.")
}

// CommandOutputs are the inputs and what the last run wrote.
type CommandOutputs struct {
	CommandInputs
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// Annotate describes the fields in the schema.
func (c *CommandOutputs) Annotate(a infer.Annotator) {
	a.Describe(&c.Stdout, "What the last create or update wrote to standard output.")
	a.Describe(&c.Stderr, "What the last create or update wrote to standard error.")
}

// Check refuses a `logging` value that the schema does not know, at preview already.
func (*Command) Check(
	ctx context.Context, req infer.CheckRequest,
) (infer.CheckResponse[CommandInputs], error) {
	inputs, failures, err := infer.DefaultCheck[CommandInputs](ctx, req.NewInputs)
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

// Create runs `create`; a preview dials nothing.
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

// Update runs `update`, else `create`; a preview dials nothing.
func (*Command) Update(
	ctx context.Context, req infer.UpdateRequest[CommandInputs, CommandOutputs],
) (infer.UpdateResponse[CommandOutputs], error) {
	state := CommandOutputs{
		CommandInputs: req.Inputs, Stdout: req.State.Stdout, Stderr: req.State.Stderr,
	}
	var err error
	if command := req.Inputs.OnUpdate(); command != nil && !req.DryRun {
		err = state.run(ctx, *command)
	}
	return infer.UpdateResponse[CommandOutputs]{Output: state}, err
}

// Delete runs `delete`, where there is one, over the connection that the state holds.
func (*Command) Delete(
	ctx context.Context, req infer.DeleteRequest[CommandOutputs],
) (infer.DeleteResponse, error) {
	if req.State.Delete == nil {
		return infer.DeleteResponse{}, nil
	}
	return infer.DeleteResponse{}, req.State.run(ctx, *req.State.Delete)
}
