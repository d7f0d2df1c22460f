// Package upstream carries requests to model providers. It is the one place where
// bytes leave for a host outside, and the one seam at which the HTTP client can
// change.
package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"tollgate.dev/platform/errs"
)

// Request is one HTTP request to a provider.
type Request struct {
	// URL is absolute.
	URL *url.URL
	// Header is complete, credentials included. It is owned by the exchange.
	Header http.Header
	// Body is sent with POST; it must not change until the response's body is closed.
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
	// Body must be closed. Closing it before its end gives the connection up, which
	// tells the provider to stop.
	Body io.ReadCloser
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
}

const (
	// maxHeader bounds an answer's header, in bytes.
	maxHeader = 64 << 10
	// pingAfter is how long an HTTP/2 connection with calls on it may be silent before it
	// is asked whether it still lives, and pingTimeout how long it has to say so. Without
	// it, all calls on a connection that was cut unseen hang until their time is over.
	pingAfter   = 15 * time.Second
	pingTimeout = 10 * time.Second
)

// Client is an HTTP client that can reach the hosts of its allowlist and no others.
// It follows no redirect.
type Client struct {
	allow     rules
	transport *http.Transport
}

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
	allow := opts.Allowlist.rules()
	dialer := &dialer{
		allow: allow,
		net:   net.Dialer{Timeout: opts.DialTimeout, KeepAlive: 30 * time.Second, Resolver: opts.Resolver},
	}
	return &Client{
		allow: allow,
		transport: &http.Transport{
			// No proxy from the environment: it would stand between us and the allowlist.
			Proxy:               nil,
			DialContext:         dialer.DialContext,
			TLSHandshakeTimeout: opts.DialTimeout,
			ForceAttemptHTTP2:   true,
			// A compressed answer would have to be unpacked before it can be read, and an
			// event stream would wait for a full block.
			DisableCompression:     true,
			MaxIdleConnsPerHost:    opts.MaxIdlePerHost,
			IdleConnTimeout:        opts.IdleTimeout,
			MaxResponseHeaderBytes: maxHeader,
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		},
	}
}

// Do sends a request and returns as soon as the answer's header is there. Its errors are
// provider_host_not_allowed, provider_timeout, provider_unavailable, client_closed_request,
// or the cause with which ctx ended, where that has a reason.
func (c *Client) Do(ctx context.Context, req *Request) (*Response, error) {
	if err := c.allow.check(req.URL); err != nil {
		return nil, err
	}
	r := (&http.Request{
		Method: http.MethodPost, URL: req.URL, Host: req.URL.Host, Header: req.Header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(req.Body)), ContentLength: int64(len(req.Body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(req.Body)), nil },
	}).WithContext(ctx)
	// RoundTrip, not http.Client: no redirects, no cookies, no copies of the header.
	resp, err := c.transport.RoundTrip(r) //nolint:bodyclose // the caller closes Response.Body
	if err != nil {
		return nil, classify(ctx, err, errs.ProviderUnavailable, "the provider could not be reached")
	}
	return &Response{Status: resp.StatusCode, Header: resp.Header, Length: resp.ContentLength, Body: resp.Body}, nil
}

// Close gives up the idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

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
		// Whoever ended it may have said why.
		if e := errs.Of(context.Cause(ctx)); e.Reason != errs.Internal {
			return e
		}
		return errs.Of(ctx.Err())
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return errs.New(errs.ProviderTimeout, "the provider did not answer in time").WithCause(err)
	}
	return errs.New(reason, message).WithCause(err)
}
