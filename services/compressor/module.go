package compressor

import (
	"log/slog"

	"connectrpc.com/connect/v2"
	"go.uber.org/fx"

	"tollgate.dev/gen/tollgate/compressor/v1/compressorv1connect"
)

// Module serves the compressor. It takes [Options], the [*connect.Server] to serve on and
// a [*slog.Logger], which stands in where Options has none; it provides the [*Service].
// Nothing of it runs by itself, so nothing is started or stopped.
func Module() fx.Option {
	return fx.Module("compressor",
		fx.Provide(func(opts Options, log *slog.Logger) (*Service, error) {
			if opts.Logger == nil {
				opts.Logger = log
			}
			return New(opts)
		}),
		fx.Invoke(func(server *connect.Server, service *Service) {
			compressorv1connect.RegisterCompressorServiceHandler(server, NewHandler(service))
		}),
	)
}
