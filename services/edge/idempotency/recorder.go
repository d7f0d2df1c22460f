package idempotency

import (
	"net/http"
	"strings"

	"tollgate.dev/platform/memory"
)

// Answer is a recorded HTTP answer.
type Answer struct {
	// Status is the HTTP status.
	Status int `json:"status"`
	// Header are the headers that a repeat gets again.
	Header http.Header `json:"header"`
	// Body is the whole body; a stream's with its framing.
	Body []byte `json:"body"`

	truncated bool
}

// WriteTo answers a repeat. It says so in the header `Idempotent-Replayed`.
func (a *Answer) WriteTo(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range a.Header {
		h[name] = values
	}
	h.Set("Idempotent-Replayed", "true")
	w.WriteHeader(a.Status)
	// A caller that is gone cannot be told.
	_, _ = w.Write(a.Body)
}

// Recorder passes an answer on, unbuffered, and remembers it.
type Recorder struct {
	http.ResponseWriter

	limit  int
	answer Answer
	memory *memory.Bound
	over   bool
}

// Record returns a recorder of what is written to w, in memory that bound gives; a nil bound
// gives all. An answer for which there is none is not kept. Release ends the record.
func (g *Guard) Record(w http.ResponseWriter, bound *memory.Bound) *Recorder {
	return &Recorder{ResponseWriter: w, limit: g.opts.MaxAnswerBytes, memory: bound}
}

// Release gives the record's memory back. What is written from then on is passed on alone.
func (r *Recorder) Release() {
	if !r.over {
		r.over = true
		r.forget()
	}
}

func (r *Recorder) forget() {
	r.memory.Release(int64(len(r.answer.Body)))
	r.answer.Body = nil
}

// Unwrap is for http.ResponseController.
func (r *Recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// WriteHeader remembers the status and the headers that a repeat gets again.
func (r *Recorder) WriteHeader(status int) {
	if r.answer.Status == 0 {
		r.answer.Status = status
		r.answer.Header = make(http.Header)
		for name, values := range r.Header() {
			if kept(name) {
				r.answer.Header[name] = values
			}
		}
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write remembers the bytes, up to the limit. Bytes count as written for the record
// also when the caller has gone: a repeat is what it will come back with.
func (r *Recorder) Write(p []byte) (int, error) {
	if r.answer.Status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	switch {
	case r.over || r.answer.truncated:
	case len(r.answer.Body)+len(p) > r.limit || !r.memory.Hold(int64(len(p))):
		r.answer.truncated = true
		r.forget()
	default:
		r.answer.Body = append(r.answer.Body, p...)
	}
	return r.ResponseWriter.Write(p)
}

// Answer is what was written.
func (r *Recorder) Answer() Answer { return r.answer }

// kept says which headers belong to the answer and not to the exchange, or to the moment:
// how limits and budgets stood.
func kept(name string) bool {
	switch name {
	case "X-Request-Id", "Date", "Connection", "Transfer-Encoding", "Trailer", "Content-Length":
		return false
	}
	return !strings.HasPrefix(name, "X-Ratelimit-") && !strings.HasPrefix(name, "X-Litellm-Key-")
}
