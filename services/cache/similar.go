package cache

import (
	"context"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/cachetier"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/cache/index"
	"tollgate.dev/services/cache/threshold"
	"tollgate.dev/services/cache/veto"
)

// tier is a way to find the answer to another request that asks the same. To add one, write a
// file with its type, a line in [newSimilar], and one in package cachetier.
type tier interface {
	tier() cachev1.Tier
	// search returns the questions that may be the same, the best first.
	search(ctx context.Context, r *Request, a *asked) []candidate
	// score tells whether a candidate b is the same, and how near it is, from 0 to 1.
	score(a, b *asked, c *candidate) (score float64, same bool)
	judge
}

// judge decides about a would-be hit: an entry that is there and that nothing else refuses.
// There is at most one for a tier in a look-up.
type judge interface {
	// decide says what to do with an entry of that score, where neither request nor service
	// fix a threshold. With [threshold.Compare] comes what Compare is to be given.
	decide(ns Namespace, entry Fingerprint, score float64) (v threshold.Verdict, comparison []byte)
}

// candidate is a question that was found.
type candidate struct {
	index.Candidate
	group index.Group
}

// similar finds answers to other requests, tier by tier. Each finds candidates in its own way;
// what holds for all of them stands here: no candidate is served that the veto holds apart, that
// is below the threshold, or that the store doesn't have any more.
type similar struct {
	records   *records
	questions *questions
	barred    *barred
	vectors   *vectors // nil without an embedder
	tiers     []tier   // the stricter first
	threshold *float64 // nil where none is fixed
	observer  Observer
}

func newSimilar(records *records, j judge, opts Options) (*similar, error) {
	s := &similar{
		records: records, questions: newQuestions(opts.IndexBytes, opts.Clock), barred: newBarred(opts.Clock),
		threshold: opts.Threshold, observer: opts.Observer,
	}
	n := &near{questions: s.questions}
	s.tiers = append(s.tiers, n)
	if opts.Embedder == nil {
		return s, nil
	}
	var err error
	if s.vectors, err = newVectors(opts); err != nil {
		return nil, err
	}
	n.embedder = s.vectors.version
	s.tiers = append(s.tiers, &semantic{
		questions: s.questions, vectors: s.vectors, floor: opts.Floor, beyond: newBeyond(s.questions, n.embedder, opts), judge: j,
	})
	return s, nil
}

// fetches is how many records a look-up reads of the store at the most, besides the exact one:
// each may take as long as the store's time limit.
const fetches = 3

// MostExchanges is how often a look-up asks the store at the most, each time for as long as
// [Options] has it: for the request's own record, for those of others, and once for vectors.
const MostExchanges = 1 + fetches + 1

// find looks for the answer to another request that asks the same as r, up to the last tier.
func (s *similar) find(ctx context.Context, asks Request, last cachev1.Tier) Hit {
	r := &asks // not the caller's, whose requests mostly end in the exact tier
	a := read(r.Question.Text)
	if rule, unfit := veto.Unfit(a.reading); unfit {
		s.observer.CacheVeto(rule)
		return Hit{}
	}
	if s.bars(r, a) {
		return Hit{}
	}
	r.Threshold = stricter(r.Threshold, s.threshold)
	if r.Incomparable && r.Threshold == nil {
		last = min(last, cachev1.Tier_TIER_NEAR) // the tiers behind it serve by what was learned
	}
	left, asked := fetches, cachev1.Tier_TIER_EXACT
	for _, t := range s.tiers {
		if t.tier() > last {
			break
		}
		hit, done := s.ask(ctx, t, r, a, &left)
		asked = t.tier()
		if done {
			hit.Last, hit.Embedded = asked, a.embedded
			if hit.Entry == nil {
				hit.Embedding = a.embedding
			}
			return hit
		}
	}
	return Hit{Last: asked, Embedding: a.embedding, Embedded: a.embedded}
}

// stricter is the larger of two thresholds, of which either may be none.
func stricter(a, b *float64) *float64 {
	if a == nil || b != nil && *b > *a {
		return b
	}
	return a
}

// least is the smallest score that may serve.
func (r *Request) least() float64 {
	if r.Threshold == nil {
		return r.LeastScore
	}
	return max(*r.Threshold, r.LeastScore)
}

