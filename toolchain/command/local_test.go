package main

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	presource "github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

func TestLocalLifecycle(t *testing.T) {
	engine := newEngine(t, localURN)
	directory := t.TempDir()
	inputs := func(name string) props {
		return props{
			"dir":         directory,
			"environment": props{"NAME": name},
			"stdin":       "line",
			"create":      `echo "$NAME $(cat)" | tee -a log`,
			"delete":      `echo "gone after $PULUMI_COMMAND_STDOUT" >> log`,
		}
	}
	created := engine.mustCreate(inputs("one"))
	wantText(t, created.Properties, "stdout", "one line")
	updated, err := engine.update(created.Properties, inputs("two"))
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, updated.Properties, "stdout", "two line")
	if err := engine.delete(updated.Properties); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(directory, "log"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "one line\ntwo line\ngone after two line\n"; string(written) != want {
		t.Errorf("ran %q, want %q", written, want)
	}
}

func TestLocalInterpreter(t *testing.T) {
	created := newEngine(t, localURN).mustCreate(props{
		"interpreter": []string{"/bin/sh", "-e", "-c"}, "create": "echo $-",
	})
	if flags := text(t, created.Properties, "stdout"); flags[0] != 'e' {
		t.Errorf("the shell's flags are %q, want -e among them", flags)
	}
}

func TestLocalFailures(t *testing.T) {
	engine := newEngine(t, localURN)
	_, err := engine.create(props{"create": "echo told; echo why >&2; exit 4", "stdin": "hush"})
	wantError(t, err, "exit status 4", `running "echo told; echo why >&2; exit 4"`, "told", "why")
	_, err = engine.create(props{"create": "true", "dir": "/no/such/place"})
	wantError(t, err, "/no/such/place", "create it first")
	_, err = engine.create(props{"create": "true", "interpreter": []string{"/no/such/shell"}})
	wantError(t, err, "/no/such/shell")
}

func TestLocalTimeOutEndsTheCommand(t *testing.T) {
	started := time.Now()
	_, err := newEngine(t, localURN).createWithin(1, props{"create": "exec sleep 20"})
	wantError(t, err, "deadline exceeded")
	if waited := time.Since(started); waited > 10*time.Second {
		t.Errorf("waited %s", waited)
	}
}

// The engine ends a provider by killing its process group, and what the commands left there with it.
func TestLocalCommandsStayInTheProvidersProcessGroup(t *testing.T) {
	created := newEngine(t, localURN).mustCreate(props{"create": "ps -o pgid= -p $$ | tr -d ' '"})
	wantText(t, created.Properties, "stdout", strconv.Itoa(syscall.Getpgrp()))
}

func TestWhatIsNotImplementedIsRefusedByName(t *testing.T) {
	engine := newEngine(t, localURN)
	for _, name := range []string{"assetPaths", "archivePaths"} {
		answer, err := engine.server.Check(p.CheckRequest{
			Urn: localURN, Inputs: asMap(t, props{"create": "true", name: []string{"*"}}),
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Failures) != 1 || answer.Failures[0].Property != name {
			t.Errorf("%s: %v", name, answer.Failures)
		}
	}
	for _, token := range []string{"command:remote:CopyToRemote", "command:remote:CopyFile"} {
		urn := presource.NewURN("test", "test", "", tokens.Type(token), "subject")
		_, err := engine.server.Check(p.CheckRequest{Urn: urn})
		wantError(t, err, token, "stand-in", "pulumi plugin install resource command 1.2.1")
	}
	_, err := engine.server.Invoke(p.InvokeRequest{Token: "command:local:run"})
	wantError(t, err, "command:local:run", "stand-in")
}

func TestLoggingIsChecked(t *testing.T) {
	for urn, inputs := range map[presource.URN]props{
		localURN:  {"create": "true", "logging": "loud"},
		remoteURN: {"create": "true", "logging": "loud", "connection": props{"host": "h"}},
	} {
		answer, err := newEngine(t, urn).server.Check(p.CheckRequest{Urn: urn, Inputs: asMap(t, inputs)})
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Failures) != 1 || answer.Failures[0].Property != "logging" {
			t.Errorf("%s: %v", urn.Type(), answer.Failures)
		}
	}
}
