package edge

import (
	"net/http"
	"time"
)

// paced is an answer that is written elsewhere: each piece has its time, and a caller that reads
// more slowly is cut off. Between the pieces there is no time to keep.
type paced struct {
	http.ResponseWriter

	e       *Edge
	control *http.ResponseController
}

func (e *Edge) pace(w http.ResponseWriter) *paced {
	return &paced{w, e, http.NewResponseController(w)}
}

// pieceBytes is how much of an answer has one piece's time, in bytes.
const pieceBytes = 64 << 10

func (w *paced) Write(p []byte) (n int, err error) {
	for first := true; first || err == nil && n < len(p); first = false {
		var m int
		w.begin()
		m, err = w.ResponseWriter.Write(p[n:min(len(p), n+pieceBytes)])
		n += m
	}
	return n, err
}

// FlushError sends what was written.
func (w *paced) FlushError() error {
	w.begin()
	err := w.control.Flush()
	_ = w.control.SetWriteDeadline(time.Time{})
	return err
}

// Flush is FlushError, for those who take no error: the next Write has it.
func (w *paced) Flush() { _ = w.FlushError() }

// Unwrap is for http.ResponseController.
func (w *paced) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// begin gives the next piece its time. It is called at the answer's end as well, which net/http
// writes after the handler.
func (w *paced) begin() {
	// A writer that cannot have a deadline is a test's.
	_ = w.control.SetWriteDeadline(w.e.Clock.Now().Add(w.e.opts.WriteTimeout))
}
