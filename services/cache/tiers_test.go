package cache_test

import (
	"context"
	"crypto/sha256"
	"math"
	"testing"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/embed/static"
)

// question is one in the context of that name.
func question(context, text string) *cachev1.Question {
	sum := sha256.Sum256([]byte(context))
	return &cachev1.Question{Context: sum[:], Text: text}
}

// fingerprintOf is that of a request with a question, as the edge makes it.
func fingerprintOf(q *cachev1.Question) []byte {
	sum := sha256.Sum256(append(append([]byte(nil), q.GetContext()...), q.GetText()...))
	return sum[:]
}

// answer stores an answer to a question.
func (f *fixture) answer(t testing.TB, text string) {
	t.Helper()
	q := question("c", text)
	if !f.store(t, &cachev1.StoreRequest{Fingerprint: fingerprintOf(q), Question: q, Last: cachev1.Tier_TIER_SEMANTIC, Entry: &cachev1.Entry{Body: []byte("answer to " + text)}}) {
		t.Fatal("not stored")
	}
}

// ask looks a question up.
func (f *fixture) ask(t testing.TB, text string, last cachev1.Tier, threshold *float64) *cachev1.LookupResponse {
	t.Helper()
	q := question("c", text)
	return f.lookup(t, &cachev1.LookupRequest{Fingerprint: fingerprintOf(q), Question: q, Last: last, Threshold: threshold})
}

const (
	miss     = cachev1.HitKind_HIT_KIND_UNSPECIFIED
	exact    = cachev1.HitKind_HIT_KIND_EXACT
	near     = cachev1.HitKind_HIT_KIND_NEAR
	semantic = cachev1.HitKind_HIT_KIND_SEMANTIC

	upToExact    = cachev1.Tier_TIER_EXACT
	upToNear     = cachev1.Tier_TIER_NEAR
	upToSemantic = cachev1.Tier_TIER_SEMANTIC
)

func staticEmbedder(t testing.TB) *static.Embedder {
	t.Helper()
	e, err := static.New()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// What each tier finds, and what the veto keeps it from serving.
func TestTiers(t *testing.T) {
	for _, tc := range []struct {
		name, stored, asked string
		last                cachev1.Tier
		threshold           float64
		want                cachev1.HitKind
		score               float64 // 0: any
	}{
		{"the same text", "What is the capital of France?", "What is the capital of France?", upToSemantic, 0.9, exact, 1},
		{"case, spaces and marks", "What is the capital of France?", "what is  the capital of france", upToNear, 0.9, near, 1},
		{"politeness", "What is the capital of France?", "Please tell me what's the capital of France.", upToNear, 0.9, near, 1},
		{"a slip of the keyboard", "What is the capital of France?", "What is the capitall of France?", upToNear, 0.9, near, 0.99},
		{"the full score is asked for, and is there", "What is the capital of France?", "what is the capital of france", upToNear, 1, near, 1},
		{"the full score is asked for, and is not there", "What is the capital of France?", "What is the capitall of France?", upToNear, 1, miss, 0},
		{"near is not asked", "What is the capital of France?", "what is the capital of france", upToExact, 0.9, miss, 0},
		{"another place", "What is the capital of France?", "What is the capital of Spain?", upToSemantic, 0, miss, 0},
		{"another number", "How far is it to run 5 miles?", "How far is it to run 6 miles?", upToSemantic, 0, miss, 0},
		{"a negation", "Why should children eat sugar?", "Why should children not eat sugar?", upToSemantic, 0, miss, 0},
		{"who does it to whom", "Did the dog bite the man?", "Did the man bite the dog?", upToSemantic, 0, miss, 0},
		{"other words", "How can I learn to play the guitar?", "How does a beginner learn guitar?", upToSemantic, 0.5, semantic, 0},
		{"other words, semantic is not asked", "How can I learn to play the guitar?", "How does a beginner learn guitar?", upToNear, 0.5, miss, 0},
		{"other words, below the threshold", "How can I learn to play the guitar?", "How does a beginner learn guitar?", upToSemantic, 0.999, miss, 0},
		{"another topic, below any floor", "How can I learn to play the guitar?", "Why is the sky blue?", upToSemantic, 0.5, miss, 0},
		{"nothing that can be seen", " ", "\u200b ", upToSemantic, 0, miss, 0},
		{"personal", "What is on my calendar?", "what is on my calendar", upToSemantic, 0, miss, 0},
		{"of a time that passes", "Who is the current president of France?", "who is the current president of france", upToSemantic, 0, miss, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, nil, cache.Options{Embedder: staticEmbedder(t)})
			f.answer(t, tc.stored)
			got := f.ask(t, tc.asked, tc.last, &tc.threshold)
			if got.GetHit() != tc.want || (tc.score != 0 && got.GetScore() != tc.score) {
				t.Fatalf("%v with a score of %v, want %v", got.GetHit(), got.GetScore(), tc.want)
			}
			if tc.want == miss {
				return
			}
			id, err := cache.ParseEntryID(got.GetEntryId())
			if err != nil || string(id[:]) != string(fingerprintOf(question("c", tc.stored))) || string(got.GetEntry().GetBody()) != "answer to "+tc.stored {
				t.Errorf("entry %s (%v): %s", got.GetEntryId(), err, got.GetEntry().GetBody())
			}
			if tc.want == semantic && (got.GetScore() < tc.threshold || got.GetScore() > 1) {
				t.Errorf("score %v", got.GetScore())
			}
		})
	}
}

