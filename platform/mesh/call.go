package mesh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"connectrpc.com/connect/v2"
	"go.opentelemetry.io/otel/propagation"
)

// inOneWrite is up to which size a message goes out in one write with its headers, in bytes.
const inOneWrite = 16 << 10

// doer sends the requests of this process's own calls, whose headers it may write to.
type doer struct{ p *Peer }

// Do is connecthttp.HTTPClient's.
func (d doer) Do(req *http.Request) (*http.Response, error) {
	p, ctx := d.p, req.Context()
	info, _ := connect.CallInfoForClientContext(ctx)
	idempotent := info != nil && info.Spec.IdempotencyLevel != connect.IdempotencyUnknown
	if p.authorization != nil {
		req.Header["Authorization"] = p.authorization
	}
	req.Header[serviceHeader] = []string{p.opts.Name}
	inject(ctx, propagation.HeaderCarrier(req.Header))
	body, err := newOutgoing(req)
	if err != nil {
		return nil, err
	}
	defer body.over()
	var resp *http.Response
	err = p.try(ctx, idempotent, func(ctx context.Context, e *endpoint, patience *impatient) (err error) {
		resp, err = p.roundTrip(ctx, e, req, body, patience) //nolint:bodyclose // Connect closes it
		return err
	}, func(err error) bool {
		// A body may still be read whose call was answered early.
		return (!refuses(err) || body.ReadCloser == nil) && body.rewind()
	})
	return resp, err
}

var errRefused = errors.New("it refuses this process's credentials")

// roundTrip sends a request to one endpoint.
func (p *Peer) roundTrip(ctx context.Context, e *endpoint, req *http.Request, body *outgoing, patience *impatient) (*http.Response, error) {
	// One piece of memory for all that an attempt needs.
	a := &struct {
		url    url.URL
		small  bytes.Reader
		answer incoming
	}{url: *req.URL}
	a.url.Scheme, a.url.Host = e.target.scheme, e.target.authority
	req = req.WithContext(ctx)
	req.URL, req.Host = &a.url, e.target.authority
	switch {
	case body.small != nil:
		// net/http sends headers first, and apart, unless it knows the reader. It asks for the
		// request's GetBody where a connection turns out to be closed.
		a.small.Reset(body.small)
		req.Body = io.NopCloser(&a.small)
	case body.ReadCloser != nil:
		req.Body = body
	}
	resp, err := e.transport.RoundTrip(req)
	if err == nil && !patience.heard() {
		_ = resp.Body.Close() // it comes too late
		err = context.DeadlineExceeded
	}
	if err != nil {
		return nil, err
	}
	if len(resp.Header[challenge]) > 0 {
		_ = resp.Body.Close() // what it says is known
		return nil, errRefused
	}
	if err = misdirectedBy(resp, p.opts.Name); err == nil && noRoute(resp) {
		err = errNotHere
	}
	if err != nil {
		_ = resp.Body.Close() // what it says is known
		return nil, err
	}
	e.asks(ctx)
	a.answer.ReadCloser, a.answer.p, a.answer.e, a.answer.ctx, a.answer.patience = resp.Body, p, e, ctx, patience
	resp.Body = &a.answer
	return resp, nil
}

// noRoute reports whether nothing serves a request's path. Connect's own not_found has the same
// status, and a body of JSON.
func noRoute(resp *http.Response) bool {
	return resp.StatusCode == http.StatusNotFound && !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json")
}

// ctxError is the error of a call whose caller does not wait any longer.
func ctxError(ended, cause error) error {
	code := connect.CodeCanceled
	if errors.Is(ended, context.DeadlineExceeded) {
		code = connect.CodeDeadlineExceeded
	}
	return connect.NewError(code, ended.Error()).WithCause(errors.Join(ended, cause))
}

// outgoing is a request's body over all of its attempts. A transport closes what it could not
// send, and the next attempt may need it: only over closes it for good.
type outgoing struct {
	// small is the whole body, where that is no more than inOneWrite.
	small         []byte
	io.ReadCloser // nil for none, and beside small
	get           func() (io.ReadCloser, error)

	mu            sync.Mutex
	closed, ended bool
}

func newOutgoing(req *http.Request) (*outgoing, error) {
	switch {
	case req.Body == nil || req.Body == http.NoBody:
		return &outgoing{}, nil
	case req.GetBody == nil || req.ContentLength <= 0 || req.ContentLength > inOneWrite:
		return &outgoing{ReadCloser: req.Body, get: req.GetBody}, nil
	}
	small := make([]byte, req.ContentLength)
	_, err := io.ReadFull(req.Body, small)
	if err = errors.Join(err, req.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the request's body: %w", err)
	}
	return &outgoing{small: small}, nil
}

// Close is the transport's.
func (o *outgoing) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed = true; o.ended {
		return o.ReadCloser.Close()
	}
	return nil
}

// rewind prepares a body that was read for another attempt, if there can be one.
func (o *outgoing) rewind() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ReadCloser == nil {
		return true
	}
	if o.get == nil {
		return false
	}
	body, err := o.get()
	if err != nil {
		return false
	}
	_ = o.ReadCloser.Close() // it is read
	o.ReadCloser, o.closed = body, false
	return true
}

// over ends the attempts.
func (o *outgoing) over() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended = true; o.closed && o.ReadCloser != nil {
		_ = o.ReadCloser.Close() // it is read, or nobody could
	}
}

// incoming is an answer's body. Its end is the call's.
type incoming struct {
	io.ReadCloser
	p    *Peer
	e    *endpoint
	ctx  context.Context //nolint:containedctx // the body is read within the request's
	done atomic.Bool
	// patience is the attempt's; nil for most.
	patience *impatient
}

// Read says what broke off in the words of the mesh: Connect would take some of a network's
// faults for a caller who went away.
func (b *incoming) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil {
		return n, nil
	}
	ended := b.ctx.Err()
	if b.end(); errors.Is(err, io.EOF) {
		return n, err //nolint:wrapcheck // readers compare it
	}
	if ended == nil {
		b.e.failures.add(b.p.opts.Clock.Now())
	}
	if ended != nil {
		b.e.doubt(b.ctx)
		return n, ctxError(ended, err)
	}
	return n, b.p.away(err, true)
}

// Close ends the call.
func (b *incoming) Close() error {
	b.end()
	return b.ReadCloser.Close()
}

func (b *incoming) end() {
	if b.done.CompareAndSwap(false, true) {
		b.e.calls.Add(-1)
		b.patience.end()
	}
}
