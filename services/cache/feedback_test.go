package cache_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/memory"
	"tollgate.dev/services/cache/storetest"
)

// watched is a shared store that counts what it is asked to do.
type watched struct {
	*storetest.Shared
	gets, purges, bars, reads atomic.Int64
	away, dumb                atomic.Bool // to reads of questions, and to bars
}

func (w *watched) Get(ctx context.Context, key cache.Key) (cache.Record, bool, error) {
	w.gets.Add(1)
	return w.Shared.Get(ctx, key)
}

func (w *watched) Invalidate(ctx context.Context, sel cache.Selector, until time.Time) (int64, error) {
	w.purges.Add(1)
	return w.Shared.Invalidate(ctx, sel, until)
}

func (w *watched) Bar(ctx context.Context, b cache.Barred) error {
	w.bars.Add(1)
	if w.dumb.Load() {
		return errors.New("away")
	}
	return w.Shared.Bar(ctx, b)
}

func (w *watched) Question(ctx context.Context, key cache.Key) (*cache.Kept, error) {
	w.reads.Add(1)
	if w.away.Load() {
		return nil, errors.New("away")
	}
	return w.Shared.Question(ctx, key)
}

func watch(c *clocktest.Fake) *watched {
	return &watched{Shared: storetest.NewShared(memory.New(memory.Options{Clock: c}), c)}
}

// A report on what is not there, or is another's, asks the store once and does nothing: whether it is
// another's is not told, and nobody's entry or question is worse off.
func TestReportsOnWhatIsNotThere(t *testing.T) {
	c := clocktest.New()
	store := watch(c)
	f := newFixture(t, store, cache.Options{Clock: c, Feed: store})
	others := map[string]*cachev1.Namespace{
		"another tenant's":    {TenantId: "u", Provider: "openai", Model: "gpt-4o"},
		"another provider's":  {TenantId: "t", Provider: "groq", Model: "gpt-4o"},
		"another model's":     {TenantId: "t", Provider: "openai", Model: "gpt-4"},
		"another partition's": {TenantId: "t", Provider: "openai", Model: "gpt-4o", Partition: "mine"},
	}
	q, id := question("c", guitar), cache.Fingerprint(fingerprintOf(question("c", guitar))).EntryID()
	for _, ns := range others {
		f.store(t, &cachev1.StoreRequest{Namespace: ns, Fingerprint: fingerprintOf(q), Question: q, Entry: &cachev1.Entry{Body: []byte("x")}})
	}
	report := func(ns *cachev1.Namespace) int64 {
		t.Helper()
		got, err := f.Feedback(t.Context(), &cachev1.FeedbackRequest{Namespace: ns, EntryId: id, Hit: near, Wrong: true})
		if err != nil {
			t.Fatal(err)
		}
		return got.GetForgotten()
	}
	if n, gets := report(namespace()), store.gets.Load(); n != 0 || gets != 1 || store.purges.Load()+store.bars.Load()+store.reads.Load() != 0 {
		t.Errorf("%d are forgotten, by %d reads, %d purges, %d bars", n, gets, store.purges.Load(), store.bars.Load())
	}
	asks := question("c", "how can i learn to play the guitar")
	found := func(ns *cachev1.Namespace) cachev1.HitKind {
		return f.lookup(t, &cachev1.LookupRequest{Namespace: ns, Fingerprint: fingerprintOf(asks), Question: asks}).GetHit()
	}
	for name, ns := range others {
		if got := found(ns); got != near {
			t.Errorf("%s is %v after the report", name, got)
		}
	}
	// Each is its own to report, once.
	for name, ns := range others {
		if n := report(ns); n != 1 {
			t.Errorf("%d are forgotten of %s", n, name)
		}
		purges, bars := store.purges.Load(), store.bars.Load()
		if n := report(ns); n != 0 || store.purges.Load() != purges || store.bars.Load() != bars {
			t.Errorf("%d are forgotten of %s by a second report, %d purges, %d bars", n, name, store.purges.Load()-purges, store.bars.Load()-bars)
		}
	}
	if purges, bars := store.purges.Load(), store.bars.Load(); purges != 4 || bars != 4 {
		t.Errorf("%d purges, %d bars for four reports", purges, bars)
	}
	// What has ended is not there either.
	f.answer(t, guitar)
	f.clock.Advance(time.Hour)
	if n := report(namespace()); n != 0 || store.purges.Load() != 4 {
		t.Errorf("%d are forgotten of what has ended", n)
	}
}

// A report whose question cannot be read, or told to others, fails and may be sent again: the entry
// is still there. An entry without a question bars nothing.
func TestReportsThatFail(t *testing.T) {
	c := clocktest.New()
	store := watch(c)
	newFixture(t, store, cache.Options{Clock: c}).answer(t, guitar)
	f := newFixture(t, store, cache.Options{Clock: c, Feed: store})
	id := cache.Fingerprint(fingerprintOf(question("c", guitar))).EntryID()
	report := &cachev1.FeedbackRequest{Namespace: namespace(), EntryId: id, Hit: near, Wrong: true}
	for _, fault := range []*atomic.Bool{&store.away, &store.dumb} {
		fault.Store(true)
		if _, err := f.Feedback(t.Context(), report); !errs.Is(errs.FromConnect(err), errs.ServiceUnavailable) || store.purges.Load() != 0 {
			t.Errorf("%v, and %d purges", err, store.purges.Load())
		}
		fault.Store(false)
	}
	store.bars.Store(0)
	f.callWrong(t, guitar, near)
	if n := store.bars.Load(); n != 1 {
		t.Errorf("%d are barred", n)
	}
	f.keep(t, "r")
	got, err := f.Feedback(t.Context(), &cachev1.FeedbackRequest{Namespace: namespace(), EntryId: cache.Fingerprint(fingerprint("r")).EntryID(), Hit: near, Wrong: true})
	if err != nil || got.GetForgotten() != 1 || store.bars.Load() != 1 {
		t.Errorf("%v, %v, %d are barred", got, err, store.bars.Load())
	}
}
