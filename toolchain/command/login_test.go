package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"leasedline.invalid/toolchain/command/sshtest"
)

// tryLogin runs one command over the connection and returns what that said.
func tryLogin(t *testing.T, connection props) error {
	t.Helper()
	_, err := newEngine(t, remoteURN).create(props{"connection": connection, "create": "true"})
	return err
}

func TestPasswordLogins(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	for name, options := range map[string]sshtest.Options{
		"password":             {Password: password},
		"keyboard-interactive": {KeyboardInteractive: password},
	} {
		t.Run(name, func(t *testing.T) {
			server := sshtest.Start(t, options)
			if err := tryLogin(t, connectionTo(server, props{"password": password})); err != nil {
				t.Error(err)
			}
			err := tryLogin(t, connectionTo(server, props{"password": "wrong one"}))
			wantError(t, err, "unable to authenticate", "127.0.0.1:")
			if strings.Contains(err.Error(), "wrong one") {
				t.Error("the error quotes the password")
			}
		})
	}
}

func TestPrivateKeyLogins(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	signer, private := sshtest.NewKey(t)
	server := sshtest.Start(t, sshtest.Options{AuthorizedKey: signer.PublicKey()})
	plain, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("phrase"))
	if err != nil {
		t.Fatal(err)
	}
	plainText, lockedText := string(pem.EncodeToMemory(plain)), string(pem.EncodeToMemory(locked))
	for name, test := range map[string]struct {
		login props
		parts []string // of the error; none: the login succeeds
	}{
		"plain":            {props{"privateKey": plainText}, nil},
		"encrypted":        {props{"privateKey": lockedText, "privateKeyPassword": "phrase"}, nil},
		"before password":  {props{"privateKey": plainText, "password": "no use"}, nil},
		"no passphrase":    {props{"privateKey": lockedText}, []string{"encrypted", "privateKeyPassword"}},
		"wrong passphrase": {props{"privateKey": lockedText, "privateKeyPassword": "no"}, []string{"cannot be read"}},
		"no key at all":    {props{"privateKey": "garbage"}, []string{"cannot be read"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := tryLogin(t, connectionTo(server, test.login))
			if test.parts == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, append(test.parts, "127.0.0.1:")...)
			if strings.Contains(err.Error(), "garbage") {
				t.Error("the error quotes the key")
			}
		})
	}
}

func TestAgentLogins(t *testing.T) {
	signer, private := sshtest.NewKey(t)
	server := sshtest.Start(t, sshtest.Options{AuthorizedKey: signer.PublicKey()})
	socket := startAgent(t, private)
	dead := filepath.Join(t.TempDir(), "dead")

	t.Setenv("SSH_AUTH_SOCK", "")
	if err := tryLogin(t, connectionTo(server, props{"agentSocketPath": socket})); err != nil {
		t.Errorf("an agent by agentSocketPath: %v", err)
	}
	t.Setenv("SSH_AUTH_SOCK", socket)
	if err := tryLogin(t, connectionTo(server, nil)); err != nil {
		t.Errorf("an agent by SSH_AUTH_SOCK: %v", err)
	}
	wantError(t, tryLogin(t, connectionTo(server, props{"agentSocketPath": dead})), "agentSocketPath", "no SSH agent")
	t.Setenv("SSH_AUTH_SOCK", dead)
	wantError(t, tryLogin(t, connectionTo(server, nil)), "SSH_AUTH_SOCK", "no SSH agent")
}

func startAgent(t *testing.T, private any) string {
	t.Helper()
	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "agent")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // the test is over
			}
			go func() {
				_ = agent.ServeAgent(keyring, conn) // ends with the client
			}()
		}
	}()
	return path
}

func TestAWrongHostKeyIsFinalAtOnce(t *testing.T) {
	server, connection := passwordServer(t, sshtest.Options{})
	other, _ := sshtest.NewKey(t)
	started := time.Now()
	err := tryLogin(t, merged(connection, props{
		"hostKey": authorized(other.PublicKey()), "dialErrorLimit": 10,
	}))
	wantError(t, err, "127.0.0.1:", "host key mismatch",
		ssh.FingerprintSHA256(other.PublicKey()), ssh.FingerprintSHA256(server.HostKey))
	if server.Connections() != 1 {
		t.Errorf("%d connections, want 1", server.Connections())
	}
	if waited := time.Since(started); waited > 3*time.Second {
		t.Errorf("waited %s", waited)
	}
}

