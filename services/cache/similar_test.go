package cache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/store/memory"
	"tollgate.dev/services/cache/storetest"
)

// counts is an observer that counts.
type counts struct {
	mu   sync.Mutex
	seen map[string]int
	size func() (int, int64)
	// thresholds by phase
	thresholds func() map[string]int
}

func (c *counts) add(what string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[string]int{}
	}
	c.seen[what] += n
}

func (c *counts) of(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[what]
}

func (c *counts) bytes() int64 {
	_, b := c.size()
	return b
}

func (c *counts) questions() int {
	n, _ := c.size()
	return n
}

func (c *counts) CacheCandidate(tier, outcome string) { c.add(tier+" "+outcome, 1) }
func (c *counts) CacheVeto(rule string)               { c.add("veto "+rule, 1) }
func (c *counts) CacheEmbedded(_ time.Duration, billed int64, ok bool) {
	c.add(fmt.Sprint("embedded ", ok), 1)
	c.add("billed", int(billed))
}
func (c *counts) CacheFollowed(lag time.Duration) {
	c.add("lag", int(lag))
	c.add("followed", 1)
}
func (c *counts) CacheFollows(follows bool)                   { c.add(fmt.Sprint("follows ", follows), 1) }
func (c *counts) CacheCompared(outcome, _ string)             { c.add("compared "+outcome, 1) }
func (c *counts) CacheComparisonsDropped(n int)               { c.add("dropped", n) }
func (c *counts) CacheFeedback(wrong bool)                    { c.add(fmt.Sprint("wrong ", wrong), 1) }
func (c *counts) CacheLearns(bool)                            {}
func (c *counts) CacheThresholds(count func() map[string]int) { c.thresholds = count }
func (c *counts) CacheIndex(size func() (int, int64))         { c.size = size }

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	const patience = 30 * time.Second
	late, again := time.NewTimer(patience), time.NewTicker(time.Millisecond)
	defer late.Stop()
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-late.C:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// fakeEmbedder is one whose calls a test decides. It bills a token a call.
type fakeEmbedder struct {
	embed.Embedder
	mu    sync.Mutex
	mode  string // "", or how it fails
	calls int
}

func (e *fakeEmbedder) set(mode string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mode, e.calls = mode, 0
}

func (e *fakeEmbedder) called() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls
}

func (e *fakeEmbedder) Embed(ctx context.Context, text string, to []float32) (embed.Bill, error) {
	e.mu.Lock()
	e.calls++
	mode := e.mode
	e.mu.Unlock()
	switch mode {
	case "away":
		return embed.Bill{}, errors.New("refused")
	case "slow":
		<-ctx.Done()
		return embed.Bill{}, ctx.Err()
	case "panicking":
		panic("secret " + text)
	case "refusing":
		return embed.Bill{}, embed.ErrRefused
	case "zero":
		clear(to)
		return embed.Bill{Tokens: 1}, nil
	}
	_, err := e.Embedder.Embed(ctx, text, to)
	return embed.Bill{Tokens: 1}, err
}

var half = 0.5

const (
	guitar = "How can I learn to play the guitar?"
	lute   = "How does a beginner learn guitar?"
)

