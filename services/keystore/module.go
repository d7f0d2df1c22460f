package keystore

import (
	"log/slog"

	"connectrpc.com/connect/v2"
	"go.uber.org/fx"

	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/background"
)

// Module serves the keystore. It takes [Options], a [Store], the [*connect.Server] to
// serve on, the process's [*background.Work] and a [*slog.Logger], which stands in where
// Options has none; it provides the [*Service].
func Module() fx.Option {
	return fx.Module("keystore",
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
// registered on once it may be called; what runs, starts and stops in the hooks.
func serve(lc fx.Lifecycle, server *connect.Server, service *Service, work *background.Work) {
	keystorev1connect.RegisterKeystoreServiceHandler(server, NewHandler(service))
	loop := work.Loop("the keystore service", service.Run)
	lc.Append(fx.StartStopHook(loop.Start, loop.Stop))
}