func TestAHostKeyOfAnotherTypeIsFinalAtOnce(t *testing.T) {
	server, connection := passwordServer(t, sshtest.Options{})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pinned, err := ssh.NewPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	err = tryLogin(t, merged(connection, props{"hostKey": authorized(pinned), "dialErrorLimit": 10}))
	wantError(t, err, "127.0.0.1:", "pinned type", "ed25519")
	if server.Connections() != 1 {
		t.Errorf("%d connections, want 1", server.Connections())
	}
}

func TestHostKeyTexts(t *testing.T) {
	server, connection := passwordServer(t, sshtest.Options{})
	if err := tryLogin(t, merged(connection, props{
		"hostKey": authorized(server.HostKey) + " root@host\n",
	})); err != nil {
		t.Errorf("a comment and a newline: %v", err)
	}
	wantError(t, tryLogin(t, merged(connection, props{"hostKey": "ssh-ed25519 nonsense"})),
		"failed to parse host key", "127.0.0.1:")
	two := authorized(server.HostKey) + "\n" + authorized(server.HostKey)
	wantError(t, tryLogin(t, merged(connection, props{"hostKey": two})), "more than one key")
	unpinned := merged(connection, nil)
	delete(unpinned, "hostKey")
	if err := tryLogin(t, unpinned); err != nil {
		t.Errorf("no pin: %v", err)
	}
}

func TestOneHopOverAProxy(t *testing.T) {
	target, connection := passwordServer(t, sshtest.Options{})
	proxy := sshtest.Start(t, sshtest.Options{Password: "hop"})
	hop := connectionTo(proxy, props{"password": "hop"})
	if err := tryLogin(t, merged(connection, props{"proxy": hop})); err != nil {
		t.Fatal(err)
	}
	if forwards := proxy.Forwards(); len(forwards) != 1 || target.Connections() != 1 {
		t.Errorf("the proxy forwarded %v, the target saw %d connections", forwards, target.Connections())
	}
	wantError(t, tryLogin(t, merged(connection, props{"proxy": merged(hop, props{"password": "no"})})),
		"proxy: ", "unable to authenticate")
	wantError(t, tryLogin(t, merged(connection, props{"proxy": hop, "password": "no"})),
		"over proxy 127.0.0.1:", "unable to authenticate")
	other, _ := sshtest.NewKey(t)
	wantError(t, tryLogin(t, merged(connection, props{
		"proxy": merged(hop, props{"hostKey": authorized(other.PublicKey())}),
	})), "proxy: ", "host key mismatch")
	wantError(t, tryLogin(t, merged(connection, props{
		"proxy": hop, "hostKey": authorized(other.PublicKey()),
	})), "over proxy", "host key mismatch")
}

func TestDialErrorLimit(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := closed.Addr().(*net.TCPAddr).Port
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSH_AUTH_SOCK", "")
	wantError(t, tryLogin(t, props{"host": "127.0.0.1", "port": port, "dialErrorLimit": 2}),
		"after 2 failed attempts", "refused")

	for name, test := range map[string]struct {
		options sshtest.Options
		limit   int
		ok      bool
	}{
		"a server that comes up in time":       {sshtest.Options{DropConnections: 2}, 2, true},
		"a server that comes up too late":      {sshtest.Options{DropConnections: 3}, 2, false},
		"no limit":                             {sshtest.Options{DropConnections: 4}, -1, true},
		"a login that is refused for a moment": {sshtest.Options{RefuseLogins: 1}, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, connection := passwordServer(t, test.options)
			err := tryLogin(t, merged(connection, props{"dialErrorLimit": test.limit}))
			if test.ok && err != nil {
				t.Error(err)
			}
			if !test.ok {
				wantError(t, err, "after 2 failed attempts")
			}
		})
	}
}

func TestTheOperationTimeOutEndsASilentServer(t *testing.T) {
	server, connection := passwordServer(t, sshtest.Options{Silent: true})
	engine := newEngine(t, remoteURN)
	started := time.Now()
	_, err := engine.createWithin(1, props{
		"connection": merged(connection, props{"dialErrorLimit": -1}), "create": "true",
	})
	wantError(t, err, "gave up", "deadline exceeded", "127.0.0.1:")
	if waited := time.Since(started); waited > 10*time.Second {
		t.Errorf("waited %s", waited)
	}
	if server.Connections() == 0 {
		t.Error("the server was not dialled")
	}
}
