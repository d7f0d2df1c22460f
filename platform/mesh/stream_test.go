package mesh_test

import (
	"errors"
	"io"
	"testing"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
)

func streamOf(model string) *routerv1.StreamCompleteRequest {
	return &routerv1.StreamCompleteRequest{Call: &routerv1.Call{Model: model}}
}

func completeOf(model, body string) *routerv1.CompleteRequest {
	return &routerv1.CompleteRequest{Call: &routerv1.Call{Model: model, Input: &routerv1.Call_Body{Body: []byte(body)}}}
}

// opened is a stream that has begun.
type opened struct {
	tb testing.TB
	routerv1connect.RouterServiceStreamCompleteClientStream
}

// openStream begins a stream and waits for its first message.
func openStream(tb testing.TB, p *peer, model string) opened {
	tb.Helper()
	s, err := p.router.StreamComplete(tb.Context(), streamOf(model))
	must(tb, err)
	_, err = s.Receive()
	must(tb, err)
	return opened{tb, s}
}

// drain reads to the stream's end.
func (o opened) drain() error {
	for {
		if _, err := o.Receive(); errors.Is(err, io.EOF) {
			return o.Close()
		} else if err != nil {
			return errors.Join(err, o.Close())
		}
	}
}
