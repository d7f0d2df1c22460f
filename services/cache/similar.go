package cache

import (
	"context"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/cachetier"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/cache/index"
	"tollgate.dev/services/cache/reading"
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

// judge decides about would-be hits, where neither request nor service fix a threshold. A would-be
// hit is an entry that is there and that nothing else refuses; there is at most one for a tier in a
// look-up. Whether an entry is there takes the store to say, so the judge is asked before: it holds
// for as long as the look-up's coin is the same, whichever candidate turns out to be the hit.
type judge interface {
	// toss a coin for a look-up, uniform in [0, 1).
	toss() float64
	// decide says what to do with the entry of a question of that score, if it is there.
	// It notes of the question that it was asked about its entry: only the first would-be hit of one is evidence.
	decide(ns Namespace, q *answered, score, coin float64) threshold.Decision
	// served tells of a would-be hit that was decided to be served, and is returned to a caller who
	// still waits.
	served(ns Namespace)
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
	records    *records
	questions  *questions
	barred     *barred
	embeddings *embeddings // nil without an embedder
	beyond     *beyond     // nil where the index is all there is
	tiers      []tier      // the stricter first
	threshold  *float64    // nil where none is fixed
	observer   Observer
}

func newSimilar(records *records, j judge, opts Options) (*similar, error) {
	over := newBeyond(opts)
	s := &similar{
		records: records, questions: newQuestions(opts.IndexBytes, opts.Clock, over.evicted), barred: newBarred(opts.Clock),
		beyond: over, threshold: opts.Threshold, observer: opts.Observer,
	}
	n := &near{questions: s.questions}
	s.tiers = append(s.tiers, n)
	if opts.Embedder == nil {
		return s, nil
	}
	var err error
	if s.embeddings, err = newEmbeddings(opts); err != nil {
		return nil, err
	}
	n.embedder = s.embeddings.version
	s.tiers = append(s.tiers, &semantic{
		questions: s.questions, embeddings: s.embeddings, floor: opts.Floor, beyond: over, judge: j,
	})
	return s, nil
}

// fetches is how many records a look-up reads of the store at the most, besides the exact one. One
// after the other: mostly the first is there, and they may be large.
const fetches = 3

// find looks for the answer to another request that asks the same as r, up to the last tier.
func (s *similar) find(ctx context.Context, asks Request, last cachev1.Tier) Hit {
	r := &asks // not the caller's, whose requests mostly end in the exact tier
	a := read(r.Question.Text, r.Question.Bare)
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
	left, reached := fetches, cachev1.Tier_TIER_EXACT
	for _, t := range s.tiers {
		if t.tier() > last {
			break
		}
		hit, done := s.ask(ctx, t, r, a, &left)
		reached = t.tier()
		if done {
			hit.Last, hit.Embedded = reached, a.embedded
			if hit.Entry == nil {
				hit.Embedding = a.embedding
			}
			return hit
		}
	}
	return Hit{Last: reached, Embedding: a.embedding, Embedded: a.embedded}
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
	name := cachetier.Name(t.tier())
	coin := t.toss()
	for _, c := range t.search(ctx, r, a) {
		if ctx.Err() != nil { // reading and comparing a long question takes a while
			return Hit{}, true
		}
		q, score, outcome := s.suits(t, r, a, &c)
		if outcome != "" {
			s.observer.CacheCandidate(name, outcome)
		}
		if q == nil {
			continue
		}
		d := decided(t, r, q, score, coin)
		if d.Verdict == threshold.Pass {
			// Those behind it are no nearer.
			s.observer.CacheCandidate(name, passed)
			return Hit{}, false
		}
		if *left == 0 {
			return Hit{}, true
		}
		*left--
		rec, state := s.fetch(ctx, t, r, q, &c)
		if ctx.Err() != nil {
			state = away // nobody waits any more: nothing is served, nor compared, nor earned by it
		}
		switch state {
		case away:
			return Hit{}, true
		case gone, aged, withheld:
			s.observer.CacheCandidate(name, lost)
			continue
		case present:
		}
		if d.Verdict == threshold.Compare {
			s.observer.CacheCandidate(name, compared)
			return Hit{Comparison: comparisonOf(q.fingerprint, rec.Expires, s.records.clock.Now(), d)}, true
		}
		if r.Threshold == nil {
			t.served(r.Key.Namespace)
		}
		s.questions.index.Used(c.group, c.ID, money.Nano(rec.Entry.GetCostNanos()))
		s.observer.CacheCandidate(name, served)
		return Hit{Kind: cachetier.HitKind(t.tier()), Entry: rec.Entry, Score: score, ID: q.fingerprint}, true
	}
	return Hit{}, false
}

// Refusal is why the answer to one question does not serve another.
type Refusal uint8

// Refusals.
const (
	RefusedNot Refusal = iota
	RefusedByScore
	RefusedByVeto
)

// Refuse the answer to question b for a, as far as the two and their score tell: it is below the least,
// or a rule of the veto holds them apart.
func Refuse(a, b *reading.Reading, score, least float64) (why Refusal, rule string) {
	if score < least {
		return RefusedByScore, ""
	}
	if f, apart := veto.Check(a, b); apart {
		return RefusedByVeto, f.Rule
	}
	return RefusedNot, ""
}

// suits returns the question of a candidate whose answer may serve, as far as the questions tell, and
// its score. It is nil for another, with what becomes of that; with nothing for one that is no
// candidate after all.
func (s *similar) suits(t tier, r *Request, a *asked, c *candidate) (q *answered, score float64, outcome string) {
	q = s.questions.get(c.Handle)
	if q == nil || q.fingerprint == r.Key.Fingerprint { // it went just now, or the exact tier knows better
		return nil, 0, ""
	}
	b := read(q.text, q.bare)
	score, same := t.score(a, b, c)
	if !same {
		return nil, 0, ""
	}
	switch why, rule := Refuse(a.reading, b.reading, score, r.least()); why {
	case RefusedNot:
	case RefusedByScore:
		return nil, 0, passed
	case RefusedByVeto:
		s.observer.CacheVeto(rule)
		return nil, 0, vetoed
	}
	if s.bars(r, b) {
		return nil, 0, barredOutcome
	}
	return q, score, ""
}

// decided is what to do with an entry of that score: a threshold that is fixed has let it pass.
func decided(j judge, r *Request, q *answered, score, coin float64) threshold.Decision {
	if r.Threshold != nil {
		return threshold.Decision{Verdict: threshold.Serve}
	}
	return j.decide(r.Key.Namespace, q, score, coin)
}

// fetch reads the answer to a question. The store is asked in the request's own namespace, whatever
// was found. What it does not have is not found again.
func (s *similar) fetch(ctx context.Context, t tier, r *Request, q *answered, c *candidate) (Record, presence) {
	rec, state := s.records.get(ctx, r.wait, Key{Namespace: r.Key.Namespace, Fingerprint: q.fingerprint}, r.MaxAge)
	last := rec.Entry.GetLast()
	if state == present && last != cachev1.Tier_TIER_UNSPECIFIED && last < t.tier() {
		rec, state = Record{}, withheld
	}
	if state == gone || state == withheld && last == cachev1.Tier_TIER_EXACT {
		s.questions.index.Delete(c.group, c.ID)
	}
	return rec, state
}

// bars tells whether a question in the scope of a request is barred.
func (s *similar) bars(r *Request, a *asked) bool {
	tenant := r.Key.Namespace.Tenant
	return s.barred.any(tenant) && s.barred.has(tenant, barredKeyOf(plainGroup(r.Key.Namespace, r.Question), a))
}

// announce describes a record that answers a question, to be found by the tiers up to the last
// one; nil where no other request may have the answer.
func (s *similar) announce(ctx context.Context, k *Kept, last cachev1.Tier, known *cachev1.Embedding) *asked {
	a := read(k.Question.Text, k.Question.Bare)
	if _, unfit := veto.Unfit(a.reading); unfit {
		return nil
	}
	if last >= cachev1.Tier_TIER_SEMANTIC && s.embeddings != nil {
		if k.Vector = s.embeddings.stored(ctx, k, known); k.Vector != nil {
			k.Embedder = s.embeddings.version
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
		s.add(k, read(k.Question.Text, k.Question.Bare))
	}
}

// embedder is the version of the embedder; empty without.
func (s *similar) embedder() string {
	if s.embeddings == nil {
		return ""
	}
	return s.embeddings.version
}
