package edge

import (
	"context"
	"time"

	"go.uber.org/fx"

	"tollgate.dev/platform/background"
	"tollgate.dev/services/edge/admission"
	"tollgate.dev/services/edge/idempotency"
	"tollgate.dev/services/edge/spend"
)

// Module runs the edge: what it is made of ([Parts] and [Options]) comes from the
// composition root, because only that knows where each service runs.
func Module() fx.Option {
	return fx.Module("edge",
		fx.Provide(New),
		fx.Invoke(run),
	)
}

// run keeps the edge's memory fresh between start and stop: keys and their limits,
// leases on budgets and of rate limits, models, and answers that are kept for repeats.
func run(lc fx.Lifecycle, e *Edge, keys *admission.Keys, meter *spend.Meter, guard *idempotency.Guard) {
	for _, run := range []func(context.Context) error{keys.Run, guard.Run, e.Run, meter.Run, e.Limits.Run} {
		loop := background.NewLoop(run)
		lc.Append(fx.Hook{OnStart: loop.Start, OnStop: loop.Stop})
	}
	// Before the loops end: answers are kept, what is settled is delivered, what is leased
	// goes back.
	lc.Append(fx.StopHook(meter.Close))
	lc.Append(fx.StopHook(e.Close))
	// The first request must find the models, the replicas that it shares limits with, and, if
	// that is soon done, what a process that died here has left of the budgets. A router
	// elsewhere may start later: the process is not ready before it has told its models.
	lc.Append(fx.StartHook(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, recoveryWait)
		defer cancel()
		if err := e.RefreshModels(ctx); err != nil {
			e.Log.WarnContext(ctx, "the router does not tell its models yet", "error", err)
		}
	}))
	lc.Append(fx.StartHook(e.Limits.Join))
	lc.Append(fx.StartHook(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, recoveryWait)
		defer cancel()
		meter.WaitRecovered(ctx)
	}))
}

// recoveryWait bounds how long the router, and then the logs of dead processes, hold up the
// start. They are waited for in the background if it takes longer.
const recoveryWait = 2 * time.Second
