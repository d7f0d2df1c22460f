package upstream

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
)

// pool keeps the idle connections to one host.
type pool struct {
	address string // host:port
	host    string
	tls     bool
	client  *Client

	mu     sync.Mutex
	idle   []*conn // the one that was used last is taken first
	closed bool
	// reaper closes connections that were not used for long; nil while there are none.
	reaper clock.Timer
}

func newPool(client *Client, u *url.URL) *pool {
	port := u.Port()
	secured := u.Scheme == "https"
	switch {
	case port != "":
	case secured:
		port = "443"
	default:
		port = "80"
	}
	return &pool{address: net.JoinHostPort(u.Hostname(), port), host: u.Hostname(), tls: secured, client: client}
}

// get takes an idle connection that still lives, or opens one; with fresh it opens one
// in any case.
func (p *pool) get(ctx context.Context, fresh bool) (*conn, error) {
	for !fresh {
		c := p.take()
		if c == nil {
			return p.dial(ctx)
		}
		if c.alive() {
			return c, nil
		}
		c.close()
	}
	return p.dial(ctx)
}

func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return c
}

// put keeps a connection for the next call.
func (p *pool) put(c *conn) {
	c.idle = p.client.opts.Clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= p.client.opts.MaxIdlePerHost {
		c.close()
		return
	}
	p.idle = append(p.idle, c)
	if p.reaper == nil {
		p.reaper = p.client.opts.Clock.AfterFunc(p.client.opts.IdleTimeout, p.reap)
	}
}

// reap closes what was idle for too long. The list is in the order of use.
func (p *pool) reap() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.client.opts.Clock.Now()
	old := 0
	for old < len(p.idle) && now.Sub(p.idle[old].idle) >= p.client.opts.IdleTimeout {
		p.idle[old].close()
		old++
	}
	p.idle = append(p.idle[:0], p.idle[old:]...)
	clear(p.idle[len(p.idle):cap(p.idle)])
	p.reaper = nil
	if len(p.idle) > 0 && !p.closed {
		p.reaper = p.client.opts.Clock.AfterFunc(p.client.opts.IdleTimeout-now.Sub(p.idle[0].idle)+time.Millisecond, p.reap)
	}
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		c.close()
	}
	p.idle = nil
	if p.reaper != nil {
		p.reaper.Stop()
	}
}

func (p *pool) dial(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.client.opts.DialTimeout)
	defer cancel()
	tcp, err := p.client.dialer.DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, err
	}
	if !p.tls {
		return newConn(tcp, tcp, p), nil
	}
	secured := tls.Client(tcp, &tls.Config{
		ServerName: p.host, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
		ClientSessionCache: p.client.sessions, RootCAs: p.client.opts.RootCAs,
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = tcp.Close() // the handshake's error says more
		return nil, handshakeError{err}
	}
	return newConn(secured, tcp, p), nil
}
