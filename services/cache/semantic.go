package cache

import (
	"context"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/services/cache/canon"
)

// semantic is the third tier: an embedder finds questions in other words, and the veto and a
// threshold decide.
type semantic struct {
	questions  *questions
	embeddings *embeddings
	// floor is the least cosine that is looked at.
	floor  float64
	beyond *beyond // nil where the index is all there is
	judge
}

// semanticCandidates are looked at: the veto may hold the nearest ones apart.
const semanticCandidates = 8

func (*semantic) tier() cachev1.Tier { return cachev1.Tier_TIER_SEMANTIC }

// search returns the questions with the nearest vectors.
func (s *semantic) search(ctx context.Context, r *Request, a *asked) []candidate {
	vector, billed := s.embeddings.of(ctx, r.Key.Namespace.Tenant, a.text)
	a.embedded = billed
	if vector == nil {
		return nil
	}
	if s.embeddings.paid {
		a.embedding = &cachev1.Embedding{Vector: bytesOf(vector), Embedder: s.embeddings.version}
	}
	floor := max(LeastCosine(s.floor, r.Threshold), r.LeastScore)
	sc := scopeOf(r.Key.Namespace, r.Question, s.embeddings.version)
	group := sc.group()
	// An error comes with what was found up to then.
	nearest, _ := s.questions.index.Search(ctx, group, vector, semanticCandidates, floor)
	// Where the index has one that is near, what else there may be is not worth a round trip.
	if len(nearest) == 0 && s.beyond.recall(ctx, s.questions, r, vector, floor) {
		nearest, _ = s.questions.index.Search(ctx, group, vector, semanticCandidates, floor)
	}
	found := make([]candidate, len(nearest))
	for i, c := range nearest {
		found[i] = candidate{Candidate: c, group: group}
	}
	return found
}

// LeastCosine is the least at which a question is looked at: the floor, which a fixed threshold
// below it lowers. What is learned begins at the floor.
func LeastCosine(floor float64, fixed *float64) float64 {
	if fixed != nil {
		return min(floor, *fixed)
	}
	return floor
}

// score is the cosine of the vectors; what is looked for by likeness is the same as far as
// likeness can tell.
func (*semantic) score(a, b *asked, c *candidate) (score float64, same bool) {
	return max(Likeness(c.Cosine, func() (canon.How, bool) { return canon.Same(a.canonical(), b.canonical()) }), 0), true
}

// MostAlike is the largest score of two questions that are known to be alike by their vectors alone.
const MostAlike = 0.9999

// Likeness is the score of two questions of that cosine: 1 only where their canonical forms are equal too. A vector of
// eight bits a number, of words that are added up, is the same for the same words in another order.
func Likeness(cosine float64, forms func() (canon.How, bool)) float64 {
	if cosine > MostAlike {
		if how, same := forms(); !same || how != (canon.How{}) {
			return MostAlike
		}
	}
	return min(cosine, 1)
}
