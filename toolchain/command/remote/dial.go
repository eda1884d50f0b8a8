package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"golang.org/x/crypto/ssh"
)

const (
	firstPause = 100 * time.Millisecond
	pauseGrows = 1.5
	longPause  = 5 * time.Second
	// A server that takes the TCP connection and then says nothing would hold a dial for ever.
	// OpenSSH itself ends a login after 120 s (LoginGraceTime, sshd_config(5)), so no live server
	// needs longer.
	handshakeLimit = 120 * time.Second
)

// connected is an SSH client together with what has to be closed after it.
type connected struct {
	*ssh.Client
	after []func() error
}

// Close ends the connection, then the hop before it and the agents.
func (c *connected) Close() error {
	err := c.Client.Close()
	for _, closeNext := range c.after {
		err = errors.Join(err, closeNext())
	}
	return err
}

// address is host:port, as errors name an endpoint.
func (e *Endpoint) address() string {
	port := int(valueOr(e.Port, defaultPort))
	return net.JoinHostPort(valueOr(e.Host, ""), strconv.Itoa(port))
}

// dial connects to the endpoint, over the proxy where one is set. Each hop is dialled again after a
// failure, dialErrorLimit times with pauses of 0.1 s that grow to 5 s: a machine that has just been
// made may need a while for its network, its sshd and its keys. A wrong host key is final at once.
func (c *Connection) dial(ctx context.Context) (*connected, error) {
	direct := &net.Dialer{}
	if c.Proxy == nil {
		return c.Endpoint.dialOver(ctx, "Dial", direct.DialContext)
	}
	proxy, err := c.Proxy.Endpoint.dialOver(ctx, "Dial proxy", direct.DialContext)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	target, err := c.Endpoint.dialOver(ctx, "Dial from proxy", proxy.DialContext)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("over proxy %s: %w", c.Proxy.address(), err), proxy.Close())
	}
	target.after = append(target.after, proxy.Close)
	return target, nil
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func (e *Endpoint) dialOver(ctx context.Context, what string, dial dialFunc) (*connected, error) {
	login, err := e.login()
	if err != nil {
		return nil, err
	}
	client, err := e.dialUntilLimit(ctx, what, dial, login.config)
	if err != nil {
		return nil, errors.Join(err, login.close())
	}
	return &connected{Client: client, after: []func() error{login.close}}, nil
}

func (e *Endpoint) dialUntilLimit(
	ctx context.Context, what string, dial dialFunc, config *ssh.ClientConfig,
) (*ssh.Client, error) {
	limit := valueOr(e.DialErrorLimit, defaultDialErrorLimit)
	shownLimit := strconv.Itoa(limit)
	if limit < 0 {
		shownLimit = "inf"
	}
	pause := firstPause
	for failed := 1; ; failed++ {
		client, err := e.dialOnce(ctx, dial, config)
		if err == nil {
			return client, nil
		}
		if final := e.asHostKeyError(err); final != nil {
			return nil, final
		}
		if limit >= 0 && failed > limit {
			return nil, fmt.Errorf("after %d failed attempts: %s: %w", failed-1, e.address(), err)
		}
		p.GetLogger(ctx).InfoStatusf("%s %d/%s failed: retrying %s (%v)",
			what, failed, shownLimit, e.address(), err)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: gave up after %d failed attempts: %w (last: %w)",
				e.address(), failed, ctx.Err(), err)
		case <-time.After(pause):
		}
		pause = min(time.Duration(float64(pause)*pauseGrows), longPause)
	}
}

func (e *Endpoint) dialOnce(
	ctx context.Context, dial dialFunc, config *ssh.ClientConfig,
) (*ssh.Client, error) {
	connectCtx, cancel := ctx, context.CancelFunc(func() {})
	if config.Timeout > 0 {
		connectCtx, cancel = context.WithTimeout(ctx, config.Timeout)
	}
	defer cancel()
	conn, err := dial(connectCtx, "tcp", e.address())
	if err != nil {
		return nil, err
	}
	// A channel through a proxy knows no deadlines, so the limit closes the connection instead.
	expired := time.AfterFunc(handshakeLimit, func() { conn.Close() })
	stopped := context.AfterFunc(ctx, func() { conn.Close() })
	sshConn, channels, requests, err := ssh.NewClientConn(conn, e.address(), config)
	stopped()
	if !expired.Stop() {
		err = errors.Join(fmt.Errorf("no SSH handshake within %s", handshakeLimit), err)
	}
	if err != nil {
		return nil, errors.Join(err, ignoreClosed(conn.Close()))
	}
	return ssh.NewClient(sshConn, channels, requests), nil
}

// ignoreClosed drops the complaint about a connection that the other side, or the handshake, has
// closed already.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
