package edge

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// unreadTime is how long an answer waits for a body that nobody reads: net/http takes in
// what is on its way before it answers, so that the connection can be used again.
const unreadTime = time.Second

// arriving gives a request's body its time, before anything of the request is looked at.
func (e *Edge) arriving(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// A writer that cannot have deadlines is a test's.
		_ = http.NewResponseController(w).SetReadDeadline(e.Clock.Now().Add(e.opts.BodyTimeout))
	}
}

// arrived ends the body's time. Without that, the watch for a caller that leaves would end
// with it.
func arrived(control *http.ResponseController) { _ = control.SetReadDeadline(time.Time{}) }

// unread shortens the time of a body that the answer did not wait for. It comes after the
// handler, which may have left its answer in net/http's buffer.
func (e *Edge) unread(control *http.ResponseController, r *http.Request) {
	if r.ContentLength != 0 {
		_ = control.SetReadDeadline(e.Clock.Now().Add(min(unreadTime, e.opts.BodyTimeout)))
	}
}

// bounded serves what is no exchange: it reads no body, and its answer has its time.
type bounded struct {
	e    *Edge
	next http.Handler
}

func (b bounded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(b.e.Clock.Now().Add(b.e.opts.WriteTimeout))
	b.next.ServeHTTP(w, r)
	b.e.unread(control, r)
}

// inbound is a body that is read elsewhere. Its end ends its time.
type inbound struct {
	io.ReadCloser
	control *http.ResponseController
	ended   bool
}

func (b *inbound) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && !b.ended {
		b.ended = true
		arrived(b.control)
	}
	return n, err
}
