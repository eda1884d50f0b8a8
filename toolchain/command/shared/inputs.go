// Package shared holds what the remote and the local command have in common: their inputs, what
// they log, and how a command's output is gathered.
package shared

import (
	"github.com/pulumi/pulumi-go-provider/infer"
)

// Version is the release of pulumi-command whose schema and behaviour this program follows.
const Version = "1.2.1"

// Remedy is the way out that every refusal of this stand-in names.
const Remedy = "install the released plugin (pulumi plugin install resource command " + Version +
	") or do without it"

// Environment variables in which a command finds the output of the run before it.
const (
	PreviousStdout = "PULUMI_COMMAND_STDOUT"
	PreviousStderr = "PULUMI_COMMAND_STDERR"
)

// Lifecycle is the part of a command's inputs that says what runs when.
//
// Source: the schema of pulumi-command 1.2.1.
type Lifecycle struct {
	Triggers *[]any  `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Create   *string `pulumi:"create,optional"`
	Update   *string `pulumi:"update,optional"`
	Delete   *string `pulumi:"delete,optional"`
}

// Annotate describes the fields in the schema.
func (l *Lifecycle) Annotate(a infer.Annotator) {
	a.Describe(&l.Triggers, "Values of any type. The resource is replaced when one of them changes.")
	a.Describe(&l.Create, "The command to run when the resource is created.")
	a.Describe(&l.Update, "The command to run when an input has changed. Without it, `create` is run.")
	a.Describe(&l.Delete, "The command to run when the resource is deleted. Without it, none is run.")
}

// OnUpdate returns the command to run after a change: `update`, else `create`, else nil.
func (l *Lifecycle) OnUpdate() *string {
	if l.Update != nil {
		return l.Update
	}
	return l.Create
}

// Streams says which of a command's streams are shown while it runs, for a value of the schema's
// `logging` field (nil: the default, both). What is captured as an output does not depend on it.
func Streams(logging string, isSet bool) (stdout, stderr bool) {
	if !isSet {
		return true, true
	}
	both := logging == "stdoutAndStderr"
	return both || logging == "stdout", both || logging == "stderr"
}

// IsLogging tells whether a value is one that the schema's `logging` field may have.
func IsLogging(value string) bool {
	switch value {
	case "stdout", "stderr", "stdoutAndStderr", "none":
		return true
	}
	return false
}

// PreviousOutput returns the environment variables that hand the last run's output to the next
// one. An empty stream is left out, and `wanted` is the input addPreviousOutputInEnv (nil: true).
func PreviousOutput(wanted *bool, stdout, stderr string) map[string]string {
	env := map[string]string{}
	if wanted != nil && !*wanted {
		return env
	}
	if stdout != "" {
		env[PreviousStdout] = stdout
	}
	if stderr != "" {
		env[PreviousStderr] = stderr
	}
	return env
}
