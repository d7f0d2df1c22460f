// Package upstream carries requests to model providers. It is the one place where
// bytes leave for a host outside, and the one seam at which the HTTP client can
// change.
package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
)

// Request is one HTTP request to a provider.
type Request struct {
	// URL is absolute.
	URL *url.URL
	// Header is complete, credentials included. It is owned by the exchange.
	Header http.Header
	// Body is sent with POST; it is read no more when Do has returned.
	Body []byte
}

// Response is a provider's answer, whatever its status.
type Response struct {
	// Status is the HTTP status.
	Status int
	// Header is the answer's header.
	Header http.Header
	// Length is the body's length in bytes; -1 when unknown.
	Length int64
	// Body must be closed or finished.
	Body Body
}

// Body is an answer's body.
type Body interface {
	// Read and Close are io's. Closing before the end gives the connection up, which
	// tells the provider to stop.
	io.ReadCloser
	// Finish is Close for a body that was read as far as it matters: its end is awaited
	// in the background, for a moment, and the connection kept.
	Finish()
}

// Options bound the client.
type Options struct {
	// Allowlist are the hosts that may be called.
	Allowlist Allowlist
	// DialTimeout bounds name resolution and connecting; 0 is 5 s.
	DialTimeout time.Duration
	// IdleTimeout is how long an unused connection is kept; 0 is 90 s.
	IdleTimeout time.Duration
	// MaxIdlePerHost is how many unused connections a host keeps; 0 is 256.
	MaxIdlePerHost int
	// Resolver looks names up; nil is the system's.
	Resolver *net.Resolver
	// RootCAs are whose certificates are trusted; nil is the system's.
	RootCAs *x509.CertPool
	// Clock tells how long connections were idle; nil is the system's.
	Clock clock.Clock
}

// maxHeader bounds an answer's header, in bytes.
const maxHeader = 64 << 10

// Client is an HTTP/1.1 client that can reach the hosts of its allowlist and no others.
// It follows no redirect, and takes no proxy from the environment, which would stand
// between it and the allowlist. It asks for no compression: a compressed answer would
// have to be unpacked before it can be read, and an event stream would wait for a full
// block.
type Client struct {
	allow    rules
	opts     Options
	dialer   *dialer
	sessions tls.ClientSessionCache
	// request tells http.ReadResponse which method is answered.
	request *http.Request

	mu     sync.RWMutex
	pools  map[origin]*pool
	closed bool
	// lingering are the exchanges whose end is awaited.
	lingering sync.WaitGroup
}

// origin is where connections lead.
type origin struct{ scheme, host string }

// New returns a client.
func New(opts Options) *Client {
	if opts.DialTimeout <= 0 {
		opts.DialTimeout = 5 * time.Second
	}
	if opts.IdleTimeout <= 0 {
		opts.IdleTimeout = 90 * time.Second
	}
	if opts.MaxIdlePerHost <= 0 {
		opts.MaxIdlePerHost = 256
	}
	if opts.Clock == nil {
		opts.Clock = clock.Real()
	}
	allow := opts.Allowlist.rules()
	return &Client{
		allow: allow, opts: opts, sessions: tls.NewLRUClientSessionCache(sessionsKept),
		dialer: &dialer{
			allow: allow,
			net:   net.Dialer{Timeout: opts.DialTimeout, KeepAlive: 30 * time.Second, Resolver: opts.Resolver},
		},
		request: &http.Request{Method: http.MethodPost},
		pools:   make(map[origin]*pool),
	}
}

// sessionsKept is how many TLS sessions are kept for quick resumption.
const sessionsKept = 64

// Do sends a request and returns as soon as the answer's header is there. Its errors are
// provider_host_not_allowed, provider_timeout, provider_unavailable, client_closed_request,
// or the cause with which ctx ended, where that has a reason. [Unsent] tells which of them
// are of requests that no provider can have worked on.
func (c *Client) Do(ctx context.Context, req *Request) (*Response, error) {
	if err := c.allow.check(req.URL); err != nil {
		return nil, MarkUnsent(err)
	}
	p := c.pool(req.URL)
	for fresh := false; ; fresh = true {
		conn, err := p.get(ctx, fresh)
		if err != nil {
			return nil, unreached(ctx, MarkUnsent(err))
		}
		x, stale, err := conn.post(ctx, req)
		if stale && !fresh {
			continue
		}
		if err != nil {
			return nil, unreached(ctx, err)
		}
		return &Response{Status: x.resp.StatusCode, Header: x.resp.Header, Length: x.resp.ContentLength, Body: x}, nil
	}
}

// unreached names what went wrong before an answer, and keeps its mark.
func unreached(ctx context.Context, err error) error {
	named := classify(ctx, err, errs.ProviderUnavailable, "the provider could not be reached")
	if Unsent(err) {
		return MarkUnsent(named)
	}
	return named
}

// Unsent says that err is of a request that did not leave this host, or not whole: no
// provider has worked on it, and none bills it. Of any other error of [Client.Do] nobody
// can tell.
func Unsent(err error) bool {
	_, ok := errors.AsType[unsentError](err)
	return ok
}

// MarkUnsent marks the error of a request that did not leave whole.
func MarkUnsent(err error) error { return unsentError{err} }

type unsentError struct{ error }

func (e unsentError) Unwrap() error { return e.error }

// pool is where the connections to a URL's host are kept. The allowlist bounds how many
// there are.
func (c *Client) pool(u *url.URL) *pool {
	key := origin{u.Scheme, u.Host}
	c.mu.RLock()
	p := c.pools[key]
	c.mu.RUnlock()
	if p != nil {
		return p
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p = c.pools[key]; p == nil {
		p = newPool(c, u)
		p.closed = c.closed
		c.pools[key] = p
	}
	return p
}

// background runs f, which Close waits for; after Close, before it returns.
func (c *Client) background(f func()) {
	c.mu.RLock()
	closed := c.closed
	if !closed {
		c.lingering.Go(f)
	}
	c.mu.RUnlock()
	if closed {
		f()
	}
}

// Wait returns once every body that was finished before has been read to its end, or given
// up, so that its connection is there for the next call.
func (c *Client) Wait() { c.lingering.Wait() }

// Close gives up the idle connections; those in use are given up after it.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	for _, p := range c.pools {
		p.close()
	}
	c.mu.Unlock()
	c.lingering.Wait()
}

// Classify names what went wrong while an answer's body was read: what ended ctx, if
// that has ended, and else provider_timeout or provider_error. An error that has a reason
// keeps it.
func Classify(ctx context.Context, err error) error {
	return classify(ctx, err, errs.ProviderError, "the provider's answer broke off")
}

// classify names an error that has no reason of its own. Its text may hold the URL, and
// so stays inside as the cause.
func classify(ctx context.Context, err error, reason errs.Reason, message string) error {
	if e, ok := errors.AsType[*errs.Error](err); ok {
		return e
	}
	if ctx.Err() != nil {
		return Ended(ctx)
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return errs.New(errs.ProviderTimeout, "the provider did not answer in time").WithCause(err)
	}
	return errs.New(reason, message).WithCause(err)
}

// Ended says why ctx has ended: what whoever ended it said, or else that its caller went away or
// has no more time. A deadline in the router is one of a provider, which calls wait for.
func Ended(ctx context.Context) *errs.Error {
	cause := context.Cause(ctx)
	if e, ok := errors.AsType[*errs.Error](cause); ok {
		return e
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(cause, context.DeadlineExceeded) {
		return errs.New(errs.ProviderTimeout, "the request's time is over").WithCause(cause)
	}
	return errs.Of(ctx.Err())
}
