package cache_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/memory"
	"tollgate.dev/services/cache/storetest"
)

var errAway = errors.New("away")

func newEvidence() *storetest.Evidence { return storetest.NewEvidence(clock.Real()) }

// student is a replica of the cache service that learns, with a provider beside it.
type student struct {
	cachev1connect.CacheServiceClient

	stop  func()
	fresh int // entries
}

const (
	kept  = "How can I learn to play the guitar?"
	asked = "How does a beginner learn guitar?"
)

// learning with a bound that needs few comparisons.
func learning(name string, e cache.Evidence) cache.Learning {
	return cache.Learning{
		MaxWrongHitRate: 0.2, Confidence: 0.9, Sample: 0.1, Replica: name, Evidence: e, ShareEvery: time.Millisecond,
		Coin: func() float64 { return 0.999 }, // compares where nothing is served, and nowhere else
	}
}

func newStudent(t *testing.T, store cache.Store, how cache.Learning) *student {
	t.Helper()
	service, err := cache.New(store, cache.Options{Embedder: staticEmbedder(t), Last: upToSemantic, Floor: 0.5, Learning: how})
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer()
	cachev1connect.RegisterCacheServiceHandler(server, cache.NewHandler(service))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	s := &student{CacheServiceClient: cachev1connect.NewCacheServiceClient(rpc.InProcess(server)), stop: sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})}
	t.Cleanup(s.stop)
	return s
}

func completion(text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return fmt.Appendf(nil, `{"object":"chat.completion","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":%s}}]}`, quoted)
}

const learned = "Practise for 20 minutes every day, and begin with simple chords."

// keep an answer to the question that is kept.
func (s *student) keep(t *testing.T, ns *cachev1.Namespace) {
	t.Helper()
	q := question("c", kept)
	got, err := s.Store(t.Context(), &cachev1.StoreRequest{Namespace: ns, Fingerprint: fingerprintOf(q), Question: q, Entry: &cachev1.Entry{Body: completion(learned)}})
	if err != nil || !got.GetStored() {
		t.Fatal(got, err)
	}
}

// ask the other question.
func (s *student) ask(t *testing.T, ns *cachev1.Namespace) *cachev1.LookupResponse {
	t.Helper()
	q := question("c", asked)
	got, err := s.Lookup(t.Context(), &cachev1.LookupRequest{Namespace: ns, Fingerprint: fingerprintOf(q), Question: q})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// another keeps an answer in a partition of its own, where nobody asked yet. All partitions have one threshold.
func (s *student) another(t *testing.T, ns *cachev1.Namespace) *cachev1.Namespace {
	t.Helper()
	s.fresh++
	in := &cachev1.Namespace{TenantId: ns.GetTenantId(), Provider: ns.GetProvider(), Model: ns.GetModel(), Partition: fmt.Sprint("fresh-", s.fresh)}
	s.keep(t, in)
	return in
}

// compare asks for so many entries, and tells what the provider answers where that is wanted. It returns
// how many hits there were.
func (s *student) compare(t *testing.T, ns *cachev1.Namespace, n int, provider []byte) (hits int) {
	t.Helper()
	for range n {
		in := s.another(t, ns)
		got := s.ask(t, in)
		if got.GetHit() == semantic {
			hits++
			continue
		}
		if len(got.GetComparison()) == 0 {
			t.Fatal("a miss that is not compared")
		}
		if _, err := s.Compare(t.Context(), &cachev1.CompareRequest{Namespace: in, Comparison: got.GetComparison(), Body: provider}); err != nil {
			t.Fatal(err)
		}
	}
	return hits
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not in 20 seconds: %s", what)
		}
	}
}

// known waits until the namespace's evidence was read.
func (s *student) known(t *testing.T, ns *cachev1.Namespace) {
	t.Helper()
	eventually(t, "evidence is read", func() bool {
		got := s.ask(t, s.another(t, ns))
		return got.GetHit() == semantic || len(got.GetComparison()) > 0
	})
}

var (
	agrees    = completion("Practise every day for 20 minutes, and begin with simple chords.")
	contrasts = completion("Take lessons with a teacher once a week.")
)