// An embedder that fails, in whatever way, costs the semantic hits, and nothing else.
func TestAnEmbedderThatFails(t *testing.T) {
	for _, mode := range []string{"away", "slow", "panicking", "zero"} {
		t.Run(mode, func(t *testing.T) {
			e, seen := &fakeEmbedder{Embedder: staticEmbedder(t)}, &counts{}
			f := newFixture(t, nil, cache.Options{Embedder: e, EmbedTimeout: 10 * time.Millisecond, Threshold: &half, Observer: seen})
			f.answer(t, guitar)
			e.set(mode)
			for i := range 10 {
				// Each asks another thing, so that no vector is remembered.
				if got := f.ask(t, fmt.Sprint(lute, strings.Repeat("?", i)), upToSemantic, nil); got.GetHit() != miss {
					t.Fatalf("got %v", got.GetHit())
				}
			}
			if got := f.ask(t, "how can i learn to play the guitar", upToSemantic, nil); got.GetHit() != near {
				t.Errorf("the near tier finds %v", got.GetHit())
			}
			f.answer(t, "Why is the sky blue?")
			if got := f.ask(t, "why is the sky blue", upToSemantic, nil); got.GetHit() != near {
				t.Errorf("what is kept meanwhile: %v", got.GetHit())
			}
			if n := e.called(); n != 3 {
				t.Errorf("called %d times; it should be left alone after three failures", n)
			}
			if f.log.lines("is away") != 1 || !strings.Contains(f.log.String(), "what=embedder") || strings.Contains(f.log.String(), "secret") {
				t.Errorf("log:\n%s", f.log)
			}
			e.set("")
			f.clock.Advance(time.Second)
			if got := f.ask(t, lute, upToSemantic, nil); got.GetHit() != semantic {
				t.Errorf("it is back: %v", got.GetHit())
			}
			if seen.of("embedded false") != 3 || seen.of("embedded true") != 2 {
				t.Errorf("counted %v", seen.seen)
			}
		})
	}
}

// Of a text without a vector the embedder is asked once, and is not held to be away.
func TestTextsWithoutAVector(t *testing.T) {
	e := &fakeEmbedder{Embedder: staticEmbedder(t)}
	f := newFixture(t, nil, cache.Options{Embedder: e, Threshold: &half})
	for range 10 {
		f.ask(t, "☃", upToSemantic, nil)
	}
	if n := e.called(); n != 1 || f.log.lines("is away") > 0 {
		t.Errorf("called %d times; log:\n%s", n, f.log)
	}
	e.set("refusing")
	for i := range 10 {
		f.ask(t, fmt.Sprint(lute, strings.Repeat("?", i)), upToSemantic, nil)
	}
	if n := e.called(); n != 10 || f.log.lines("is away") > 0 {
		t.Errorf("refusing texts it is called %d times; log:\n%s", n, f.log)
	}
}

// What the embedder said of a text is remembered for the tenant that asked, whether anybody is paid or
// not: the time that a look-up takes would tell another what was asked.
func TestWhatIsEmbeddedIsRememberedForTheTenant(t *testing.T) {
	for _, paid := range []bool{false, true} {
		e := &fakeEmbedder{Embedder: staticEmbedder(t)}
		f := newFixture(t, nil, cache.Options{Embedder: e, EmbedderPaid: paid, Threshold: &half})
		q := question("c", guitar)
		for i, tenant := range []string{"a", "a", "b", "b", "a"} {
			ns := &cachev1.Namespace{TenantId: tenant, Provider: "openai", Model: "gpt-4o"}
			f.lookup(t, &cachev1.LookupRequest{Namespace: ns, Fingerprint: fingerprintOf(q), Question: q, Last: upToSemantic})
			want := 1
			if i >= 2 {
				want = 2 // each has asked
			}
			if n := e.called(); n != want {
				t.Errorf("paid %t: %d calls after look-up %d, want %d", paid, n, i, want)
			}
		}
	}
}

// A miss and the store of its answer embed the question once, and it is billed once.
func TestAQuestionIsEmbeddedOnce(t *testing.T) {
	seen := &counts{}
	e := &fakeEmbedder{Embedder: staticEmbedder(t)}
	f := newFixture(t, nil, cache.Options{Embedder: e, Threshold: &half, Observer: seen})
	for i := range 3000 {
		text := fmt.Sprint("What is the price of item ", i, "?")
		f.ask(t, text, upToSemantic, nil)
		f.answer(t, text)
	}
	if e.called() != 3000 || seen.of("billed") != 3000 {
		t.Errorf("called %d times, %d tokens billed", e.called(), seen.of("billed"))
	}
}