// ask goes through a tier's candidates. It is done with a hit, and where no further tier is to
// be asked. left counts the records that may still be read.
func (s *similar) ask(ctx context.Context, t tier, r *Request, a *asked, left *int) (hit Hit, done bool) {
	for _, c := range t.search(ctx, r, a) {
		q := s.questions.get(c.Handle)
		if q == nil || q.fingerprint == r.Key.Fingerprint { // it went just now, or the exact tier knows better
			continue
		}
		b := read(q.text)
		score, same := t.score(a, b, &c)
		if !same {
			continue
		}
		if score < r.least() {
			s.observer.CacheCandidate(cachetier.Name(t.tier()), passed)
			continue
		}
		if f, apart := veto.Check(a.reading, b.reading); apart {
			s.observer.CacheVeto(f.Rule)
			s.observer.CacheCandidate(cachetier.Name(t.tier()), vetoed)
			continue
		}
		if s.bars(r, b) {
			s.observer.CacheCandidate(cachetier.Name(t.tier()), barredOutcome)
			continue
		}
		if *left == 0 {
			return Hit{}, true
		}
		*left--
		// The store is asked in the request's own namespace, whatever was found.
		entry, state := s.records.get(ctx, Key{Namespace: r.Key.Namespace, Fingerprint: q.fingerprint}, r.MaxAge)
		switch state {
		case away:
			return Hit{}, true
		case gone:
			s.questions.index.Delete(c.group, c.ID)
			s.observer.CacheCandidate(cachetier.Name(t.tier()), lost)
			continue
		case aged:
			s.observer.CacheCandidate(cachetier.Name(t.tier()), lost)
			continue
		case present:
		}
		verdict, comparison := threshold.Serve, []byte(nil)
		if r.Threshold == nil {
			verdict, comparison = t.decide(r.Key.Namespace, q.fingerprint, score)
		}
		switch verdict {
		case threshold.Serve:
			s.questions.index.Used(c.group, c.ID, money.Nano(entry.GetCostNanos()))
			s.observer.CacheCandidate(cachetier.Name(t.tier()), served)
			return Hit{Kind: cachetier.HitKind(t.tier()), Entry: entry, Score: score, ID: q.fingerprint}, true
		case threshold.Compare:
			s.observer.CacheCandidate(cachetier.Name(t.tier()), compared)
			return Hit{Comparison: comparison}, true
		case threshold.Pass:
			// Those behind it are no nearer.
			s.observer.CacheCandidate(cachetier.Name(t.tier()), passed)
			return Hit{}, false
		}
	}
	return Hit{}, false
}

// bars tells whether a question in the scope of a request is barred.
func (s *similar) bars(r *Request, a *asked) bool {
	return !s.barred.empty() && s.barred.has(barredKey{plainGroup(r.Key.Namespace, r.Question), index.Key(a.canonical().Key())})
}

// bar keeps the selected questions, as far as they are known here, from others, until their answers
// would have ended.
func (s *similar) bar(sel Selector) {
	for _, a := range s.questions.selects(sel) {
		s.barred.add(barredKey{a.plain, index.Key(read(a.text).canonical().Key())}, a.expires)
	}
}

// announce describes a record that answers a question, to be found by the tiers up to the last
// one; nil where no other request may have the answer.
func (s *similar) announce(ctx context.Context, k *Kept, last cachev1.Tier, known *cachev1.Embedding) *asked {
	a := read(k.Question.Text)
	if _, unfit := veto.Unfit(a.reading); unfit {
		return nil
	}
	if last >= cachev1.Tier_TIER_SEMANTIC && s.vectors != nil {
		if k.Vector = s.vectors.stored(ctx, k, known); k.Vector != nil {
			k.Embedder = s.vectors.version
		}
	}
	return a
}

// add lets a record that is in the store be found by its question.
func (s *similar) add(k *Kept, a *asked) {
	// What doesn't fit in is not found by its likeness, and nothing else follows.
	_ = s.questions.add(k, a, s.embedder())
}

// follow is add for a record that any replica announced, of which this one may know.
func (s *similar) follow(k *Kept) {
	if !s.questions.knows(k, s.embedder()) {
		s.add(k, read(k.Question.Text))
	}
}

// embedder is the version of the embedder; empty without.
func (s *similar) embedder() string {
	if s.vectors == nil {
		return ""
	}
	return s.vectors.version
}
