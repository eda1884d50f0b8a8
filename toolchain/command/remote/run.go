package remote

import (
	"context"
	"fmt"
	"sort"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"
	"golang.org/x/crypto/ssh"

	"leasedline.invalid/toolchain/command/shared"
)

// run dials the host, runs the command in a session without a terminal, and keeps what it wrote.
// After an error the outputs are as they were.
func (c *CommandOutputs) run(ctx context.Context, command string) error {
	client, err := c.Connection.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return fmt.Errorf("%s: cannot open a session: %w", c.Connection.address(), err)
	}
	defer session.Close()
	if err := c.setEnvironment(ctx, session); err != nil {
		return err
	}
	if c.Stdin != nil && *c.Stdin != "" {
		session.Stdin = strings.NewReader(*c.Stdin)
	}
	logger := p.GetLogger(ctx)
	output := shared.NewOutput(logger.InfoStatus)
	logging := valueOr(c.Logging, "")
	showStdout, showStderr := shared.Streams(string(logging), c.Logging != nil)
	session.Stdout = output.Stdout(showStdout)
	session.Stderr = output.Stderr(showStderr)

	err = runUntilDeadline(ctx, client, session, command)
	stdout, stderr := output.Captured()
	if err != nil {
		return output.Failure(err, command)
	}
	c.Stdout, c.Stderr = stdout, stderr
	return nil
}

// runUntilDeadline ends the wait when the resource operation's own time-out (customTimeouts) is
// over. A mere cancellation (Ctrl-C) lets the command finish: cutting it off would leave the host
// half-way and the state without a word of it.
func runUntilDeadline(
	ctx context.Context, client *connected, session *ssh.Session, command string,
) error {
	done := make(chan error, 1)
	go func() { done <- session.Run(command) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	if ctx.Err() != context.DeadlineExceeded {
		return <-done
	}
	closeErr := client.Close()
	<-done
	if closeErr != nil {
		return fmt.Errorf("the operation's time-out is over, and closing the connection failed: %w", closeErr)
	}
	return fmt.Errorf("the operation's time-out is over: %w", ctx.Err())
}

// setEnvironment asks the server for each variable. One that the user wrote must be accepted; the
// last run's output is a courtesy, so a refusal of it is a warning only.
func (c *CommandOutputs) setEnvironment(ctx context.Context, session *ssh.Session) error {
	for _, name := range sortedNames(c.Environment) {
		if err := session.Setenv(name, c.Environment[name]); err != nil {
			return fmt.Errorf("could not set environment variable %q: %w (%s: the SSH server must "+
				"list it in AcceptEnv; or write it before the command as in 'NAME=value command')",
				name, err, c.Connection.address())
		}
	}
	previous := shared.PreviousOutput(c.AddPreviousOutputInEnv, c.Stdout, c.Stderr)
	for _, name := range sortedNames(previous) {
		if err := session.Setenv(name, previous[name]); err != nil {
			p.GetLogger(ctx).Warningf("%s: the SSH server does not accept the variable %s: %v "+
				"(set addPreviousOutputInEnv to false, or list it in AcceptEnv)",
				c.Connection.address(), name, err)
		}
	}
	return nil
}

func sortedNames(env map[string]string) []string {
	names := make([]string, 0, len(env))
	for name := range env {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