// While the store is away nothing is found, and nothing is forgotten: what is there afterwards
// is found again.
func TestQuestionsOutliveAStoreThatIsAway(t *testing.T) {
	store, seen := newFakeStore(), &counts{}
	f := newFixture(t, store, cache.Options{Timeout: 10 * time.Millisecond, Embedder: staticEmbedder(t), Threshold: &half, Observer: seen})
	f.answer(t, guitar)
	for _, fails := range []struct {
		err   error
		block bool
	}{{errors.New("broken"), false}, {nil, true}} {
		store.set(fails.err, fails.block)
		for range 5 {
			if got := f.ask(t, "how can i learn to play the guitar", upToSemantic, nil); got.GetHit() != miss {
				t.Fatalf("got %v", got.GetHit())
			}
		}
		store.set(nil, false)
		f.clock.Advance(time.Second)
		for _, text := range []string{"how can i learn to play the guitar", lute} {
			if got := f.ask(t, text, upToSemantic, nil); got.GetHit() == miss {
				t.Errorf("%q is not found again", text)
			}
		}
	}
}

// What the store has no more is not found, and its question goes.
func TestWhatTheStoreForgot(t *testing.T) {
	c, seen := clocktest.New(), &counts{}
	store := memory.New(memory.Options{Clock: c})
	f := newFixture(t, store, cache.Options{Clock: c, Observer: seen})
	f.answer(t, guitar)
	if _, err := store.Invalidate(t.Context(), cache.Selector{Tenant: "t"}, c.Now()); err != nil {
		t.Fatal(err)
	}
	if seen.questions() != 1 {
		t.Fatal("there is no question")
	}
	if got := f.ask(t, "how can i learn to play the guitar", upToNear, nil); got.GetHit() != miss {
		t.Errorf("got %v", got.GetHit())
	}
	if seen.questions() != 0 || seen.of("near gone") != 1 {
		t.Errorf("%d questions are left; counted %v", seen.questions(), seen.seen)
	}
}

// An entry that is too old for one request is there for another.
func TestTheAgeOfASimilarAnswer(t *testing.T) {
	f := newFixture(t, nil, cache.Options{})
	f.answer(t, guitar)
	f.clock.Advance(time.Minute)
	q := question("c", "how can i learn to play the guitar")
	for age, want := range map[time.Duration]cachev1.HitKind{time.Minute - time.Millisecond: miss, time.Minute: near} {
		got := f.lookup(t, &cachev1.LookupRequest{Fingerprint: fingerprintOf(q), Question: q, MaxAge: durationpb.New(age)})
		if got.GetHit() != want {
			t.Errorf("at most %v old: %v", age, got.GetHit())
		}
	}
	f.clock.Advance(time.Hour - time.Minute)
	if got := f.ask(t, q.GetText(), upToNear, nil); got.GetHit() != miss {
		t.Errorf("expired: %v", got.GetHit())
	}
}

// Purges reach near and semantic hits, by tenant, by namespace and by entry, and nothing else.
func TestPurgesOfSimilarAnswers(t *testing.T) {
	guitarID := cache.Fingerprint(fingerprintOf(question("c", guitar))).EntryID()
	for name, tc := range map[string]struct {
		purge *cachev1.InvalidateRequest
		goes  []string
	}{
		"a tenant":           {&cachev1.InvalidateRequest{TenantId: "t"}, []string{"gpt-4o", "other", "p"}},
		"another tenant":     {&cachev1.InvalidateRequest{TenantId: "u"}, nil},
		"a namespace":        {&cachev1.InvalidateRequest{TenantId: "t", Provider: "openai", Model: "other"}, []string{"other"}},
		"a partition":        {&cachev1.InvalidateRequest{TenantId: "t", Partition: "p"}, []string{"p"}},
		"an entry":           {&cachev1.InvalidateRequest{TenantId: "t", Model: "other", EntryId: guitarID}, []string{"other"}},
		"an entry unknown":   {&cachev1.InvalidateRequest{TenantId: "t", EntryId: cache.Fingerprint{1}.EntryID()}, nil},
		"lives are shorter":  {&cachev1.InvalidateRequest{TenantId: "t", TtlOverride: durationpb.New(time.Second)}, nil},
		"lives end at once":  {&cachev1.InvalidateRequest{TenantId: "t", TtlOverride: durationpb.New(0)}, []string{"gpt-4o", "other", "p"}},
		"an entry elsewhere": {&cachev1.InvalidateRequest{TenantId: "t", Model: "third", EntryId: guitarID}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil, cache.Options{Embedder: staticEmbedder(t), Threshold: &half})
			spaces := map[string]*cachev1.Namespace{"gpt-4o": namespace(), "other": namespace(), "p": namespace()}
			spaces["other"].Model, spaces["p"].Partition = "other", "p"
			for _, ns := range spaces {
				q := question("c", guitar)
				f.store(t, &cachev1.StoreRequest{Namespace: ns, Fingerprint: fingerprintOf(q), Question: q, Last: upToSemantic, Entry: storetest.Entry("x")})
			}
			if _, err := f.Invalidate(t.Context(), tc.purge); err != nil {
				t.Fatal(err)
			}
			for space, ns := range spaces {
				for _, text := range []string{"how can i learn to play the guitar", lute} {
					q := question("c", text)
					got := f.lookup(t, &cachev1.LookupRequest{Namespace: ns, Fingerprint: fingerprintOf(q), Question: q, Last: upToSemantic})
					if (got.GetHit() == miss) != slices.Contains(tc.goes, space) {
						t.Errorf("%s, %q: %v", space, text, got.GetHit())
					}
				}
			}
		})
	}
}

