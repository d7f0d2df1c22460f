package cache

import (
	"context"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/services/cache/canon"
	"tollgate.dev/services/cache/index"
	"tollgate.dev/services/cache/threshold"
)

// near is the second tier: it finds an answer to the same question in nearly the same words,
// by its canonical form. It needs no embedder.
type near struct {
	questions *questions
	embedder  string // the version of the semantic tier's; empty without
}

const (
	// nearCandidates are looked at in each group: questions that differ in one word share a key,
	// and there may be many of these.
	nearCandidates = 8
	// NearScore is that of a question whose form is not equal, but for a slip of the keyboard or a
	// synonym. Equal forms have 1.
	NearScore = 0.99
)

func (*near) tier() cachev1.Tier { return cachev1.Tier_TIER_NEAR }

// nearKeys appends the keys by which a form is found, as many as the index takes.
func nearKeys(keys []index.Key, f *canon.Form) []index.Key {
	keys = append(keys, index.Key(f.Key()))
	for k := range f.Near() {
		if len(keys) == index.MaxKeys {
			break
		}
		keys = append(keys, index.Key(k))
	}
	return keys
}

// search returns the questions with the same form; if there are none, those that share another
// key. Questions with a vector are in a group of their own.
func (n *near) search(_ context.Context, r *Request, a *asked) (found []candidate) {
	var room [index.MaxKeys]index.Key
	keys := nearKeys(room[:0], a.canonical())
	groups := make([]index.Group, 0, 2)
	for _, embedder := range [...]string{"", n.embedder} {
		sc := scopeOf(r.Key.Namespace, r.Question, embedder)
		groups = append(groups, sc.group())
		if n.embedder == "" {
			break
		}
	}
	for _, keys := range [...][]index.Key{keys[:1], keys[1:]} {
		for _, g := range groups {
			for _, c := range n.questions.index.Lookup(g, keys, nearCandidates) {
				found = append(found, candidate{Candidate: c, group: g})
			}
		}
		if len(found) > 0 {
			break
		}
	}
	return found
}

// score tells whether two questions are the same: those that share a key need not be.
func (*near) score(a, b *asked, _ *candidate) (score float64, same bool) {
	how, same := canon.Same(a.canonical(), b.canonical())
	return ScoreOf(how), same
}

// ScoreOf two forms that are the same.
func ScoreOf(how canon.How) float64 {
	if how != (canon.How{}) {
		return NearScore
	}
	return 1
}

// toss decides nothing.
func (*near) toss() float64 { return 0 }

// decide serves what is the same.
func (*near) decide(Namespace, *answered, float64, float64) threshold.Decision {
	return threshold.Decision{Verdict: threshold.Serve}
}

// served teaches nothing.
func (*near) served(Namespace) {}
