package simulator

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Provider names whose wire format a call came in.
type Provider string

// The providers that the simulator stands for.
const (
	OpenAI    Provider = "openai"
	Anthropic Provider = "anthropic"
	Gemini    Provider = "gemini"
	Groq      Provider = "groq"
)

// Call is what the simulator noted of one request.
type Call struct {
	// ID counts calls from 1 in their order of arrival.
	ID       uint64
	Provider Provider
	// Path is the request's path without its query, its first 256 bytes.
	Path string
	// Model is the model as the caller wrote it, directives included; Name is
	// the model without them. Both are empty when the request has no model.
	Model, Name string
	Stream      bool
	// Status is the HTTP status of the answer, 0 when none was sent.
	Status int
	// BytesIn and BytesOut count body bytes, Events the events sent.
	BytesIn, BytesOut int64
	Events            int
	Started, Ended    time.Time
	// Done is set once the handler has returned.
	Done bool
	// Cancelled tells that the client went away before the end of the answer.
	Cancelled bool
	// Cut tells that a directive closed the connection.
	Cut bool
	// Header and Body are kept only with Options.KeepBodies; Header is without
	// credentials and Body is cut off at that many bytes.
	Header http.Header
	Body   []byte
}

// Totals are the sums over all calls since the start or the last Reset.
type Totals struct {
	Calls, Active, Cancelled, Errors uint64
	BytesIn, BytesOut                int64
}

// recorder keeps the last calls in a ring.
type recorder struct {
	mu      sync.Mutex
	ring    []*Call
	next    int
	seq     uint64
	totals  Totals
	waiters chan struct{}
}

func newRecorder(size int) *recorder { return &recorder{ring: make([]*Call, 0, size)} }

func (r *recorder) begin(c *Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	c.ID = r.seq
	r.totals.Calls++
	r.totals.Active++
	if len(r.ring) < cap(r.ring) {
		r.ring = append(r.ring, c)
	} else {
		r.ring[r.next] = c
		r.next = (r.next + 1) % len(r.ring)
	}
	r.wake()
}

// update changes a call that others may be reading.
func (r *recorder) update(c *Call, change func(*Call)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(c)
	r.wake()
}

func (r *recorder) end(c *Call, change func(*Call)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(c)
	c.Done = true
	r.totals.Active--
	r.totals.BytesIn += c.BytesIn
	r.totals.BytesOut += c.BytesOut
	if c.Cancelled {
		r.totals.Cancelled++
	}
	if c.Status >= http.StatusBadRequest {
		r.totals.Errors++
	}
	r.wake()
}

func (r *recorder) wake() {
	if r.waiters != nil {
		close(r.waiters)
		r.waiters = nil
	}
}

func (r *recorder) calls() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.locked()
}

func (r *recorder) locked() []Call {
	out := make([]Call, 0, len(r.ring))
	for i := range r.ring {
		out = append(out, *r.ring[(r.next+i)%len(r.ring)])
	}
	return out
}

func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.ring)
	r.ring, r.next = r.ring[:0], 0
	r.totals = Totals{Active: r.totals.Active}
	r.wake()
}

func (r *recorder) wait(ctx context.Context, cond func([]Call) bool) error {
	for {
		r.mu.Lock()
		ok := cond(r.locked())
		var changed chan struct{}
		if !ok {
			if r.waiters == nil {
				r.waiters = make(chan struct{})
			}
			changed = r.waiters
		}
		r.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Calls returns the last calls, oldest first, at most Options.MaxCalls.
func (s *Server) Calls() []Call { return s.rec.calls() }

// Totals returns the sums over all calls.
func (s *Server) Totals() Totals {
	s.rec.mu.Lock()
	defer s.rec.mu.Unlock()
	return s.rec.totals
}

// Wait blocks until cond holds for Calls, or returns ctx's error. It lets a
// test wait for "the provider's call was cancelled" without sleeping. cond
// must not call the Server.
func (s *Server) Wait(ctx context.Context, cond func([]Call) bool) error {
	return s.rec.wait(ctx, cond)
}

// Reset forgets calls, totals, failure counts and seen prompt prefixes; calls
// in progress go on.
func (s *Server) Reset() {
	s.rec.reset()
	s.fails.reset()
	s.prefixes.reset()
}
