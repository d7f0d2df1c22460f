package cache_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/redis"
)

// The calls in whose middle a fault begins.
const (
	ofNear     = "near"     // reads an answer to the same question in other words
	ofSemantic = "semantic" // reads one that is found by its vector
	ofBeyond   = "beyond"   // searches the vectors in the store
	ofReport   = "report"   // bars a question
)

// tripwire is a store that something befalls in the middle of calls: after their first exchanges went well.
type tripwire struct {
	*redis.Store
	mu      sync.Mutex
	armed   map[string]chan struct{} // each closes when its call has come
	tripped chan struct{}            // closes when it has happened; nil before the first is armed
	read    map[cache.Fingerprint]string
}

// arm has the next calls of each kind wait.
func (w *tripwire) arm(kinds ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed, w.tripped = map[string]chan struct{}{}, make(chan struct{})
	for _, k := range kinds {
		w.armed[k] = make(chan struct{})
	}
}

// come tells whether the call of that kind has come.
func (w *tripwire) come(kind string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.armed[kind]:
		return true
	default:
		return false
	}
}

// trip lets all go on.
func (w *tripwire) trip() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.tripped)
}

// at is where a call of some kind waits for what is to happen, which takes none of its time.
func (w *tripwire) at(ctx context.Context, kind string) (context.Context, context.CancelFunc) {
	w.mu.Lock()
	come, tripped := w.armed[kind], w.tripped
	select {
	case <-tripped:
		come = nil
	case <-come: // another is there already
		come = nil
	default:
	}
	if come == nil {
		w.mu.Unlock()
		return ctx, func() {}
	}
	close(come)
	w.mu.Unlock()
	left := time.Hour
	if end, bounded := ctx.Deadline(); bounded {
		left = time.Until(end)
	}
	<-tripped
	return context.WithTimeout(context.WithoutCancel(ctx), left)
}

func (w *tripwire) Get(ctx context.Context, key cache.Key) (cache.Record, bool, error) {
	ctx, cancel := w.at(ctx, w.read[key.Fingerprint])
	defer cancel()
	return w.Store.Get(ctx, key)
}

func (w *tripwire) Near(ctx context.Context, scope cache.Scope, vector []int8, k int, floor float64) ([]*cache.Kept, error) {
	ctx, cancel := w.at(ctx, ofBeyond)
	defer cancel()
	return w.Store.Near(ctx, scope, vector, k, floor)
}

func (w *tripwire) Bar(ctx context.Context, b cache.Barred) error {
	ctx, cancel := w.at(ctx, ofReport)
	defer cancel()
	return w.Store.Bar(ctx, b)
}

// lessons counts whether what is learned is exchanged.
type lessons struct{ counts }

func (l *lessons) CacheLearns(learns bool) { l.add(fmt.Sprint("learns ", learns), 1) }

// outage is a replica that loses its Redis, and another one that may reach it.
type outage struct {
	clock   *clocktest.Fake
	wire    *tripwire
	vectors bool // Redis has vector sets
	f       *fixture
	other   *fixture
	student *fixture
	lessons *lessons
}

// pupil is the tenant of what is learned, which nobody purges.
func pupil() *cachev1.Namespace {
	return &cachev1.Namespace{TenantId: "pupil", Provider: "openai", Model: "gpt-4o"}
}

// reported is the namespace of answers that are called wrong, which is not purged either.
func reported() *cachev1.Namespace {
	return &cachev1.Namespace{TenantId: "t", Provider: "openai", Model: "gpt-4o-mini"}
}

// report calls the answer about the guitar wrong.
func report(turns string, ns *cachev1.Namespace) *cachev1.FeedbackRequest {
	id := cache.Fingerprint(fingerprintOf(question(turns, guitar))).EntryID()
	return &cachev1.FeedbackRequest{Namespace: ns, EntryId: id, Hit: near, Wrong: true}
}

func newOutage(t *testing.T, store, straight *redis.Store, c *clocktest.Fake) *outage {
	t.Helper()
	o := &outage{clock: c, lessons: &lessons{}, wire: &tripwire{Store: store, read: map[cache.Fingerprint]string{}}}
	for _, kind := range []string{ofNear, ofSemantic} {
		o.wire.read[cache.Fingerprint(fingerprintOf(question(kind, guitar)))] = kind
	}
	o.f = newFixture(t, o.wire, o.options(t, cache.Options{Feed: o.wire, Threshold: &half}))
	o.f.run(t)
	o.student = newFixture(t, store, o.options(t, cache.Options{
		Floor: 0.5, Observer: o.lessons, Learning: cache.Learning{Replica: "a", Evidence: store, ShareTimeout: budget},
	}))
	o.student.run(t)
	o.other = newFixture(t, straight, o.options(t, cache.Options{}))
	return o
}