func TestSemanticTierLearns(t *testing.T) {
	s := newStudent(t, memory.New(memory.Options{}), learning("a", nil))
	ns := namespace()
	s.keep(t, ns)
	// Strict at first: as near as it is, nothing is served before it is proven.
	if got := s.ask(t, ns); got.GetHit() != miss || got.GetEntry() != nil || len(got.GetComparison()) == 0 {
		t.Fatalf("%v at the start", got)
	}
	if hits := s.compare(t, ns, 200, contrasts); hits != 0 {
		t.Fatalf("%d hits after wrong answers alone", hits)
	}
	// Another model has a threshold of its own; another partition of the same has the same one.
	other := &cachev1.Namespace{TenantId: "t", Provider: "openai", Model: "gpt-4o-mini"}
	s.keep(t, other)
	if hits := s.compare(t, other, 200, agrees); hits < 50 {
		t.Fatalf("%d hits of 200, with answers that agree", hits)
	}
	got := s.ask(t, other)
	if got.GetHit() != semantic || got.GetScore() < 0.5 || got.GetScore() >= 1 || got.GetEntryId() == "" || len(got.GetComparison()) > 0 {
		t.Errorf("served as %v", got)
	}
	if got := s.ask(t, ns); got.GetHit() != miss {
		t.Errorf("%v where answers were wrong", got)
	}
	part := &cachev1.Namespace{TenantId: "t", Provider: "openai", Model: "gpt-4o-mini", Partition: "p"}
	s.keep(t, part)
	if got := s.ask(t, part); got.GetHit() != semantic {
		t.Errorf("%v in another partition", got)
	}
}

// What is compared while answers are served ends it when they are wrong.
func TestWrongComparisonsEndServing(t *testing.T) {
	how := learning("a", nil)
	flips := 0
	how.Coin = func() float64 { flips++; return float64(flips%10) / 10 }
	s := newStudent(t, memory.New(memory.Options{}), how)
	ns := namespace()
	s.keep(t, ns)
	if s.compare(t, ns, 300, agrees) == 0 {
		t.Fatal("nothing is served")
	}
	s.compare(t, ns, 300, contrasts)
	if hits := s.compare(t, ns, 100, nil); hits != 0 {
		t.Errorf("%d hits after many wrong answers", hits)
	}
}

