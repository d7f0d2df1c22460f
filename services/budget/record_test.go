package budget_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/id"
	"tollgate.dev/services/budget"
)

// poisoned is a store that cannot take one event, as if its text broke the database.
type poisoned struct {
	budget.Store
	event   string
	entered chan struct{} // a transaction began
	proceed chan struct{} // it may go on
}

func (p *poisoned) Update(ctx context.Context, f budget.Footprint, decide func(*budget.Snapshot) (*budget.Mutation, error)) error {
	if p.entered != nil && len(f.EventIDs) > 0 {
		p.entered <- struct{}{}
		<-p.proceed
	}
	for _, e := range f.EventIDs {
		if e == p.event {
			return errors.New("cannot be stored")
		}
	}
	return p.Store.Update(ctx, f, decide)
}

// Calls that come together are committed together, and one that fails does not take the
// others with it. A caller that goes away does not undo what it led.
func TestGroupCommit(t *testing.T) {
	ids := id.NewGenerator(clock.Real())
	record := func() *eventv1.UsageRecord {
		return &eventv1.UsageRecord{EventId: ids.NewString(), TenantId: "t", CostNanos: 1}
	}
	bad := record()
	store := &poisoned{Store: newStore(t), event: bad.GetEventId(), entered: make(chan struct{}), proceed: make(chan struct{})}
	svc := budget.New(store, budget.Options{})
	leader, leave := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	results := make(chan error, 6)
	send := func(ctx context.Context, r *eventv1.UsageRecord) {
		calls.Go(func() {
			_, err := svc.Record(ctx, []*eventv1.UsageRecord{r})
			results <- err
		})
	}
	send(leader, record())
	<-store.entered // the first commit is under way: the others gather behind it
	leave()
	send(t.Context(), bad)
	for range 4 {
		send(t.Context(), record())
	}
	transactions := 1
	store.proceed <- struct{}{}
	finished := make(chan struct{})
	go func() { calls.Wait(); close(finished) }()
	for done := false; !done; {
		select {
		case <-store.entered:
			transactions++
			store.proceed <- struct{}{}
		case <-finished:
			done = true
		}
	}
	failed := 0
	for range 6 {
		if err := <-results; err != nil {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d calls failed, want the bad one alone", failed)
	}
	records, _, err := svc.ListUsage(t.Context(), budget.UsageQuery{TenantID: "t"}, "")
	if err != nil || len(records) != 5 {
		t.Errorf("%d entries, %v", len(records), err)
	}
}

// hung is a store whose database does not answer: its transactions end with their time, or
// when they are let go.
type hung struct {
	budget.Store
	entered, proceed chan struct{}
}

func (h *hung) Update(ctx context.Context, f budget.Footprint, decide func(*budget.Snapshot) (*budget.Mutation, error)) error {
	h.entered <- struct{}{}
	select {
	case <-h.proceed:
		return h.Store.Update(ctx, f, decide)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Who leaves before the records are in a transaction leaves nothing behind, and what was
// to be led by who left is led by another.
func TestCallersThatLeave(t *testing.T) {
	ids := id.NewGenerator(clock.Real())
	store := &hung{newStore(t), make(chan struct{}, 100), make(chan struct{})}
	svc := budget.New(store, budget.Options{CommitTimeout: time.Hour})
	var calls sync.WaitGroup
	send := func(ctx context.Context) <-chan error {
		out := make(chan error, 1)
		calls.Go(func() {
			_, err := svc.Record(ctx, []*eventv1.UsageRecord{{EventId: ids.NewString(), TenantId: "t", CostNanos: 1}})
			out <- err
		})
		return out
	}
	first := send(t.Context())
	<-store.entered
	impatient, leave := context.WithCancel(t.Context())
	var left []<-chan error
	for range 20 {
		left = append(left, send(impatient))
	}
	patient := send(t.Context())
	leave()
	for _, out := range left {
		if err := <-out; !errs.Is(err, errs.ClientClosed) {
			t.Errorf("who left is told %v", err)
		}
	}
	close(store.proceed)
	if err := errors.Join(<-first, <-patient); err != nil {
		t.Error(err)
	}
	calls.Wait()
	records, _, err := svc.ListUsage(t.Context(), budget.UsageQuery{TenantID: "t"}, "")
	if err != nil || len(records) != 2 {
		t.Errorf("%d entries, %v", len(records), err)
	}
}

// A database that does not answer is asked once for all calls that wait for it.
func TestAHungDatabaseIsAskedOnce(t *testing.T) {
	ids := id.NewGenerator(clock.Real())
	store := &hung{newStore(t), make(chan struct{}, 100), make(chan struct{})}
	svc := budget.New(store, budget.Options{CommitTimeout: 500 * time.Millisecond})
	const calls = 20
	results := make(chan error, calls)
	for range calls {
		go func() {
			_, err := svc.Record(t.Context(), []*eventv1.UsageRecord{{EventId: ids.NewString(), TenantId: "t", CostNanos: 1}})
			results <- err
		}()
	}
	for range calls {
		if err := <-results; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	}
	// Those that came while the first was asked are asked for together.
	if n := len(store.entered); n >= calls {
		t.Errorf("%d transactions for %d calls", n, calls)
	}
}

// faulty is a store whose transactions panic.
type faulty struct{ budget.Store }

func (faulty) Update(context.Context, budget.Footprint, func(*budget.Snapshot) (*budget.Mutation, error)) error {
	panic("a fault in a store")
}

// A panic ends the caller that leads a commit, and nobody waits for it for ever.
func TestAPanicEndsTheWholeBatch(t *testing.T) {
	ids := id.NewGenerator(clock.Real())
	record := func() []*eventv1.UsageRecord {
		return []*eventv1.UsageRecord{{EventId: ids.NewString(), TenantId: "t", CostNanos: 1}}
	}
	store := &poisoned{Store: faulty{newStore(t)}, entered: make(chan struct{}), proceed: make(chan struct{})}
	svc := budget.New(store, budget.Options{})
	results := make(chan error, 4)
	send := func() {
		go func() {
			defer func() {
				if recover() != nil {
					results <- errors.New("panicked")
				}
			}()
			_, err := svc.Record(t.Context(), record())
			results <- err
		}()
	}
	send()
	<-store.entered // the others gather behind the first
	for range 3 {
		send()
	}
	for done := 0; done < 4; {
		select {
		case store.proceed <- struct{}{}:
		case <-store.entered:
		case err := <-results:
			if done++; err == nil {
				t.Error("a record that was never written is said to be")
			}
		}
	}
}
