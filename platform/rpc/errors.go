package rpc

import (
	"context"
	"errors"
	"io"

	"connectrpc.com/connect/v2"

	"tollgate.dev/platform/errs"
)

// clientErrors turns the errors of calls back into domain errors, so that consumers
// meet the same errors in process and over the network.
func clientErrors(next connect.ClientFunc) connect.ClientFunc {
	return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
		stream, err := next(ctx, spec)
		if err != nil {
			return nil, errs.FromConnect(err)
		}
		return clientStream{stream}, nil
	}
}

type clientStream struct{ connect.ClientStream }

func (s clientStream) Receive(msg any) error {
	err := s.ClientStream.Receive(msg)
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return errs.FromConnect(err)
}

func (s clientStream) Send(msg any) error {
	err := s.ClientStream.Send(msg)
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return errs.FromConnect(err)
}
