package ratelimit_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/redisx"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/services/edge/ratelimit"
	"tollgate.dev/services/edge/ratelimit/store/redis"
)

// fast is the real clock made faster, and set wrong: minutes pass while a test waits.
type fast struct {
	began  time.Time
	factor int64
	skew   time.Duration
}

func (f fast) Now() time.Time {
	return f.began.Add(time.Duration(int64(time.Since(f.began)) * f.factor)).Add(f.skew)
}

func (f fast) NewTimer(d time.Duration) clock.Timer {
	return clock.Real().NewTimer(d / time.Duration(f.factor))
}
func (f fast) NewTicker(d time.Duration) clock.Ticker {
	return clock.Real().NewTicker(d / time.Duration(f.factor))
}
func (f fast) AfterFunc(d time.Duration, fn func()) clock.Timer {
	return clock.Real().AfterFunc(d/time.Duration(f.factor), fn)
}

// fleet is replicas that share a real Redis, each with a client of its own.
func fleet(t testing.TB, n int, server redisx.Options, opts redis.Options, clocks func(i int) clock.Clock, options func(i int) ratelimit.Options) []*ratelimit.Limiter {
	t.Helper()
	limiters := make([]*ratelimit.Limiter, n)
	for i := range limiters {
		client, err := redisx.Open(server)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := client.Close(); err != nil {
				t.Error(err)
			}
		})
		store, err := redis.New(client, opts)
		if err != nil {
			t.Fatal(err)
		}
		limiters[i] = share(t, clocks(i), store, options(i))
	}
	return limiters
}

func patient(int) ratelimit.Options { return ratelimit.Options{} }

func realClock(int) clock.Clock { return clock.Real() }

// shared is the tests' own Redis, with keys of this test alone.
func shared(t testing.TB) (redisx.Options, redis.Options) {
	t.Helper()
	_, prefix := redisxtest.New(t)
	return redisxtest.Options(t), redis.Options{Prefix: prefix}
}

// callers runs 50 callers of each replica.
func callers(limiters []*ratelimit.Limiter, call func(l *ratelimit.Limiter)) {
	var wg sync.WaitGroup
	for _, l := range limiters {
		for range 50 {
			wg.Go(func() { call(l) })
		}
	}
	wg.Wait()
}

// lasting says that a refusal is for longer than a slice takes to move between replicas.
const lasting = 3 * time.Second

// drain calls until a refusal is lasting, and returns what came through.
func drain(t *testing.T, limiters []*ratelimit.Limiter, s *ratelimit.Subject, tokens, actual int64) int64 {
	t.Helper()
	var passed atomic.Int64
	callers(limiters, func(l *ratelimit.Limiter) {
		for {
			p, err := l.Acquire(t.Context(), s, "m", tokens)
			if err == nil {
				passed.Add(1)
				p.Done(actual)
				continue
			}
			if e := refused(t, err); e.RetryAfter > lasting {
				return
			}
			_ = clock.Sleep(t.Context(), clock.Real(), 20*time.Millisecond)
		}
	})
	return passed.Load()
}

// Four replicas and fifty callers of each: the limit is let through, and no more.
func TestReplicasKeepALimit(t *testing.T) {
	for name, tc := range map[string]struct {
		limits         *keystorev1.Limits
		tokens, actual int64
		want           int64
	}{
		"requests":           {limits: rpm(1000), want: 1000},
		"few requests":       {limits: rpm(7), want: 7},
		"one request":        {limits: rpm(1), want: 1},
		"tokens":             {limits: tpm(20_000), tokens: 20, actual: 20, want: 1000},
		"estimates too high": {limits: tpm(20_000), tokens: 50, actual: 20, want: 998}, // the last estimate must fit
		"uneven tokens":      {limits: tpm(7001), tokens: 7, actual: 7, want: 1000},
		"by model": {limits: &keystorev1.Limits{RequestsPerMinute: proto.Int64(5000),
			ModelRequestsPerMinute: map[string]int64{"m": 600}, ModelTokensPerMinute: map[string]int64{"m": 1 << 40}}, tokens: 10, actual: 12, want: 600},
	} {
		t.Run(name, func(t *testing.T) {
			server, opts := shared(t)
			limiters := fleet(t, 4, server, opts, realClock, patient)
			began := time.Now()
			got := drain(t, limiters, ratelimit.NewSubject("k", tc.limits, "t", rpm(1<<40)), tc.tokens, tc.actual)
			if took := time.Since(began); took > ratelimit.Window {
				t.Fatalf("it took %v: the test needs a faster machine", took)
			}
			if got > tc.want || got*100 < tc.want*99 {
				t.Errorf("%d calls came through, want %d", got, tc.want)
			}
		})
	}
}

