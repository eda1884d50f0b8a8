package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"leasedline.invalid/toolchain/command/sshtest"
)

const password = "open sesame"

func passwordServer(t *testing.T, options sshtest.Options) (*sshtest.Server, props) {
	t.Helper()
	t.Setenv("SSH_AUTH_SOCK", "")
	options.Password = password
	server := sshtest.Start(t, options)
	return server, connectionTo(server, props{"password": password})
}

func TestCreateUpdateDelete(t *testing.T) {
	_, connection := passwordServer(t, sshtest.Options{})
	engine := newEngine(t, remoteURN)
	log := filepath.Join(t.TempDir(), "log")
	inputs := func(name string) props {
		return props{
			"connection": connection,
			"create":     "echo create " + name + " | tee -a " + log + "; echo aside >&2",
			"update":     "echo update " + name + " | tee -a " + log,
			"delete":     "echo delete " + name + " >> " + log,
		}
	}
	created := engine.mustCreate(inputs("one"))
	wantText(t, created.Properties, "stdout", "create one")
	wantText(t, created.Properties, "stderr", "aside")
	if !strings.HasPrefix(created.ID, "subject") {
		t.Errorf("the id %q does not begin with the resource's name", created.ID)
	}
	updated, err := engine.update(created.Properties, inputs("two"))
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, updated.Properties, "stdout", "update two")
	if err := engine.delete(updated.Properties); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if want := "create one\nupdate two\ndelete two\n"; string(written) != want {
		t.Errorf("ran %q, want %q", written, want)
	}
}

func TestUpdateFallsBackToCreate(t *testing.T) {
	_, connection := passwordServer(t, sshtest.Options{})
	engine := newEngine(t, remoteURN)
	created := engine.mustCreate(props{"connection": connection, "create": "echo one"})
	updated, err := engine.update(created.Properties, props{"connection": connection, "create": "echo two"})
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, updated.Properties, "stdout", "two")
}

