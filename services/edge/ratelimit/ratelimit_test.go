package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/edge/ratelimit"
	"tollgate.dev/services/edge/ratelimit/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// opener makes a limiter that goes by the clock.
type opener func(t *testing.T, clk *clocktest.Fake) *ratelimit.Limiter

// eachWay runs a test with a limiter that counts alone, and with one that leases what it
// lets through: nobody can tell them apart.
func eachWay(t *testing.T, test func(*testing.T, opener)) {
	t.Helper()
	t.Run("alone", func(t *testing.T) {
		test(t, func(_ *testing.T, clk *clocktest.Fake) *ratelimit.Limiter { return ratelimit.New(clk) })
	})
	t.Run("shared", func(t *testing.T) {
		test(t, func(t *testing.T, clk *clocktest.Fake) *ratelimit.Limiter {
			t.Helper()
			return share(t, clk, memory.New(memory.Options{Clock: clk}), ratelimit.Options{})
		})
	})
}

// share runs a limiter on the store until the test ends. Its waits have no bound, so that
// a busy machine changes nothing.
func share(t testing.TB, clk clock.Clock, store ratelimit.Shared, opts ratelimit.Options) *ratelimit.Limiter {
	t.Helper()
	if opts.Wait == 0 {
		opts.Wait, opts.CallTimeout = time.Hour, time.Minute
	}
	l := ratelimit.NewShared(clk, store, opts)
	run(t, l)
	return l
}

// run runs a limiter until the test ends, or stop is called, and returns once it shares.
func run(t testing.TB, l *ratelimit.Limiter) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := l.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	eventually(t, "the limiter shares", func() bool { return l.Check(t.Context()) == nil })
	return stop
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

func rpm(n int64) *keystorev1.Limits {
	return &keystorev1.Limits{RequestsPerMinute: proto.Int64(n)}
}

func tpm(n int64) *keystorev1.Limits {
	return &keystorev1.Limits{TokensPerMinute: proto.Int64(n)}
}

func parallel(n int64) *keystorev1.Limits {
	return &keystorev1.Limits{ParallelRequests: proto.Int64(n)}
}

func refused(t *testing.T, err error) *errs.Error {
	t.Helper()
	e, ok := errors.AsType[*errs.Error](err)
	if !ok || e.Reason != errs.RateLimitExceeded {
		t.Fatalf("the call was not refused: %v", err)
	}
	return e
}

func TestWithoutLimitsNothingIsCounted(t *testing.T) { eachWay(t, testWithoutLimitsNothingIsCounted) }

func testWithoutLimitsNothingIsCounted(t *testing.T, open opener) {
	t.Helper()
	if s := ratelimit.NewSubject("k", nil, "t", &keystorev1.Limits{Models: []string{"gpt-4o"}}); s != nil {
		t.Errorf("a subject without limits: %+v", s)
	}
	l := open(t, clocktest.New())
	for name, s := range map[string]*ratelimit.Subject{
		"nobody":        nil,
		"another model": ratelimit.NewSubject("k", &keystorev1.Limits{ModelRequestsPerMinute: map[string]int64{"o3": 0}}, "", nil),
	} {
		p, err := l.Acquire(t.Context(), s, "gpt-4o", 1<<40)
		if err != nil || p != (ratelimit.Permit{}) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
		h := http.Header{}
		p.Headers(h)
		p.Done(5)
		if len(h) != 0 {
			t.Errorf("%s: headers %v", name, h)
		}
	}
}

// Each limit lets a burst up to its value pass at once, refuses the next call, says
// which limit it was, and lets it pass after exactly the time that it said.
func TestEachLimit(t *testing.T) { eachWay(t, testEachLimit) }

