package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/budget"
)

// watching is a watch of the ledger that holds each tenant's sequence to have no gap.
type watching struct {
	mu       sync.Mutex
	last     map[string]int64
	calls    int // that had no records
	problems []string
	changed  chan struct{}
	done     chan error
	cancel   context.CancelFunc
}

func watchUsage(t *testing.T, svc *budget.Service, q budget.UsageWatch) *watching {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &watching{last: map[string]int64{}, changed: make(chan struct{}, 1), done: make(chan error, 1), cancel: cancel}
	for tenant, sequence := range q.Positions {
		w.last[tenant] = sequence
	}
	go func() { w.done <- svc.WatchUsage(ctx, q, w.take) }()
	t.Cleanup(func() {
		cancel()
		_ = await(t, w.done) // whom it concerns has asked
	})
	return w
}

func (w *watching) take(records []*eventv1.UsageRecord) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(records) == 0 {
		w.calls++
	}
	for _, r := range records {
		if last := w.last[r.GetTenantId()]; r.GetSequence() != last+1 && last >= 0 {
			w.problems = append(w.problems, fmt.Sprint(r.GetTenantId(), ": ", r.GetSequence(), " after ", last))
		}
		w.last[r.GetTenantId()] = r.GetSequence()
	}
	select {
	case w.changed <- struct{}{}:
	default:
	}
	return nil
}

// await waits until what was seen satisfies a condition.
func (w *watching) await(t *testing.T, what string, ok func(last map[string]int64, caughtUp bool) bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		w.mu.Lock()
		done, problems, last := ok(w.last, w.calls > 0), w.problems, fmt.Sprint(w.last)
		w.mu.Unlock()
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if done {
			return
		}
		select {
		case <-w.changed:
		case <-deadline:
			t.Fatalf("%s: seen %s", what, last)
		}
	}
}

// end is what the watch returned.
func (w *watching) end(t *testing.T) error {
	t.Helper()
	err := await(t, w.done)
	w.done <- nil // for the clean-up, which waits for it too
	return err
}

func usageWatches(t *testing.T, f *fixture) {
	t.Helper()
	for range 3 {
		f.record(t, f.usage("acme", 1), f.usage("", 1), f.usage("zeta", 1))
	}
	all := watchUsage(t, f.svc, budget.UsageWatch{})
	all.await(t, "what is there", func(last map[string]int64, caughtUp bool) bool {
		return caughtUp && last["acme"] == 3 && last[""] == 3 && last["zeta"] == 3
	})
	one := watchUsage(t, f.svc, budget.UsageWatch{TenantID: "acme", Positions: map[string]int64{"acme": 2}})
	one.await(t, "what is there of one", func(last map[string]int64, caughtUp bool) bool { return caughtUp && last["acme"] == 3 })
	later := watchUsage(t, f.svc, budget.UsageWatch{FromNow: true, Positions: map[string]int64{"zeta": 1, "acme": 3, "": 3}})
	later.await(t, "from a position on", func(last map[string]int64, caughtUp bool) bool { return caughtUp && last["zeta"] == 3 })
	f.record(t, f.usage("acme", 1), f.usage("", 1), f.usage("new", 1))
	for _, w := range []*watching{all, later} {
		w.await(t, "what comes", func(last map[string]int64, _ bool) bool {
			return last["acme"] == 4 && last[""] == 4 && last["new"] == 1
		})
	}
	one.await(t, "what comes of one", func(last map[string]int64, _ bool) bool { return last["acme"] == 4 })
	one.mu.Lock()
	if len(one.last) != 1 {
		t.Errorf("a watch of one tenant saw %v", one.last)
	}
	one.mu.Unlock()
	one.cancel()
	if err := one.end(t); err != nil {
		t.Errorf("the end of the caller's context: %v", err)
	}
	boom := errors.New("boom")
	if err := f.svc.WatchUsage(t.Context(), budget.UsageWatch{}, func([]*eventv1.UsageRecord) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("an error of the receiver: %v", err)
	}
	for _, bad := range []budget.UsageWatch{
		{Positions: map[string]int64{"acme": 5}}, {Positions: map[string]int64{"nobody": 1}}, {TenantID: "acme", Positions: map[string]int64{"acme": -1}},
	} {
		err := f.svc.WatchUsage(t.Context(), bad, func([]*eventv1.UsageRecord) error { return nil })
		wantReason(t, err, errs.InvalidRequest, "positions")
	}
	f.svc.EndUsageWatches()
	if err := all.end(t); !errs.Is(err, errs.ServiceUnavailable) {
		t.Errorf("the service's end: %v", err)
	}
}

// Watches see what several processes write at once, each tenant's without a gap, from
// wherever they begin.
func usageWatchesOfMany(t *testing.T, f *fixture) {
	t.Helper()
	const writers, each, tenants = 4, 20, 3
	reader := budget.New(f.store, budget.Options{PollEvery: time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		if err := reader.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	first := watchUsage(t, reader, budget.UsageWatch{})
	var writing sync.WaitGroup
	for range writers {
		writing.Go(func() {
			svc := budget.New(f.store, budget.Options{})
			for range each {
				var records []*eventv1.UsageRecord
				for k := range tenants {
					records = append(records, f.usage(fmt.Sprint("t", k), 1))
				}
				if _, err := svc.Record(t.Context(), records); err != nil {
					t.Error(err)
				}
			}
		})
	}
	first.await(t, "the first records", func(last map[string]int64, _ bool) bool { return last["t0"] > 5 })
	second := watchUsage(t, reader, budget.UsageWatch{}) // in the middle of it
	writing.Wait()
	for _, w := range []*watching{first, second} {
		w.await(t, "every record", func(last map[string]int64, _ bool) bool {
			return last["t0"] == writers*each && last["t1"] == writers*each && last["t2"] == writers*each
		})
	}
}

func heads(t *testing.T, f *fixture) {
	t.Helper()
	f.record(t, f.usage("acme", 1), f.usage("acme", 1), f.usage("zeta", 1), f.usage(`'"`, 1))
	for _, c := range []struct {
		ask  []string
		want string
	}{
		{nil, `map['":1 acme:2 zeta:1]`},
		{[]string{"acme", "nobody", `'"`}, `map['":1 acme:2]`},
		{[]string{}, "map[]"},
	} {
		got, err := f.store.Heads(t.Context(), c.ask)
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("heads of %q: %v, %v; want %s", c.ask, got, err, c.want)
		}
	}
}