func TestNothingIsDialledWithoutACommandOrInAPreview(t *testing.T) {
	server, connection := passwordServer(t, sshtest.Options{})
	engine := newEngine(t, remoteURN)
	created := engine.mustCreate(props{"connection": connection, "update": "echo later"})
	wantText(t, created.Properties, "stdout", "")
	if err := engine.delete(created.Properties); err != nil {
		t.Fatal(err)
	}
	preview := engine.checked(props{"connection": connection, "create": "echo now"})
	if _, err := engine.server.Create(p.CreateRequest{
		Urn: remoteURN, Properties: preview, DryRun: true,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.server.Update(p.UpdateRequest{
		ID: "id", Urn: remoteURN, State: created.Properties, Inputs: preview, DryRun: true,
	}); err != nil {
		t.Fatal(err)
	}
	if dialled := server.Connections(); dialled != 0 {
		t.Errorf("%d connections, want none", dialled)
	}
}

func TestDeleteUsesTheStateConnection(t *testing.T) {
	first, connection := passwordServer(t, sshtest.Options{})
	engine := newEngine(t, remoteURN)
	created := engine.mustCreate(props{"connection": connection, "create": "true", "delete": "true"})
	if err := engine.delete(created.Properties); err != nil {
		t.Fatal(err)
	}
	if first.Connections() != 2 {
		t.Errorf("%d connections, want one per operation", first.Connections())
	}
}

func TestStdinArrivesWholeAndStaysOutOfErrors(t *testing.T) {
	_, connection := passwordServer(t, sshtest.Options{})
	engine := newEngine(t, remoteURN)
	secret := strings.Repeat("hush ", 100_000)
	created := engine.mustCreate(props{
		"connection": connection, "create": "wc -c", "stdin": secret, "logging": "none",
	})
	wantText(t, created.Properties, "stdout", "500000")
	_, err := engine.create(props{
		"connection": connection, "create": "cat >/dev/null; echo told; echo why >&2; exit 3",
		"stdin": secret,
	})
	wantError(t, err, `running "cat >/dev/null; echo told; echo why >&2; exit 3"`, "told", "why", "status 3")
	if strings.Contains(err.Error(), "hush") {
		t.Error("the error quotes standard input")
	}
}

func TestAFailedUpdateKeepsTheOldState(t *testing.T) {
	_, connection := passwordServer(t, sshtest.Options{})
	engine := newEngine(t, remoteURN)
	created := engine.mustCreate(props{"connection": connection, "create": "echo one"})
	_, err := engine.update(created.Properties, props{"connection": connection, "create": "exit 1"})
	wantError(t, err, "status 1")
	wantText(t, created.Properties, "stdout", "one")
}

func TestEnvironment(t *testing.T) {
	_, connection := passwordServer(t, sshtest.Options{AcceptEnv: []string{"COLOUR"}})
	engine := newEngine(t, remoteURN)
	created := engine.mustCreate(props{
		"connection": connection, "create": "echo $COLOUR", "environment": props{"COLOUR": "red"},
	})
	wantText(t, created.Properties, "stdout", "red")
	_, err := engine.create(props{
		"connection": connection, "create": "true", "environment": props{"SHAPE": "round"},
	})
	wantError(t, err, "SHAPE", "AcceptEnv")
	if strings.Contains(err.Error(), "round") {
		t.Error("the error quotes the variable's value")
	}
}

func TestPreviousOutputIsHandedOn(t *testing.T) {
	names := []string{"PULUMI_COMMAND_STDOUT", "PULUMI_COMMAND_STDERR"}
	_, connection := passwordServer(t, sshtest.Options{AcceptEnv: names})
	_, strict := passwordServer(t, sshtest.Options{})
	engine := newEngine(t, remoteURN)
	show := "echo $PULUMI_COMMAND_STDOUT-$PULUMI_COMMAND_STDERR"
	created := engine.mustCreate(props{"connection": connection, "create": "echo out; echo err >&2"})
	for _, test := range []struct {
		name   string
		inputs props
		want   string
	}{
		{"by default", props{"connection": connection, "create": show}, "out-err"},
		{"unless told not to", props{
			"connection": connection, "create": show, "addPreviousOutputInEnv": false,
		}, "-"},
		{"and a server that refuses it is no error", props{"connection": strict, "create": show}, "-"},
	} {
		t.Run(test.name, func(t *testing.T) {
			updated, err := engine.update(created.Properties, test.inputs)
			if err != nil {
				t.Fatal(err)
			}
			wantText(t, updated.Properties, "stdout", test.want)
		})
	}
}

func TestTheOperationTimeOutEndsAHangingCommand(t *testing.T) {
	_, connection := passwordServer(t, sshtest.Options{})
	engine := newEngine(t, remoteURN)
	started := time.Now()
	_, err := engine.createWithin(1, props{"connection": connection, "create": "sleep 20"})
	wantError(t, err, "time-out is over", `running "sleep 20"`)
	if waited := time.Since(started); waited > 10*time.Second {
		t.Errorf("waited %s", waited)
	}
}

func TestConnectionsAreClosed(t *testing.T) {
	server, connection := passwordServer(t, sshtest.Options{})
	newEngine(t, remoteURN).mustCreate(props{"connection": connection, "create": "true"})
	deadline := time.Now().Add(5 * time.Second)
	for server.OpenConnections() > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are still open", server.OpenConnections())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestDiff(t *testing.T) {
	_, connection := passwordServer(t, sshtest.Options{})
	engine := newEngine(t, remoteURN)
	base := props{"connection": connection, "create": "true", "stdin": "a"}
	created := engine.mustCreate(base)
	changed := func(name string, value any) props {
		other := props{name: value}
		for key, old := range base {
			if key != name {
				other[key] = old
			}
		}
		return other
	}
	for name, test := range map[string]struct {
		inputs           props
		changes, replace bool
	}{
		"nothing":        {base, false, false},
		"stdin":          {changed("stdin", "b"), true, false},
		"create":         {changed("create", "echo"), true, false},
		"delete alone":   {changed("delete", "true"), true, false},
		"logging":        {changed("logging", "none"), true, false},
		"dialErrorLimit": {changed("connection", merged(connection, props{"dialErrorLimit": 3})), true, false},
		// A change inside the list is an update to the provider; that it replaces is asked for by
		// the SDK (replaceOnChanges of triggers[*]), here as with the released plugin.
		"triggers": {changed("triggers", []string{"y"}), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			answer := engine.diff(created, base, test.inputs)
			if answer.HasChanges != test.changes {
				t.Errorf("changes: %v, want %v", answer.HasChanges, test.changes)
			}
			replaces := false
			for _, detail := range answer.DetailedDiff {
				if detail.Kind == p.UpdateReplace || detail.Kind == p.AddReplace {
					replaces = true
				}
			}
			if replaces != test.replace {
				t.Errorf("replaces: %v, want %v (%v)", replaces, test.replace, answer.DetailedDiff)
			}
		})
	}
}

func merged(base, extra props) props {
	all := props{}
	for name, value := range base {
		all[name] = value
	}
	for name, value := range extra {
		all[name] = value
	}
	return all
}

func TestSecretsAreMarked(t *testing.T) {
	_, connection := passwordServer(t, sshtest.Options{})
	engine := newEngine(t, remoteURN)
	inputs := engine.checked(props{
		"connection": connection, "create": "cat",
		"stdin": property.New("hush").WithSecret(true),
	})
	if !inputs.Get("connection").Secret() {
		t.Error("the connection among the inputs is no secret")
	}
	if !inputs.Get("connection").AsMap().Get("password").Secret() {
		t.Error("connection.password is no secret")
	}
	created, err := engine.server.Create(p.CreateRequest{Urn: remoteURN, Properties: inputs})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"connection", "stdin"} {
		if !created.Properties.Get(name).Secret() {
			t.Errorf("%s in the state is no secret", name)
		}
	}
}
