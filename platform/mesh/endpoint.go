package mesh

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	// dialTimeout bounds the making of a connection, with TLS. A thousand calls that come at
	// once on a busy machine take some seconds to connect; one that is dead is found by probes.
	dialTimeout = 5 * time.Second
	// probeTimeout bounds a question for an endpoint's readiness. Who is asked answers sooner,
	// also when what it needs does not.
	probeTimeout = time.Second
	// idlePeer is how long a connection stays open without a call. [NewServer] keeps it for
	// longer, so that it is the client that closes: a server that does may do so in the moment in
	// which a call is written.
	idlePeer = time.Minute
	// idleConnections bounds the open connections of one endpoint that have no call.
	idleConnections = 512
	// Most messages fit into one write and one read.
	writeBuffer, readBuffer = 32 << 10, 16 << 10
)

// readiness is what is known of an endpoint. Calls prefer the lower number.
type readiness int32

const (
	ready       readiness = iota
	unknown               // nobody has asked yet
	resting               // it is ready, but what it answered last was a failure
	unready               // it says so: it starts, drains, or lacks what it needs
	misdirected           // another service's process is there
	refused               // it takes nothing from this process, whose credentials are not its own
	unreachable           // it cannot be connected to, or does not answer
	hanging               // it has not answered for long: it gets no call
)

// endpoint is one address of a service.
type endpoint struct {
	target *target
	// address is what is dialled: an IP address, or the name as long as it is not resolved.
	address string
	// links carry the calls that have one answer; transport carries the others, each on a
	// connection of its own, and probes.
	links     links
	transport *http.Transport
	state     atomic.Int32
	calls     atomic.Int64 // that are under way
	probing   atomic.Bool
	// missed is how many probes in a row nobody answered; it is the probe's alone.
	missed int
	// idle is how many probes in a row found no call, since it left; it is Run's alone.
	idle int
	// doubted says that a call has waited in vain since the last answer to a probe.
	doubted     atomic.Bool
	failures    failures
	behind      atomic.Pointer[[]Dependency]
	connections connections
}

// newEndpoint returns an endpoint of which nothing is known.
func newEndpoint(t *target, address string, certificates *Certificates) *endpoint {
	e := &endpoint{target: t, address: address}
	e.state.Store(int32(unknown))
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // it costs less than HTTP/2, and no procedure needs more
	e.transport = &http.Transport{
		Protocols: protocols, DisableCompression: true,
		MaxIdleConnsPerHost: idleConnections, IdleConnTimeout: idlePeer,
		WriteBufferSize: writeBuffer, ReadBufferSize: readBuffer,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return e.dial(ctx) },
	}
	if certificates != nil {
		e.transport.DialTLSContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return e.dialTLS(ctx, certificates.Client())
		}
	}
	return e
}

// dialError is of a connection that was not made: nothing was sent.
type dialError struct{ cause error }

func (e *dialError) Error() string { return e.cause.Error() }

func (e *dialError) Unwrap() error { return e.cause }

// dial connects. Go sets TCP_NODELAY by itself.
func (e *endpoint) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", e.address)
	if err != nil {
		return nil, &dialError{err}
	}
	bound(conn)
	return e.connections.add(conn), nil
}

func (e *endpoint) dialTLS(ctx context.Context, config *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	plain, err := e.dial(ctx)
	if err != nil {
		return nil, err
	}
	config.ServerName = e.target.host
	conn := tls.Client(plain, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close() // the handshake's error says more
		return nil, &dialError{fmt.Errorf("TLS with %s: %w", e.address, err)}
	}
	return conn, nil
}

func (e *endpoint) readiness() readiness { return readiness(e.state.Load()) }

// retire lets go of the connections that have no call; the others end with theirs.
func (e *endpoint) retire() {
	e.transport.CloseIdleConnections()
	e.links.retire()
}

// becomes notes what an endpoint is, and reports whether that is new. Connections to one that
// may be about to end are let go, before it closes them, and because it waits for them.
func (e *endpoint) becomes(s readiness) bool {
	if s != ready {
		e.retire()
	}
	return readiness(e.state.Swap(int32(s))) != s
}

// ask asks an endpoint for its readiness to serve a service to who proves itself so.
func (e *endpoint) ask(ctx context.Context, service string, authorization []string) (readiness, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	u := url.URL{Scheme: e.target.scheme, Host: e.target.authority, Path: readinessPath}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return unreachable, fmt.Errorf("probe: %w", err)
	}
	req.Header[serviceHeader] = []string{service}
	if authorization != nil {
		req.Header["Authorization"] = authorization
	}
	resp, err := e.transport.RoundTrip(req)
	if err != nil {
		return unreachable, fmt.Errorf("probe: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, readBuffer))
	_ = resp.Body.Close() // it is read
	if err == nil {
		e.behind.Store(dependencies(body))
	}
	switch {
	case err != nil:
		return unreachable, fmt.Errorf("probe: %w", err)
	case len(resp.Header[challenge]) > 0:
		return refused, errRefused
	case resp.StatusCode != http.StatusOK:
		if err = misdirectedBy(resp, service); err != nil {
			return misdirected, err
		}
		return unready, nil
	}
	return ready, nil
}
