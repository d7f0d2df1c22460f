package ratelimit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/edge/ratelimit"
	"tollgate.dev/services/edge/ratelimit/store/memory"
)

// link is one replica's way to a store: it counts what goes over it, and can be cut.
type link struct {
	ratelimit.Shared

	syncs atomic.Int64
	down  atomic.Bool
	// hang is closed when calls go on; nil lets them through.
	hang atomic.Pointer[chan struct{}]
	// moved is another store that takes the first one's place.
	moved atomic.Pointer[memory.Store]
}

var errDown = errors.New("the store is down")

func (l *link) pass(ctx context.Context) error {
	if l.down.Load() {
		return errDown
	}
	if hang := l.hang.Load(); hang != nil {
		select {
		case <-*hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (l *link) Sync(ctx context.Context, replica string, reports []ratelimit.Report) ([]ratelimit.Answer, error) {
	l.syncs.Add(1)
	if err := l.pass(ctx); err != nil {
		return nil, err
	}
	if moved := l.moved.Load(); moved != nil {
		return moved.Sync(ctx, replica, reports)
	}
	return l.Shared.Sync(ctx, replica, reports)
}

func (l *link) Ping(ctx context.Context) error {
	if err := l.pass(ctx); err != nil {
		return err
	}
	return l.Shared.Ping(ctx)
}

// observer notes what operators are told.
type observer struct {
	mu     sync.Mutex
	states []bool
	alone  int
	log    bytes.Buffer
}

func (o *observer) RateLimitsShared(together bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.states = append(o.states, together)
}

func (o *observer) RateLimitedAlone() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.alone++
}

func (o *observer) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.Write(p)
}

func (o *observer) saw() (states string, alone int, log string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fmt.Sprint(o.states), o.alone, o.log.String()
}

func (o *observer) options(wait, call time.Duration) ratelimit.Options {
	return ratelimit.Options{Wait: wait, CallTimeout: call, Metrics: o, Log: slog.New(slog.NewTextHandler(o, nil))}
}

// pass lets n calls through, or fails.
func pass(t *testing.T, l *ratelimit.Limiter, s *ratelimit.Subject, n int) {
	t.Helper()
	for i := range n {
		p, err := l.Acquire(t.Context(), s, "m", 0)
		if err != nil {
			t.Fatalf("call %d of %d: %v", i+1, n, err)
		}
		p.Done(0)
	}
}

// held is what replicas hold of the key's requests and slots, by the store's word.
func held(t *testing.T, store ratelimit.Shared) (requests, slots int64) {
	t.Helper()
	probe++
	answers, err := store.Sync(t.Context(), fmt.Sprint("probe", probe), []ratelimit.Report{{
		Account: ratelimit.AccountID{Scope: ratelimit.ScopeKey, ID: "k"}, Seq: 1, Full: true,
		Requests: ratelimit.Counted{Limit: 1 << 40},
		Tokens:   ratelimit.Counted{Limit: ratelimit.Unlimited},
		Parallel: ratelimit.Slots{Limit: 1 << 40},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return answers[0].Requests.Others, answers[0].Parallel.Others
}

var probe int // names probes; tests that use it do not run in parallel

// pool is limiters on one store, by one clock.
type pool struct {
	clk      *clocktest.Fake
	store    *memory.Store
	limiters []*ratelimit.Limiter
}

func newPool() *pool {
	clk := clocktest.New()
	return &pool{clk: clk, store: memory.New(memory.Options{Clock: clk})}
}

// open runs another limiter, by a way to the store of its own.
func (p *pool) open(t *testing.T, opts ratelimit.Options) (*ratelimit.Limiter, *link) {
	t.Helper()
	way := &link{Shared: p.store}
	l := share(t, p.clk, way, opts)
	p.limiters = append(p.limiters, l)
	return l, way
}

// advance moves the clock, in steps as small as what is done by the clock, and waits at
// each until that is done.
func (p *pool) advance(t *testing.T, d time.Duration) {
	t.Helper()
	for d > 0 {
		step := min(d, ratelimit.Tick)
		p.clk.Advance(step)
		for _, l := range p.limiters {
			eventually(t, "all that is due is done", l.Settled)
		}
		d -= step
	}
}

func TestWithoutLimitsNothingIsShared(t *testing.T) {
	store := &link{Shared: memory.New(memory.Options{})}
	clk := clocktest.New()
	l := share(t, clk, store, ratelimit.Options{})
	for _, s := range []*ratelimit.Subject{nil, ratelimit.NewSubject("k", &keystorev1.Limits{ModelRequestsPerMinute: map[string]int64{"o3": 5}}, "", nil)} {
		for range 100 {
			p, err := l.Acquire(t.Context(), s, "gpt-4o", 10)
			if err != nil {
				t.Fatal(err)
			}
			p.Done(20)
		}
	}
	for range 100 {
		clk.Advance(time.Second)
	}
	if n := store.syncs.Load(); n != 0 {
		t.Errorf("%d exchanges with the store", n)
	}
}

// A call far from its limit costs nothing that waits, and neither do most refusals.
func TestFewExchanges(t *testing.T) {
	store := &link{Shared: memory.New(memory.Options{Clock: clocktest.New()})}
	l := share(t, clocktest.New(), store, ratelimit.Options{})
	pass(t, l, ratelimit.NewSubject("k", rpm(10_000), "", nil), 5000)
	if n := store.syncs.Load(); n > 30 {
		t.Errorf("%d exchanges for 5000 calls of 10,000", n)
	}
	s := ratelimit.NewSubject("few", rpm(10), "", nil)
	pass(t, l, s, 10)
	before := store.syncs.Load()
	for range 1000 {
		_, err := l.Acquire(t.Context(), s, "m", 0)
		_ = refused(t, err)
	}
	if n := store.syncs.Load() - before; n > 2 {
		t.Errorf("%d exchanges for 1000 refusals", n)
	}
}

// Two replicas are one limit, and what one does not use the other gets.
func TestIdleReplicasGiveBack(t *testing.T) {
	p := newPool()
	a, _ := p.open(t, ratelimit.Options{})
	b, _ := p.open(t, ratelimit.Options{})
	s := ratelimit.NewSubject("k", &keystorev1.Limits{RequestsPerMinute: proto.Int64(1000), ParallelRequests: proto.Int64(100)}, "", nil)
	pass(t, a, s, 1)
	if q, n := held(t, p.store); q < 100 || n < 10 {
		t.Fatalf("%d requests and %d slots are held: the slices are small", q, n)
	}
	p.advance(t, 1500*time.Millisecond)
	if q, n := held(t, p.store); q < 1 || q > 10 || n != 0 {
		t.Errorf("%d requests and %d slots are held after a second, want a reserve of 10 requests", q, n)
	}
	p.advance(t, 9*time.Second)
	if q, n := held(t, p.store); q != 0 || n != 0 {
		t.Errorf("%d requests and %d slots are held after 10 s", q, n)
	}
	pass(t, b, s, 999)
	_, err := b.Acquire(t.Context(), s, "m", 0)
	if e := refused(t, err); e.RetryAfter != ratelimit.Window-10500*time.Millisecond {
		t.Errorf("retry after %v", e.RetryAfter)
	}
}

// A stop gives everything back, and tells of everything.
func TestStopGivesBack(t *testing.T) {
	clk := clocktest.New()
	store := memory.New(memory.Options{Clock: clk})
	a := ratelimit.NewShared(clk, store, ratelimit.Options{Wait: time.Hour, CallTimeout: time.Minute})
	stop := run(t, a)
	s := ratelimit.NewSubject("k", rpm(100), "", nil)
	pass(t, a, s, 7)
	stop()
	if q, _ := held(t, store); q != 0 {
		t.Errorf("%d are held", q)
	}
	b := share(t, clk, store, ratelimit.Options{})
	pass(t, b, s, 93)
	_, err := b.Acquire(t.Context(), s, "m", 0)
	_ = refused(t, err)
	pass(t, a, s, 93) // a call that outlives the stop is counted alone
}

// What a replica is just giving back is there for the call that it suffices for.
func TestWhatIsOnItsWayBackIsFree(t *testing.T) {
	p := newPool()
	l, way := p.open(t, ratelimit.Options{Wait: time.Hour, CallTimeout: time.Minute})
	s := ratelimit.NewSubject("k", tpm(40), "", nil)
	take := func(n int64) error {
		_, err := l.Acquire(t.Context(), s, "m", n)
		return err
	}
	if err := take(3); err != nil { // of 5 that are granted
		t.Fatal(err)
	}
	p.clk.Advance(ratelimit.Tick - 50*time.Millisecond)
	if err := take(38); err == nil {
		t.Fatal("38 more of 40 passed after 3")
	}
	before, hang := way.syncs.Load(), make(chan struct{})
	way.hang.Store(&hang)
	p.clk.Advance(50 * time.Millisecond) // the 2 are of no use, and go back
	eventually(t, "the report", func() bool { return way.syncs.Load() > before })
	done := make(chan error, 1)
	go func() { done <- take(37) }()
	eventually(t, "the call waits for the answer, or is refused", func() bool { return l.Waiting() || len(done) > 0 })
	way.hang.Store(nil)
	close(hang)
	if err := <-done; err != nil {
		t.Errorf("37 more of 40 do not pass after 3: %v", err)
	}
}

// A replica that dies with calls in flight gives their slots back when its term ends.
func TestSlotsOfADeadReplicaComeBack(t *testing.T) {
	p := newPool()
	a, way := p.open(t, ratelimit.Options{})
	b, _ := p.open(t, ratelimit.Options{})
	s := ratelimit.NewSubject("k", parallel(10), "", nil)
	for range 10 {
		if _, err := a.Acquire(t.Context(), s, "m", 0); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 { // calls that run for longer than the term keep their slots
		p.advance(t, 3*time.Second)
		_, err := b.Acquire(t.Context(), s, "m", 0)
		if e := refused(t, err); e.RetryAfter != time.Second {
			t.Fatalf("retry after %v", e.RetryAfter)
		}
	}
	way.down.Store(true) // as if it were killed
	p.clk.Advance(ratelimit.StoreTerm)
	for i := range 10 {
		permit, err := b.Acquire(t.Context(), s, "m", 0)
		if err != nil {
			t.Fatalf("slot %d: %v", i+1, err)
		}
		defer permit.Done(0)
	}
	_, err := b.Acquire(t.Context(), s, "m", 0)
	_ = refused(t, err)
}

// A slot that one replica frees is another's soon, near the limit.
func TestSlotsMoveBetweenReplicas(t *testing.T) {
	p := newPool()
	a, _ := p.open(t, ratelimit.Options{})
	b, _ := p.open(t, ratelimit.Options{})
	s := ratelimit.NewSubject("k", parallel(4), "", nil)
	var permits []ratelimit.Permit
	for i := range 4 {
		permit, err := []*ratelimit.Limiter{a, b}[i%2].Acquire(t.Context(), s, "m", 0)
		if err != nil {
			t.Fatal(err)
		}
		permits = append(permits, permit)
	}
	for i, from := range []*ratelimit.Limiter{b, a} {
		for _, l := range []*ratelimit.Limiter{a, b} { // both know that there is none left
			_, err := l.Acquire(t.Context(), s, "m", 0)
			_ = refused(t, err)
		}
		permits[i].Done(0)
		p.advance(t, 250*time.Millisecond)
		if _, err := from.Acquire(t.Context(), s, "m", 0); err != nil {
			t.Errorf("the slot is not free at the other replica: %v", err)
		}
	}
}

// Whoever is told to come back gets in then, also when another replica holds what is left.
func TestRetryAfterIsTrueAcrossReplicas(t *testing.T) {
	p := newPool()
	a, _ := p.open(t, ratelimit.Options{})
	b, _ := p.open(t, ratelimit.Options{})
	s := ratelimit.NewSubject("k", rpm(80), "", nil)
	pass(t, a, s, 1) // a holds 9 more
	pass(t, b, s, 70)
	_, err := b.Acquire(t.Context(), s, "m", 0)
	e := refused(t, err)
	if e.RetryAfter < time.Second || e.RetryAfter > 2*time.Second {
		t.Fatalf("retry after %v, for what the other holds", e.RetryAfter)
	}
	p.advance(t, e.RetryAfter)
	pass(t, b, s, 9)
	_, err = b.Acquire(t.Context(), s, "m", 0)
	if e = refused(t, err); e.RetryAfter != ratelimit.Window-2*time.Second {
		t.Errorf("retry after %v, when the first call is 2 s old", e.RetryAfter)
	}
	p.advance(t, e.RetryAfter-time.Microsecond)
	if _, err := a.Acquire(t.Context(), s, "m", 0); err == nil {
		t.Error("the other replica lets it pass early")
	}
	p.clk.Advance(time.Microsecond)
	pass(t, a, s, 71)
}

// An estimate counts at all replicas, and so does what corrects it.
func TestTokensAcrossReplicas(t *testing.T) {
	p := newPool()
	a, _ := p.open(t, ratelimit.Options{})
	b, _ := p.open(t, ratelimit.Options{})
	s := ratelimit.NewSubject("k", tpm(1000), "", nil)
	long, err := a.Acquire(t.Context(), s, "m", 900)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Acquire(t.Context(), s, "m", 101); err == nil {
		t.Error("the estimate does not count at the other replica")
	}
	long.Done(200)
	p.advance(t, 2*time.Second)
	second, err := b.Acquire(t.Context(), s, "m", 750)
	if err != nil {
		t.Fatalf("what was not used is not given back: %v", err)
	}
	second.Done(750)
	p.advance(t, 2*time.Second)
	over, err := a.Acquire(t.Context(), s, "m", 10)
	if err != nil {
		t.Fatal(err)
	}
	over.Done(500) // 200 + 750 + 500
	p.advance(t, 56*time.Second)
	if _, err := b.Acquire(t.Context(), s, "m", 1); err == nil {
		t.Error("tokens beyond the estimate do not count at the other replica")
	}
	p.advance(t, 2*time.Second) // the second's have left too
	if _, err := b.Acquire(t.Context(), s, "m", 500); err != nil {
		t.Error(err)
	}
	if _, err := b.Acquire(t.Context(), s, "m", 1); err == nil {
		t.Error("the last 500 do not count any more")
	}
}

func TestHeadersAcrossReplicas(t *testing.T) {
	p := newPool()
	a, _ := p.open(t, ratelimit.Options{})
	b, _ := p.open(t, ratelimit.Options{})
	s := ratelimit.NewSubject("k", rpm(60), "", nil)
	header := func(l *ratelimit.Limiter, remaining, reset string) {
		t.Helper()
		permit, _ := l.Acquire(t.Context(), s, "m", 0)
		permit.Done(0)
		h := http.Header{}
		permit.Headers(h)
		for name, want := range map[string]string{"limit": "60", "remaining": remaining, "reset": reset} {
			if got := h.Get("x-ratelimit-" + name + "-requests"); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	}
	pass(t, a, s, 20)
	p.advance(t, 2*time.Second)
	header(b, "39", "1m0s")
	pass(t, b, s, 39)
	p.advance(t, 10*time.Second)
	header(a, "0", "50s")
}

// While the store is away each replica keeps the limit by itself. Nobody gets an error,
// and operators hear once of each change.
func TestStoreAway(t *testing.T) {
	p, seen := newPool(), &observer{}
	a, way := p.open(t, seen.options(time.Hour, time.Minute))
	b, _ := p.open(t, ratelimit.Options{})
	s := ratelimit.NewSubject("k", rpm(100), "", nil)
	pass(t, a, s, 10)
	way.down.Store(true)
	pass(t, a, s, 90)
	_, err := a.Acquire(t.Context(), s, "m", 0)
	if e := refused(t, err); e.RetryAfter != ratelimit.Window {
		t.Errorf("retry after %v", e.RetryAfter)
	}
	pass(t, a, ratelimit.NewSubject("new", rpm(1000), "t", parallel(1)), 1000)
	eventually(t, "the breaker opens", func() bool { return a.Check(t.Context()) != nil })
	tried := way.syncs.Load()
	pass(t, a, ratelimit.NewSubject("newer", rpm(1000), "t", parallel(1)), 1000)
	if n := way.syncs.Load() - tried; n != 0 {
		t.Errorf("%d exchanges with a store that is away", n)
	}
	states, alone, log := seen.saw()
	if states != "[true false]" || alone < 1000 || strings.Count(log, "by this process alone") != 1 {
		t.Errorf("states %s, %d decided alone, log:\n%s", states, alone, log)
	}
	pass(t, b, s, 50) // the other one has its own

	way.down.Store(false)
	p.advance(t, 1500*time.Millisecond)
	eventually(t, "the breaker closes", func() bool { return a.Check(t.Context()) == nil })
	// What a let through in the meantime counts at b.
	p.advance(t, time.Second)
	_, err = b.Acquire(t.Context(), s, "m", 0)
	if e := refused(t, err); e.RetryAfter != ratelimit.Window-2500*time.Millisecond {
		t.Errorf("retry after %v", e.RetryAfter)
	}
	states, _, log = seen.saw()
	if states != "[true false true]" || strings.Count(log, "together with other replicas") != 2 {
		t.Errorf("states %s, log:\n%s", states, log)
	}
}

func TestStoreAwayAtTheStart(t *testing.T) {
	clk := clocktest.New()
	way, seen := &link{Shared: memory.New(memory.Options{Clock: clk})}, &observer{}
	way.down.Store(true)
	l := ratelimit.NewShared(clk, way, seen.options(time.Hour, time.Minute))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	s := ratelimit.NewSubject("k", rpm(3), "", nil)
	pass(t, l, s, 3)
	_, err := l.Acquire(t.Context(), s, "m", 0)
	_ = refused(t, err)
	clk.WaitForTimers(t, 1)
	way.down.Store(false)
	clk.Advance(2 * time.Second)
	eventually(t, "the limiter shares", func() bool { return l.Check(t.Context()) == nil })
	if states, _, _ := seen.saw(); states != "[false true]" {
		t.Errorf("states %s", states)
	}
	_, err = l.Acquire(t.Context(), s, "m", 0)
	_ = refused(t, err)
}

// A call waits for a slow store within its bound, and is decided here then. It counts.
func TestSlowStore(t *testing.T) {
	p, seen := newPool(), &observer{}
	clk := p.clk
	l, way := p.open(t, seen.options(10*time.Millisecond, time.Minute))
	s := ratelimit.NewSubject("k", rpm(1), "", nil)
	hang := make(chan struct{})
	way.hang.Store(&hang)
	ask := func() error { _, err := l.Acquire(t.Context(), s, "m", 0); return err }
	got := make(chan error, 1)
	for i := range 2 {
		go func() { got <- ask() }()
		clk.WaitForTimers(t, 2) // the call's, and that of who looks after accounts
		select {
		case err := <-got:
			t.Fatalf("call %d does not wait: %v", i+1, err)
		default:
		}
		clk.Advance(10 * time.Millisecond)
		if err := <-got; (err == nil) != (i == 0) {
			t.Errorf("call %d: %v", i+1, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _, err := l.Acquire(ctx, s, "m", 0); got <- err }()
	clk.WaitForTimers(t, 2)
	cancel()
	_ = refused(t, <-got)
	way.hang.Store(nil)
	close(hang)
	other, _ := p.open(t, ratelimit.Options{})
	p.advance(t, 2*time.Second)
	_, err := other.Acquire(t.Context(), s, "m", 0)
	_ = refused(t, err)
	if states, alone, _ := seen.saw(); states != "[true]" || alone != 3 {
		t.Errorf("states %s, %d decided alone", states, alone)
	}
}

// A store that lost its memory hears everything again, of every account.
func TestStoreThatForgets(t *testing.T) {
	p := newPool()
	l, way := p.open(t, ratelimit.Options{})
	busy, idle := ratelimit.NewSubject("busy", rpm(100), "", nil), ratelimit.NewSubject("idle", rpm(100), "", nil)
	pass(t, l, idle, 70)
	p.advance(t, 12*time.Second)
	pass(t, l, busy, 60)
	fresh := memory.New(memory.Options{Clock: p.clk})
	way.moved.Store(fresh)
	p.advance(t, 3*time.Second)
	other := share(t, p.clk, fresh, ratelimit.Options{})
	for s, left := range map[*ratelimit.Subject]int{busy: 40, idle: 30} {
		pass(t, other, s, left)
		_, err := other.Acquire(t.Context(), s, "m", 0)
		_ = refused(t, err)
	}
}

// A store that comes back empty is told of everything before anybody asks it.
func TestStoreThatComesBackEmpty(t *testing.T) {
	p := newPool()
	l, way := p.open(t, ratelimit.Options{Wait: time.Hour, CallTimeout: time.Minute})
	s := ratelimit.NewSubject("k", rpm(100), "", nil)
	pass(t, l, s, 60)
	p.advance(t, time.Second) // all of it is told
	way.down.Store(true)
	pass(t, l, ratelimit.NewSubject("other", rpm(10), "t", rpm(10)), 10)
	eventually(t, "the breaker opens", func() bool { return l.Check(t.Context()) != nil })
	fresh := memory.New(memory.Options{Clock: p.clk})
	way.moved.Store(fresh)
	way.down.Store(false)
	eventually(t, "the breaker closes", func() bool { p.clk.Advance(time.Millisecond); return l.Check(t.Context()) == nil })
	other := share(t, p.clk, fresh, ratelimit.Options{})
	pass(t, other, s, 40)
	_, err := other.Acquire(t.Context(), s, "m", 0)
	_ = refused(t, err)
}

// Limits that change take hold with the next call.
func TestChangedLimits(t *testing.T) {
	clk := clocktest.New()
	store := memory.New(memory.Options{Clock: clk})
	l := share(t, clk, store, ratelimit.Options{})
	pass(t, l, ratelimit.NewSubject("k", rpm(100), "", nil), 10)
	if _, err := l.Acquire(t.Context(), ratelimit.NewSubject("k", rpm(10), "", nil), "m", 0); err == nil {
		t.Error("a lowered limit lets a call pass")
	}
	raised := ratelimit.NewSubject("k", &keystorev1.Limits{RequestsPerMinute: proto.Int64(20), TokensPerMinute: proto.Int64(50), ParallelRequests: proto.Int64(1)}, "", nil)
	pass(t, l, raised, 10)
	_, err := l.Acquire(t.Context(), raised, "m", 0)
	if e := refused(t, err); e.Details["value"] != "20" {
		t.Errorf("%v", e.Details)
	}
	pass(t, l, ratelimit.NewSubject("k", nil, "t", rpm(5)), 5)
}

// An allowance that cannot be renewed is not spent beyond its term: others may have it.
func TestAllowancesEnd(t *testing.T) {
	p, seen := newPool(), &observer{}
	l, way := p.open(t, seen.options(10*time.Millisecond, time.Hour))
	s := ratelimit.NewSubject("k", rpm(1000), "", nil)
	pass(t, l, s, 10)
	hang := make(chan struct{})
	way.hang.Store(&hang)
	defer close(hang)
	p.clk.Advance(ratelimit.StoreTerm/4*3 - time.Millisecond)
	pass(t, l, s, 10)
	if _, alone, _ := seen.saw(); alone != 0 {
		t.Errorf("%d calls were decided alone within the term", alone)
	}
	p.clk.Advance(time.Millisecond)
	got := make(chan error, 1)
	go func() { _, err := l.Acquire(t.Context(), s, "m", 0); got <- err }()
	p.clk.WaitForTimers(t, 2) // it waits for the store
	p.clk.Advance(10 * time.Millisecond)
	if err := <-got; err != nil {
		t.Error(err)
	}
	if _, alone, _ := seen.saw(); alone != 1 {
		t.Errorf("%d calls were decided alone after the term, want 1", alone)
	}
}

// An allowance is enlarged before it is spent, so that nobody waits.
func TestAllowancesGrowInTheBackground(t *testing.T) {
	p := newPool()
	l, way := p.open(t, ratelimit.Options{})
	s := ratelimit.NewSubject("k", rpm(8000), "", nil)
	pass(t, l, s, 1)
	p.clk.Advance(100 * time.Millisecond)
	hang := make(chan struct{})
	way.hang.Store(&hang)
	before := way.syncs.Load()
	pass(t, l, s, 600) // of 1000
	eventually(t, "more is asked for", func() bool { return way.syncs.Load() > before })
	pass(t, l, s, 300)
	way.hang.Store(nil)
	close(hang)
	eventually(t, "more is granted", func() bool { q, _ := held(t, p.store); return q > 500 })
}

// Whoever waits when the limiter stops is let go.
func TestStopLetsWaitersGo(t *testing.T) {
	clk := clocktest.New()
	way := &link{Shared: memory.New(memory.Options{Clock: clk})}
	l := ratelimit.NewShared(clk, way, ratelimit.Options{Wait: time.Hour, CallTimeout: time.Hour})
	stop := run(t, l)
	hang := make(chan struct{})
	way.hang.Store(&hang)
	const calls = 5 // more than there are exchanges at a time
	got := make(chan error, calls)
	for i := range calls {
		go func() {
			_, err := l.Acquire(t.Context(), ratelimit.NewSubject(fmt.Sprint(i), rpm(1), "", nil), "m", 0)
			got <- err
		}()
	}
	clk.WaitForTimers(t, 1+calls)
	stop()
	close(hang)
	for range calls {
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
}