// Without a fixed threshold nothing is served semantically before anything was learned.
func TestSemanticStartsStrict(t *testing.T) {
	f := newFixture(t, nil, cache.Options{Embedder: staticEmbedder(t), Last: upToSemantic, Floor: 0.5})
	f.answer(t, "How can I learn to play the guitar?")
	if got := f.ask(t, "How does a beginner learn guitar?", 0, nil); got.GetHit() != miss {
		t.Errorf("%v", got.GetHit())
	}
	if got := f.ask(t, "how can i learn to play the guitar", 0, nil); got.GetHit() != near {
		t.Errorf("%v", got.GetHit())
	}
}

// What the service does not do, no request makes it do: the last tier is the service's where a
// request names a later one, both when it looks and when its answer is kept.
func TestNoTierBeyondTheServices(t *testing.T) {
	const stored, nearly, others = "How can I learn to play the guitar?", "how can i learn to play the guitar", "How does a beginner learn guitar?"
	zero := 0.0
	for _, tc := range []struct {
		service, request cachev1.Tier
		nearly, others   cachev1.HitKind
	}{
		{upToExact, upToNear, miss, miss},
		{upToExact, upToSemantic, miss, miss},
		{upToNear, upToSemantic, near, miss},
		{upToNear, upToExact, miss, miss},
		{upToNear, 0, near, miss},
		{upToSemantic, 0, near, semantic},
		{0, upToSemantic, near, semantic},
	} {
		f := newFixture(t, nil, cache.Options{Embedder: staticEmbedder(t), Last: tc.service})
		f.answer(t, stored)
		if got := f.ask(t, nearly, tc.request, &zero).GetHit(); got != tc.nearly {
			t.Errorf("the service goes up to %v, the request asks for %v, and nearly the same words find %v", tc.service, tc.request, got)
		}
		if got := f.ask(t, others, tc.request, &zero).GetHit(); got != tc.others {
			t.Errorf("the service goes up to %v, the request asks for %v, and other words find %v", tc.service, tc.request, got)
		}
	}
}

// A later answer is found by the tiers that were asked for with it, whatever those of the one were in whose
// place it came: the question in the index is the earlier one's.
func TestTheTiersOfALaterAnswer(t *testing.T) {
	const stored, nearly, others = "How can I learn to play the guitar?", "how can i learn to play the guitar", "How does a beginner learn guitar?"
	zero, q := 0.0, question("c", stored)
	for name, tc := range map[string]struct {
		question       *cachev1.Question
		last           cachev1.Tier
		nearly, others cachev1.HitKind
	}{
		"exact":             {q, upToExact, miss, miss},
		"without questions": {nil, upToSemantic, miss, miss},
		"near":              {q, upToNear, near, miss},
		"all":               {q, upToSemantic, near, semantic},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil, cache.Options{Embedder: staticEmbedder(t), Last: upToSemantic})
			f.answer(t, stored)
			later := &cachev1.Entry{Body: []byte("a later answer"), Last: upToSemantic}
			if !f.store(t, &cachev1.StoreRequest{Fingerprint: fingerprintOf(q), Question: tc.question, Last: tc.last, Entry: later}) {
				t.Fatal("not stored")
			}
			for range 2 {
				if got := f.ask(t, others, upToSemantic, &zero).GetHit(); got != tc.others {
					t.Errorf("other words find %v", got)
				}
				if got := f.ask(t, nearly, upToSemantic, &zero).GetHit(); got != tc.nearly {
					t.Errorf("nearly the same words find %v", got)
				}
			}
			if got := f.ask(t, stored, upToSemantic, &zero); got.GetHit() != exact || string(got.GetEntry().GetBody()) != "a later answer" {
				t.Errorf("the same words find %v: %s", got.GetHit(), got.GetEntry().GetBody())
			}
			f.answer(t, stored)
			if got := f.ask(t, nearly, upToSemantic, &zero).GetHit(); got != near {
				t.Errorf("after one for all tiers nearly the same words find %v", got)
			}
		})
	}
}

