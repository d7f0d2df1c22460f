package mesh

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"sync"

	"tollgate.dev/platform/rpc"
)

// A link is a connection that carries many calls at a time, in frames. A frame is a header of
// nine bytes (the length of what follows, as a big-endian uint32; its kind; the number of the
// call that it is of, as a uint32) and as many bytes. Messages that are longer than a frame go
// in several, between which those of other calls may pass.
type frame struct {
	kind kind
	call uint32
	data []byte
}

// kind is what a frame is.
type kind byte

const (
	// kindCall is a request: Call of link.proto behind its length, as a varint, and the message.
	kindCall kind = iota + 1
	// kindAnswer is the message that a call is answered with.
	kindAnswer
	// kindFailure is the Failure of link.proto that a call is answered with.
	kindFailure
	// kindBroken says that a call broke off in its handler.
	kindBroken
	// kindUnheard says that a call came too late: nobody has heard of it.
	kindUnheard
	// kindGone says that a call's caller does not wait any longer.
	kindGone
	// kindFarewell asks for no more calls on this link: its end is about to stop.
	kindFarewell
	// kindPing asks whether the other end still is there, and kindPong says so.
	kindPing
	kindPong

	// more marks a kind whose message goes on in another frame.
	more kind = 0x80
)

const (
	frameHeader = 9
	// maxFrame bounds a frame's data, in bytes. A link is another call's after as many.
	maxFrame = 64 << 10
	// maxUnwritten is how many bytes may wait to be written until those who want to write wait.
	maxUnwritten = 256 << 10
	// keptBuffer bounds a buffer that is kept for the next message, in bytes.
	keptBuffer = 64 << 10
	readAhead  = 32 << 10
)

// errLinkEnded is of a link that nobody closed for a reason.
var errLinkEnded = errors.New("the connection ended")

// wire is a link's connection: many write to it, and one reads. What is written while a write
// is under way goes out together in the next one, which is why a busy link needs fewer system
// calls than it carries messages.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	head [frameHeader]byte

	mu sync.Mutex
	// unwritten waits for the writer; spare is the buffer that it wrote last.
	unwritten, spare []byte
	// queued counts the bytes that were ever to be written, begun those whose write has begun.
	queued, begun uint64
	// room is closed when there is room again; nil while nobody waits for it.
	room chan struct{}
	// wake has the writer look at unwritten.
	wake chan struct{}
	// over is closed at the link's end, and why is what ended it.
	over chan struct{}
	why  error
}

func newWire(conn net.Conn, in io.Reader) *wire {
	return &wire{conn: conn, in: bufio.NewReaderSize(in, readAhead), wake: make(chan struct{}, 1), over: make(chan struct{})}
}

// end closes the connection. Only the first reason counts.
func (w *wire) end(why error) {
	w.mu.Lock()
	first := w.why == nil
	if first {
		w.why = why
		close(w.over)
	}
	w.mu.Unlock()
	if first {
		_ = w.conn.Close() // it is of no use any more
	}
}

// send queues a message in as many frames as it needs. It waits for room, as long as ctx lasts:
// of what ends unfinished the other end has to be told. It returns where the message begins in
// what the link has ever carried: see began.
func (w *wire) send(ctx context.Context, k kind, call uint32, data []byte) (start uint64, err error) {
	for first := true; first || len(data) > 0; first = false {
		f := frame{k, call, data}
		if len(data) > maxFrame {
			f.kind, f.data = k|more, data[:maxFrame]
		}
		data = data[len(f.data):]
		if err = w.awaitRoom(ctx); err != nil {
			if first {
				start = math.MaxUint64
			}
			return start, err
		}
		if at := w.queue(f); first {
			start = at
		}
	}
	return start, nil
}

// tell queues a frame that is but its kind. There is room for it at all times.
func (w *wire) tell(k kind, call uint32) { w.queue(frame{kind: k, call: call}) }