func testEachLimit(t *testing.T, open opener) {
	t.Helper()
	both := &keystorev1.Limits{RequestsPerMinute: proto.Int64(100), ModelRequestsPerMinute: map[string]int64{"m": 3}}
	for name, tc := range map[string]struct {
		key, tenant *keystorev1.Limits
		tokens      int64
		pass        int
		details     map[string]string
		message     string
	}{
		"key requests": {key: rpm(3), pass: 3, message: "the key's limit of 3 requests per minute is reached",
			details: map[string]string{"limit": "requests_per_minute", "scope": "key", "value": "3"}},
		"key tokens": {key: tpm(1000), tokens: 300, pass: 3, message: "the key's limit of 1000 tokens per minute is reached",
			details: map[string]string{"limit": "tokens_per_minute", "scope": "key", "value": "1000"}},
		"key and model": {key: both, pass: 3, message: "the key's limit of 3 requests per minute for this model is reached",
			details: map[string]string{"limit": "requests_per_minute", "scope": "key", "value": "3", "model": "m"}},
		"key and model, tokens": {key: &keystorev1.Limits{ModelTokensPerMinute: map[string]int64{"m": 10}}, tokens: 5, pass: 2,
			message: "the key's limit of 10 tokens per minute for this model is reached",
			details: map[string]string{"limit": "tokens_per_minute", "scope": "key", "value": "10", "model": "m"}},
		"tenant requests": {key: rpm(9), tenant: rpm(2), pass: 2, message: "the tenant's limit of 2 requests per minute is reached",
			details: map[string]string{"limit": "requests_per_minute", "scope": "tenant", "value": "2"}},
		"tenant and model": {tenant: both, pass: 3, message: "the tenant's limit of 3 requests per minute for this model is reached",
			details: map[string]string{"limit": "requests_per_minute", "scope": "tenant", "value": "3", "model": "m"}},
	} {
		t.Run(name, func(t *testing.T) {
			clk := clocktest.New()
			l := open(t, clk)
			s := ratelimit.NewSubject("k", tc.key, "t", tc.tenant)
			for i := range tc.pass {
				p, err := l.Acquire(t.Context(), s, "m", tc.tokens)
				if err != nil {
					t.Fatalf("call %d of the burst: %v", i+1, err)
				}
				p.Done(tc.tokens)
			}
			clk.Advance(1234567 * time.Microsecond)
			_, err := l.Acquire(t.Context(), s, "m", tc.tokens)
			e := refused(t, err)
			if !maps.Equal(e.Details, tc.details) || e.Message != tc.message {
				t.Errorf("%q, %v", e.Message, e.Details)
			}
			if want := ratelimit.Window - 1234567*time.Microsecond; e.RetryAfter != want {
				t.Errorf("retry after %v, want %v", e.RetryAfter, want)
			}
			clk.Advance(e.RetryAfter - 1)
			if _, err := l.Acquire(t.Context(), s, "m", tc.tokens); err == nil {
				t.Error("the call passes a nanosecond early")
			}
			clk.Advance(1)
			if _, err := l.Acquire(t.Context(), s, "m", tc.tokens); err != nil {
				t.Errorf("the call does not pass at the time told: %v", err)
			}
		})
	}
}

func TestParallel(t *testing.T) { eachWay(t, testParallel) }

