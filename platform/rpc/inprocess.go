package rpc

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
)

// inProcess is Connect's in-process transport, but for calls whose answer is a stream:
// there handler and caller take turns on one thread, as coroutines. Connect's own
// hands each message over a channel between two goroutines, and the wake-ups cost more
// than all else that a message of a few hundred bytes costs.
type inProcess struct {
	server *connect.Server
	copy   connectinprocess.CopyFunc
	other  connect.Transport
}

func newInProcess(server *connect.Server, copyFunc connectinprocess.CopyFunc) connect.Transport {
	return &inProcess{
		server: server, copy: copyFunc,
		other: connectinprocess.New(server, connectinprocess.WithCopyFunc(copyFunc)),
	}
}

// NewClientStream is connect.Transport's.
func (t *inProcess) NewClientStream(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
	if spec.StreamType != connect.StreamTypeServer {
		return t.other.NewClientStream(ctx, spec)
	}
	s := &turns{t: t, procedure: spec.Procedure, server: connect.CallInfo{Spec: spec}}
	if s.client, _ = connect.CallInfoForClientContext(ctx); s.client != nil {
		s.client.Spec = spec
	}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s, nil
}

// turns is a call whose answer is a stream. The handler runs while the caller is in
// Receive, and rests in Send while the caller is not.
type turns struct {
	t         *inProcess
	procedure string
	client    *connect.CallInfo // nil when the caller wants to know nothing
	server    connect.CallInfo
	ctx       context.Context //nolint:containedctx // the handler runs on the call's context
	cancel    context.CancelFunc

	mu      sync.Mutex
	request any
	// next lets the handler run up to its next message; stop ends it. Both are nil
	// before the first Receive.
	next func() (any, bool)
	stop func()
	// unwatch ends the watch on the context, which ends a handler that rests.
	unwatch func() bool
	ended   bool
	err     error
}

// SendHeaders is connect.ClientStream's. There is no header apart from the call.
func (s *turns) SendHeaders() error { return nil }

// Send is connect.ClientStream's.
func (s *turns) Send(msg any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil || s.request != nil || s.ended {
		return io.EOF
	}
	s.request = msg
	return nil
}

// CloseSend is connect.ClientStream's. The request is one message, so there is nothing
// to close.
func (s *turns) CloseSend() error { return nil }

// Receive is connect.ClientStream's. It returns when the handler has sent a message or
// has ended; a handler ends with its context.
func (s *turns) Receive(dst any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil && !s.ended {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		s.next, s.stop = iter.Pull(s.handle)
		s.unwatch = context.AfterFunc(s.ctx, s.end)
	}
	if !s.ended {
		if msg, ok := s.next(); ok {
			return s.t.copy(dst, msg)
		}
		s.finish()
	}
	if s.err != nil {
		return s.err
	}
	return io.EOF
}

// handle runs the handler; each message that it sends is a turn.
func (s *turns) handle(yield func(any) bool) {
	defer func() {
		if r := recover(); r != nil {
			s.err = connect.Errorf(connect.CodeInternal, "panic in server: %v", r)
		}
	}()
	if s.client != nil {
		copyHeader(s.server.RequestHeader(), s.client.RequestHeader())
	}
	s.err = callerError(s.t.server.Call(s.ctx, s.procedure, &s.server, &turn{s: s, yield: yield}))
	if s.client != nil {
		copyHeader(s.client.ResponseHeader(), s.server.ResponseHeader())
		copyHeader(s.client.ResponseTrailer(), s.server.ResponseTrailer())
	}
}

// Close is connect.ClientStream's. It returns when the handler has.
func (s *turns) Close() error {
	s.cancel() // also unblocks a Receive that holds the lock
	s.end()
	return nil
}

// end ends the handler, if it still is there.
func (s *turns) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	if s.stop != nil {
		s.stop()
	}
	if s.err == nil {
		s.err = s.ctx.Err()
	}
	s.finish()
}

// finish notes the end and lets go of the context. The lock is held.
func (s *turns) finish() {
	s.ended = true
	if s.unwatch != nil {
		s.unwatch()
	}
	s.cancel()
}

// turn is the handler's side of turns.
type turn struct {
	s        *turns
	yield    func(any) bool
	received bool
	left     bool
}

// SendHeaders is connect.ServerStream's.
func (t *turn) SendHeaders() error { return nil }

// Receive is connect.ServerStream's.
func (t *turn) Receive(dst any) error {
	if t.received || t.s.request == nil {
		return io.EOF
	}
	t.received = true
	return t.s.t.copy(dst, t.s.request)
}

// Send is connect.ServerStream's. It returns when the caller wants the next message, or
// has left. A caller that waits gets the message also after its context has ended: it may
// tell what became of the call.
func (t *turn) Send(msg any) error {
	if t.left = t.left || !t.yield(msg); t.left {
		return context.Canceled
	}
	return t.s.ctx.Err()
}

// callerError is a handler's error as its caller meets it over a network: marked as
// remote, and without the code of an error that the handler itself was sent.
func callerError(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*connect.Error](err); ok && e != nil {
		if e.IsRemote() {
			return connect.NewError(connect.CodeInternal, "").WithCause(err).WithRemote()
		}
		return e.WithRemote()
	}
	code := connect.CodeUnknown
	switch {
	case errors.Is(err, context.Canceled):
		code = connect.CodeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		code = connect.CodeDeadlineExceeded
	}
	return connect.NewError(code, "").WithCause(err).WithRemote()
}

func copyHeader(dst, src *connect.Header) {
	for name, values := range src.All() {
		dst.SetValues(name, values)
	}
}
