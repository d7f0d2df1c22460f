package mesh

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	meshv1 "tollgate.dev/gen/tollgate/mesh/v1"
	"tollgate.dev/platform/errs"
)

// served are the links that a process serves.
type served struct {
	mu   sync.Mutex
	open map[*servedLink]struct{}
	// leaving is closed when no more calls are taken.
	leaving chan struct{}
	left    bool
	// serving is how many there are; none is closed when there are none, and will be none.
	serving int
	none    chan struct{}
}

// servedLink is the server's end of a link.
type servedLink struct {
	*wire

	h    *Handler
	base context.Context //nolint:containedctx // of the request that became the link
	addr string

	running sync.WaitGroup // its writer and its calls
	// work hands calls to handlers that wait for one, and idle is how many do.
	work chan *servedCall
	idle atomic.Int64

	mu    sync.Mutex
	calls map[uint32]context.CancelFunc
	// parting says that the other end was asked for no more calls.
	parting sync.Once
}

// link serves a link, on the goroutine of the request that asked for it, until either end
// closes it.
func (h *Handler) link(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), linkProtocol) || r.ProtoMajor != 1 {
		w.Header()["Upgrade"] = []string{linkProtocol}
		w.WriteHeader(http.StatusUpgradeRequired)
		return
	}
	if !h.links.enter() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer h.links.exit()
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	bound(conn)
	l := &servedLink{
		wire: newWire(conn, buffered.Reader),
		h:    h, base: r.Context(), addr: r.RemoteAddr, work: make(chan *servedCall), calls: make(map[uint32]context.CancelFunc),
	}
	const agreed = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + linkProtocol + "\r\n\r\n"
	if _, err := io.WriteString(conn, agreed); err != nil {
		l.end(err)
		return
	}
	l.serve()
}

// serve begins a call for each request that comes.
func (l *servedLink) serve() {
	known := l.h.links.add(l)
	defer l.h.links.remove(l)
	l.running.Go(l.write)
	defer l.running.Wait()
	defer l.abandon()
	if !known || l.h.opts.Draining() {
		l.part()
	}
	unfinished := make(parts)
	for {
		k, number, data, err := l.read()
		if err != nil {
			l.end(err)
			return
		}
		switch k {
		case kindGone:
			giveBuffer(data)
			delete(unfinished, number)
			l.cancel(number)
			continue
		case kindPing:
			giveBuffer(data)
			l.tell(kindPong, 0)
			continue
		default:
		}
		if data, err = unfinished.join(k, number, data); err != nil {
			l.end(err)
			return
		}
		if data != nil {
			l.begin(number, data)
		}
	}
}

// begin has a call handled, unless this process takes none any more.
func (l *servedLink) begin(number uint32, data *[]byte) {
	select {
	case <-l.h.links.leaving:
		giveBuffer(data)
		l.tell(kindUnheard, number)
		return
	default:
	}
	if l.h.opts.Draining() {
		l.part() // this call is served, and others should not begin
	}
	c := &servedCall{number: number, data: data}
	if c.message = readCall(*data, &c.about); c.message == nil {
		l.end(errMalformed)
		return
	}
	var ctx context.Context
	var cancel context.CancelFunc
	if micros := c.about.GetTimeoutMicros(); micros > 0 && micros < longest.Microseconds() {
		ctx, cancel = context.WithTimeout(l.base, time.Duration(micros)*time.Microsecond)
	} else {
		ctx, cancel = context.WithCancel(l.base)
	}
	l.mu.Lock()
	if l.calls[number] != nil {
		l.mu.Unlock()
		cancel()
		giveBuffer(data)
		l.end(errMalformed)
		return
	}
	l.calls[number] = cancel
	l.mu.Unlock()
	c.ctx = extract(ctx, (*callHeader)(&c.about))
	select {
	case l.work <- c:
	default:
		l.running.Go(func() { l.handle(c) })
	}
}

// handle handles a call, and those that come after it: a goroutine that has handled one has
// the stack that the next one needs.
func (l *servedLink) handle(c *servedCall) {
	for {
		l.answer(c.ctx, c)
		l.cancel(c.number)
		if l.idle.Add(1) > idleHandlers {
			l.idle.Add(-1)
			return
		}
		select {
		case c = <-l.work:
			l.idle.Add(-1)
		case <-l.over:
			return
		}
	}
}

// idleHandlers bounds the goroutines of a link that wait for calls.
const idleHandlers = 16

// readCall reads what is said of a call and returns its message; nil when that is no call.
func readCall(data []byte, about *meshv1.Call) []byte {
	size, n := binary.Uvarint(data)
	if n <= 0 || size > uint64(len(data)-n) { //nolint:gosec // n is no more than there are
		return nil
	}
	said, message := data[n:n+int(size)], data[n+int(size):] //nolint:gosec // no more than there are
	if proto.Unmarshal(said, about) != nil {
		return nil
	}
	return message
}

var errMalformed = errors.New("a frame is malformed")

