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
			func(keystore keystorev1connect.KeystoreServiceClient, clk clock.Clock, log *slog.Logger, lc fx.Lifecycle) *TenantCredentials {
				credentials := NewTenantCredentials(keystore, clk, log.With("service", "router"))
				lc.Append(fx.StartStopHook(credentials.Start, credentials.Close))
				return credentials
			},
			func(opts Options, exchange *upstream.Client, credentials *TenantCredentials, clk clock.Clock, log *slog.Logger, metrics Metrics) (*Service, error) {
				return New(opts, exchange, credentials, clk, log.With("service", "router"), metrics)
			},
		),
		fx.Invoke(func(server *connect.Server, service *Service) { Register(server, service) }),
	)
}
