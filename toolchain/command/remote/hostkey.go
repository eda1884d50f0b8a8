package remote

import (
	"bytes"
	"errors"
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"
)

// hostKeyError says that a server is not the one that was expected. Dialling again cannot mend it,
// and would only offer more logins to a stranger.
type hostKeyError struct{ text string }

func (e *hostKeyError) Error() string { return e.text }

// pin is the one host key that a server may show.
type pin struct {
	key     ssh.PublicKey
	address string
}

// parseHostKey reads a key as authorized_keys holds it ("ssh-ed25519 AAAA..."); address (host:port)
// is for the errors.
func parseHostKey(text, address string) (*pin, error) {
	key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%s: failed to parse host key: %w (hostKey is one line such as "+
			"'ssh-ed25519 AAAA...', from the server's /etc/ssh/ssh_host_ed25519_key.pub)", address, err)
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("%s: hostKey holds more than one key: give exactly one", address)
	}
	return &pin{key: key, address: address}, nil
}

// check compares the key that the server showed with the pinned one.
func (p *pin) check(_ string, _ net.Addr, shown ssh.PublicKey) error {
	if bytes.Equal(shown.Marshal(), p.key.Marshal()) {
		return nil
	}
	return &hostKeyError{fmt.Sprintf("%s is not the host that was expected (ssh: host key mismatch): "+
		"expected %s, got %s. If the host was re-installed, set hostKey (host_key) to its new key; "+
		"if not, something else answers at this address",
		p.address, fingerprint(p.key), fingerprint(shown))}
}

func fingerprint(key ssh.PublicKey) string {
	return key.Type() + " " + ssh.FingerprintSHA256(key)
}

// asHostKeyError recognises, in a failed handshake, the errors that no further dial can mend: a key
// other than the pinned one, or a server that has none of the pinned type. Otherwise nil.
func (e *Endpoint) asHostKeyError(err error) error {
	var wrong *hostKeyError
	if errors.As(err, &wrong) {
		return wrong
	}
	var negotiation *ssh.AlgorithmNegotiationError
	if e.HostKey == nil || !errors.As(err, &negotiation) {
		return nil
	}
	expected, parseErr := parseHostKey(*e.HostKey, e.address())
	if parseErr != nil {
		return parseErr
	}
	hint := ""
	if expected.key.Type() == ssh.KeyAlgoRSA {
		// A pinned RSA key is asked for as ssh-rsa (SHA-1), which OpenSSH refuses since 8.8.
		hint = ". An RSA pin works with old servers only: pin the ed25519 key"
	}
	return &hostKeyError{fmt.Sprintf("%s shows no host key of the pinned type: expected %s, "+
		"the server offers %v%s", e.address(), fingerprint(expected.key),
		negotiation.SupportedAlgorithms, hint)}
}
