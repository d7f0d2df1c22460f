package app

import (
	"context"
	"errors"
	"io"

	"connectrpc.com/connect/v2"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/gen/tollgate/compressor/v1/compressorv1connect"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/errs"
)

// forwardOperators has the calls of operators that come to this process answered by the
// services that run elsewhere: the edge's port serves the same procedures in every shape.
// A client is a handler already, but for streams.
func forwardOperators(server *connect.Server, cfg *config.Config, t transports) {
	for _, s := range cfg.Mesh.Needs() {
		client := t.to(s)
		switch s {
		case config.ServiceRouter:
			routerv1connect.RegisterRouterServiceHandler(server, routerForward{routerv1connect.NewRouterServiceClient(client)})
		case config.ServiceCache:
			cachev1connect.RegisterCacheServiceHandler(server, cachev1connect.NewCacheServiceClient(client))
		case config.ServiceCompressor:
			compressorv1connect.RegisterCompressorServiceHandler(server, compressorv1connect.NewCompressorServiceClient(client))
		case config.ServiceKeystore:
			keystorev1connect.RegisterKeystoreServiceHandler(server, keystoreForward{keystorev1connect.NewKeystoreServiceClient(client)})
		case config.ServiceBudget:
			budgetv1connect.RegisterBudgetServiceHandler(server, budgetForward{budgetv1connect.NewBudgetServiceClient(client)})
		case config.ServiceEdge: // has no procedures
		}
	}
}

type routerForward struct {
	routerv1connect.RouterServiceClient
}

// StreamComplete implements [routerv1connect.RouterServiceHandler].
func (f routerForward) StreamComplete(ctx context.Context, req *routerv1.StreamCompleteRequest, to routerv1connect.RouterServiceStreamCompleteServerStream) error {
	from, err := f.RouterServiceClient.StreamComplete(ctx, req)
	if err != nil {
		return err
	}
	return forwardStream(ctx, from, to.Send)
}

type keystoreForward struct {
	keystorev1connect.KeystoreServiceClient
}

// Watch implements [keystorev1connect.KeystoreServiceHandler].
func (f keystoreForward) Watch(ctx context.Context, req *keystorev1.WatchRequest, to keystorev1connect.KeystoreServiceWatchServerStream) error {
	from, err := f.KeystoreServiceClient.Watch(ctx, req)
	if err != nil {
		return err
	}
	return forwardStream(ctx, from, to.Send)
}

type budgetForward struct {
	budgetv1connect.BudgetServiceClient
}

// WatchBudgets implements [budgetv1connect.BudgetServiceHandler].
func (f budgetForward) WatchBudgets(ctx context.Context, req *budgetv1.WatchBudgetsRequest, to budgetv1connect.BudgetServiceWatchBudgetsServerStream) error {
	from, err := f.BudgetServiceClient.WatchBudgets(ctx, req)
	if err != nil {
		return err
	}
	return forwardStream(ctx, from, to.Send)
}

// WatchUsage implements [budgetv1connect.BudgetServiceHandler].
func (f budgetForward) WatchUsage(ctx context.Context, req *budgetv1.WatchUsageRequest, to budgetv1connect.BudgetServiceWatchUsageServerStream) error {
	from, err := f.BudgetServiceClient.WatchUsage(ctx, req)
	if err != nil {
		return err
	}
	return forwardStream(ctx, from, to.Send)
}

// forwardStream hands on what a stream brings until it ends.
func forwardStream[M any](ctx context.Context, from interface {
	Receive() (M, error)
	Close() error
}, send func(M) error,
) (err error) {
	defer func() { err = errors.Join(err, from.Close()) }()
	for {
		message, err := from.Receive()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			// The end of this process is no fault of the other one.
			if own, ok := errors.AsType[*errs.Error](context.Cause(ctx)); ok {
				return own
			}
			return err
		}
		if err := send(message); err != nil {
			return err
		}
	}
}
