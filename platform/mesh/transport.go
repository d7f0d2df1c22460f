package mesh

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	meshv1 "tollgate.dev/gen/tollgate/mesh/v1"
	"tollgate.dev/platform/rpc"
)

// transport carries a peer's calls. Those that have one answer share a link to each endpoint.
// One whose answer is a stream has a connection of its own, over Connect: what its caller does
// not take waits in that connection, and in nobody else's way.
type transport struct {
	p    *Peer
	http connect.Transport
}

func newTransport(p *Peer) *transport {
	at := p.targets[0]
	return &transport{p, connecthttp.NewTransport(doer{p}, at.scheme+"://"+at.authority,
		connecthttp.WithReadMaxBytes(rpc.MaxMessageBytes), connecthttp.WithSendMaxBytes(rpc.MaxMessageBytes),
		// Both ends are near each other, and their processors are what is scarce.
		connecthttp.WithCompressors())}
}

// NewClientStream is connect.Transport's.
func (t *transport) NewClientStream(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
	if info, ok := connect.CallInfoForClientContext(ctx); ok {
		info.Spec = spec
	}
	if spec.StreamType != connect.StreamTypeUnary {
		return t.watch(ctx, spec)
	}
	return &unary{t: t, ctx: ctx, spec: spec}, nil
}

// unary is a call that has one answer.
type unary struct {
	t    *transport
	ctx  context.Context //nolint:containedctx // it is the call
	spec connect.Spec
	// said is what the other end has to know of the call.
	said *meshv1.Call
	// answer is nil before Send, and after Receive.
	answer *answered
	// plain carries the call where its endpoint takes no links; nil for most.
	plain connect.ClientStream
}

// SendHeaders is connect.ClientStream's. What is said of a call goes with its message.
func (u *unary) SendHeaders() error { return nil }

// CloseSend is connect.ClientStream's. The request is one message.
func (u *unary) CloseSend() error {
	if u.plain != nil {
		return u.plain.CloseSend()
	}
	return nil
}

// Send is connect.ClientStream's. It returns when the call is over.
func (u *unary) Send(msg any) error {
	if u.answer != nil || u.plain != nil {
		return io.EOF
	}
	buffer := takeBuffer()
	defer giveBuffer(buffer)
	u.said = u.about()
	head := proto.Size(u.said)
	head += protowire.SizeVarint(uint64(head))       //nolint:gosec // no size is negative
	*buffer = append(*buffer, make([]byte, head)...) // what is said is written there for each attempt
	if _, err := u.say(*buffer, head); err != nil {
		return err // no attempt could
	}
	var err error
	if *buffer, err = appendMessage(*buffer, msg); err != nil {
		return err
	}
	err = u.t.p.try(u.ctx, u.idempotent(), func(ctx context.Context, e *endpoint, patience *impatient) error {
		return u.ask(ctx, e, patience, *buffer, head)
	}, func(err error) bool { return !errors.Is(err, errBrokenOff) }) // it would break off again
	if !errors.Is(err, errNoLinks) {
		return err
	}
	if u.plain, err = u.t.watch(u.ctx, u.spec); err != nil {
		return err
	}
	return u.plain.Send(msg)
}

func (u *unary) idempotent() bool { return u.spec.IdempotencyLevel != connect.IdempotencyUnknown }

// ask makes the call at one endpoint.
func (u *unary) ask(ctx context.Context, e *endpoint, patience *impatient, request []byte, head int) error {
	l, c, number, err := e.begin(ctx, u.t.p)
	if err != nil {
		return err
	}
	if request, err = u.say(request, head); err != nil {
		l.forget(number)
		return err
	}
	answer, begun, err := l.call(ctx, c, number, request)
	switch {
	case err != nil && !begun:
		return fmt.Errorf("%w: %w", errUnheard, err)
	case err != nil:
		return err
	}
	var said error
	if answer.kind == kindFailure {
		if said = readFailure(answer.bytes()); noProcedure(said) {
			giveBuffer(answer.data)
			return errNotHere
		}
	}
	patience.end()
	e.calls.Add(-1)
	if u.answer != nil {
		giveBuffer(u.answer.data) // another one's, who was unavailable
	}
	u.answer = &answer
	if e.hears(said, u.t.p.opts.Clock) && u.idempotent() {
		return errUnavailable
	}
	return nil
}

// say writes what the other end has to know before the message, and returns the request: with
// the time that is left now, which takes no more room than what was left at first.
func (u *unary) say(request []byte, head int) ([]byte, error) {
	if left := u.left(); left > 0 && left < u.said.GetTimeoutMicros() {
		u.said.TimeoutMicros = left
	}
	size := proto.Size(u.said)
	start := head - size - protowire.SizeVarint(uint64(size))             //nolint:gosec // no size is negative
	said := binary.AppendUvarint(request[start:start:head], uint64(size)) //nolint:gosec // as above
	if _, err := (proto.MarshalOptions{UseCachedSize: true}).MarshalAppend(said, u.said); err != nil {
		return nil, connect.Errorf(connect.CodeInternal, "encode what is said of a call: %s", err).WithCause(err)
	}
	return request[start:], nil
}