// A caller who calls an answer wrong has it forgotten, and its score counts.
func TestFeedback(t *testing.T) {
	how := learning("a", nil)
	coin := 0.0 // compares all
	how.Coin = func() float64 { return coin }
	s := newStudent(t, memory.New(memory.Options{}), how)
	ns := namespace()
	s.keep(t, ns)
	s.compare(t, ns, 120, agrees)
	coin = 0.999
	found := s.ask(t, ns)
	// Partitions have one threshold, and questions of their own, which are barred after a report.
	partitions := 0
	keep := func() *cachev1.Namespace {
		partitions++
		in := namespace()
		in.Partition = fmt.Sprint(partitions)
		s.keep(t, in)
		return in
	}
	feedback := func(ns *cachev1.Namespace, wrong bool, kind cachev1.HitKind) int64 {
		t.Helper()
		score := found.GetScore()
		got, err := s.Feedback(t.Context(), &cachev1.FeedbackRequest{Namespace: ns, EntryId: found.GetEntryId(), Hit: kind, Score: &score, Wrong: wrong})
		if err != nil {
			t.Fatal(err)
		}
		return got.GetForgotten()
	}
	if n := feedback(ns, false, semantic); n != 0 || s.ask(t, ns).GetHit() != semantic {
		t.Errorf("praise forgot %d", n)
	}
	if n := feedback(ns, true, semantic); n != 1 || s.ask(t, ns).GetHit() != miss {
		t.Errorf("%d entries were forgotten, want 1", n)
	}
	// What was found by its words says nothing of scores.
	for range 12 {
		feedback(keep(), true, near)
	}
	// Nor do reports of what isn't there.
	for range 30 {
		feedback(ns, true, semantic)
	}
	if got := s.ask(t, keep()); got.GetHit() != semantic {
		t.Errorf("%v after reports of near hits, and of none", got.GetHit())
	}
	for range 12 {
		feedback(keep(), true, semantic)
	}
	if got := s.ask(t, keep()); got.GetHit() != miss || len(got.GetComparison()) == 0 {
		t.Errorf("%v after twelve reports", got.GetHit())
	}
	for name, req := range map[string]*cachev1.FeedbackRequest{
		"no namespace": {EntryId: found.GetEntryId(), Wrong: true},
		"no entry":     {Namespace: ns, Wrong: true},
		"another id":   {Namespace: ns, EntryId: "x", Wrong: true},
		"no score":     {Namespace: ns, EntryId: found.GetEntryId(), Score: new(1.5)},
	} {
		if _, err := s.Feedback(t.Context(), req); !errs.Is(errs.FromConnect(err), errs.InvalidRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Replicas that each have seen too little know enough together, and one that starts again goes
// on with what it knew.
func TestEvidenceIsSharedAndKept(t *testing.T) {
	store, kept := memory.New(memory.Options{}), newEvidence()
	a, b := newStudent(t, store, learning("a", kept)), newStudent(t, store, learning("b", kept))
	ns := namespace()
	for _, s := range []*student{a, b} {
		s.keep(t, ns)
		s.known(t, ns)
	}
	for n := 0; a.ask(t, ns).GetHit() != semantic; n++ {
		if n == 40 {
			t.Fatal("after 80 comparisons nothing is served")
		}
		a.compare(t, ns, 1, agrees)
		b.compare(t, ns, 1, agrees)
	}
	eventually(t, "both serve", func() bool { return b.ask(t, ns).GetHit() == semantic })
	a.stop()
	b.stop()

	again := newStudent(t, store, learning("a", kept))
	again.keep(t, ns)
	again.known(t, ns)
	if got := again.ask(t, ns); got.GetHit() != semantic {
		t.Errorf("%v after a restart", got.GetHit())
	}
	// What one finds to be wrong the others don't serve either.
	other := newStudent(t, store, learning("b", kept))
	other.keep(t, ns)
	other.known(t, ns)
	found := again.ask(t, ns)
	score := found.GetScore()
	for range 12 {
		again.keep(t, ns)
		if _, err := again.Feedback(t.Context(), &cachev1.FeedbackRequest{Namespace: ns, EntryId: found.GetEntryId(), Hit: semantic, Score: &score, Wrong: true}); err != nil {
			t.Fatal(err)
		}
	}
	other.keep(t, ns)
	eventually(t, "the other serves nothing", func() bool {
		got := other.ask(t, other.another(t, ns))
		return got.GetHit() == miss && len(got.GetComparison()) > 0
	})
}

// Processes without a name, of which each begins as another one ends, have one name.
func TestNamesDoNotGrow(t *testing.T) {
	store, shared := memory.New(memory.Options{}), newEvidence()
	ns := namespace()
	for range 5 {
		s := newStudent(t, store, learning("", shared))
		s.keep(t, ns)
		s.known(t, ns)
		s.compare(t, ns, 1, agrees)
		s.stop()
	}
	lease, err := shared.Claim(t.Context(), cache.Claim{Holder: "test", Name: "test", Term: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	states, err := shared.Exchange(t.Context(), cache.Namespace{Tenant: "t", Provider: "openai", Model: "gpt-4o"}, lease, nil)
	if err != nil || len(states) != 1 {
		t.Errorf("%d states, %v", len(states), err)
	}
}

// A process whose name another one has waits for it.
func TestNameThatIsTaken(t *testing.T) {
	store, shared := memory.New(memory.Options{}), newEvidence()
	a := newStudent(t, store, learning("a", shared))
	ns := namespace()
	a.keep(t, ns)
	a.known(t, ns)
	b := newStudent(t, store, learning("a", shared))
	b.keep(t, ns)
	if got := b.ask(t, ns); got.GetHit() != miss || got.GetComparison() != nil {
		t.Errorf("%v under a name that is taken", got)
	}
	a.stop()
	b.known(t, ns)
}

// A process whose name another one had for a while, of which the store knows nothing any more, learns on
// under a lease that keeps.
func TestNameThatWasLostUnnoticed(t *testing.T) {
	for what, change := range map[string]func(*cache.Learning){
		"named":   func(l *cache.Learning) { l.Replica = "a" },
		"unnamed": func(*cache.Learning) {},
		"sole":    func(l *cache.Learning) { l.Replica, l.Sole = "a", true },
	} {
		t.Run(what, func(t *testing.T) {
			store, shared := memory.New(memory.Options{}), newEvidence()
			ns, how := namespace(), learning("", shared)
			change(&how)
			s := newStudent(t, store, how)
			s.keep(t, ns)
			s.known(t, ns)
			// The only one that has a name; a fresh store calls the first that it makes so.
			name := how.Replica
			if name == "" {
				name = cache.AnyName + "1"
			}
			shared.FailOver(name)
			eventually(t, "it serves", func() bool {
				in := s.another(t, ns)
				got := s.ask(t, in)
				if len(got.GetComparison()) > 0 {
					if _, err := s.Compare(t.Context(), &cachev1.CompareRequest{Namespace: in, Comparison: got.GetComparison(), Body: agrees}); err != nil {
						t.Fatal(err)
					}
				}
				return got.GetHit() == semantic
			})
			other := newStudent(t, store, learning("b", shared))
			other.keep(t, ns)
			eventually(t, "another replica knows of it", func() bool { return other.ask(t, ns).GetHit() == semantic })
		})
	}
}

// Where evidence can't be read nothing is served or compared; where it goes away later, each
// goes on alone and tells the others when it is back.
func TestEvidenceIsAway(t *testing.T) {
	store, shared := memory.New(memory.Options{}), newEvidence()
	shared.Fail(errAway)
	s := newStudent(t, store, learning("a", shared))
	ns := namespace()
	s.keep(t, ns)
	for range 20 {
		if got := s.ask(t, ns); got.GetHit() != miss || got.GetComparison() != nil {
			t.Fatalf("%v although nothing is known", got)
		}
	}
	shared.Fail(nil)
	s.known(t, ns)
	shared.Fail(errAway)
	if s.compare(t, ns, 200, agrees) == 0 {
		t.Error("nothing is learned alone")
	}
	shared.Fail(nil)
	other := newStudent(t, store, learning("b", shared))
	other.keep(t, ns)
	eventually(t, "another replica knows of it", func() bool { return other.ask(t, ns).GetHit() == semantic })
}

// Of more namespaces than are held those that are not used go, and come back with what they knew.
func TestThresholdsAreBounded(t *testing.T) {
	store, kept := memory.New(memory.Options{}), newEvidence()
	how := learning("a", kept)
	how.Namespaces = 2
	s := newStudent(t, store, how)
	ns := namespace()
	s.keep(t, ns)
	s.known(t, ns)
	s.compare(t, ns, 200, agrees)
	for i := range 20 {
		other := &cachev1.Namespace{TenantId: fmt.Sprint("t", i), Provider: "openai", Model: "m"}
		s.keep(t, other)
		s.known(t, other)
	}
	eventually(t, "it serves again", func() bool { return s.ask(t, ns).GetHit() == semantic })
}

// What finds no room to wait in, or in a namespace that is not held, is counted.
func TestWhatIsNotLearnedIsCounted(t *testing.T) {
	ns, shared := namespace(), newEvidence()
	s := newStudent(t, memory.New(memory.Options{}), learning("a", shared))
	s.keep(t, ns)
	s.known(t, ns)
	comparison := s.ask(t, ns).GetComparison()

	seen, how := &counts{}, learning("b", shared)
	how.Namespaces = 1
	// Nothing reads what was learned while the service does not run.
	f := newFixture(t, nil, cache.Options{Embedder: staticEmbedder(t), Last: upToSemantic, Learning: how, Observer: seen})
	tell := func(tenant string, times int) {
		of := &cachev1.Namespace{TenantId: tenant, Provider: "openai", Model: "m"}
		for range times {
			if _, err := f.Compare(t.Context(), &cachev1.CompareRequest{Namespace: of, Comparison: comparison, Body: agrees}); err != nil {
				t.Fatal(err)
			}
		}
	}
	const waiting = 256
	for _, step := range []struct {
		tenant  string
		times   int
		dropped int
	}{{"t1", waiting, 0}, {"t1", 3, 3}, {"t2", 1, 3}, {"t3", 2, 5}} {
		if tell(step.tenant, step.times); seen.of("dropped") != step.dropped {
			t.Errorf("after %d of %s %d are dropped, want %d", step.times, step.tenant, seen.of("dropped"), step.dropped)
		}
	}
}

// A request whose answer can't be compared is served by no learned threshold, whatever was learned: only
// by what is fixed, and by the words.
func TestLearnedThresholdServesNothingThatIsNotSampled(t *testing.T) {
	s := newStudent(t, memory.New(memory.Options{}), learning("a", nil))
	ns := namespace()
	s.keep(t, ns)
	if s.compare(t, ns, 200, agrees) == 0 {
		t.Fatal("nothing is served")
	}
	for name, c := range map[string]struct {
		text      string
		threshold *float64
		want      cachev1.HitKind
	}{
		"learned":      {asked, nil, miss},
		"fixed":        {asked, new(0.5), semantic},
		"by its words": {"how can I learn to play the guitar", nil, near},
	} {
		q := question("c", c.text)
		got, err := s.Lookup(t.Context(), &cachev1.LookupRequest{Namespace: ns, Fingerprint: fingerprintOf(q), Question: q, Threshold: c.threshold, Incomparable: true})
		if err != nil {
			t.Fatal(err)
		}
		if got.GetHit() != c.want || len(got.GetComparison()) > 0 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestLearningThatMakesNoSense(t *testing.T) {
	for name, how := range map[string]cache.Learning{
		"mostly wrong hits":  {MaxWrongHitRate: 0.6},
		"less than none":     {MaxWrongHitRate: -0.1},
		"certainty":          {Confidence: 1},
		"comparisons only":   {Sample: 1},
		"no namespaces":      {Namespaces: -1},
		"no time":            {ShareTimeout: -1},
		"too long a replica": {Replica: string(make([]byte, 200))},
	} {
		if _, err := cache.New(newFakeStore(), cache.Options{Learning: how}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// leaving is a store whose caller leaves, where one does, while it reads.
type leaving struct {
	cache.Store
	leave func()
}

func (l *leaving) Get(ctx context.Context, key cache.Key) (cache.Record, bool, error) {
	rec, ok, err := l.Store.Get(ctx, key)
	if ok && l.leave != nil {
		l.leave()
	}
	return rec, ok, err
}

// What is found when nobody waits for it any more is not served, and so earns nothing.
func TestServedIsWhatSomebodyWaitsFor(t *testing.T) {
	store, seen := &leaving{Store: memory.New(memory.Options{})}, &counts{}
	service, client := serve(t, store, cache.Options{
		Embedder: staticEmbedder(t), Last: upToSemantic, Floor: 0.5, Learning: learning("a", nil), Observer: seen,
	})
	s, ns := &student{CacheServiceClient: client}, namespace()
	s.keep(t, ns)
	hits := s.compare(t, ns, 200, agrees)
	if hits == 0 || seen.of("semantic served") != hits {
		t.Fatalf("%d hits, %d counted as served", hits, seen.of("semantic served"))
	}
	wire := question("c", asked)
	q, err := cache.NewQuestion(wire)
	if err != nil {
		t.Fatal(err)
	}
	key, err := cache.NewKey(ns, fingerprintOf(wire))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	store.leave = cancel
	got := service.Lookup(ctx, cache.Request{Key: key, Question: q, MaxAge: cache.AnyAge})
	if ctx.Err() == nil || got.Kind != miss || got.Entry != nil || seen.of("semantic served") != hits {
		t.Errorf("%v for nobody, %d served after %d", got.Kind, seen.of("semantic served"), hits)
	}
}

// Where answers differ, all would-be hits are compared until that can prove nothing, and then a sample; the
// phases are counted.
func TestRestsWhereAnswersDiffer(t *testing.T) {
	seen := &counts{}
	_, client := serve(t, memory.New(memory.Options{}), cache.Options{
		Embedder: staticEmbedder(t), Last: upToSemantic, Floor: 0.5, Learning: learning("a", nil), Observer: seen,
	})
	s, ns := &student{CacheServiceClient: client}, namespace()
	s.keep(t, ns)
	phase := func(name string) {
		t.Helper()
		if got := seen.thresholds(); len(got) != 1 || got[name] != 1 {
			t.Errorf("thresholds %v, want one that is %s", got, name)
		}
	}
	s.compare(t, ns, 200, contrasts)
	phase("learning")
	for n := 200; ; n++ {
		in := s.another(t, ns)
		got := s.ask(t, in)
		if got.GetHit() != miss || n > 2000 {
			t.Fatalf("%v after %d comparisons", got.GetHit(), n)
		}
		if len(got.GetComparison()) == 0 {
			break // the coin is above the sample
		}
		if _, err := s.Compare(t.Context(), &cachev1.CompareRequest{Namespace: in, Comparison: got.GetComparison(), Body: contrasts}); err != nil {
			t.Fatal(err)
		}
	}
	phase("resting")
}
