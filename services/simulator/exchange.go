package simulator

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// dialect is what differs between the providers before a request is read.
type dialect interface {
	provider() Provider
	// authorize answers the provider's error for a missing credential, or nil.
	authorize(r *http.Request) *apiError
	// statusError is the provider's error for a status, as a directive asks.
	statusError(status int, which string) *apiError
	// appendError appends the provider's error body.
	appendError(b []byte, x *exchange, e *apiError) []byte
	// header sets the headers of every answer.
	header(x *exchange, h http.Header)
}

// apiError is an error in a provider's words.
type apiError struct {
	status     int
	kind       string // OpenAI and Anthropic "type", Google "status"
	code       string
	param      string
	message    string
	details    string // Google: JSON of the details array's elements
	retryAfter time.Duration
}

// scratch is the memory that a call borrows.
type scratch struct {
	body  bytes.Buffer
	doc   doc
	out   []byte
	frame []byte
}

// maxModelLen bounds model names, and maxPathLen the paths, that are noted.
const (
	maxModelLen = 1024
	maxPathLen  = 256
)

// maxScratch is the largest memory that goes back to the pool.
const maxScratch = 1 << 20

// exchange is one call in progress.
type exchange struct {
	*scratch
	s    *Server
	d    dialect
	w    http.ResponseWriter
	rc   *http.ResponseController
	r    *http.Request
	call *Call
	dir  Directives
	name string // the model without directives

	stream  bool
	status  int
	events  int
	written int64
	cut     bool
}

var (
	jsonType = []string{"application/json"}
	// errGone ends a call whose client, or server, has gone.
	errGone = errors.New("simulator: gone")
	// errStreamEnd ends a stream after its error event.
	errStreamEnd = errors.New("simulator: end of stream")
)

// handle makes the HTTP handler of one route.
func (s *Server) handle(d dialect, serve func(*exchange) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			http.Error(w, "simulator: closed", http.StatusServiceUnavailable)
			return
		}
		defer s.active.Done()
		sc, _ := s.pool.Get().(*scratch)
		sc.body.Reset()
		x := &exchange{scratch: sc, s: s, d: d, w: w, rc: http.NewResponseController(w), r: r, dir: none()}
		x.call = &Call{Provider: d.provider(), Path: r.URL.Path[:min(len(r.URL.Path), maxPathLen)], Started: s.opt.Now()}
		s.rec.begin(x.call)
		defer x.finish()
		x.run(serve)
	})
}

// run reads the request and serves it. It returns normally also when the
// client has gone; a cut leaves by http.ErrAbortHandler, which is net/http's
// way to close a connection without ending the response.
func (x *exchange) run(serve func(*exchange) error) {
	err := x.read()
	if err == nil {
		err = serve(x)
	}
	var api *apiError
	switch {
	case errors.As(err, &api):
		x.fail(api)
	case errors.Is(err, errGone):
		panic(http.ErrAbortHandler)
	}
}

// Error makes apiError an error.
func (e *apiError) Error() string { return e.kind + ": " + e.message }

// read checks the credential and parses the body.
func (x *exchange) read() error {
	if e := x.d.authorize(x.r); e != nil {
		return e
	}
	if x.r.Method == http.MethodGet {
		return nil
	}
	_, err := x.body.ReadFrom(http.MaxBytesReader(x.w, x.r.Body, x.s.opt.MaxBody))
	body := x.body.Bytes()
	if keep := x.s.opt.KeepBodies; keep > 0 {
		kept, header := bytes.Clone(body[:min(keep, len(body))]), safeHeader(x.r.Header)
		x.s.rec.update(x.call, func(c *Call) { c.Body, c.Header = kept, header })
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return x.d.statusError(http.StatusRequestEntityTooLarge, "")
	case err != nil:
		return errGone
	}
	if err := x.doc.parse(body); err != nil {
		return x.d.statusError(http.StatusBadRequest, errMalformed)
	}
	return nil
}

// safeHeader copies h without what authenticates the caller.
func safeHeader(h http.Header) http.Header {
	out := maps.Clone(h)
	for _, secret := range []string{"Authorization", "X-Api-Key", "X-Goog-Api-Key", "Cookie", "Proxy-Authorization"} {
		delete(out, secret)
	}
	return out
}