func testParallel(t *testing.T, open opener) {
	t.Helper()
	l := open(t, clocktest.New())
	s := ratelimit.NewSubject("k", parallel(2), "t", parallel(3))
	other := ratelimit.NewSubject("k2", nil, "t", parallel(3))
	one, err1 := l.Acquire(t.Context(), s, "m", 0)
	two, err2 := l.Acquire(t.Context(), s, "m", 0)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	_, err := l.Acquire(t.Context(), s, "m", 0)
	if e := refused(t, err); e.Details["scope"] != "key" || e.Details["limit"] != "parallel_requests" || e.RetryAfter != time.Second {
		t.Errorf("%+v", e)
	}
	three, err := l.Acquire(t.Context(), other, "m", 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Acquire(t.Context(), other, "m", 0)
	if e := refused(t, err); e.Details["scope"] != "tenant" {
		t.Errorf("%+v", e)
	}
	one.Done(0)
	one.Done(0) // and not a second slot
	copied := two
	if _, err := l.Acquire(t.Context(), s, "m", 0); err != nil {
		t.Errorf("the slot is not free: %v", err)
	}
	if _, err := l.Acquire(t.Context(), s, "m", 0); err == nil {
		t.Error("one Done too many freed a slot")
	}
	two.Done(0)
	copied.Done(0)
	three.Done(0)
}

// TestARequestAlone has calls that are nothing but requests: they share the limits on requests
// with all others, need neither tokens nor a slot, and leave both as they were.
func TestARequestAlone(t *testing.T) { eachWay(t, testARequestAlone) }

func testARequestAlone(t *testing.T, open opener) {
	t.Helper()
	clk := clocktest.New()
	l := open(t, clk)
	limits := func(rpm int64) *keystorev1.Limits {
		return &keystorev1.Limits{
			RequestsPerMinute: proto.Int64(rpm), TokensPerMinute: proto.Int64(10), ParallelRequests: proto.Int64(1),
			ModelRequestsPerMinute: map[string]int64{"m": 9}, ModelTokensPerMinute: map[string]int64{"m": 10},
		}
	}
	s := ratelimit.NewSubject("k", limits(4), "t", limits(8))
	running, err := l.Acquire(t.Context(), s, "m", 10)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		p, err := l.AcquireRequest(t.Context(), s, "m")
		if err != nil {
			t.Fatalf("request %d, with no token and no slot to have: %v", i, err)
		}
		p.Done(1000)
	}
	running.Done(9)
	if p, err := l.Acquire(t.Context(), s, "m", 1); err != nil {
		t.Errorf("the last request, of the last token: %v", err)
	} else {
		p.Done(1)
	}
	p, err := l.AcquireRequest(t.Context(), s, "m")
	if e := refused(t, err); e.Details["limit"] != "requests_per_minute" || e.Details["scope"] != "key" || e.RetryAfter != time.Minute {
		t.Errorf("%v after %v", e.Details, e.RetryAfter)
	}
	h := http.Header{}
	if p.Headers(h); h.Get("X-Ratelimit-Remaining-Requests") != "0" {
		t.Errorf("the headers are %v", h)
	}
	clk.Advance(time.Minute)
	if _, err := l.AcquireRequest(t.Context(), s, "m"); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestDoneCorrectsTheEstimate(t *testing.T) { eachWay(t, testDoneCorrectsTheEstimate) }

func testDoneCorrectsTheEstimate(t *testing.T, open opener) {
	t.Helper()
	clk := clocktest.New()
	l := open(t, clk)
	s := ratelimit.NewSubject("k", tpm(100), "", nil)
	fits := func(n int64) bool {
		p, err := l.Acquire(t.Context(), s, "m", n)
		if err != nil {
			return false
		}
		p.Done(0)
		return true
	}
	under, _ := l.Acquire(t.Context(), s, "m", 80)
	if fits(21) {
		t.Error("the estimate does not count")
	}
	under.Done(30)
	under.Done(99)
	if !fits(70) || fits(71) {
		t.Error("what was not used is not given back")
	}
	over, _ := l.Acquire(t.Context(), s, "m", 10)
	clk.Advance(20 * time.Second)
	over.Done(200)
	if fits(0) {
		t.Error("a call passes a limit that is used up")
	}
	clk.Advance(40 * time.Second) // the first estimates have left, what came on top has not
	if fits(0) {
		t.Error("tokens beyond the estimate left with the estimate")
	}
	clk.Advance(20 * time.Second)
	if !fits(100) {
		t.Error("tokens beyond the estimate do not leave")
	}
	late, _ := l.Acquire(t.Context(), s, "m", 100)
	clk.Advance(2 * time.Minute)
	late.Done(0) // its estimate has left long ago
	if !fits(100) || fits(101) {
		t.Error("a late correction changed the limit")
	}
}

// What a call really used counts for each limit on tokens, whichever other limits there are.
func TestEveryLimitOnTokensIsCorrected(t *testing.T) { eachWay(t, testEveryLimitOnTokensIsCorrected) }

func testEveryLimitOnTokensIsCorrected(t *testing.T, open opener) {
	t.Helper()
	l := open(t, clocktest.New())
	const requests, tokens, slots, kinds = 1, 2, 3, 4 // 0 is none
	limits := func(of, ofModel int) *keystorev1.Limits {
		out := &keystorev1.Limits{}
		switch of {
		case requests:
			out.RequestsPerMinute = proto.Int64(100)
		case tokens:
			out.TokensPerMinute = proto.Int64(1000)
		case slots:
			out.ParallelRequests = proto.Int64(100)
		}
		switch ofModel {
		case requests:
			out.ModelRequestsPerMinute = map[string]int64{"m": 100}
		case tokens:
			out.ModelTokensPerMinute = map[string]int64{"m": 1000}
		}
		return out
	}
	for i := range kinds * slots * kinds * slots { // a model has no limit on parallel requests
		key, keyModel, team, teamModel := i%kinds, i/kinds%slots, i/kinds/slots%kinds, i/kinds/slots/kinds
		name := fmt.Sprint(i)
		for _, tc := range []struct{ estimate, used, fit int64 }{{10, 500, 2}, {500, 10, 51}} {
			s := ratelimit.NewSubject("k"+name, limits(key, keyModel), "t"+name, limits(team, teamModel))
			want := tc.fit
			if key != tokens && keyModel != tokens && team != tokens && teamModel != tokens {
				want = 60
			}
			passed := int64(0)
			for ; passed < 60; passed++ {
				p, err := l.Acquire(t.Context(), s, "m", tc.estimate)
				if err != nil {
					break
				}
				p.Done(tc.used)
			}
			if passed != want {
				t.Errorf("key %d, its model %d, team %d, its model %d: %d calls of %d tokens passed, want %d",
					key, keyModel, team, teamModel, passed, tc.used, want)
			}
			name += "b"
		}
	}
}

func TestACallThatNeverFits(t *testing.T) { eachWay(t, testACallThatNeverFits) }

func testACallThatNeverFits(t *testing.T, open opener) {
	t.Helper()
	l := open(t, clocktest.New())
	s := ratelimit.NewSubject("k", tpm(100), "", nil)
	_, err := l.Acquire(t.Context(), s, "m", 101)
	e := refused(t, err)
	if e.RetryAfter != ratelimit.Window || e.Message != "the key's limit of 100 tokens per minute is less than this one call needs" {
		t.Errorf("%v, %q", e.RetryAfter, e.Message)
	}
	if _, err := l.Acquire(t.Context(), ratelimit.NewSubject("k", rpm(0), "", nil), "m", 0); err == nil {
		t.Error("a limit of 0 lets a call pass")
	}
}

// A refusal by the last limit leaves all others as they were.
func TestAllOrNothing(t *testing.T) { eachWay(t, testAllOrNothing) }

func testAllOrNothing(t *testing.T, open opener) {
	t.Helper()
	clk := clocktest.New()
	l := open(t, clk)
	s := ratelimit.NewSubject("k", rpm(10), "t", rpm(1))
	alone := ratelimit.NewSubject("k", rpm(10), "", nil)
	if _, err := l.Acquire(t.Context(), s, "m", 0); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if _, err := l.Acquire(t.Context(), s, "m", 0); err == nil {
			t.Fatal("the tenant's limit does not hold")
		}
	}
	for i := range 9 {
		if _, err := l.Acquire(t.Context(), alone, "m", 0); err != nil {
			t.Fatalf("a refused call was counted: %d of 9 are left", i)
		}
	}
	_, err := l.Acquire(t.Context(), alone, "m", 0)
	_ = refused(t, err)
}