// options of a replica that waits for so long, whose embedder computes.
func (o *outage) options(t *testing.T, opts cache.Options) cache.Options {
	t.Helper()
	opts.Clock, opts.TTL, opts.Timeout, opts.InvalidateTimeout = o.clock, 20*24*time.Hour, budget, budget
	opts.Embedder, opts.EmbedTimeout = staticEmbedder(t), -1
	return opts
}

// keepOf stores the answer about the guitar in other turns of a conversation.
func keepOf(t *testing.T, f *fixture, ns *cachev1.Namespace, turns string) bool {
	t.Helper()
	q := question(turns, guitar)
	return f.store(t, &cachev1.StoreRequest{
		Namespace: ns, Fingerprint: fingerprintOf(q), Question: q, Last: upToSemantic, Entry: &cachev1.Entry{Body: completion(learned)},
	})
}

func lookOf(t *testing.T, f *fixture, ns *cachev1.Namespace, turns, text string) *cachev1.LookupResponse {
	t.Helper()
	q := question(turns, text)
	return f.lookup(t, &cachev1.LookupRequest{Namespace: ns, Fingerprint: fingerprintOf(q), Question: q, Last: upToSemantic})
}

func (o *outage) near(t *testing.T) cachev1.HitKind {
	t.Helper()
	return lookOf(t, o.f, nil, ofNear, "how can i learn to play the guitar").GetHit()
}

func (o *outage) semantic(t *testing.T) cachev1.HitKind {
	t.Helper()
	return lookOf(t, o.f, nil, ofSemantic, lute).GetHit()
}

func beyondOf(t *testing.T, full *fixture) cachev1.HitKind {
	t.Helper()
	return lookOf(t, full, nil, ofBeyond, lute).GetHit()
}

// until waits for a condition while time goes on.
func (o *outage) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	until(t, what, func() bool {
		if holds() {
			return true
		}
		o.clock.Advance(time.Second)
		_ = clock.Sleep(t.Context(), clock.Real(), time.Millisecond) // so that not all that is kept ends meanwhile
		return false
	})
}

// keeps stores what the tiers find, and lets the vector of what is beyond the index be found.
func (o *outage) keeps(t *testing.T) {
	t.Helper()
	for _, kind := range []string{ofNear, ofSemantic, ofBeyond} {
		o.until(t, "nothing is kept", func() bool { return keepOf(t, o.f, nil, kind) })
	}
	key, err := cache.NewKey(namespace(), fingerprintOf(question(ofBeyond, guitar)))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.wire.Keep(t.Context(), []cache.Key{key}); err != nil {
		t.Fatal(err)
	}
	o.until(t, "near finds nothing", func() bool { return o.near(t) == near })
	o.until(t, "semantic finds nothing", func() bool { return o.semantic(t) == semantic })
	o.until(t, "nothing is compared", func() bool {
		return keepOf(t, o.student, pupil(), "c") && len(lookOf(t, o.student, pupil(), "c", lute).GetComparison()) > 0
	})
}

// full is a replica whose index has no room, and nothing of what the others keep.
func (o *outage) full(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t, o.wire, o.options(t, cache.Options{Vectors: o.wire, IndexBytes: 16 << 10, Threshold: &half}))
	for i := range 60 {
		q := question("c", fmt.Sprint("Which colours does the flag number ", i, " have?"))
		f.store(t, &cachev1.StoreRequest{Fingerprint: fingerprintOf(q), Question: q, Last: upToNear, Entry: &cachev1.Entry{Body: []byte("x"), CostNanos: 1_000_000_000}})
	}
	return f
}

