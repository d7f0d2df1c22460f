package cache_test

import (
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/redisx"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/platform/servicetest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/redis"
)

// fault is what befalls a Redis, and its end.
type fault struct {
	name       string
	begin, end func()
}

// A Redis that crashes or hangs, or whose connection is cut or stalls, is a miss within the time
// of a call, and answers when it is back, be it of version 8 or 7.
func TestRedisAwayAndBack(t *testing.T) {
	redisxtest.Each(t, func(t *testing.T, v redisxtest.Version) {
		t.Helper()
		t.Parallel() // it mostly waits
		server := servicetest.Start(t, v.Service, v.Variable)
		opts := v.Options(t, server.Address())
		between := newProxy(t, net.JoinHostPort(opts.Host, strconv.Itoa(opts.Port)))
		at := netip.MustParseAddrPort(between.listener.Addr().String())
		opts.Host, opts.Port = at.Addr().String(), int(at.Port())
		outlast(t, opts, []fault{
			{"killed", server.Kill, server.Start},
			{"hanging", server.Pause, server.Resume},
			{"cut", func() { between.set(true, false) }, func() { between.set(false, false) }},
			{"stalled", func() { between.set(false, true) }, func() { between.set(false, false) }},
		})
	})
}

// outlast holds a service to its promises while faults befall its Redis.
func outlast(t *testing.T, opts redisx.Options, faults []fault) {
	t.Helper()
	client, err := redisx.Open(opts)
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
	until("it never works", func() bool { return f.keep(t, "r") && f.hits(t, "r") })
	for _, fault := range faults {
		away, back := f.log.lines("is away"), f.log.lines("is back")
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
		fault.end()
		until(fault.name+": it does not come back", func() bool { return f.keep(t, "r") && f.hits(t, "r") })
		// Reads and writes are told of apart, each once.
		if a, b := f.log.lines("is away")-away, f.log.lines("is back")-back; a != 2 || b != 2 {
			t.Errorf("%s: away %d times, back %d times:\n%s", fault.name, a, b, f.log)
		}
	}
}