// begin reads the model's directives and acts on those that come before an
// answer. Every route calls it once it knows the model.
func (x *exchange) begin(model string, stream bool) error {
	var spec string
	if len(model) > maxModelLen {
		e := x.d.statusError(http.StatusBadRequest, "")
		e.message = "simulator: the model name is longer than " + strconv.Itoa(maxModelLen) + " bytes"
		return e
	}
	x.stream = stream
	x.name, spec = SplitModel(model)
	x.s.rec.update(x.call, func(c *Call) { c.Model, c.Name, c.Stream = model, x.name, stream })
	header := x.r.Header.Get("X-Simulate")
	if spec == "" && header == "" {
		return nil
	}
	for _, from := range [...]string{spec, header} {
		if err := x.dir.apply(from); err != nil {
			e := x.d.statusError(http.StatusBadRequest, "")
			e.message = "simulator: " + err.Error()
			return e
		}
	}
	if x.dir.Hang {
		return x.hang()
	}
	if err := x.sleep(x.dir.Delay); err != nil {
		return err
	}
	if x.dir.Cut == 0 {
		return x.abort()
	}
	return x.fails(spec + "|" + header)
}

func (x *exchange) fails(spec string) error {
	d := x.dir
	status := d.Status
	switch {
	case d.FailTimes > 0:
		key := string(x.d.provider()) + "|" + x.name + "|" + spec
		if !x.s.fails.fail(key, d.FailTimes) {
			return nil
		}
		if status == 0 && d.Error == "" {
			status = http.StatusInternalServerError
		}
	case status == 0 && d.Error == "":
		return nil
	}
	e := x.d.statusError(status, d.Error)
	e.retryAfter = d.RetryAfter
	return e
}

// sleep waits, unless the client or the server goes first.
func (x *exchange) sleep(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-x.r.Context().Done():
	case <-x.s.closing:
	}
	return errGone
}

// hang waits for the client or the server to go.
func (x *exchange) hang() error {
	select {
	case <-x.r.Context().Done():
	case <-x.s.closing:
	}
	return errGone
}

// abort closes the connection.
func (x *exchange) abort() error {
	x.cut = true
	return errGone
}

// fail answers with an error.
func (x *exchange) fail(e *apiError) {
	if e.retryAfter > 0 {
		secs := (e.retryAfter + time.Second - 1) / time.Second
		x.w.Header().Set("Retry-After", strconv.FormatInt(int64(secs), 10))
		if e.retryAfter%time.Second != 0 && x.d.provider() == OpenAI {
			x.w.Header().Set("Retry-After-Ms", strconv.FormatInt(e.retryAfter.Milliseconds(), 10))
		}
	}
	x.out = x.d.appendError(x.out[:0], x, e)
	if err := x.reply(e.status, x.out); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// reply sends a whole JSON answer, which counts as one event.
func (x *exchange) reply(status int, body []byte) error {
	h := x.w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	x.d.header(x, h)
	x.status = status
	x.w.WriteHeader(status)
	if x.dir.FirstByte > 0 {
		if err := x.flush(); err != nil {
			return err
		}
		if err := x.sleep(x.dir.FirstByte); err != nil {
			return err
		}
	}
	if x.dir.MalformedChunk == 1 {
		body = damage(bytes.Clone(body))
	}
	if err := x.write(body); err != nil {
		return err
	}
	x.events++
	return nil
}

// damage makes JSON that no parser accepts, of the same length.
func damage(b []byte) []byte {
	for i := len(b) / 2; i < len(b); i++ {
		if b[i] == '"' || b[i] == '}' || b[i] == ':' {
			b[i] = 0x01 // a control character is not JSON, in a string or out of it
			break
		}
	}
	return b
}

// write sends body bytes, under cut-bytes and split.
func (x *exchange) write(p []byte) error {
	stop := false
	if limit := x.dir.CutBytes; limit >= 0 && x.written+int64(len(p)) >= int64(limit) {
		p, stop = p[:int64(limit)-x.written], true
	}
	step := len(p)
	if x.dir.Split > 0 {
		step = x.dir.Split
	}
	for len(p) > 0 {
		n, err := x.w.Write(p[:min(step, len(p))])
		x.written += int64(n)
		if err != nil {
			return errGone
		}
		if p = p[n:]; x.dir.Split > 0 {
			if err := x.flush(); err != nil {
				return err
			}
		}
	}
	if stop {
		if err := x.flush(); err != nil {
			return err
		}
		return x.abort()
	}
	return nil
}

func (x *exchange) flush() error {
	if err := x.rc.Flush(); err != nil {
		return errGone
	}
	return nil
}

// finish notes the end of the call and gives the memory back.
func (x *exchange) finish() {
	gone := x.r.Context().Err() != nil
	select {
	case <-x.s.closing:
		gone = false
	default:
	}
	x.s.rec.end(x.call, func(c *Call) {
		c.Status, c.BytesIn, c.BytesOut, c.Events = x.status, int64(x.body.Len()), x.written, x.events
		c.Cut, c.Cancelled, c.Ended = x.cut, gone && !x.cut, x.s.opt.Now()
	})
	sc := x.scratch
	x.scratch = nil
	if sc.body.Cap() <= maxScratch && cap(sc.out) <= maxScratch && cap(sc.frame) <= maxScratch {
		sc.doc.src = nil
		x.s.pool.Put(sc)
	}
}