// What becomes of candidates is counted, by tier and by the rule that refused one.
func TestCandidatesAreCounted(t *testing.T) {
	seen := &counts{}
	f := newFixture(t, nil, cache.Options{Embedder: staticEmbedder(t), Threshold: &half, Observer: seen})
	f.answer(t, guitar)
	f.answer(t, "What is the capital of France?")
	f.ask(t, "how can i learn to play the guitar", upToSemantic, nil)
	f.ask(t, lute, upToSemantic, nil)
	f.ask(t, "What is the capital of Spain?", upToSemantic, nil)
	f.ask(t, "What is my name?", upToSemantic, nil)
	high := 0.999
	f.ask(t, lute, upToSemantic, &high)
	for what, want := range map[string]int{
		"near served": 1, "semantic served": 1, "semantic vetoed": 1, "veto names": 1, "veto personal": 1, "near gone": 0,
	} {
		if got := seen.of(what); got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	for what := range seen.seen {
		if rule, ok := strings.CutPrefix(what, "veto "); ok && !slices.Contains(cache.VetoRules(), rule) {
			t.Errorf("%s is none of the rules", rule)
		}
	}
}

// impatient is an observer of a caller who leaves at the first candidate.
type impatient struct {
	counts
	leave func()
}

func (l *impatient) CacheCandidate(tier, outcome string) {
	l.counts.CacheCandidate(tier, outcome)
	l.leave()
}

// Nobody reads the rest of the candidates for a caller who waits no more.
func TestCandidatesAreReadWhileSomebodyWaits(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	seen := &impatient{leave: leave}
	f := newFixture(t, nil, cache.Options{Embedder: staticEmbedder(t), Threshold: &half, Observer: seen})
	for _, year := range []string{"2019", "2020", "2021", "2022"} {
		f.answer(t, "Who won the cup in "+year+"?")
	}
	q := question("c", "Who won the cup in 2023?")
	_, _ = f.Lookup(ctx, &cachev1.LookupRequest{Namespace: namespace(), Fingerprint: fingerprintOf(q), Question: q, Last: upToSemantic})
	if n := seen.of("semantic vetoed"); n != 1 {
		t.Errorf("%d candidates were read, want 1", n)
	}
}

// The index keeps to its bytes: what saves the least goes.
func TestTheIndexIsBounded(t *testing.T) {
	seen := &counts{}
	f := newFixture(t, nil, cache.Options{Observer: seen, IndexBytes: 64 << 10})
	for i := range 300 {
		f.answer(t, fmt.Sprint("What is the price of item ", i, "?"))
	}
	n, bytes := seen.size()
	if n < 30 || n > 200 || bytes > 64<<10 {
		t.Errorf("%d questions in %d bytes", n, bytes)
	}
	if !f.hitsQuestion(t, "What is the price of item 7?") {
		t.Error("what the index doesn't know is not found for the same request")
	}
}

func (f *fixture) hitsQuestion(t *testing.T, text string) bool {
	t.Helper()
	return f.ask(t, text, upToExact, nil).GetHit() == exact
}
