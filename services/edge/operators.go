package edge

import (
	"context"

	"connectrpc.com/connect/v2"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
)

// operator is the key of what a context says of a typed client's call: the edge that let it in.
type operator struct{}

// FollowOperators has an edge do for a typed client's change of a team what it does for that of a route.
// It is an interceptor of the server that is [Parts.RPC]. What services say to each other passes it.
func FollowOperators(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		e, ok := ctx.Value(operator{}).(*Edge)
		if !ok {
			return next(ctx, spec, stream)
		}
		switch spec.Procedure {
		case keystorev1connect.KeystoreServicePutCredentialProcedure, keystorev1connect.KeystoreServiceDeleteCredentialProcedure,
			keystorev1connect.KeystoreServiceDeleteTenantsProcedure:
			stream = &followed{ServerStream: stream, ctx: ctx, edge: e}
		}
		return next(ctx, spec, stream)
	}
}

// followed is a call that changes teams. They have changed when it has an answer.
type followed struct {
	connect.ServerStream

	ctx   context.Context //nolint:containedctx // the call's own
	edge  *Edge
	teams []string
}

// Receive implements [connect.ServerStream].
func (f *followed) Receive(msg any) error {
	err := f.ServerStream.Receive(msg)
	if err == nil {
		switch req := msg.(type) {
		case *keystorev1.PutCredentialRequest:
			f.teams = []string{req.GetTenantId()}
		case *keystorev1.DeleteCredentialRequest:
			f.teams = []string{req.GetTenantId()}
		case *keystorev1.DeleteTenantsRequest:
			f.teams = unique(req.GetIds())
		}
	}
	return err
}

// Send implements [connect.ServerStream].
func (f *followed) Send(msg any) error {
	for _, id := range f.teams {
		f.edge.Keys.Changed("", id)
	}
	f.edge.purgeTeams(f.ctx, f.teams)
	return f.ServerStream.Send(msg)
}
