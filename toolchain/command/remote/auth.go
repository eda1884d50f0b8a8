package remote

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// login is one endpoint's SSH settings, and the agent connection that they may hold open.
type login struct {
	config *ssh.ClientConfig
	agent  net.Conn
}

// close lets go of the agent.
func (l *login) close() error {
	if l.agent == nil {
		return nil
	}
	return l.agent.Close()
}

// login turns an endpoint into SSH settings: private key first, then password, then the agent.
// An SSH client tries a method once, so with a private key the agent's keys are not tried.
func (e *Endpoint) login() (*login, error) {
	config := &ssh.ClientConfig{
		User:            valueOr(e.User, defaultUser),
		Timeout:         time.Duration(valueOr(e.PerDialTimeout, defaultPerDialTimeout)) * time.Second,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	}
	if e.HostKey != nil {
		pin, err := parseHostKey(*e.HostKey, e.address())
		if err != nil {
			return nil, err
		}
		config.HostKeyCallback = pin.check
		config.HostKeyAlgorithms = []string{pin.key.Type()}
	}
	if e.PrivateKey != nil {
		signer, err := e.signer()
		if err != nil {
			return nil, err
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	if e.Password != nil {
		config.Auth = append(config.Auth, ssh.Password(*e.Password),
			ssh.KeyboardInteractive(e.answerWithPassword))
	}
	conn, err := e.dialAgent()
	if err != nil {
		return nil, err
	}
	if conn != nil {
		config.Auth = append(config.Auth, ssh.PublicKeysCallback(agent.NewClient(conn).Signers))
	}
	return &login{config: config, agent: conn}, nil
}

// signer reads the private key. No error of it quotes the key.
func (e *Endpoint) signer() (ssh.Signer, error) {
	var signer ssh.Signer
	var err error
	if e.PrivateKeyPassword != nil {
		signer, err = ssh.ParsePrivateKeyWithPassphrase(
			[]byte(*e.PrivateKey), []byte(*e.PrivateKeyPassword))
	} else {
		signer, err = ssh.ParsePrivateKey([]byte(*e.PrivateKey))
	}
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		return nil, fmt.Errorf("%s: the private key is encrypted: set privateKeyPassword (%w)",
			e.address(), err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: the private key cannot be read: %w", e.address(), err)
	}
	return signer, nil
}

func (e *Endpoint) answerWithPassword(_, _ string, questions []string, _ []bool) ([]string, error) {
	answers := make([]string, len(questions))
	for i := range answers {
		answers[i] = *e.Password
	}
	return answers, nil
}

// dialAgent returns nil where no agent is named. An agent that is named and does not answer is an
// error even beside a private key, as in the released plugin.
func (e *Endpoint) dialAgent() (net.Conn, error) {
	path, origin := valueOr(e.AgentSocketPath, ""), "agentSocketPath"
	if e.AgentSocketPath == nil {
		path, origin = os.Getenv("SSH_AUTH_SOCK"), "SSH_AUTH_SOCK"
		if path == "" {
			return nil, nil
		}
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, fmt.Errorf("%s: no SSH agent answers at the socket named by %s: %w "+
			"(start one, or clear %s)", e.address(), origin, err, origin)
	}
	return conn, nil
}
