package cache_test

import (
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
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
	// others reach it all the while.
	others bool
}

// between stands between a Redis and who has these options then.
func between(t *testing.T, opts redisx.Options) (*proxy, redisx.Options) {
	t.Helper()
	p := newProxy(t, net.JoinHostPort(opts.Host, strconv.Itoa(opts.Port)))
	at := netip.MustParseAddrPort(p.listener.Addr().String())
	opts.Host, opts.Port = at.Addr().String(), int(at.Port())
	return p, opts
}

// open a store that closes when the test ends.
func open(t *testing.T, opts redisx.Options, prefix string, c clock.Clock) *redis.Store {
	t.Helper()
	client, err := redisx.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	store, err := redis.New(client, redis.Options{Prefix: prefix, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

const (
	budget = 500 * time.Millisecond // of tests: processors are shared
	// tookTooLong is more than that, and its end, take on a loaded machine. Without a time limit they never end.
	tookTooLong = 2*budget + 3*time.Second
)

// A Redis that crashes or hangs, or whose connection is cut or stalls, is a miss within the time
// of a call, in each tier, and answers when it is back, be it of version 8 or 7. What others purged meanwhile is
// not found any more, a report fails and may be sent again, and what is learned is exchanged later.
func TestRedisAwayAndBack(t *testing.T) {
	redisxtest.Each(t, func(t *testing.T, v redisxtest.Version) {
		t.Helper()
		t.Parallel() // it mostly waits
		server := servicetest.Start(t, v.Service, v.Variable)
		opts := v.Options(t, server.Address())
		way, through := between(t, opts)
		c := clocktest.New()
		o := newOutage(t, open(t, through, "", c), open(t, opts, "", c), c)
		o.vectors = v.Major >= 8
		for _, f := range []fault{
			{"killed", server.Kill, server.Start, false},
			{"hanging", server.Pause, server.Resume, false},
			{"cut", func() { way.set(true, false) }, func() { way.set(false, false) }, true},
			{"stalled", func() { way.set(false, true) }, func() { way.set(false, false) }, true},
		} {
			o.outlast(t, f)
		}
	})
}

// A Redis that answers, and takes long for it, costs a look-up its time once: another's answer, for which it is
// asked again, is a miss. A report fails, and is taken once it is fast.
func TestRedisThatIsSlow(t *testing.T) {
	t.Parallel()
	way, through := between(t, redisxtest.Options(t))
	_, prefix := redisxtest.New(t)
	store := open(t, through, prefix, clock.Real())
	f := &fixture{}
	f.service, f.CacheServiceClient = serve(t, store, cache.Options{
		Timeout: budget, InvalidateTimeout: budget, Feed: store, Embedder: staticEmbedder(t), EmbedTimeout: -1, Threshold: &half,
	})
	const tooSlow = budget * 3 / 5 // for two exchanges
	f.answer(t, guitar)
	for text, want := range map[string]cachev1.HitKind{"how can i learn to play the guitar": near, lute: semantic} {
		until(t, "it never works", func() bool { return f.ask(t, text, upToSemantic, nil).GetHit() == want })
		way.delay(tooSlow)
		if got := f.ask(t, text, upToSemantic, nil).GetHit(); got != miss {
			t.Errorf("%q is %v, after more than its time", text, got)
		}
		way.delay(0)
	}
	until(t, "it never works again", func() bool { return f.hitsQuestion(t, guitar) })
	way.delay(tooSlow)
	if _, err := f.Feedback(t.Context(), report("c", namespace())); !errs.Is(errs.FromConnect(err), errs.ServiceUnavailable) {
		t.Errorf("a report ends with %v", err)
	}
	way.delay(0)
	until(t, "the report is not taken", func() bool {
		got, err := f.Feedback(t.Context(), report("c", namespace()))
		return err == nil && got.GetForgotten() == 1
	})
}
