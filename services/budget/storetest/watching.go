package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"tollgate.dev/services/budget"
)

func changes(t *testing.T, f *fixture) {
	t.Helper()
	_, start, err := f.store.Changes(t.Context(), -1)
	if err != nil {
		t.Fatal(err)
	}
	f.put(t, budget.Budget{Scope: acme, Limit: 1})
	f.put(t, budget.Budget{Scope: acme, Limit: 2})
	changed, revision, err := f.store.Changes(t.Context(), start)
	if err != nil || revision != start+2 || len(changed) != 1 || changed[0] != acme {
		t.Fatalf("%v up to %d, %v", changed, revision, err)
	}
	if changed, _, err = f.store.Changes(t.Context(), revision); err != nil || len(changed) != 0 {
		t.Fatalf("%v, %v", changed, err)
	}
	// Another process over the same store tells its watchers, too.
	resets, scopes := f.otherProcess(t)
	await(t, resets)
	key := budget.Scope{Kind: budget.Key, ID: "k9"}
	f.put(t, budget.Budget{Scope: key, Limit: 1})
	select {
	case got := <-scopes:
		if got != key {
			t.Fatalf("told of %v", got)
		}
	case <-resets: // the first look came after the change
	case <-time.After(10 * time.Second):
		t.Fatal("the watcher was not told")
	}
}

// otherProcess watches by a service of its own over the same store.
func (f *fixture) otherProcess(t *testing.T) (resets <-chan struct{}, scopes <-chan budget.Scope) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	other := budget.New(f.store, budget.Options{PollEvery: time.Millisecond})
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); wg.Wait() })
	wg.Go(func() {
		if err := other.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	reset, told := make(chan struct{}, 1024), make(chan budget.Scope, 1024)
	wg.Go(func() {
		_ = other.Watch(ctx, func(changed []budget.Scope, all bool) error {
			if all {
				reset <- struct{}{}
			}
			for _, scope := range changed {
				told <- scope
			}
			return nil
		})
	})
	return reset, told
}

// When a budget cannot pay because replicas hold it, those of every process are asked to
// give back what they do not use; over and over, but not with each refusal.
func recalls(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 1000})
	held := f.lease(t, "b", acme, 1000)
	_, told := f.otherProcess(t)
	for first := true; first; { // the other's first look may come after a call
		f.clock.Advance(100 * time.Millisecond)
		f.lease(t, "a", acme, 10)
		select {
		case <-told:
			first = false
		case <-time.After(10 * time.Millisecond):
		}
	}
	for range 3 {
		f.clock.Advance(100 * time.Millisecond)
		if got := f.lease(t, "a", acme, 10); got.Lease.Granted != 0 {
			t.Fatalf("granted %d", got.Lease.Granted)
		}
		if got := await(t, told); got != acme {
			t.Fatalf("%v was called back", got)
		}
		if n := f.calledBack(t, func() { f.lease(t, "a", acme, 10) }); n != 0 {
			t.Fatalf("called back %d times at once", n)
		}
	}
	f.giveBack(t, "b", held.Lease.ID, 300)
	n := f.calledBack(t, func() {
		if got := f.lease(t, "a", acme, 10); got.Lease.Granted < 10 {
			t.Fatalf("granted %d", got.Lease.Granted)
		}
	})
	if n != 0 {
		t.Fatalf("called back %d times though it could pay", n)
	}
}

// calledBack counts the entries that something adds to the log of changes.
func (f *fixture) calledBack(t *testing.T, by func()) int64 {
	t.Helper()
	_, before, err := f.store.Changes(t.Context(), -1)
	if err != nil {
		t.Fatal(err)
	}
	by()
	_, after, err := f.store.Changes(t.Context(), -1)
	if err != nil {
		t.Fatal(err)
	}
	return after - before
}

func await[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
