package redis_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"tollgate.dev/platform/redisx"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/platform/servicetest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/redis"
	"tollgate.dev/services/cache/storetest"
)

// replica follows a store's feed as its owner does: when it fails, it goes on where it was.
type replica struct {
	mu      sync.Mutex
	at      string          // the last change's ID
	told    int             // changes
	asked   map[string]bool // by text
	purged  map[cache.Selector]bool
	fails   int
	current int
	grown   chan struct{} // closed at a change of any of these
}

func startReplica(t *testing.T, feed cache.Feed) *replica {
	t.Helper()
	r := &replica{asked: map[string]bool{}, purged: map[cache.Selector]bool{}, grown: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			err := feed.Follow(ctx, r.last(), r.apply, func() { r.change(func() { r.current++ }) })
			if err == nil {
				t.Error("it ends without an error")
				return
			}
			r.change(func() { r.fails++ })
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	return r
}

func (r *replica) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.grown)
	r.grown = make(chan struct{})
}

func (r *replica) apply(c cache.Change) {
	r.change(func() {
		r.at = c.ID
		r.told++
		if c.Kept != nil {
			r.asked[c.Kept.Question.Text] = true
		} else {
			r.purged[c.Purged] = true
		}
	})
}

func (r *replica) last() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

// until waits for a state of the replica, and returns how long that took.
func (r *replica) until(t *testing.T, what string, ok func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	deadline := time.After(30 * time.Second)
	for {
		r.mu.Lock()
		is, grown := ok(), r.grown
		r.mu.Unlock()
		if is {
			return time.Since(began)
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatal(what)
		}
	}
}

// Two replicas see each other's entries and purges within a second.
func TestReplicasSeeEachOther(t *testing.T) {
	redisxtest.Each(t, func(t *testing.T, v redisxtest.Version) {
		t.Helper()
		client, prefix := v.New(t)
		second, _ := v.New(t)
		a, err := redis.New(client, redis.Options{Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		b, err := redis.New(second, redis.Options{Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		here, there := startReplica(t, a), startReplica(t, b)
		for _, r := range []*replica{here, there} {
			r.until(t, "it is never current", func() bool { return r.current > 0 })
		}
		var slowest time.Duration
		for i, side := range []struct {
			store, other cache.Store
			seen         *replica
		}{{a, b, there}, {b, a, here}} {
			text := fmt.Sprint("question ", i)
			key := storetest.Key("t", "p", "m", "", text)
			ask(t, side.store, key, text)
			slowest = max(slowest, side.seen.until(t, "the entry does not come", func() bool { return side.seen.asked[text] }))
			if !has(t, side.other, key) {
				t.Error("the other replica does not find it")
			}
			sel := cache.Selector{Tenant: "t", Entry: key.Fingerprint}
			if n, err := side.store.Invalidate(t.Context(), sel, time.Now()); n != 1 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
			if has(t, side.other, key) {
				t.Error("the other replica still finds it")
			}
			slowest = max(slowest, side.seen.until(t, "the purge does not come", func() bool { return side.seen.purged[sel] }))
		}
		t.Logf("the slowest change took %v", slowest)
		if slowest > time.Second {
			t.Errorf("a change took %v", slowest)
		}
	})
}

// A Redis that crashes, or hangs with its connections open, is noticed by who follows it, and
// nothing that it remembers is missed when it is back, nor told again. Calls end with their own time.
func TestFeedOutlivesTheServer(t *testing.T) {
	redisxtest.Each(t, func(t *testing.T, v redisxtest.Version) {
		t.Helper()
		server := servicetest.Start(t, v.Service, v.Variable)
		opts := v.Options(t, server.Address())
		opts.DialTimeout = time.Second
		client, err := redisx.Open(opts)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = client.Close() }()
		s, err := redis.New(client, redis.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := startReplica(t, s)
		r.until(t, "it is never current", func() bool { return r.current > 0 })
		for _, fault := range []struct {
			name        string
			begin, stop func()
		}{{"killed", server.Kill, server.Start}, {"hanging", server.Pause, server.Resume}} {
			text := fmt.Sprint("before ", fault.name)
			ask(t, s, storetest.Key("t", "p", "m", "", text), text)
			r.until(t, "the entry does not come", func() bool { return r.asked[text] })
			r.mu.Lock()
			fails := r.fails
			r.mu.Unlock()
			fault.begin()
			took := r.until(t, fault.name+" is not noticed", func() bool { return r.fails > fails })
			if took > 5*time.Second {
				t.Errorf("%s was noticed after %v", fault.name, took)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			began := time.Now()
			if _, _, err := s.Get(ctx, storetest.Key("t", "p", "m", "", text)); err == nil {
				t.Errorf("%s, yet it answers", fault.name)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s: a look-up of 50 ms took %v", fault.name, took)
			}
			cancel()
			// To stop following does not wait for the server.
			ctx, cancel = context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Follow(ctx, "", func(cache.Change) {}, func() {}) }()
			cancel()
			select {
			case err := <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%s: following ended with %v", fault.name, err)
				}
			case <-time.After(time.Second):
				t.Errorf("%s: following does not end", fault.name)
			}
			r.mu.Lock()
			current := r.current
			r.mu.Unlock()
			fault.stop()
			r.until(t, fault.name+": it does not come back", func() bool { return r.current > current })
			text = fmt.Sprint("after ", fault.name)
			ask(t, s, storetest.Key("t", "p", "m", "", text), text)
			r.until(t, "the entry does not come", func() bool { return r.asked[text] })
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.told != 4 {
			t.Errorf("it was told of %d changes, want each of four once", r.told)
		}
	})
}
