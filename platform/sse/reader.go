package sse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// DefaultMaxEvent is the bound on one event's size in bytes, when Options name none.
const DefaultMaxEvent = 8 << 20

const (
	firstBuffer = 4 << 10
	// minRead is the least room a Read is given.
	minRead = 512
	// maxKeptBuffer is how large a buffer Reset keeps for the next stream.
	maxKeptBuffer = 64 << 10
	// maxEmptyReads is how many Reads in a row may return neither bytes nor an error.
	maxEmptyReads = 100
)

var (
	// ErrEventTooLarge is returned for an event beyond Options.MaxEvent.
	ErrEventTooLarge = errors.New("sse: event too large")

	errBadRead = errors.New("sse: the reader returned an impossible count")

	byteOrderMark = []byte("\xef\xbb\xbf")
)

// Event is one dispatched event. Its bytes are valid until the next call of Next or Reset.
type Event struct {
	// Name is the event's type. It is empty for the default type, "message".
	Name []byte
	// Data is the data lines, joined by LF.
	Data []byte
	// ID is the stream's last event ID when the event was dispatched: an ID holds for
	// the events after it too, until there is another.
	ID []byte
}

// Options of a Reader.
type Options struct {
	// MaxEvent bounds, in bytes, an event's data together with the line that is being read; 0
	// means DefaultMaxEvent. A Reader's memory stays within a small multiple of it.
	MaxEvent int
}

// Reader reads the events of one stream. It is not for concurrent use.
//
// It never waits for bytes while a complete event is buffered: not even for the LF that may
// follow a CR. Data of a single line is returned where it was read, without a copy.
type Reader struct {
	src io.Reader
	max int
	err error // of src, or ErrEventTooLarge; returned when what came before is used up

	// buf[pos:end] is not parsed yet. What an event under way has for data lies joined
	// in buf[data:dataEnd], before pos: a data line is never shorter than what joins it, so
	// that joining in place needs no room.
	buf           []byte
	pos, end      int
	data, dataEnd int
	hasData       bool
	lf, cr        finder

	started bool // whatever byte order mark there was is behind
	skipLF  bool // a CR ended the last line: an LF right after it belongs to it
	open    bool // a field was seen since the last blank line

	// Two of each in turns: one for the event that was returned, one for the event under way,
	// which Buffered may parse while the other is in use.
	names   [2][]byte
	name    int // the one under way
	ids     [2][]byte
	id      int  // the one that holds
	idMoved bool // id has been switched for the event under way

	retry time.Duration
	next  Event
	ready bool // next is complete, and not yet returned
}

// NewReader returns a Reader of the stream src. Nothing is read before the first Next.
func NewReader(src io.Reader, opts Options) *Reader {
	r := &Reader{max: opts.MaxEvent}
	if r.max <= 0 {
		r.max = DefaultMaxEvent
	}
	r.src = src
	return r
}

// Reset makes r the Reader of another stream, with the same options, and keeps its buffers
// unless they grew large. A nil src lets go of the stream, for a pool.
func (r *Reader) Reset(src io.Reader) {
	fresh := Reader{src: src, max: r.max}
	if cap(r.buf) <= maxKeptBuffer {
		fresh.buf = r.buf
	}
	for i := range 2 {
		if cap(r.names[i])+cap(r.ids[i]) <= maxKeptBuffer {
			fresh.names[i], fresh.ids[i] = r.names[i][:0], r.ids[i][:0]
		}
	}
	*r = fresh
}

// Next returns the next event, reading from the stream only if none is buffered.
//
// The error is io.EOF when the stream ended between events (comments aside),
// io.ErrUnexpectedEOF when it ended in the middle of an event or of a line, ErrEventTooLarge,
// or what the stream's Read returned. Each comes again on every further call.
func (r *Reader) Next() (Event, error) {
	for !r.parse() {
		if r.err != nil {
			if errors.Is(r.err, io.EOF) && (r.open || r.pos < r.end) {
				return Event{}, io.ErrUnexpectedEOF
			}
			return Event{}, r.err
		}
		r.fill()
	}
	r.ready = false
	return r.next, nil
}

// Buffered reports whether Next would return another event without reading from the stream.
// It leaves the event that Next returned last as it is. A consumer takes what is buffered
// before it flushes.
func (r *Reader) Buffered() bool { return r.parse() }

// Retry returns the reconnection time that the stream last asked for, 0 if it asked for none.
func (r *Reader) Retry() time.Duration { return r.retry }

// parse goes through the buffered lines until an event is ready.
func (r *Reader) parse() bool {
	if r.ready {
		return true
	}
	if !r.started && !r.start() {
		return false
	}
	for {
		if r.skipLF && r.pos < r.end {
			r.skipLF = false
			if r.buf[r.pos] == '\n' {
				r.pos++
			}
		}
		text := r.buf[:r.end]
		lineEnd, cr := r.lf.find(text, r.pos, '\n'), r.cr.find(text, r.pos, '\r')
		ended := min(lineEnd, cr) < r.end
		lineEnd = min(lineEnd, cr)
		if r.dataEnd-r.data+lineEnd-r.pos > r.max {
			r.err = ErrEventTooLarge
			return false
		}
		if !ended {
			return false
		}
		line := r.pos
		r.pos = lineEnd + 1
		r.skipLF = lineEnd == cr
		switch {
		case line < lineEnd:
			r.field(line, lineEnd)
		case r.dispatch():
			return true
		}
	}
}

