package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"

	"leasedline.invalid/toolchain/command/shared"
)

// run hands the command to its interpreter and keeps what it wrote. After an error the outputs are
// as they were.
//
// The command stays in this program's process group on purpose: the engine ends a plugin by
// killing that group, so nothing that a command left in the foreground outlives `pulumi`. What
// shall outlive it has to leave the group itself (setsid(1), systemd-run(1)).
func (c *CommandOutputs) run(ctx context.Context, command string) error {
	interpreter := []string{"/bin/sh", "-c"}
	if c.Interpreter != nil && len(*c.Interpreter) > 0 {
		interpreter = *c.Interpreter
	}
	arguments := append(append([]string{}, interpreter[1:]...), command)
	//nolint:gosec // To run what the user wrote is what this resource is for.
	process := exec.CommandContext(ctx, interpreter[0], arguments...)
	process.Env = os.Environ()
	if c.Environment != nil {
		for name, value := range *c.Environment {
			process.Env = append(process.Env, name+"="+value)
		}
	}
	for name, value := range shared.PreviousOutput(c.AddPreviousOutputInEnv, c.Stdout, c.Stderr) {
		process.Env = append(process.Env, name+"="+value)
	}
	if c.Dir != nil {
		info, err := os.Stat(*c.Dir)
		if err != nil || !info.IsDir() {
			return fmt.Errorf("cannot run %q: dir %q is no directory: create it first, "+
				"or name another one", command, *c.Dir)
		}
		process.Dir = *c.Dir
	}
	if c.Stdin != nil && *c.Stdin != "" {
		process.Stdin = strings.NewReader(*c.Stdin)
	}
	output := shared.NewOutput(p.GetLogger(ctx).InfoStatus)
	logging := ""
	if c.Logging != nil {
		logging = string(*c.Logging)
	}
	showStdout, showStderr := shared.Streams(logging, c.Logging != nil)
	process.Stdout = output.Stdout(showStdout)
	process.Stderr = output.Stderr(showStderr)

	err := process.Run()
	stdout, stderr := output.Captured()
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w (%w)", err, ctx.Err())
		}
		return output.Failure(err, command)
	}
	c.Stdout, c.Stderr = stdout, stderr
	return nil
}
