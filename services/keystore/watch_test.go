package keystore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret"
	"tollgate.dev/services/keystore"
)

// next waits for an update, and fails the test when none comes in time.
func next(t *testing.T, w *keystore.Watcher) keystore.Update {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	update, err := w.Next(ctx)
	if err != nil {
		t.Fatalf("waiting for an update: %v", err)
	}
	return update
}

// settled is a watcher that has had its resets: the one of its start, and that of the
// service's own. It relies on a tenant made for the purpose.
func settled(t *testing.T, f fixture, marker string) *keystore.Watcher {
	t.Helper()
	w := f.Watch()
	t.Cleanup(w.Close)
	if !next(t, w).Reset {
		t.Fatal("the first update is no reset")
	}
	run(t, f.Service)
	if !next(t, w).Reset { // what came before Run followed is not known
		t.Fatal("the first update of Run is no reset")
	}
	f.tenant(t, marker)
	if got := next(t, w); !slices.Contains(got.TenantIDs, marker) || got.Reset {
		t.Fatalf("got %+v", got)
	}
	return w
}

func TestWatchTellsEveryChange(t *testing.T) {
	f := newFixture(t)
	w := settled(t, f, "t1")
	key, _ := f.issue(t, &keystorev1.Key{TenantId: "t1"})
	ref := byID(key.GetId())
	changes := map[string]func() error{
		"issue":  func() error { _, _, err := f.Issue(t.Context(), nil, secret.String{}); return err },
		"update": func() error { _, err := f.Update(t.Context(), ref, nil, []string{"tags"}); return err },
		"rotate": func() error { _, _, err := f.Rotate(t.Context(), ref, 0, secret.String{}, "root"); return err },
		"block":  func() error { _, err := f.SetBlocked(t.Context(), ref, true, "root"); return err },
		"delete": func() error { _, err := f.Delete(t.Context(), []*keystorev1.KeyRef{ref}); return err },
		"tenant": func() error {
			_, err := f.PutTenant(t.Context(), &keystorev1.Tenant{Id: "t1"}, []string{"tags"})
			return err
		},
		"put": func() error {
			return f.PutCredential(t.Context(), "t1", "openai", keystore.Credential{APIKey: secret.New("sk-x")})
		},
		"replace": func() error {
			return f.PutCredential(t.Context(), "t1", "openai", keystore.Credential{APIKey: secret.New("sk-y")})
		},
		"forget": func() error { return f.DeleteCredential(t.Context(), "t1", "openai") },
		"end":    func() error { _, _, err := f.DeleteTenants(t.Context(), []string{"t1"}); return err },
	}
	if got := next(t, w); !slices.Equal(got.KeyIDs, []string{key.GetId()}) {
		t.Fatalf("got %+v", got)
	}
	for _, name := range []string{"issue", "update", "rotate", "block", "delete", "tenant", "put", "replace", "forget", "end"} {
		if err := changes[name](); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := next(t, w)
		keys, tenants := len(got.KeyIDs), len(got.TenantIDs)
		if got.Reset || keys+tenants != 1 || (tenants == 1) != slices.Contains([]string{"tenant", "put", "replace", "forget", "end"}, name) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// scripted answers Changes from a test, and everything else from the store.
type scripted struct {
	keystore.Store
	answers chan func() (keystore.Changes, error)
}

func (s scripted) Changes(ctx context.Context, _ int64) (keystore.Changes, error) {
	select {
	case answer := <-s.answers:
		return answer()
	case <-ctx.Done():
		return keystore.Changes{}, ctx.Err()
	}
}

func newScripted(t *testing.T) (fixture, scripted) {
	t.Helper()
	f := newFixture(t)
	store := scripted{openStore(t, f.path), make(chan func() (keystore.Changes, error))}
	opts := options(t)
	opts.Clock = f.clock
	service, err := keystore.New(store, opts)
	if err != nil {
		t.Fatal(err)
	}
	f.Service = service
	return f, store
}

func keysChanged(ids ...string) func() (keystore.Changes, error) {
	return func() (keystore.Changes, error) {
		var items []keystore.Change
		for _, id := range ids {
			items = append(items, keystore.Change{Kind: keystore.KeyChanged, ID: id})
		}
		return keystore.Changes{Items: items}, nil
	}
}

func TestSlowWatchersAreReset(t *testing.T) {
	f, store := newScripted(t)
	slow, quick := f.Watch(), f.Watch()
	defer slow.Close()
	defer quick.Close()
	next(t, slow)
	next(t, quick)
	run(t, f.Service)
	// Neither the store nor the quick watcher waits for the slow one.
	for i := range 3000 {
		store.answers <- keysChanged(fmt.Sprintf("k%d", i), "same")
		if got := next(t, quick); !slices.Equal(got.KeyIDs, []string{fmt.Sprintf("k%d", i), "same"}) {
			t.Fatalf("got %+v", got)
		}
	}
	if got := next(t, slow); !got.Reset || len(got.KeyIDs)+len(got.TenantIDs) != 0 {
		t.Errorf("got %d keys, reset %v", len(got.KeyIDs), got.Reset)
	}
	store.answers <- keysChanged("last")
	if got := next(t, slow); !slices.Equal(got.KeyIDs, []string{"last"}) {
		t.Errorf("after the reset: %+v", got)
	}
}

func TestWatchersGetEachChangeOnce(t *testing.T) {
	f, store := newScripted(t)
	w := f.Watch()
	defer w.Close()
	next(t, w)
	run(t, f.Service)
	store.answers <- keysChanged("a", "b", "a")
	store.answers <- keysChanged("b", "c")
	store.answers <- keysChanged() // accepted once the one before is delivered
	if got := next(t, w); !slices.Equal(got.KeyIDs, []string{"a", "b", "c"}) {
		t.Errorf("got %+v", got)
	}
}

func TestRunOutlivesAnAbsentStore(t *testing.T) {
	f, store := newScripted(t)
	w := f.Watch()
	defer w.Close()
	next(t, w)
	run(t, f.Service)
	away := func() (keystore.Changes, error) { return keystore.Changes{}, errors.New("away") }
	for range 3 {
		store.answers <- away
		f.clock.WaitForTimers(t, 2) // of the pause, and of the second that a revocation has
		f.clock.Advance(200 * time.Millisecond)
	}
	store.answers <- keysChanged("a")
	if got := next(t, w); !slices.Equal(got.KeyIDs, []string{"a"}) {
		t.Errorf("got %+v", got)
	}
}

// When the log was not read for a second, because the store fails or because it does not
// answer at all, watches end and none begins: nobody relies on what it knows. They begin
// again once the log is read, also when nothing stands in it.
func TestWatchesEndWhenTheLogIsNotRead(t *testing.T) {
	for name, fails := range map[string]bool{"it fails": true, "it hangs": false} {
		t.Run(name, func(t *testing.T) {
			f, store := newScripted(t)
			w := f.Watch()
			defer w.Close()
			next(t, w)
			run(t, f.Service)
			store.answers <- keysChanged("a")
			next(t, w)
			if fails {
				store.answers <- func() (keystore.Changes, error) { return keystore.Changes{}, errors.New("away") }
				f.clock.WaitForTimers(t, 2)
			}
			f.clock.Advance(time.Second - time.Millisecond)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := w.Next(ctx); !errors.Is(err, context.Canceled) {
				t.Fatalf("ended too early: %v", err)
			}
			f.clock.Advance(time.Millisecond)
			for name, w := range map[string]*keystore.Watcher{"old": w, "new": f.Watch()} {
				if _, err := w.Next(t.Context()); !errs.Is(err, errs.ServiceUnavailable) {
					t.Errorf("the %s watch says %v", name, err)
				}
			}
			nothing := func() (keystore.Changes, error) { return keystore.Changes{}, nil }
			for range 2 { // the second is taken when the first was dealt with
				select {
				case store.answers <- nothing:
				case <-time.After(10 * time.Second):
					t.Fatal("the log is not read on")
				}
			}
			again := f.Watch()
			defer again.Close()
			if !next(t, again).Reset {
				t.Error("a new watch does not begin with a reset")
			}
			store.answers <- keysChanged("b")
			if got := next(t, again); !slices.Equal(got.KeyIDs, []string{"b"}) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestWatchEnds(t *testing.T) {
	f := newFixture(t)
	w, closed := f.Watch(), f.Watch()
	next(t, w)
	closed.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	next(t, w)
	if err := f.Run(t.Context()); err == nil {
		t.Error("it ran twice at once")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := w.Next(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for name, w := range map[string]*keystore.Watcher{"running": w, "closed": closed, "too late": f.Watch()} {
		for range 2 {
			if _, err := w.Next(t.Context()); !errs.Is(err, errs.ServiceUnavailable) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
	if err := f.Run(t.Context()); err == nil {
		t.Error("it ran again")
	}
}