// longest is as long as a call may wait; one that wants to wait for longer has no deadline.
const longest = 365 * 24 * time.Hour

// cancel ends a call's context.
func (l *servedLink) cancel(number uint32) {
	l.mu.Lock()
	cancel := l.calls[number]
	delete(l.calls, number)
	l.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// abandon ends the contexts of all calls: nobody waits for them.
func (l *servedLink) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, cancel := range l.calls {
		cancel()
	}
}

// part asks the other end for no more calls.
func (l *servedLink) part() { l.parting.Do(func() { l.tell(kindFarewell, 0) }) }

// answer handles a call and sends what comes of it.
func (l *servedLink) answer(ctx context.Context, c *servedCall) {
	kind, out := kindBroken, takeBuffer()
	defer giveBuffer(out)
	defer func() {
		if v := recover(); v != nil {
			*out, kind = l.h.panicked(ctx, c, (*out)[:0], v)
		}
		if _, err := l.send(ctx, kind, c.number, *out); err != nil {
			l.tell(kindBroken, c.number) // its caller has left, or its time is over
		}
	}()
	err := l.h.call(ctx, c, l.addr)
	giveBuffer(c.data)
	switch {
	case err != nil:
		*out, kind = appendFailure(*out, err), kindFailure
	case c.answer == nil:
		*out, kind = appendFailure(*out, connect.NewError(connect.CodeInternal, "there is no answer")), kindFailure
	default:
		if *out, err = appendMessage(*out, c.answer); err != nil {
			// No interceptor hears of it, and it is this process's fault, whatever its code is.
			if l.h.opts.Faults != nil {
				l.h.opts.Faults.Report(ctx, c.about.GetProcedure(), errs.New(errs.Internal, "the answer cannot be encoded").WithCause(err))
			}
			*out = appendFailure((*out)[:0], err)
			kind = kindFailure
			return
		}
		kind = kindAnswer
	}
}

// panicked says what a call is answered with that panicked outside of those who report faults.
func (h *Handler) panicked(ctx context.Context, c *servedCall, out []byte, v any) ([]byte, kind) {
	if v == http.ErrAbortHandler || h.opts.Faults == nil { //nolint:errorlint // net/http compares it so
		return out, kindBroken
	}
	return appendFailure(out, errs.ToConnect(h.opts.Faults.Panic(ctx, c.about.GetProcedure(), v))), kindFailure
}

// call hands a call to its service, if that is one of those that are served here.
func (h *Handler) call(ctx context.Context, c *servedCall, addr string) error {
	procedure := c.about.GetProcedure()
	if !h.serves(serviceOf(procedure)) {
		return connect.Errorf(connect.CodeUnimplemented, "there is no %q here", procedure)
	}
	return h.opts.RPC.Call(ctx, procedure, &connect.CallInfo{PeerAddr: addr, Protocol: linkProtocol}, c)
}

// servedCall is a call with its request and its answer.
type servedCall struct {
	ctx     context.Context //nolint:containedctx // it is handed over with the call
	number  uint32
	about   meshv1.Call
	data    *[]byte // holds message
	message []byte
	read    bool
	answer  any
}

// SendHeaders is connect.ServerStream's.
func (c *servedCall) SendHeaders() error { return nil }

// Receive is connect.ServerStream's.
func (c *servedCall) Receive(dst any) error {
	if c.read {
		return io.EOF
	}
	c.read = true
	return readMessage(c.message, dst, connect.CodeInvalidArgument)
}

var errOneAnswer = errors.New("a call on a link has one answer")

// Send is connect.ServerStream's. The message goes out when the handler has returned without
// an error.
func (c *servedCall) Send(msg any) error {
	if c.answer != nil {
		return errOneAnswer
	}
	c.answer = msg
	return nil
}

// enter counts a link that is to be served, unless the process leaves.
func (s *served) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.left {
		s.serving++
	}
	return !s.left
}

// exit is enter's counterpart.
func (s *served) exit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving--; s.left && s.serving == 0 {
		close(s.none)
	}
}

// add reports whether the link's end was not begun in the meantime.
func (s *served) add(l *servedLink) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[*servedLink]struct{})
	}
	s.open[l] = struct{}{}
	return !s.left
}

func (s *served) remove(l *servedLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, l)
}

// leave takes no more calls. The other ends are told, and close their links after their calls.
func (s *served) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return
	}
	s.left = true
	close(s.leaving)
	if s.serving == 0 {
		close(s.none)
	}
	for l := range s.open {
		l.part()
	}
}

// wait waits until all links have ended, or ctx has.
func (s *served) wait(ctx context.Context) error {
	select {
	case <-s.none:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("calls on links are still open: %w", ctx.Err())
	}
}

// close ends all links at once.
func (s *served) close() {
	s.leave()
	s.mu.Lock()
	for l := range s.open {
		l.end(errClosed)
	}
	s.mu.Unlock()
	<-s.none
}

// errClosed is of a link whose server, or whose peer, was closed.
var errClosed = errors.New("it is closed")
