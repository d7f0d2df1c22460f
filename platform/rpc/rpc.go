// Package rpc makes the transports between Tollgate's services.
//
// A service holds the generated client of every service that it uses. What differs
// between one process and many is only the transport under it, and both are made here.
package rpc

import (
	"context"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/obs"
)

// MaxMessageBytes bounds one message, in and out. It leaves room for the largest answer that
// a provider may give, 32 MiB, which grows when it is written in another format, and for what
// is said about it.
const MaxMessageBytes = 64 << 20

// NewServer returns an empty server whose handlers' errors keep their reasons.
func NewServer(interceptors ...connect.ServerInterceptor) *connect.Server {
	return connect.NewServer(append([]connect.ServerInterceptor{domainErrors}, interceptors...)...)
}

// InProcess returns a client of the services that are, or will be, registered on
// server. Messages are shared between both sides: by the first sharer that knows them,
// or else by [ShareCopy].
func InProcess(server *connect.Server, sharers ...Sharer) *connect.Client {
	share := func(dst, src any) error {
		for _, s := range sharers {
			if s(dst, src) {
				return nil
			}
		}
		return ShareCopy(dst, src)
	}
	return connect.NewClient(newInProcess(server, share), clientErrors)
}

// Sharer hands a message of its own to the other side of an in-process call by setting
// the fields of dst, which is new and empty, to those of src. It reports whether the
// message is one of its own.
type Sharer func(dst, src any) bool

// Remote returns a client of the services at baseURL.
func Remote(client connecthttp.HTTPClient, baseURL string, options ...connecthttp.Option) *connect.Client {
	options = append([]connecthttp.Option{
		connecthttp.WithReadMaxBytes(MaxMessageBytes), connecthttp.WithSendMaxBytes(MaxMessageBytes),
	}, options...)
	return NewClient(connecthttp.NewTransport(client, baseURL, options...))
}

// NewClient returns a client of the services at the other end of a transport, whose errors are
// domain errors.
func NewClient(transport connect.Transport) *connect.Client {
	return connect.NewClient(transport, clientErrors)
}

// Mount serves server's handlers on mux, for the Connect, gRPC and gRPC-Web protocols. JSON
// is read strictly.
func Mount(mux *http.ServeMux, server *connect.Server) {
	connecthttp.Mount(mux, server, connecthttp.WithCodecs(connectproto.NewBinaryCodec(), newStrictJSON()),
		connecthttp.WithReadMaxBytes(MaxMessageBytes), connecthttp.WithSendMaxBytes(MaxMessageBytes))
}

// ReportFaults says the faults of handlers, their panics too, with their causes, and gives
// the context of a call that came over a network the request id that it brought.
func ReportFaults(faults *obs.Faults) connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) (err error) {
			ctx = withRequestID(ctx)
			defer func() {
				if v := recover(); v != nil {
					err = faults.Panic(ctx, spec.Procedure, v)
					return
				}
				faults.Report(ctx, spec.Procedure, err)
			}()
			return next(ctx, spec, stream)
		}
	}
}

func withRequestID(ctx context.Context) context.Context {
	if obs.RequestOf(ctx).ID != "" {
		return ctx
	}
	info, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return ctx
	}
	if requestID := info.RequestHeader().Get("X-Request-Id"); id.ValidRequestID(requestID) {
		return obs.WithRequest(ctx, &obs.Request{ID: requestID})
	}
	return ctx
}

// domainErrors gives every error that leaves a handler its reason and its code.
func domainErrors(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		return errs.ToConnect(next(ctx, spec, stream))
	}
}
