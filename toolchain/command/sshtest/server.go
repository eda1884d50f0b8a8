// Package sshtest runs an SSH server inside a test: it executes commands with /bin/sh, as sshd
// would, and lets the test choose its host key, its logins and its faults.
package sshtest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Options say how the server behaves. The zero value lets nobody in.
type Options struct {
	HostKey             ssh.Signer    // default: a new ed25519 key
	Password            string        // accepted as a password, if not empty
	KeyboardInteractive string        // accepted as the answer to each question, if not empty
	AuthorizedKey       ssh.PublicKey // accepted, if not nil
	AcceptEnv           []string      // names of variables that a client may set
	RefuseLogins        int           // the first so many logins fail
	DropConnections     int           // the first so many connections are closed unanswered
	Silent              bool          // take connections and say nothing
}

// Server is a running server.
type Server struct {
	Host    string
	Port    int
	HostKey ssh.PublicKey

	options  Options
	config   *ssh.ServerConfig
	mu       sync.Mutex
	accepted int
	refused  int
	forwards []string
	open     map[net.Conn]bool
}

// Connections tells how many TCP connections were taken so far.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// Forwards lists the addresses (host:port) that clients reached through this server.
func (s *Server) Forwards() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.forwards...)
}

// OpenConnections tells how many connections are still up.
func (s *Server) OpenConnections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// NewKey returns a new ed25519 key and its private part.
func NewKey(t *testing.T) (ssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, private
}

// Start runs a server on a free port of 127.0.0.1 until the test ends.
func Start(t *testing.T, options Options) *Server {
	t.Helper()
	if options.HostKey == nil {
		options.HostKey, _ = NewKey(t)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &Server{
		Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port,
		HostKey: options.HostKey.PublicKey(), options: options, open: map[net.Conn]bool{},
	}
	server.config = server.serverConfig()
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // the listener was closed: the test is over
			}
			go server.serve(conn)
		}
	}()
	return server
}

var errNotYou = errors.New("login refused")

func (s *Server) serverConfig() *ssh.ServerConfig {
	config := &ssh.ServerConfig{}
	config.AddHostKey(s.options.HostKey)
	allow := func(isRight bool) (*ssh.Permissions, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if isRight && s.refused < s.options.RefuseLogins {
			s.refused++
			isRight = false
		}
		if !isRight {
			return nil, errNotYou
		}
		return &ssh.Permissions{}, nil
	}
	if s.options.Password != "" {
		config.PasswordCallback = func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return allow(string(password) == s.options.Password)
		}
	}
	if s.options.KeyboardInteractive != "" {
		config.KeyboardInteractiveCallback = func(
			_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge,
		) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil {
				return nil, err
			}
			return allow(len(answers) == 1 && answers[0] == s.options.KeyboardInteractive)
		}
	}
	if s.options.AuthorizedKey != nil {
		want := string(s.options.AuthorizedKey.Marshal())
		config.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			return allow(string(key.Marshal()) == want)
		}
	}
	return config
}

func (s *Server) serve(conn net.Conn) {
	s.mu.Lock()
	s.accepted++
	dropped := s.accepted <= s.options.DropConnections
	s.mu.Unlock()
	defer conn.Close()
	if dropped {
		return
	}
	if s.options.Silent {
		_, _ = io.Copy(io.Discard, conn) // until the client hangs up, whatever it says
		return
	}
	sshConn, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return // a refused login is what the test is about, or the client left
	}
	s.mu.Lock()
	s.open[conn] = true
	s.mu.Unlock()
	go ssh.DiscardRequests(requests)
	for channel := range channels {
		switch channel.ChannelType() {
		case "session":
			go s.session(channel)
		case "direct-tcpip":
			go s.forward(channel)
		default:
			_ = channel.Reject(ssh.UnknownChannelType, channel.ChannelType())
		}
	}
	_ = sshConn.Close()
	s.mu.Lock()
	delete(s.open, conn)
	s.mu.Unlock()
}

// session serves RFC 4254 section 6: variables, then one command.
func (s *Server) session(newChannel ssh.NewChannel) {
	channel, requests, err := newChannel.Accept()
	if err != nil {
		return // the client left
	}
	defer channel.Close()
	environment := os.Environ()
	for request := range requests {
		switch request.Type {
		case "env":
			var variable struct{ Name, Value string }
			isAccepted := ssh.Unmarshal(request.Payload, &variable) == nil && s.accepts(variable.Name)
			if isAccepted {
				environment = append(environment, variable.Name+"="+variable.Value)
			}
			_ = request.Reply(isAccepted, nil)
		case "exec":
			var command struct{ Text string }
			if err := ssh.Unmarshal(request.Payload, &command); err != nil {
				_ = request.Reply(false, nil)
				continue
			}
			_ = request.Reply(true, nil)
			status := run(channel, command.Text, environment)
			payload := binary.BigEndian.AppendUint32(nil, uint32(status))
			_, _ = channel.SendRequest("exit-status", false, payload)
			return
		default:
			_ = request.Reply(false, nil)
		}
	}
}

func (s *Server) accepts(name string) bool {
	for _, accepted := range s.options.AcceptEnv {
		if accepted == name {
			return true
		}
	}
	return false
}

func run(channel ssh.Channel, command string, environment []string) int {
	process := exec.Command("/bin/sh", "-c", command) //nolint:gosec // the test's own command
	process.Env = environment
	process.Stdout = channel
	process.Stderr = channel.Stderr()
	stdin, err := process.StdinPipe()
	if err != nil {
		return 255
	}
	if err := process.Start(); err != nil {
		fmt.Fprintln(channel.Stderr(), err)
		return 255
	}
	go func() {
		_, _ = io.Copy(stdin, channel) // a command need not read its input
		_ = stdin.Close()
	}()
	var exit *exec.ExitError
	if err := process.Wait(); errors.As(err, &exit) {
		return exit.ExitCode()
	} else if err != nil {
		return 255
	}
	return 0
}

// forward serves RFC 4254 section 7.2, what `ssh -J` asks of a jump host.
func (s *Server) forward(newChannel ssh.NewChannel) {
	var target struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	if err := ssh.Unmarshal(newChannel.ExtraData(), &target); err != nil {
		_ = newChannel.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	address := net.JoinHostPort(target.Host, fmt.Sprint(target.Port))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		_ = newChannel.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	defer conn.Close()
	s.mu.Lock()
	s.forwards = append(s.forwards, address)
	s.mu.Unlock()
	channel, requests, err := newChannel.Accept()
	if err != nil {
		return // the client left
	}
	defer channel.Close()
	go ssh.DiscardRequests(requests)
	done := make(chan struct{}, 2)
	pipe := func(to io.Writer, from io.Reader) {
		_, _ = io.Copy(to, from) // ends when either side hangs up
		done <- struct{}{}
	}
	go pipe(channel, conn)
	go pipe(conn, channel)
	<-done
}