// start skips a byte order mark, and reports whether there are enough bytes to know.
func (r *Reader) start() bool {
	head := r.buf[r.pos:min(r.end, len(byteOrderMark))]
	if !bytes.HasPrefix(byteOrderMark, head) {
		r.started = true
		return true
	}
	if len(head) < len(byteOrderMark) {
		return false
	}
	r.pos += len(byteOrderMark)
	r.started = true
	return true
}

// field takes the line buf[from:to], which is not blank.
func (r *Reader) field(from, to int) {
	line := r.buf[from:to]
	colon := bytes.IndexByte(line, ':')
	if colon == 0 {
		return // a comment
	}
	r.open = true
	name, value := line, line[len(line):]
	if colon > 0 {
		name, value = line[:colon], line[colon+1:]
		if len(value) > 0 && value[0] == ' ' {
			value = value[1:]
		}
	}
	switch string(name) {
	case "data":
		r.addData(to-len(value), to)
	case "event":
		r.names[r.name] = append(r.names[r.name][:0], value...)
	case "id":
		if bytes.IndexByte(value, 0) >= 0 {
			return
		}
		if !r.idMoved {
			r.id, r.idMoved = 1-r.id, true
		}
		r.ids[r.id] = append(r.ids[r.id][:0], value...)
	case "retry":
		if ms, ok := digits(value); ok {
			r.retry = ms
		}
	}
}

// addData joins the value buf[from:to] to the data of the event under way.
func (r *Reader) addData(from, to int) {
	if !r.hasData {
		r.data, r.dataEnd, r.hasData = from, to, true
		return
	}
	r.buf[r.dataEnd] = '\n'
	r.dataEnd++
	r.dataEnd += copy(r.buf[r.dataEnd:], r.buf[from:to])
}

// dispatch ends the event under way at a blank line and reports whether it is one: without
// data it is not.
func (r *Reader) dispatch() bool {
	r.open = false
	if !r.hasData {
		r.names[r.name] = r.names[r.name][:0]
		return false
	}
	r.next = Event{
		Name: r.names[r.name],
		Data: r.buf[r.data:r.dataEnd:r.dataEnd],
		ID:   r.ids[r.id],
	}
	r.ready = true
	r.name = 1 - r.name
	r.names[r.name] = r.names[r.name][:0]
	r.idMoved = false
	r.data, r.dataEnd, r.hasData = 0, 0, false
	return true
}

// fill reads once, and makes room for it first. It overwrites the data of the event
// that Next returned last.
func (r *Reader) fill() {
	if !r.hasData && r.pos == r.end {
		r.move(0)
	}
	if len(r.buf)-r.end < minRead {
		r.makeRoom()
	}
	for range maxEmptyReads {
		n, err := r.src.Read(r.buf[r.end:])
		if n < 0 || n > len(r.buf)-r.end {
			r.err = errBadRead
			return
		}
		r.end += n
		switch {
		case err == nil || err == io.EOF:
			r.err = err
		case errors.Is(err, io.EOF):
			// An EOF within another error is a fault, and must not look like a clean end.
			r.err = fmt.Errorf("sse: read: %w", io.ErrUnexpectedEOF)
		default:
			r.err = fmt.Errorf("sse: read: %w", err)
		}
		if n > 0 || err != nil {
			return
		}
	}
	r.err = io.ErrNoProgress
}

// makeRoom moves what is still needed to the start of the buffer, and doubles the buffer
// if that leaves less than a quarter: less would be moved again too soon.
func (r *Reader) makeRoom() {
	data := r.buf[r.data:r.dataEnd]
	need := len(data) + r.end - r.pos
	if free := len(r.buf) - need; free < minRead || free < len(r.buf)/4 {
		old := r.buf
		r.buf = make([]byte, max(firstBuffer, 2*len(old)))
		copy(r.buf[len(data):], old[r.pos:r.end])
		copy(r.buf, data)
	} else {
		copy(r.buf, data)
		copy(r.buf[len(data):], r.buf[r.pos:r.end])
	}
	r.data, r.dataEnd = 0, len(data)
	r.move(len(data))
}

// move notes that the unparsed bytes now start at offset to.
func (r *Reader) move(to int) {
	by := r.pos - to
	r.lf.pos -= by
	r.cr.pos -= by
	r.pos -= by
	r.end -= by
}

// finder looks for one byte and remembers what it saw, so that looking for two of them
// passes over each buffered byte once for each, however they are spread.
type finder struct {
	pos   int  // where the byte is, or up to where there is none
	found bool // which of the two
}

// find returns the offset of the first c in text at or after from, or len(text).
func (f *finder) find(text []byte, from int, c byte) int {
	if f.found && f.pos >= from {
		return f.pos
	}
	from = max(from, f.pos)
	n := bytes.IndexByte(text[from:], c)
	if f.found = n >= 0; !f.found {
		n = len(text) - from
	}
	f.pos = from + n
	return f.pos
}

// digits reads milliseconds, which must be ASCII digits alone and fit a Duration.
func digits(s []byte) (time.Duration, bool) {
	var ms int64
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		ms = ms*10 + int64(c-'0')
		if ms > math.MaxInt64/int64(time.Millisecond) {
			return 0, false
		}
	}
	return time.Duration(ms) * time.Millisecond, len(s) > 0
}
