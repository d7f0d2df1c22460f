package router

import (
	"log/slog"

	"connectrpc.com/connect/v2"
	"go.uber.org/fx"

	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/services/router/upstream"
)

// Module runs the router. It needs [Options], [upstream.Options], [Metrics], a
// keystore client and the process's clock, log and RPC server.
func Module() fx.Option {
	return fx.Module("router",
		fx.Provide(
			func(opts upstream.Options, lc fx.Lifecycle) *upstream.Client {
				client := upstream.New(opts)
				lc.Append(fx.StopHook(client.Close))
				return client
			},
			func(opts Options, exchange *upstream.Client, keystore keystorev1connect.KeystoreServiceClient,
				clk clock.Clock, log *slog.Logger, metrics Metrics,
			) (*Service, error) {
				return New(opts, exchange, NewTenantCredentials(keystore, clk), clk, log.With("service", "router"), metrics)
			},
		),
		fx.Invoke(func(server *connect.Server, service *Service) { Register(server, service) }),
	)
}
