package remote

import (
	"github.com/pulumi/pulumi-go-provider/infer"
)

// Endpoint is one SSH server and how to log in there. Ports are numbers and times are seconds, as
// in the schema of pulumi-command 1.2.1.
type Endpoint struct {
	User               *string  `pulumi:"user,optional"`
	Password           *string  `pulumi:"password,optional"           provider:"secret"`
	Host               *string  `pulumi:"host"`
	Port               *float64 `pulumi:"port,optional"`
	PrivateKey         *string  `pulumi:"privateKey,optional"         provider:"secret"`
	PrivateKeyPassword *string  `pulumi:"privateKeyPassword,optional" provider:"secret"`
	AgentSocketPath    *string  `pulumi:"agentSocketPath,optional"`
	DialErrorLimit     *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout     *int     `pulumi:"perDialTimeout,optional"`
	HostKey            *string  `pulumi:"hostKey,optional"`
}

// Connection is an endpoint, reached directly or over one proxy.
type Connection struct {
	Endpoint
	Proxy *ProxyConnection `pulumi:"proxy,optional"`
}

// ProxyConnection is the hop on the way to an endpoint.
type ProxyConnection struct{ Endpoint }

// Annotate describes the fields in the schema.
func (c *Connection) Annotate(a infer.Annotator) {
	a.Describe(&c, "An SSH server and how to log in there.")
	a.Describe(&c.Proxy, "The SSH server over which the endpoint is reached.")
	c.Endpoint.annotate(a)
}

// Annotate describes the fields in the schema.
func (c *ProxyConnection) Annotate(a infer.Annotator) {
	a.Describe(&c, "The SSH server over which an endpoint is reached.")
	c.Endpoint.annotate(a)
}

func (e *Endpoint) annotate(a infer.Annotator) {
	a.Describe(&e.User, "The user to log in as.")
	a.SetDefault(&e.User, "root")
	a.Describe(&e.Password, "The user's password, for the methods password and keyboard-interactive.")
	a.Describe(&e.Host, "The server's address.")
	a.Describe(&e.Port, "The server's TCP port.")
	a.SetDefault(&e.Port, 22)
	a.Describe(&e.PrivateKey, "The text of an SSH private key. It is tried before the password.")
	a.Describe(&e.PrivateKeyPassword, "The passphrase of an encrypted private key.")
	a.Describe(&e.AgentSocketPath, "The SSH agent's socket. Defaults to SSH_AUTH_SOCK, where that is set.")
	a.Describe(&e.DialErrorLimit, "How many failed dials are followed by another one; -1 for no limit.")
	a.SetDefault(&e.DialErrorLimit, defaultDialErrorLimit)
	a.Describe(&e.PerDialTimeout, "Seconds that one TCP connect may take; 0 for no limit.")
	a.SetDefault(&e.PerDialTimeout, defaultPerDialTimeout)
	a.Describe(&e.HostKey, "The server's host key as in authorized_keys. Without it, any key is accepted.")
}

const (
	defaultPort           = 22
	defaultUser           = "root"
	defaultDialErrorLimit = 10
	defaultPerDialTimeout = 15 // seconds
)

// valueOr is needed beside the schema's defaults: state written by an older engine, or a nested
// object with unknown parts, arrives without them.
func valueOr[T any](value *T, fallback T) T {
	if value == nil {
		return fallback
	}
	return *value
}