// The longest wait is the one to tell.
func TestTheWorstLimitIsTold(t *testing.T) { eachWay(t, testTheWorstLimitIsTold) }

func testTheWorstLimitIsTold(t *testing.T, open opener) {
	t.Helper()
	clk := clocktest.New()
	l := open(t, clk)
	tenant := ratelimit.NewSubject("", nil, "t", rpm(1))
	if _, err := l.Acquire(t.Context(), tenant, "m", 0); err != nil {
		t.Fatal(err)
	}
	clk.Advance(30 * time.Second)
	key := ratelimit.NewSubject("k", rpm(1), "", nil)
	if _, err := l.Acquire(t.Context(), key, "m", 0); err != nil {
		t.Fatal(err)
	}
	_, err := l.Acquire(t.Context(), ratelimit.NewSubject("k", rpm(1), "t", rpm(1)), "m", 0)
	if e := refused(t, err); e.Details["scope"] != "key" || e.RetryAfter != time.Minute {
		t.Errorf("%v %v", e.RetryAfter, e.Details)
	}
}

func TestHeaders(t *testing.T) { eachWay(t, testHeaders) }

func testHeaders(t *testing.T, open opener) {
	t.Helper()
	clk := clocktest.New()
	l := open(t, clk)
	s := ratelimit.NewSubject("k",
		&keystorev1.Limits{RequestsPerMinute: proto.Int64(60), TokensPerMinute: proto.Int64(9000)}, "t",
		&keystorev1.Limits{RequestsPerMinute: proto.Int64(20), TokensPerMinute: proto.Int64(1 << 40), ModelTokensPerMinute: map[string]int64{"m": 500}})
	p, err := l.Acquire(t.Context(), s, "m", 120)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	p.Headers(h)
	want := map[string]string{
		"x-ratelimit-limit-requests":     "20",
		"x-ratelimit-remaining-requests": "19",
		"x-ratelimit-reset-requests":     "1m0s",
		"x-ratelimit-limit-tokens":       "500",
		"x-ratelimit-remaining-tokens":   "380",
		"x-ratelimit-reset-tokens":       "1m0s",
		"x-litellm-key-rpm-limit":        "60",
		"x-litellm-key-tpm-limit":        "9000",
	}
	for name, value := range want {
		if got := h.Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	if len(h) != len(want) {
		t.Errorf("more headers than that: %v", h)
	}
}

// A permit that comes with a refusal tells how the limits stand, and has taken nothing.
func TestHeadersOfARefusal(t *testing.T) { eachWay(t, testHeadersOfARefusal) }

func testHeadersOfARefusal(t *testing.T, open opener) {
	t.Helper()
	clk := clocktest.New()
	l := open(t, clk)
	s := ratelimit.NewSubject("k", &keystorev1.Limits{RequestsPerMinute: proto.Int64(2), TokensPerMinute: proto.Int64(100)}, "t",
		&keystorev1.Limits{RequestsPerMinute: proto.Int64(50)})
	if _, err := l.Acquire(t.Context(), s, "m", 30); err != nil {
		t.Fatal(err)
	}
	clk.Advance(10 * time.Second)
	for range 2 { // the second time shows that the first has counted nothing
		p, err := l.Acquire(t.Context(), s, "m", 90)
		_ = refused(t, err)
		h := http.Header{}
		p.Headers(h)
		p.Done(1000)
		for name, want := range map[string]string{
			"x-ratelimit-limit-requests": "2", "x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "50s",
			"x-ratelimit-limit-tokens": "100", "x-ratelimit-remaining-tokens": "70", "x-ratelimit-reset-tokens": "50s",
			"x-litellm-key-rpm-limit": "2", "x-litellm-key-tpm-limit": "100",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	}
}

// No span of one minute holds more than the limit, wherever it begins, and no call is
// refused that would leave room for less than what a quantum may merge.
func TestNoWindowExceedsTheLimit(t *testing.T) { eachWay(t, testNoWindowExceedsTheLimit) }

func testNoWindowExceedsTheLimit(t *testing.T, open opener) {
	t.Helper()
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // the same draws for a seed
		clk := clocktest.New()
		l := open(t, clk)
		limit := 1 + rng.Int64N(200)
		s := ratelimit.NewSubject("k", tpm(limit), "", nil)
		type call struct {
			at time.Time
			n  int64
		}
		var passed []call
		sum := func(from, to time.Time) (n int64) { // of (from, to]
			for _, c := range passed {
				if c.at.After(from) && !c.at.After(to) {
					n += c.n
				}
			}
			return n
		}
		for range 2000 {
			// A report that is under way while the clock leaps tells of old calls as of new ones.
			eventually(t, "all that is due is done", l.Settled)
			switch rng.IntN(4) {
			case 0:
				clk.Advance(time.Duration(rng.Int64N(int64(100 * time.Millisecond))))
			case 1:
				clk.Advance(time.Duration(rng.Int64N(int64(2 * time.Second))))
			case 2:
				if rng.IntN(20) == 0 {
					clk.Advance(time.Duration(rng.Int64N(int64(70 * time.Second))))
				}
			}
			now, n := clk.Now(), 1+rng.Int64N(max(limit/4, 1))
			p, err := l.Acquire(t.Context(), s, "m", n)
			if err == nil {
				p.Done(n)
				passed = append(passed, call{now, n})
				if got := sum(now.Add(-time.Minute), now); got > limit {
					t.Fatalf("seed %d: %d in the minute before %v, the limit is %d", seed, got, now, limit)
				}
				continue
			}
			if got := sum(now.Add(-time.Minute-time.Second), now); got+n <= limit {
				t.Fatalf("seed %d: refused %d, though only %d of %d went through in 61 s", seed, n, got, limit)
			}
		}
		if len(passed) < 20 {
			t.Fatalf("seed %d: only %d calls passed", seed, len(passed))
		}
	}
}

// Whatever the interleaving, exactly as many calls pass as the tightest limit allows.
func TestConcurrentCallers(t *testing.T) { eachWay(t, testConcurrentCallers) }

func testConcurrentCallers(t *testing.T, open opener) {
	t.Helper()
	clk := clocktest.New()
	l := open(t, clk)
	var passed, inFlight, most atomic.Int64
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			s := ratelimit.NewSubject(fmt.Sprint("k", g%4),
				&keystorev1.Limits{RequestsPerMinute: proto.Int64(400), ModelTokensPerMinute: map[string]int64{"m": 1 << 40}}, "t",
				&keystorev1.Limits{RequestsPerMinute: proto.Int64(1000), ParallelRequests: proto.Int64(8)})
			for range 500 {
				p, err := l.Acquire(t.Context(), s, "m", 10)
				if err != nil {
					continue
				}
				n := inFlight.Add(1)
				for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
				}
				passed.Add(1)
				inFlight.Add(-1)
				p.Done(20)
			}
		})
	}
	wg.Wait()
	if n := passed.Load(); n != 1000 {
		t.Errorf("%d calls passed, want 1000", n)
	}
	if n := most.Load(); n > 8 {
		t.Errorf("%d calls at the same time, want at most 8", n)
	}
}

// Callers that meet an account which is just being evicted lose no count.
func TestConcurrentEviction(t *testing.T) { eachWay(t, testConcurrentEviction) }

func testConcurrentEviction(t *testing.T, open opener) {
	t.Helper()
	clk := clocktest.New()
	l := open(t, clk)
	s := ratelimit.NewSubject("k", rpm(1), "t", rpm(1))
	for range 300 {
		var passed atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if p, err := l.Acquire(t.Context(), s, "m", 0); err == nil {
					passed.Add(1)
					p.Done(0)
				}
			})
		}
		wg.Wait()
		if n := passed.Load(); n != 1 {
			t.Fatalf("%d calls passed in one window, want 1", n)
		}
		clk.Advance(time.Minute)
	}
}
