package cache

import (
	"log/slog"

	"connectrpc.com/connect/v2"
	"go.uber.org/fx"

	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
)

// Module serves the cache. It takes [Options], a [Store], the [*connect.Server] to serve
// on and a [*slog.Logger], which stands in where Options has none; it provides the
// [*Service]. Nothing of it runs by itself, so nothing is started or stopped.
func Module() fx.Option {
	return fx.Module("cache",
		fx.Provide(func(store Store, opts Options, log *slog.Logger) (*Service, error) {
			if opts.Logger == nil {
				opts.Logger = log
			}
			return New(store, opts)
		}),
		fx.Invoke(func(server *connect.Server, service *Service) {
			cachev1connect.RegisterCacheServiceHandler(server, NewHandler(service))
		}),
	)
}
