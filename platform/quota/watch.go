package quota

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock"
)

// UsageWatcher follows the ledger. A generated client of BudgetService is one.
type UsageWatcher interface {
	WatchUsage(ctx context.Context, req *budgetv1.WatchUsageRequest) (budgetv1connect.BudgetServiceWatchUsageClientStream, error)
}

// WatchOptions say what a Watch gives.
type WatchOptions struct {
	// TenantID is the tenant; empty is every tenant.
	TenantID string
	// Positions are the last events that were applied; see the handlers' Positions.
	Positions map[string]int64
	// FromNow begins other tenants with their next event, not with their first one. A
	// consumer of it needs Options.JoinLate.
	FromNow bool
}

// Watch is a Source without Kafka: the events as the gateway's ledger has them. After an error
// it goes on where it was, so that nothing is missed and nothing comes twice. It is for one
// consumer; Close it when done.
type Watch struct {
	client    UsageWatcher
	opts      WatchOptions
	positions map[string]int64

	stop    context.CancelFunc // of the stream that runs; nil without one
	running sync.WaitGroup
	batches chan batch
	left    []*eventv1.UsageRecord
}

// batch is what one message of the stream had, or its end.
type batch struct {
	records []*eventv1.UsageRecord
	err     error
}

// FromWatch follows the ledger over RPC. The first Fetch connects.
func FromWatch(client UsageWatcher, opts WatchOptions) *Watch {
	w := &Watch{client: client, opts: opts, positions: make(map[string]int64, len(opts.Positions))}
	for tenant, sequence := range opts.Positions {
		w.positions[tenant] = sequence
	}
	return w
}

// Fetch is Source's. Errors: those of the RPC; the next call connects again.
func (w *Watch) Fetch(ctx context.Context) (*Event, error) {
	for {
		e, err := w.step(ctx)
		if e != nil || err != nil {
			return e, err
		}
	}
}

// step gives an event, an error, or neither when the stream said that it is alive.
func (w *Watch) step(ctx context.Context) (*Event, error) {
	if len(w.left) == 0 {
		if w.stop == nil {
			w.connect(context.WithoutCancel(ctx)) // it outlives the wait for one event
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case b := <-w.batches:
			if b.err != nil {
				w.disconnect()
				return nil, b.err
			}
			if w.left = b.records; len(w.left) == 0 {
				return nil, nil
			}
		}
	}
	r := w.left[0]
	w.left = w.left[1:]
	w.positions[r.GetTenantId()] = r.GetSequence()
	return FromRecord(r), nil
}

// connect starts a stream behind the last event that was given.
func (w *Watch) connect(ctx context.Context) {
	ctx, w.stop = context.WithCancel(ctx)
	batches := make(chan batch)
	w.batches = batches
	req := &budgetv1.WatchUsageRequest{TenantId: w.opts.TenantID, FromNow: w.opts.FromNow}
	for tenant, sequence := range w.positions {
		req.Positions = append(req.Positions, &budgetv1.UsagePosition{TenantId: tenant, Sequence: sequence})
	}
	w.running.Go(func() {
		err := receive(ctx, w.client, req, batches)
		select {
		case batches <- batch{err: err}:
		case <-ctx.Done():
		}
	})
}

// silence is how long a stream may say nothing: three times the server's heartbeat.
const silence = 45 * time.Second

var errSilent = errors.New("quota: the gateway has not been heard of; the connection is taken for broken")

// receive passes on what a stream has until it ends.
func receive(ctx context.Context, client UsageWatcher, req *budgetv1.WatchUsageRequest, to chan<- batch) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := clock.Real().AfterFunc(silence, func() { cancel(errSilent) })
	defer watchdog.Stop()
	defer func() {
		if errors.Is(context.Cause(ctx), errSilent) {
			err = errSilent
		}
	}()
	stream, err := client.WatchUsage(ctx, req)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // nothing more is read
	for {
		res, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF // it has no end of its own
		}
		if err != nil {
			return err
		}
		watchdog.Stop() // a consumer may take its time
		select {
		case to <- batch{records: res.GetRecords()}:
		case <-ctx.Done():
			return ctx.Err()
		}
		watchdog.Reset(silence)
	}
}

func (w *Watch) disconnect() {
	if w.stop == nil {
		return
	}
	w.stop()
	w.running.Wait()
	w.stop, w.left = nil, nil
}

// Commit is Source's; there is nothing to tell: the position is the handler's.
func (w *Watch) Commit(context.Context) error { return nil }

// Close ends the stream.
func (w *Watch) Close() error {
	w.disconnect()
	return nil
}