// left is how many microseconds the call has left, at least one; 0 for as many as it takes.
func (u *unary) left() int64 {
	deadline, ok := u.ctx.Deadline()
	if !ok {
		return 0
	}
	return max(deadline.Sub(u.t.p.opts.Clock.Now()).Microseconds(), 1)
}

// Receive is connect.ClientStream's.
func (u *unary) Receive(dst any) error {
	if u.plain != nil {
		return u.plain.Receive(dst)
	}
	if u.answer == nil {
		return io.EOF
	}
	defer func() {
		giveBuffer(u.answer.data)
		u.answer = nil
	}()
	if u.answer.kind == kindFailure {
		return readFailure(u.answer.bytes())
	}
	return readMessage(u.answer.bytes(), dst, connect.CodeInternal)
}

// Close is connect.ClientStream's.
func (u *unary) Close() error {
	if u.plain != nil {
		return u.plain.Close()
	}
	if u.answer != nil {
		giveBuffer(u.answer.data)
		u.answer = nil
	}
	return nil
}

// appendMessage encodes a message behind dst.
func appendMessage(dst []byte, msg any) ([]byte, error) {
	m, ok := msg.(proto.Message)
	if !ok {
		return dst, connect.Errorf(connect.CodeInternal, "%T is no message", msg)
	}
	size := proto.Size(m)
	if size > rpc.MaxMessageBytes {
		return dst, connect.Errorf(connect.CodeResourceExhausted, "a message of %d bytes is larger than %d", size, rpc.MaxMessageBytes)
	}
	out, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(slices.Grow(dst, size), m)
	if err != nil {
		return dst, connect.Errorf(connect.CodeInternal, "encode message: %s", err).WithCause(err)
	}
	return out, nil
}

// readMessage decodes a message; fault is the code of one that cannot be.
func readMessage(data []byte, dst any, fault connect.Code) error {
	m, ok := dst.(proto.Message)
	if !ok {
		return connect.Errorf(connect.CodeInternal, "%T is no message", dst)
	}
	if err := proto.Unmarshal(data, m); err != nil {
		return connect.Errorf(fault, "decode message: %s", err).WithCause(err)
	}
	return nil
}

// noProcedure reports whether a failure is the word of the mesh, and not of a service: those say
// more.
func noProcedure(failure error) bool {
	said, ok := errors.AsType[*connect.Error](failure)
	return ok && said.Code() == connect.CodeUnimplemented && len(said.Details()) == 0
}

// about is what the other end has to know of the call.
func (u *unary) about() *meshv1.Call {
	out := &meshv1.Call{Procedure: u.spec.Procedure, TimeoutMicros: u.left()}
	inject(u.ctx, (*callHeader)(out))
	return out
}

// callHeader is what is known of a call, as headers.
type callHeader meshv1.Call

// Get is propagation.TextMapCarrier's.
func (h *callHeader) Get(name string) string {
	switch name {
	case requestIDHeader:
		return h.RequestId
	case traceParent:
		return h.Traceparent
	case traceState:
		return h.Tracestate
	}
	return ""
}

// Set is propagation.TextMapCarrier's.
func (h *callHeader) Set(name, value string) {
	switch name {
	case requestIDHeader:
		h.RequestId = value
	case traceParent:
		h.Traceparent = value
	case traceState:
		h.Tracestate = value
	}
}

// Keys is propagation.TextMapCarrier's.
func (h *callHeader) Keys() []string { return []string{requestIDHeader, traceParent, traceState} }

// appendFailure encodes an error that a handler returned.
func appendFailure(dst []byte, err error) []byte {
	out := &meshv1.Failure{Code: uint32(connect.CodeOf(err))}
	if e, ok := errors.AsType[*connect.Error](err); ok && !e.IsRemote() {
		out.Message = e.Message()
		for _, d := range e.Details() {
			out.Details = append(out.Details, &meshv1.Detail{Type: d.Type, Value: d.Value})
		}
	} else if errors.Is(err, context.Canceled) {
		out.Code = uint32(connect.CodeCanceled)
	} else if errors.Is(err, context.DeadlineExceeded) {
		out.Code = uint32(connect.CodeDeadlineExceeded)
	}
	dst, _ = appendMessage(dst, out) // strings and bytes are all that is in it
	return dst
}

// readFailure is the error that the other end's handler returned.
func readFailure(data []byte) error {
	var in meshv1.Failure
	if err := proto.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("decode a failure: %w", err)
	}
	out := connect.NewError(connect.Code(in.GetCode()), in.GetMessage())
	for _, d := range in.GetDetails() {
		out = out.WithDetail(&connect.ErrorDetail{Type: d.GetType(), Value: d.GetValue()})
	}
	return out.WithRemote()
}
