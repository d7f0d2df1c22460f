package compressor

import (
	"log/slog"

	"connectrpc.com/connect/v2"
	"go.uber.org/fx"

	"tollgate.dev/gen/tollgate/compressor/v1/compressorv1connect"
	"tollgate.dev/platform/background"
)

// Module serves the compressor. It takes [Options], a [Store] and [KeeperOptions] for what
// is left out, the [*connect.Server] to serve on, the process's [*background.Work] and a
// [*slog.Logger], which stands in where options have none; it provides the [*Service].
func Module() fx.Option {
	return fx.Module("compressor",
		fx.Provide(func(store Store, opts KeeperOptions, log *slog.Logger) (*Keeper, error) {
			if opts.Logger == nil {
				opts.Logger = log
			}
			return NewKeeper(store, opts)
		}),
		fx.Provide(func(opts Options, keeper *Keeper, log *slog.Logger) (*Service, error) {
			if opts.Logger == nil {
				opts.Logger = log
			}
			opts.Keeper = keeper
			return New(opts)
		}),
		fx.Invoke(serve),
	)
}

// serve registers the handler while the graph is built, because a server must not be
// registered on once it may be called; what runs, starts and stops in the hooks.
func serve(lc fx.Lifecycle, server *connect.Server, service *Service, keeper *Keeper, work *background.Work) {
	compressorv1connect.RegisterCompressorServiceHandler(server, NewHandler(service))
	// Hooks stop in the reverse order: what the loop has not written is written last, in the
	// time of the stop.
	lc.Append(fx.StopHook(keeper.Flush))
	loop := work.Loop("the keeping of what is left out of prompts", keeper.Run)
	lc.Append(fx.StartStopHook(loop.Start, loop.Stop))
	notes := work.Loop("the noting of how prompts began", service.Run)
	lc.Append(fx.StartStopHook(notes.Start, notes.Stop))
}
