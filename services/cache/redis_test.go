package cache_test

import (
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/redisx"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/platform/servicetest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/redis"
)

// A Redis that crashes or hangs is a miss within the time of a call, and answers when it is
// back, be it of version 8 or 7.
func TestRedisKilledAndBack(t *testing.T) {
	redisxtest.Each(t, func(t *testing.T, v redisxtest.Version) {
		t.Helper()
		server := servicetest.Start(t, v.Service, v.Variable)
		client, err := redisx.Open(v.Options(t, server.Address()))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = client.Close() }()
		c := clocktest.New()
		store, err := redis.New(client, redis.Options{Clock: c})
		if err != nil {
			t.Fatal(err)
		}
		const budget = 500 * time.Millisecond // of tests: processors are shared
		f := newFixture(t, store, cache.Options{Timeout: budget, TTL: 24 * time.Hour, Clock: c})
		until := func(what string, ok func() bool) {
			t.Helper()
			for deadline := time.Now().Add(20 * time.Second); !ok(); f.clock.Advance(time.Second) {
				if time.Now().After(deadline) {
					t.Fatal(what)
				}
			}
		}
		for _, fault := range []struct {
			name        string
			begin, stop func()
		}{{"killed", server.Kill, server.Start}, {"hanging", server.Pause, server.Resume}} {
			until("it never works", func() bool { return f.keep(t, "r") && f.hits(t, "r") })
			fault.begin()
			for range 6 {
				began := time.Now()
				if f.hits(t, "r") || f.keep(t, "r") {
					t.Errorf("%s, yet it answers", fault.name)
				}
				if took := time.Since(began); took > 2*budget+time.Second {
					t.Errorf("%s: it took %v", fault.name, took)
				}
			}
			fault.stop()
			until(fault.name+": it does not come back", func() bool { return f.keep(t, "r") && f.hits(t, "r") })
		}
	})
}