func TestReplicasKeepAParallelLimit(t *testing.T) {
	server, opts := shared(t)
	limiters := fleet(t, 4, server, opts, realClock, patient)
	s := ratelimit.NewSubject("k", nil, "t", parallel(40))
	var inFlight, most, passed atomic.Int64
	stop := make(chan struct{})
	callers(limiters, func(l *ratelimit.Limiter) {
		for {
			select {
			case <-stop:
				return
			default:
			}
			p, err := l.Acquire(t.Context(), s, "m", 0)
			if err != nil {
				_ = refused(t, err)
				_ = clock.Sleep(t.Context(), clock.Real(), 10*time.Millisecond)
				continue
			}
			n := inFlight.Add(1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			if passed.Add(1) == 2000 {
				close(stop)
			}
			_ = clock.Sleep(t.Context(), clock.Real(), 5*time.Millisecond)
			inFlight.Add(-1)
			p.Done(0)
		}
	})
	if n := most.Load(); n > 40 || n < 38 {
		t.Errorf("%d calls at one time, want 40", n)
	}
	// All slots are there for whoever keeps them.
	var kept atomic.Int64
	var mu sync.Mutex
	var permits []ratelimit.Permit
	done := make(chan struct{})
	callers(limiters, func(l *ratelimit.Limiter) {
		for {
			p, err := l.Acquire(t.Context(), s, "m", 0)
			if err == nil {
				mu.Lock()
				permits = append(permits, p)
				mu.Unlock()
				if kept.Add(1) == 40 {
					close(done)
				}
				return
			}
			select {
			case <-done:
				return
			case <-t.Context().Done():
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	if n := kept.Load(); n != 40 {
		t.Errorf("%d slots were kept, want 40", n)
	}
	for _, p := range permits {
		p.Done(0)
	}
}

// span is when a call was let through: between these two.
type span struct{ before, after time.Duration }

// noMoreThan checks that in no window more than the limit was let through: from each call
// to the one that is limit calls later there is a window at least.
func noMoreThan(t *testing.T, limit int, calls []span) {
	t.Helper()
	before, after := make([]time.Duration, len(calls)), make([]time.Duration, len(calls))
	for i, c := range calls {
		before[i], after[i] = c.before, c.after
	}
	slices.Sort(before)
	slices.Sort(after)
	for i := range len(calls) - limit {
		if gap := after[i+limit] - before[i]; gap < ratelimit.Window {
			t.Fatalf("%d calls within %v, the limit is %d in %v", limit+1, gap, limit, ratelimit.Window)
		}
	}
}

// The minute slides, over all replicas, though their clocks are hours apart.
func TestReplicasKeepASlidingMinute(t *testing.T) {
	const factor, limit = 30, 400
	server, opts := shared(t)
	base := fast{began: time.Now(), factor: factor}
	opts.Clock = base // stands for Redis's own
	limiters := fleet(t, 4, server, opts, func(i int) clock.Clock {
		skewed := base
		skewed.skew = time.Duration(i-2) * 7 * time.Hour
		return skewed
	}, patient)
	s := ratelimit.NewSubject("k", rpm(limit), "t", tpm(1<<40))
	var mu sync.Mutex
	var calls []span
	end := base.Now().Add(4 * ratelimit.Window)
	callers(limiters, func(l *ratelimit.Limiter) {
		for base.Now().Before(end) {
			before := base.Now().Sub(base.began)
			p, err := l.Acquire(t.Context(), s, "m", 10)
			if err != nil {
				// Sooner than told, to look for a gap; and not so often that nobody else runs.
				_ = clock.Sleep(t.Context(), clock.Real(), min(refused(t, err).RetryAfter/factor, 50*time.Millisecond))
				continue
			}
			p.Done(30)
			mu.Lock()
			calls = append(calls, span{before, base.Now().Sub(base.began)})
			mu.Unlock()
			_ = clock.Sleep(t.Context(), clock.Real(), 20*time.Millisecond)
		}
	})
	noMoreThan(t, limit, calls)
	if len(calls) < 3*limit {
		t.Errorf("only %d calls came through in four windows of %d", len(calls), limit)
	}
}

// A Redis that is killed and comes back, or answers nothing for a while, costs nobody an
// error, and the replicas find together again by themselves.
func TestRedisFails(t *testing.T) {
	own := redisxtest.Own(t)
	server := own.Options()
	observers := []*observer{{}, {}}
	limiters := fleet(t, 2, server, redis.Options{}, realClock, func(i int) ratelimit.Options {
		return observers[i].options(10*time.Millisecond, 100*time.Millisecond)
	})
	together := func(want bool) func() bool {
		return func() bool {
			for _, l := range limiters {
				if (l.Check(t.Context()) == nil) != want {
					return false
				}
			}
			return true
		}
	}
	// Calls go on all the time. None takes long, and none fails for any other reason than
	// its limit.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	var slowest, refusals atomic.Int64
	for i, l := range limiters {
		for j := range 4 {
			wg.Go(func() {
				s := ratelimit.NewSubject("many", rpm(1<<40), "", nil)
				if j == 0 {
					s = ratelimit.NewSubject("few", rpm(3), string(rune('a'+i)), parallel(100))
				}
				for ctx.Err() == nil {
					began := time.Now()
					p, err := l.Acquire(ctx, s, "m", 5)
					if took := int64(time.Since(began)); took > slowest.Load() {
						slowest.Store(took)
					}
					if err != nil {
						_ = refused(t, err)
						refusals.Add(1)
					}
					p.Done(5)
					_ = clock.Sleep(ctx, clock.Real(), time.Millisecond)
				}
			})
		}
	}
	for name, fault := range map[string]struct{ begin, end func() }{
		"kill":   {own.Kill, own.Start},
		"freeze": {own.Freeze, own.Thaw},
	} {
		fault.begin()
		eventually(t, name+": the replicas count alone", together(false))
		s := ratelimit.NewSubject("during "+name, rpm(5), "", nil)
		for _, l := range limiters {
			pass(t, l, s, 5)
			_, err := l.Acquire(t.Context(), s, "m", 0)
			_ = refused(t, err)
		}
		fault.end()
		eventually(t, name+": the replicas count together again", together(true))
		for _, l := range limiters { // what came through at both counts
			_, err := l.Acquire(t.Context(), s, "m", 0)
			_ = refused(t, err)
		}
	}
	cancel()
	wg.Wait()
	if refusals.Load() == 0 {
		t.Error("the small limit refused nobody")
	}
	if took := time.Duration(slowest.Load()); took > 5*time.Second {
		t.Errorf("a call took %v", took)
	}
	for i, o := range observers {
		if states, _, log := o.saw(); states != "[true false true false true]" {
			t.Errorf("replica %d: %s\n%s", i, states, log)
		}
	}
}

// A Redis that loses its scripts, or everything, hears again of what it has counted.
func TestRedisForgets(t *testing.T) {
	server := redisxtest.Own(t).Options()
	limiters := fleet(t, 2, server, redis.Options{}, realClock, patient)
	client, err := redisx.Open(server)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}()
	busy := ratelimit.NewSubject("busy", rpm(1<<40), "", nil)
	for name, lose := range map[string]func() error{
		"scripts": func() error { return client.ScriptFlush(t.Context()).Err() },
		"all":     func() error { return client.FlushAll(t.Context()).Err() },
	} {
		s := ratelimit.NewSubject("before losing "+name, rpm(60), "", nil)
		pass(t, limiters[0], s, 50)
		if err := lose(); err != nil {
			t.Fatal(err)
		}
		eventually(t, name+": what came through before counts again", func() bool {
			pass(t, limiters[0], busy, 1) // who calls, notices
			return client.HExists(t.Context(), redis.DefaultPrefix+"{key:before+losing+"+name+":}", "leases").Val()
		})
		if got := drain(t, limiters, s, 0, 0); got != 10 {
			t.Errorf("%s: %d more came through, want 10", name, got)
		}
	}
}
