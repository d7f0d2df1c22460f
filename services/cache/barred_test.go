package cache_test

import (
	"fmt"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/memory"
	"tollgate.dev/services/cache/storetest"
)

// callWrong says that the answer to a question was wrong for another one, by which it was found.
func (f *fixture) callWrong(t testing.TB, text string, kind cachev1.HitKind) {
	t.Helper()
	id := cache.Fingerprint(fingerprintOf(question("c", text))).EntryID()
	got, err := f.Feedback(t.Context(), &cachev1.FeedbackRequest{Namespace: namespace(), EntryId: id, Hit: kind, Wrong: true})
	if err != nil || got.GetForgotten() != 1 {
		t.Fatalf("%d are forgotten, %v", got.GetForgotten(), err)
	}
}

// A question whose answer was wrong for another one is answered by the exact tier alone, and its
// answer is nobody else's, until the entry would have ended: whoever of the two is answered first.
func TestWhatWasWrongIsNotServedAgain(t *testing.T) {
	const spelled = "how can i learn to play the guitar"
	for name, tc := range map[string]struct {
		found       cachev1.HitKind
		asks, again string // and what is answered meanwhile
		context     string
		after       time.Duration
		want        cachev1.HitKind
	}{
		"near":                     {near, spelled, guitar, "c", 0, miss},
		"near, the other way":      {near, guitar, spelled, "c", 0, miss},
		"semantic":                 {semantic, lute, guitar, "c", 0, miss},
		"semantic, the other way":  {semantic, guitar, lute, "c", 0, miss},
		"it is not known how":      {miss, spelled, guitar, "c", 0, miss},
		"in the semantic tier too": {near, lute, guitar, "c", 0, miss},
		"the same request":         {near, guitar, guitar, "c", 0, exact},
		"the answer is wrong":      {exact, spelled, guitar, "c", 0, near},
		"others":                   {near, "the capital of Norway", "What is the capital of Norway?", "c", 0, near},
		"another context":          {near, spelled, guitar, "d", 0, near},
		"almost until its end":     {near, spelled, guitar, "c", time.Hour - time.Millisecond, miss},
		"after its end":            {near, spelled, guitar, "c", time.Hour, near},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil, cache.Options{Embedder: staticEmbedder(t), Threshold: &half})
			f.answer(t, guitar)
			f.callWrong(t, guitar, tc.found)
			f.clock.Advance(tc.after)
			kept, asks := question(tc.context, tc.again), question(tc.context, tc.asks)
			f.store(t, &cachev1.StoreRequest{Fingerprint: fingerprintOf(kept), Question: kept, Last: upToSemantic, Entry: &cachev1.Entry{Body: []byte("x")}})
			got := f.lookup(t, &cachev1.LookupRequest{Fingerprint: fingerprintOf(asks), Question: asks, Last: upToSemantic})
			if got.GetHit() != tc.want {
				t.Errorf("%v, want %v", got.GetHit(), tc.want)
			}
		})
	}
}

// What is barred is bounded: of a tenant's, those that end first make room.
func TestWhatIsBarredIsBounded(t *testing.T) {
	const most = 4096
	f := newFixture(t, nil, cache.Options{})
	ask := func(i int) string { return fmt.Sprintf("What is the number of house %d?", i) }
	for i := range most + 2 {
		f.answer(t, ask(i))
		f.callWrong(t, ask(i), near)
		f.clock.Advance(time.Millisecond)
	}
	for i, want := range map[int]cachev1.HitKind{0: near, 1: near, 2: miss, most + 1: miss} {
		f.answer(t, ask(i))
		if got := f.ask(t, fmt.Sprintf("what is the number of house %d", i), upToNear, nil); got.GetHit() != want {
			t.Errorf("question %d: %v, want %v", i, got.GetHit(), want)
		}
	}
}

// However much other tenants report, and however long that is to hold, a tenant's own bars stay.
func TestBarsOfOthersStay(t *testing.T) {
	for name, tc := range map[string]struct{ tenants, each int }{
		"one with many":     {1, 20_000},
		"several with many": {8, 5000},
		"many with some":    {4000, 5},
	} {
		t.Run(name, func(t *testing.T) {
			c := clocktest.New()
			store := storetest.NewShared(memory.New(memory.Options{Clock: c}), c)
			feed := newScripted(store)
			f := newFixture(t, store, cache.Options{Clock: c, Feed: feed})
			f.run(t)
			f.answer(t, guitar)
			f.callWrong(t, guitar, near)
			for i := range tc.each {
				for of := range tc.tenants {
					b := &cache.Barred{Tenant: fmt.Sprint("tenant ", of), Question: [16]byte{1, byte(i), byte(i >> 8), byte(of), byte(of >> 8)}, Until: c.Now().Add(2 * time.Hour)}
					feed.changes <- cache.Change{ID: "x", Barred: b}
				}
			}
			feed.tell()
			f.answer(t, guitar)
			if got := f.ask(t, "how can i learn to play the guitar", upToNear, nil); got.GetHit() != miss {
				t.Errorf("%v", got.GetHit())
			}
		})
	}
}
