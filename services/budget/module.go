package budget

import (
	"context"
	"log/slog"

	"connectrpc.com/connect/v2"
	"go.uber.org/fx"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
)

// Module is the budget service in an fx app. It takes Options, a Store, the app's
// *connect.Server and its *slog.Logger, registers the handler, and runs the background work
// between start and stop.
func Module() fx.Option {
	return fx.Module("budget",
		fx.Provide(func(store Store, opts Options, logger *slog.Logger) *Service {
			if opts.Logger == nil {
				opts.Logger = logger
			}
			return New(store, opts)
		}),
		fx.Invoke(func(server *connect.Server, s *Service) {
			budgetv1connect.RegisterBudgetServiceHandler(server, Handler(s))
		}),
		fx.Invoke(run),
	)
}

func run(lifecycle fx.Lifecycle, s *Service) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	lifecycle.Append(fx.Hook{
		OnStart: func(context.Context) error {
			go func() { done <- s.Run(ctx) }()
			return nil
		},
		OnStop: func(stop context.Context) error {
			cancel()
			select {
			case err := <-done:
				return err
			case <-stop.Done():
				return stop.Err()
			}
		},
	})
}
