package cache

import (
	"log/slog"

	"connectrpc.com/connect/v2"
	"go.uber.org/fx"

	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/platform/background"
)

// Module serves the cache. It takes [Options], a [Store], the [*connect.Server] to serve on,
// the process's [*background.Work] and a [*slog.Logger], which stands in where Options has none;
// it provides the [*Service].
func Module() fx.Option {
	return fx.Module("cache",
		fx.Provide(func(store Store, opts Options, log *slog.Logger) (*Service, error) {
			if opts.Logger == nil {
				opts.Logger = log
			}
			return New(store, opts)
		}),
		fx.Invoke(serve),
	)
}

// serve registers the handler while the graph is built, because a server must not be
// registered on once it may be called.
func serve(lc fx.Lifecycle, server *connect.Server, service *Service, work *background.Work) {
	cachev1connect.RegisterCacheServiceHandler(server, NewHandler(service))
	loop := work.Loop("the following of what the cache keeps", service.Run)
	lc.Append(fx.StartStopHook(loop.Start, loop.Stop))
}
