package simulator

import "net/http"

// framing is how a dialect's stream is put on the wire.
type framing struct {
	contentType []string
	crlf        bool // Google ends lines by CR LF
	array       bool // Google without alt=sse: a JSON array
}

var (
	sseUTF8  = framing{contentType: []string{"text/event-stream; charset=utf-8"}}
	ssePlain = framing{contentType: []string{"text/event-stream"}}
	sseGoog  = framing{contentType: []string{"text/event-stream"}, crlf: true}
	sseArray = framing{contentType: jsonType, array: true}
)

// sse writes an event stream. After its first error all sends fail.
type sse struct {
	x    *exchange
	f    framing
	eol  string
	err  error
	errs func(b []byte) (name string, data []byte) // the dialect's error event
}

// openStream sends the headers of a stream.
func (x *exchange) openStream(f framing, errs func([]byte) (string, []byte)) *sse {
	h := x.w.Header()
	h["Content-Type"] = f.contentType
	h["Cache-Control"] = []string{"no-cache"}
	x.d.header(x, h)
	x.status = http.StatusOK
	x.w.WriteHeader(http.StatusOK)
	st := &sse{x: x, f: f, eol: "\n", errs: errs}
	if f.crlf || x.dir.CRLF {
		st.eol = "\r\n"
	}
	if x.dir.FirstByte > 0 {
		if st.err = x.flush(); st.err == nil {
			st.err = x.sleep(x.dir.FirstByte)
		}
	}
	return st
}

// send writes one event and flushes it. name is "" for dialects without event
// names.
func (st *sse) send(name string, data []byte) error {
	if st.err == nil {
		st.err = st.event(name, data)
	}
	return st.err
}

func (st *sse) event(name string, data []byte) error {
	x := st.x
	if x.events > 0 {
		if err := x.sleep(x.dir.ChunkDelay); err != nil {
			return err
		}
	}
	x.frame = st.frame(x.frame[:0], name, data, x.events == 0)
	x.events++
	if err := x.write(x.frame); err != nil {
		return err
	}
	if x.dir.Split == 0 {
		if err := x.flush(); err != nil {
			return err
		}
	}
	switch x.events {
	case x.dir.HangAt:
		return x.hang()
	case x.dir.Cut:
		return x.abort()
	case x.dir.ErrorAt:
		name, data := st.errs(nil)
		x.frame = st.frame(x.frame[:0], name, data, false)
		if err := x.write(x.frame); err != nil {
			return err
		}
		return errStreamEnd
	}
	return nil
}

func (st *sse) frame(b []byte, name string, data []byte, first bool) []byte {
	x := st.x
	if st.f.array {
		if first {
			b = append(b, '[')
		} else {
			b = append(b, ",\r\n"...)
		}
		return st.data(b, data)
	}
	if x.dir.KeepAlive {
		b = append(b, ": keep-alive"...)
		b = append(b, st.eol...)
		b = append(b, st.eol...)
	}
	if name != "" {
		b = append(b, "event: "...)
		b = append(b, name...)
		b = append(b, st.eol...)
	}
	b = append(b, "data: "...)
	b = st.data(b, data)
	b = append(b, st.eol...)
	return append(b, st.eol...)
}

// data appends an event's payload, damaged when its number is up.
func (st *sse) data(b, data []byte) []byte {
	from := len(b)
	b = append(b, data...)
	if st.x.dir.MalformedChunk == st.x.events+1 {
		damage(b[from:])
	}
	return b
}

// close ends the stream: with done, the dialect's last event, if it has one.
func (st *sse) close(done string) error {
	switch {
	case st.err == errStreamEnd: //nolint:errorlint // the very value, set above
		return nil
	case st.err != nil:
		return st.err
	case st.x.dir.NoDone:
		return nil
	case st.f.array:
		return st.x.write([]byte("]"))
	case done != "":
		return st.send("", []byte(done))
	}
	return nil
}
