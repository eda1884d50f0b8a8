package main

import (
	"context"
	"strings"
	"testing"

	"github.com/blang/semver"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/integration"
	presource "github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"golang.org/x/crypto/ssh"

	"leasedline.invalid/toolchain/command/shared"
	"leasedline.invalid/toolchain/command/sshtest"
)

const (
	remoteURN = presource.URN("urn:pulumi:test::test::command:remote:Command::subject")
	localURN  = presource.URN("urn:pulumi:test::test::command:local:Command::subject")
)

// props are a resource's inputs as a program writes them.
type props = map[string]any

func asMap(t *testing.T, values props) property.Map {
	t.Helper()
	fields := map[string]property.Value{}
	for name, value := range values {
		fields[name] = asValue(t, value)
	}
	return property.NewMap(fields)
}

func asValue(t *testing.T, value any) property.Value {
	t.Helper()
	switch value := value.(type) {
	case property.Value:
		return value
	case string:
		return property.New(value)
	case int:
		return property.New(float64(value))
	case bool:
		return property.New(value)
	case []string:
		list := make([]property.Value, len(value))
		for i, element := range value {
			list[i] = property.New(element)
		}
		return property.New(list)
	case props:
		return property.New(asMap(t, value))
	}
	t.Fatalf("no property value for %T", value)
	return property.Value{}
}

// engine plays the engine's part: check, then the operation.
type engine struct {
	t      *testing.T
	urn    presource.URN
	server integration.Server
}

func newEngine(t *testing.T, urn presource.URN) *engine {
	t.Helper()
	server, err := integration.NewServer(context.Background(), "command", semver.MustParse(shared.Version),
		integration.WithProvider(newProvider()))
	if err != nil {
		t.Fatal(err)
	}
	return &engine{t, urn, server}
}

// checked returns the inputs with defaults and secrets, as the engine keeps them.
func (e *engine) checked(inputs props) property.Map {
	e.t.Helper()
	answer, err := e.server.Check(p.CheckRequest{Urn: e.urn, Inputs: asMap(e.t, inputs)})
	if err != nil {
		e.t.Fatal(err)
	}
	if len(answer.Failures) > 0 {
		e.t.Fatalf("inputs refused: %v", answer.Failures)
	}
	return answer.Inputs
}

func (e *engine) create(inputs props) (p.CreateResponse, error) {
	e.t.Helper()
	return e.server.Create(p.CreateRequest{Urn: e.urn, Properties: e.checked(inputs)})
}

// createWithin gives the operation a time-out in seconds, as customTimeouts does.
func (e *engine) createWithin(seconds float64, inputs props) (p.CreateResponse, error) {
	e.t.Helper()
	return e.server.Create(p.CreateRequest{
		Urn: e.urn, Properties: e.checked(inputs), Timeout: seconds,
	})
}

func (e *engine) mustCreate(inputs props) p.CreateResponse {
	e.t.Helper()
	answer, err := e.create(inputs)
	if err != nil {
		e.t.Fatal(err)
	}
	return answer
}

func (e *engine) update(state property.Map, inputs props) (p.UpdateResponse, error) {
	e.t.Helper()
	return e.server.Update(p.UpdateRequest{
		ID: "id", Urn: e.urn, State: state, Inputs: e.checked(inputs),
	})
}

func (e *engine) delete(state property.Map) error {
	return e.server.Delete(p.DeleteRequest{ID: "id", Urn: e.urn, Properties: state})
}

func (e *engine) diff(old p.CreateResponse, oldInputs, inputs props) p.DiffResponse {
	e.t.Helper()
	answer, err := e.server.Diff(p.DiffRequest{
		ID: "id", Urn: e.urn, State: old.Properties,
		OldInputs: e.checked(oldInputs), Inputs: e.checked(inputs),
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return answer
}

func text(t *testing.T, properties property.Map, name string) string {
	t.Helper()
	value := properties.Get(name)
	if !value.IsString() {
		t.Fatalf("%s is no string but %v", name, value)
	}
	return value.AsString()
}

func wantText(t *testing.T, properties property.Map, name, want string) {
	t.Helper()
	if got := text(t, properties, name); got != want {
		t.Errorf("%s is %q, want %q", name, got, want)
	}
}

// wantError says that an error came and that it names each of the parts.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
}

// connectionTo is a connection with the server's own host key pinned; extra overrides.
func connectionTo(server *sshtest.Server, extra props) props {
	connection := props{
		"host": server.Host, "port": server.Port, "hostKey": authorized(server.HostKey),
		"dialErrorLimit": 0,
	}
	for name, value := range extra {
		connection[name] = value
	}
	return connection
}

func authorized(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}
