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
func run(lc fx.Lifecycle, work *background.Work, e *Edge, keys *admission.Keys, meter *spend.Meter, guard *idempotency.Guard) {
	for _, loop := range []*background.Loop{
		work.Loop("the watch of keys", keys.Run), work.Loop("the removal of kept answers", guard.Run),
		work.Loop("the watch of models", e.Run), work.Loop("the meter of budgets", untilStopped(meter)),
		work.Loop("the limiter of rates", e.Limits.Run),
	} {
		lc.Append(fx.StartStopHook(loop.Start, loop.Stop))
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

// untilStopped runs a meter. Its Close, which comes before the loop is stopped, ends it as
// well, and then without an error.
func untilStopped(meter *spend.Meter) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := meter.Run(ctx); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}
}

// recoveryWait bounds how long the router, and then the logs of dead processes, hold up the
// start. They are waited for in the background if it takes longer.
const recoveryWait = 2 * time.Second
