// Package explain says of two prompts which tier of the cache would serve the answer to one for
// the other, and why not: their canonical forms, what the veto finds, the cosine of an embedder.
// It asks the same packages as the service does, of which every decision is made.
package explain

import (
	"context"
	"fmt"

	"tollgate.dev/platform/cachetier"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/canon"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/index"
	"tollgate.dev/services/cache/reading"
	"tollgate.dev/services/cache/veto"
)

// Decisions.
const (
	Exact    = "exact"
	Near     = "near"
	Semantic = "semantic"
	// Learn is a candidate of the semantic tier where no threshold is set: what its namespace
	// has learned decides, and serves nothing before.
	Learn = "learn"
	Miss  = "miss"
)

// Why it is a miss.
const (
	WhyUnfit     = "unfit"     // a prompt is no question, personal or about a passing time
	WhyVeto      = "veto"      // a rule holds the two apart
	WhyThreshold = "threshold" // every score is below it
	WhyFloor     = "floor"     // the cosine is below [cache.DefaultFloor], from which on thresholds are learned
	WhyEmbedder  = "embedder"  // there is no vector
)

// Prompt is what is known of one of the two.
type Prompt struct {
	Text string `json:"text"`
	// Manner is how it was read: prose, foreign, long or literal. All but prose is compared but for
	// spaces and the case of the first letter, what is literal not even so.
	Manner string `json:"manner"`
	// Form is its canonical form.
	Form string `json:"form"`
	// Unfit is why the prompt must have an answer of its own: it is empty, long (more than
	// [cache.MaxQuestionBytes]), garbled, blank (nothing of it can be seen), personal or time.
	Unfit string `json:"unfit,omitempty"`
}

// Veto is a rule that holds the two apart, and the words by which it does; one may be empty.
type Veto struct {
	Rule string `json:"rule"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// Explanation of a pair.
type Explanation struct {
	A Prompt `json:"a"`
	B Prompt `json:"b"`
	// Near says how the forms are the same: equal, slip or synonym; it is empty where
	// they are not. NearScore is 1 for equal forms, [cache.NearScore] for the others.
	Near      string  `json:"near,omitempty"`
	NearScore float64 `json:"near_score,omitempty"`
	// Vetoes are all rules that hold the two apart; the first one decides.
	Vetoes []Veto `json:"vetoes"`
	// Cosine of the two by Embedder; absent where there is none.
	Cosine   *float64 `json:"cosine,omitempty"`
	Embedder string   `json:"embedder"`
	// Bare is set where the prompts are all that the model is told, so that their "you" may be anybody.
	Bare bool `json:"bare"`
	// Threshold that was given; absent where it is to be learned.
	Threshold *float64 `json:"threshold,omitempty"`
	Decision  string   `json:"decision"`
	// Why it is a miss; empty otherwise.
	Why string `json:"why,omitempty"`
}

// Pair explains two prompts; bare says that they are all that the model is told. A nil threshold is one
// that is to be learned. Errors are the embedder's, other than that a text has no vector
// ([embed.Vectorless]), and the context's.
func Pair(ctx context.Context, e embed.Embedder, a, b string, bare bool, threshold *float64) (Explanation, error) {
	read := reading.Read
	if bare {
		read = reading.ReadBare
	}
	x, y := read(a), read(b)
	f, g := canon.Of(x), canon.Of(y)
	out := Explanation{A: prompt(a, x, f), B: prompt(b, y, g), Vetoes: []Veto{}, Embedder: e.Version(), Bare: bare, Threshold: threshold}
	for _, v := range veto.All(x, y) {
		out.Vetoes = append(out.Vetoes, Veto{v.Rule, v.A, v.B})
	}
	if how, same := canon.Same(f, g); same {
		out.Near, out.NearScore = manner(how)
	}
	cosine, err := cosine(ctx, e, a, b)
	switch {
	case err == nil:
		out.Cosine = &cosine
	case !embed.Vectorless(err):
		return Explanation{}, fmt.Errorf("embed: %w", err)
	}
	out.Decision, out.Why = out.decide(x, y, f, g)
	return out, nil
}

// decide as the service does: tier by tier, the stricter first.
func (x *Explanation) decide(a, b *reading.Reading, f, g *canon.Form) (decision, why string) {
	switch {
	case x.A.Text == x.B.Text:
		return Exact, ""
	case x.A.Unfit != "" || x.B.Unfit != "":
		return Miss, WhyUnfit
	}
	least := 0.0
	if x.Threshold != nil {
		least = *x.Threshold
	}
	if x.Near != "" {
		switch refusal, _ := cache.Refuse(a, b, x.NearScore, least); refusal {
		case cache.RefusedNot:
			return Near, ""
		case cache.RefusedByVeto: // which no later tier lets pass either
			return Miss, WhyVeto
		case cache.RefusedByScore:
		}
	}
	switch {
	case x.Cosine == nil:
		return Miss, WhyEmbedder
	case x.Threshold == nil && *x.Cosine < cache.LeastCosine(cache.DefaultFloor, nil):
		return Miss, WhyFloor
	}
	score := cache.Likeness(*x.Cosine, func() (canon.How, bool) { return canon.Same(f, g) })
	switch refusal, _ := cache.Refuse(a, b, score, least); {
	case refusal == cache.RefusedByScore:
		return Miss, WhyThreshold
	case refusal == cache.RefusedByVeto:
		return Miss, WhyVeto
	case x.Threshold == nil:
		return Learn, ""
	}
	return Semantic, ""
}

func prompt(text string, r *reading.Reading, f *canon.Form) Prompt {
	p := Prompt{Text: text, Manner: [...]string{
		reading.Prose: "prose", reading.Foreign: "foreign", reading.Long: "long", reading.Literal: "literal",
	}[r.Manner], Form: f.String()}
	if p.Unfit = cachetier.Unasked([]byte(text)); p.Unfit == "" {
		p.Unfit, _ = veto.Unfit(r)
	}
	return p
}

func manner(how canon.How) (name string, score float64) {
	switch {
	case how.Slip:
		name = "slip"
	case how.Synonym:
		name = "synonym"
	default:
		name = "equal"
	}
	return name, cache.ScoreOf(how)
}

// cosine of the two as the index has it, in numbers of eight bits.
func cosine(ctx context.Context, e embed.Embedder, a, b string) (float64, error) {
	x, y := make([]float32, e.Dim()), make([]float32, e.Dim())
	if _, err := e.Embed(ctx, a, x); err != nil {
		return 0, err
	}
	if _, err := e.Embed(ctx, b, y); err != nil {
		return 0, err
	}
	return index.Cosine(index.Quantise(x), index.Quantise(y)), nil
}
