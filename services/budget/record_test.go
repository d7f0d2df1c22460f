package budget_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock"
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
