package budget

import (
	"log/slog"

	"connectrpc.com/connect/v2"
	"go.uber.org/fx"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/platform/background"
	"tollgate.dev/services/budget/relay"
)

// Module is the budget service in an fx app. It takes Options, a Store, relay.Options, a
// relay.Outbox, the app's *connect.Server, *background.Work and *slog.Logger, registers the handler, and
// runs the background work and the relay between start and stop.
func Module() fx.Option {
	return fx.Module("budget",
		fx.Provide(relay.New),
		fx.Provide(func(store Store, opts Options, logger *slog.Logger, r *relay.Relay) *Service {
			if opts.Logger == nil {
				opts.Logger = logger
			}
			opts.Appended = r.Wake
			return New(store, opts)
		}),
		fx.Invoke(func(server *connect.Server, s *Service) {
			budgetv1connect.RegisterBudgetServiceHandler(server, Handler(s))
		}),
		// The relay ends after the service: what that settles last is still published.
		fx.Invoke(func(lifecycle fx.Lifecycle, work *background.Work, r *relay.Relay, s *Service) {
			for _, loop := range []*background.Loop{work.Loop("the relay of events", r.Run), work.Loop("the budget service", s.Run)} {
				lifecycle.Append(fx.StartStopHook(loop.Start, loop.Stop))
			}
		}),
	)
}