// Of the thresholds that operators fixed, the larger holds; a caller may ask for more than
// it, and fixes none.
func TestTheStricterThreshold(t *testing.T) {
	const stored, slip, others = "How can I learn to play the guitar?", "How can I learn to play the guitarr?", "How does a beginner learn guitar?"
	low, high := 0.5, 0.999
	for name, tc := range map[string]struct {
		service, request, least *float64
		slip, others            cachev1.HitKind
	}{
		"the service's":                   {service: &low, slip: near, others: semantic},
		"the request's is higher":         {service: &low, request: &high, slip: miss, others: miss},
		"the request's is lower":          {service: &high, request: &low, slip: miss, others: miss},
		"the request's alone":             {request: &low, slip: near, others: semantic},
		"the caller wants more":           {service: &low, least: &high, slip: miss, others: miss},
		"the caller takes less":           {service: &high, least: &low, slip: miss, others: miss},
		"none, and the caller takes less": {least: &low, slip: near, others: miss},
		"none, and the caller wants more": {least: &high, slip: miss, others: miss},
		"none":                            {slip: near, others: miss},
	} {
		f := newFixture(t, nil, cache.Options{Embedder: staticEmbedder(t), Threshold: tc.service})
		f.answer(t, stored)
		for text, want := range map[string]cachev1.HitKind{slip: tc.slip, others: tc.others} {
			q := question("c", text)
			got := f.lookup(t, &cachev1.LookupRequest{Fingerprint: fingerprintOf(q), Question: q, Threshold: tc.request, LeastScore: tc.least})
			if got.GetHit() != want {
				t.Errorf("%s: %q has %v with a score of %v, want %v", name, text, got.GetHit(), got.GetScore(), want)
			}
		}
	}
}

// sameForAll gives all texts one vector.
type sameForAll struct{ embed.Embedder }

func (sameForAll) Embed(_ context.Context, _ string, to []float32) (embed.Bill, error) {
	clear(to)
	to[0] = 1
	return embed.Bill{}, nil
}

// At a threshold of 1 vectors alone serve nothing, be they equal.
func TestEqualVectorsHaveNoFullScore(t *testing.T) {
	most, full := cache.MostAlike, 1.0
	for threshold, want := range map[*float64]cachev1.HitKind{&most: semantic, &full: miss} {
		f := newFixture(t, nil, cache.Options{Embedder: sameForAll{staticEmbedder(t)}, Threshold: threshold})
		f.answer(t, guitar)
		if got := f.ask(t, lute, upToSemantic, nil); got.GetHit() != want || want == semantic && got.GetScore() != cache.MostAlike {
			t.Errorf("at %v: %v with a score of %v, want %v", *threshold, got.GetHit(), got.GetScore(), want)
		}
	}
}

// The service's own threshold holds where the request has none.
func TestTheServicesThreshold(t *testing.T) {
	low := 0.5
	f := newFixture(t, nil, cache.Options{Embedder: staticEmbedder(t), Threshold: &low})
	f.answer(t, "How can I learn to play the guitar?")
	if got := f.ask(t, "How does a beginner learn guitar?", upToSemantic, nil); got.GetHit() != semantic {
		t.Errorf("%v", got.GetHit())
	}
	high := 0.999
	if got := f.ask(t, "How does a beginner learn guitar?", upToSemantic, &high); got.GetHit() != miss {
		t.Errorf("the request asks for more: %v", got.GetHit())
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	nan, more := math.NaN(), 1.1
	for name, opts := range map[string]cache.Options{
		"a floor above 1":     {Floor: more},
		"a threshold above 1": {Threshold: &more},
		"no threshold":        {Threshold: &nan},
	} {
		if _, err := cache.New(newFakeStore(), opts); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// With nothing but the text, "you" may be anybody; with a system prompt or earlier turns, it is whom they make of the
// model. What is asked in the one way never serves the other, in one namespace and whatever the context.
func TestWhoYouIs(t *testing.T) {
	for _, tc := range []struct {
		name                   string
		stored, asked          string
		storedBare, bare, same bool
	}{
		{"nobody is there", "How do you reset a router?", "How do I reset a router?", true, true, true},
		{"somebody is there", "How do you reset a router?", "How do I reset a router?", false, false, false},
		{"everyday, and somebody is there", "How do you peel a mango?", "How do I peel a mango?", false, false, true},
		{"the model is asked", "How do you learn?", "How do I learn?", true, true, false},
		{"a business is asked", "How do you handle refunds?", "How do I handle refunds?", true, true, false},
		{"the text gives a role", "You are a technician. How do you reset a router?", "You are a technician. How do I reset a router?", true, true, false},
		{"the one has somebody, the other not", "How do I reset a router?", "how do i reset a router", false, true, false},
		{"the other way round", "How do I reset a router?", "how do i reset a router", true, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, nil, cache.Options{Embedder: staticEmbedder(t)})
			q := question("c", tc.stored)
			q.Bare = tc.storedBare
			if !f.store(t, &cachev1.StoreRequest{Fingerprint: fingerprintOf(q), Question: q, Last: upToSemantic, Entry: &cachev1.Entry{Body: []byte("a")}}) {
				t.Fatal("not stored")
			}
			want := miss
			if tc.same {
				want = near
			}
			none := 0.0
			q = question("c", tc.asked)
			q.Bare = tc.bare
			got := f.lookup(t, &cachev1.LookupRequest{Fingerprint: fingerprintOf(q), Question: q, Last: upToSemantic, Threshold: &none})
			if got.GetHit() != want {
				t.Errorf("%v, want %v", got.GetHit(), want)
			}
		})
	}
}