// outlast holds replicas to their promises while a fault befalls their Redis.
func (o *outage) outlast(t *testing.T, fault fault) {
	t.Helper()
	f := o.f
	o.until(t, "it never works", func() bool { return f.keep(t, "r") && f.hits(t, "r") })
	o.keeps(t)
	o.until(t, "nothing is kept to be reported", func() bool { return keepOf(t, f, reported(), fault.name) })
	full := o.full(t)

	away, back := f.log.lines("is away"), f.log.lines("is back")
	unlearned := o.lessons.of("learns false")
	o.strikes(t, fault, full)
	for range 6 {
		began := time.Now()
		if f.hits(t, "r") || f.keep(t, "r") {
			t.Errorf("%s, yet it answers", fault.name)
		}
		if took := time.Since(began); took > tookTooLong {
			t.Errorf("%s: it took %v", fault.name, took)
		}
	}
	if a, b := o.near(t), o.semantic(t); a != miss || b != miss {
		t.Errorf("%s: near is %v, semantic %v", fault.name, a, b)
	}
	o.until(t, fault.name+": what is learned seems to be exchanged", func() bool { return o.lessons.of("learns false") > unlearned })
	purges := func() bool {
		_, err := o.other.Invalidate(t.Context(), &cachev1.InvalidateRequest{TenantId: "t", Provider: "openai", Model: "gpt-4o"})
		return err == nil
	}
	if fault.others {
		o.until(t, "another replica can't purge", purges)
	}
	learned := o.lessons.of("learns true")
	fault.end()
	if !fault.others {
		o.until(t, "another replica can't purge", purges)
	}

	o.until(t, fault.name+": it does not come back", func() bool { return f.keep(t, "r") && f.hits(t, "r") })
	// Reads and writes are told of apart, each once.
	if a, b := f.log.lines("is away")-away, f.log.lines("is back")-back; a != 2 || b != 2 {
		t.Errorf("%s: away %d times, back %d times:\n%s", fault.name, a, b, f.log)
	}
	o.until(t, fault.name+": the full one does not come back", func() bool { return full.keep(t, "f") && full.hits(t, "f") })
	if a, b, c := o.near(t), o.semantic(t), beyondOf(t, full); a != miss || b != miss || c != miss {
		t.Errorf("%s: purged, near is %v, semantic %v, beyond %v", fault.name, a, b, c)
	}
	o.until(t, fault.name+": a report is not taken when it is sent again", func() bool {
		got, err := f.Feedback(t.Context(), report(fault.name, reported()))
		return err == nil && got.GetForgotten() == 1
	})
	o.until(t, fault.name+": what is learned is not exchanged again", func() bool {
		lookOf(t, o.student, pupil(), "c", lute)
		return o.lessons.of("learns true") > learned
	})
	o.keeps(t)
	want := miss
	if o.vectors {
		want = semantic
	}
	if got := beyondOf(t, full); got != want {
		o.until(t, fault.name+": nothing is found beyond the index", func() bool { return beyondOf(t, full) == want })
	}
}

// strikes begins a fault in the middle of calls of each kind, which end as misses, and the report with an error.
func (o *outage) strikes(t *testing.T, fault fault, full *fixture) {
	t.Helper()
	calls := map[string]func() bool{ // whether it ends as it should
		ofNear:     func() bool { return o.near(t) == miss },
		ofSemantic: func() bool { return o.semantic(t) == miss },
		ofBeyond:   func() bool { return beyondOf(t, full) == miss },
		ofReport: func() bool {
			_, err := o.f.Feedback(t.Context(), report(fault.name, reported()))
			return errs.Is(errs.FromConnect(err), errs.ServiceUnavailable)
		},
	}
	kinds := []string{ofNear, ofSemantic, ofBeyond, ofReport}
	o.wire.arm(kinds...)
	ended := make(chan string, len(kinds))
	for _, kind := range kinds {
		go func() {
			ok := calls[kind]()
			for !o.wire.come(kind) { // a slow machine: its first exchange took too long
				o.clock.Advance(time.Second)
				ok = calls[kind]()
			}
			if !ok {
				t.Errorf("%s in the middle of %s: it is no miss, or no such error", fault.name, kind)
			}
			ended <- kind
		}()
	}
	for _, kind := range kinds {
		until(t, kind+" never comes so far", func() bool { return o.wire.come(kind) })
	}
	fault.begin()
	began := time.Now()
	o.wire.trip()
	for range kinds {
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: a call hangs", fault.name)
		}
	}
	if took := time.Since(began); took > tookTooLong {
		t.Errorf("%s: what was under way took %v", fault.name, took)
	}
}
