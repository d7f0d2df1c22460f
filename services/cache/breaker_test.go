package cache_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache"
)

func TestAStoreThatIsAwayIsAMiss(t *testing.T) {
	store := newFakeStore()
	f := newFixture(t, store, cache.Options{})
	if !f.keep(t, "r") || !f.hits(t, "r") {
		t.Fatal("it does not work")
	}
	store.set(errors.New("broken"), false)
	for range 20 {
		if f.hits(t, "r") || f.keep(t, "r") {
			t.Fatal("a broken store answers")
		}
	}
	if gets, puts := store.counts(); gets != 1+3 || puts != 1+3 {
		t.Errorf("asked %d and %d times; it should be left alone after three failures", gets, puts)
	}
	// Once a second one call tries it.
	f.clock.Advance(time.Second)
	for range 5 {
		f.hits(t, "r")
	}
	if gets, _ := store.counts(); gets != 5 {
		t.Errorf("asked %d times, want one more", gets)
	}
	if away := f.log.lines("is away"); away != 2 {
		t.Errorf("logged %d times, want once for reads and once for writes:\n%s", away, f.log)
	}
	store.set(nil, false)
	if f.hits(t, "r") {
		t.Error("it was asked before its time")
	}
	f.clock.Advance(time.Second)
	for range 3 {
		if !f.hits(t, "r") || !f.keep(t, "r") {
			t.Error("it is not used again")
		}
	}
	if back := f.log.lines("is back"); back != 2 || strings.Contains(f.log.String(), "secret answer") {
		t.Errorf("log:\n%s", f.log)
	}
}

// A full Redis refuses writes and answers reads.
func TestWritesAloneMayFail(t *testing.T) {
	store := newFakeStore()
	f := newFixture(t, store, cache.Options{})
	f.keep(t, "r")
	for range 10 {
		store.set(errors.New("OOM"), false)
		f.keep(t, "other")
		store.set(nil, false)
		if !f.hits(t, "r") {
			t.Fatal("a miss")
		}
	}
	if f.log.lines("is away") != 1 || !strings.Contains(f.log.String(), "operation=write") {
		t.Errorf("log:\n%s", f.log)
	}
}

// One failure in between is no outage, and no word is said of it.
func TestSingleFailuresAreNoOutage(t *testing.T) {
	store := newFakeStore()
	f := newFixture(t, store, cache.Options{})
	f.keep(t, "r")
	for range 10 {
		store.set(errors.New("lost"), false)
		f.hits(t, "r")
		f.hits(t, "r")
		store.set(nil, false)
		if !f.hits(t, "r") {
			t.Fatal("a miss")
		}
	}
	if f.log.String() != "" {
		t.Errorf("log:\n%s", f.log)
	}
}

func TestASlowStoreIsAMissInTime(t *testing.T) {
	store := newFakeStore()
	f := newFixture(t, store, cache.Options{Timeout: 10 * time.Millisecond})
	f.keep(t, "r")
	store.set(nil, true)
	for range 10 {
		if f.hits(t, "r") || f.keep(t, "r") {
			t.Fatal("a slow store answers")
		}
	}
	if gets, _ := store.counts(); gets != 3 || f.log.lines("timeout=true") != 2 {
		t.Errorf("asked %d times; log:\n%s", gets, f.log)
	}
}

// A caller that goes away says nothing of the store, not even as the one that tries it.
func TestCallersThatGoAway(t *testing.T) {
	store := newFakeStore()
	s, err := cache.New(store, cache.Options{Timeout: -1})
	if err != nil {
		t.Fatal(err)
	}
	key, err := cache.NewKey(namespace(), fingerprint("r"))
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	store.set(nil, true)
	for range 10 {
		s.Lookup(gone, cache.Request{Key: key, MaxAge: cache.AnyAge})
	}
	if gets, _ := store.counts(); gets != 10 {
		t.Errorf("asked %d times, want 10", gets)
	}

	f := newFixture(t, store, cache.Options{Timeout: time.Minute})
	store.set(errors.New("broken"), false)
	for range 5 {
		f.hits(t, "r")
	}
	f.clock.Advance(time.Second)
	before, _ := store.counts()
	trial, leave := context.WithCancel(t.Context())
	store.set(nil, true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = f.Lookup(trial, &cachev1.LookupRequest{Namespace: namespace(), Fingerprint: fingerprint("r")})
	}()
	for now := before; now == before; now, _ = store.counts() {
		if t.Context().Err() != nil {
			t.Fatal("the store is not tried")
		}
	}
	if f.hits(t, "r") {
		t.Error("a hit")
	}
	if now, _ := store.counts(); now != before+1 {
		t.Errorf("%d calls try the store at once", now-before)
	}
	leave()
	<-done
	store.set(nil, false)
	f.keep(t, "r")
	if !f.hits(t, "r") {
		t.Error("nobody tries the store any more")
	}
}

// A caller's deadline is a time limit as the service's own is: what never answers within it is
// left alone.
func TestCallersWhoseTimeEnds(t *testing.T) {
	store := newFakeStore()
	s, err := cache.New(store, cache.Options{Timeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	key, err := cache.NewKey(namespace(), fingerprint("r"))
	if err != nil {
		t.Fatal(err)
	}
	store.set(nil, true)
	for range 10 {
		late, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		s.Lookup(late, cache.Request{Key: key, MaxAge: cache.AnyAge})
		cancel()
	}
	if gets, _ := store.counts(); gets != 3 {
		t.Errorf("asked %d times, want 3", gets)
	}
}

// panicking panics where the store it stands before would be read.
type panicking struct {
	cache.Store
	panics bool
}

func (p *panicking) Get(ctx context.Context, key cache.Key) (cache.Record, bool, error) {
	if p.panics {
		panic("broken")
	}
	return p.Store.Get(ctx, key)
}

// A panic in the call that tries a store which was away lets the next one try it.
func TestAPanicInTheTrial(t *testing.T) {
	fake, now := newFakeStore(), clocktest.New()
	store := &panicking{Store: fake}
	s, err := cache.New(store, cache.Options{Timeout: -1, Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	key, err := cache.NewKey(namespace(), fingerprint("r"))
	if err != nil {
		t.Fatal(err)
	}
	look := func() (panicked bool) {
		defer func() { panicked = recover() != nil }()
		s.Lookup(t.Context(), cache.Request{Key: key, MaxAge: cache.AnyAge})
		return false
	}
	fake.set(errors.New("broken"), false)
	for range 3 {
		look()
	}
	store.panics = true
	now.Advance(time.Second)
	if !look() {
		t.Fatal("the store is not tried")
	}
	fake.set(nil, false)
	store.panics = false
	now.Advance(time.Second)
	before, _ := fake.counts()
	look()
	if gets, _ := fake.counts(); gets != before+1 {
		t.Error("nobody tries the store any more")
	}
}

func TestManyCallersOfAStoreThatComesAndGoes(t *testing.T) {
	store := newFakeStore()
	f := newFixture(t, store, cache.Options{})
	f.keep(t, "r")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 300 {
				f.hits(t, "r")
				f.keep(t, "r")
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			store.set(errors.New("broken"), false)
			f.clock.Advance(time.Second)
			store.set(nil, false)
			f.clock.Advance(time.Second)
		}
	})
	wg.Wait()
	store.set(nil, false)
	f.clock.Advance(time.Second)
	if !f.keep(t, "r") || !f.hits(t, "r") {
		t.Error("it does not come back")
	}
	if away, back := f.log.lines("is away"), f.log.lines("is back"); away != back {
		t.Errorf("away %d times, back %d times", away, back)
	}
}