// queue returns where the frame begins. What comes after the link's end is written nowhere.
func (w *wire) queue(f frame) (start uint64) {
	w.mu.Lock()
	start = w.queued
	w.unwritten = binary.BigEndian.AppendUint32(w.unwritten, uint32(len(f.data))) //nolint:gosec // no more than maxFrame
	w.unwritten = append(w.unwritten, byte(f.kind))
	w.unwritten = binary.BigEndian.AppendUint32(w.unwritten, f.call)
	w.unwritten = append(w.unwritten, f.data...)
	w.queued += frameHeader + uint64(len(f.data))
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // it will look
	}
	return start
}

func (w *wire) awaitRoom(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.why == nil && len(w.unwritten) >= maxUnwritten {
		if w.room == nil {
			w.room = make(chan struct{})
		}
		room := w.room
		w.mu.Unlock()
		var err error
		select {
		case <-room:
		case <-w.over:
		case <-ctx.Done():
			err = ctx.Err()
		}
		w.mu.Lock()
		if err != nil {
			return err
		}
	}
	return w.why
}

// began reports whether something of the message that begins at start may have been written.
func (w *wire) began(start uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return start < w.begun
}

// write writes what is queued until the link's end.
func (w *wire) write() {
	for {
		select {
		case <-w.over:
			return
		case <-w.wake:
		}
		for {
			out := w.take()
			if len(out) == 0 {
				break
			}
			if _, err := w.conn.Write(out); err != nil {
				w.end(err)
				return
			}
		}
	}
}

// take takes all that waits to be written; nothing after the link's end, by which it was decided
// what nobody has heard of.
func (w *wire) take() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.why != nil {
		return nil
	}
	out := w.unwritten
	if w.unwritten, w.spare = w.spare[:0], out[:0]; cap(out) > keptBuffer {
		w.spare = nil
	}
	w.begun += uint64(len(out))
	if w.room != nil {
		close(w.room)
		w.room = nil
	}
	return out
}

var errFrameSize = errors.New("a frame is too long")

// read reads a frame into a buffer of [buffers], which is the caller's.
func (w *wire) read() (kind, uint32, *[]byte, error) {
	if _, err := io.ReadFull(w.in, w.head[:]); err != nil {
		return 0, 0, nil, err //nolint:wrapcheck // the reason is the link's
	}
	size := binary.BigEndian.Uint32(w.head[:])
	if size > maxFrame {
		return 0, 0, nil, errFrameSize
	}
	b := takeBuffer()
	*b = append(*b, make([]byte, size)...)
	if _, err := io.ReadFull(w.in, *b); err != nil {
		giveBuffer(b)
		return 0, 0, nil, err //nolint:wrapcheck // as above
	}
	return kind(w.head[4]), binary.BigEndian.Uint32(w.head[5:]), b, nil
}

// buffers hold a message on its way between a link and its codec.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

func takeBuffer() *[]byte {
	b, _ := buffers.Get().(*[]byte) // the pool holds nothing else
	*b = (*b)[:0]
	return b
}

// giveBuffer lets go of a buffer; nil is none.
func giveBuffer(b *[]byte) {
	if b != nil && cap(*b) <= keptBuffer {
		buffers.Put(b)
	}
}

// parts puts messages together whose frames come one by one. It is the reader's.
type parts map[uint32]*[]byte

var errTooLong = errors.New("a message is too long")

// join takes a frame and returns the whole message once that was its last one, and nil before.
func (p parts) join(k kind, call uint32, data *[]byte) (*[]byte, error) {
	if earlier := p[call]; earlier != nil {
		*earlier = append(*earlier, *data...)
		giveBuffer(data)
		data = earlier
	}
	switch {
	case len(*data) > rpc.MaxMessageBytes+maxFrame: // what a call says beside its message has room as well
		return nil, errTooLong
	case k&more != 0:
		p[call] = data
		return nil, nil
	}
	delete(p, call)
	return data, nil
}
