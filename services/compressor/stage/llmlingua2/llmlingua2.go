// Package llmlingua2 leaves out the words that a model holds for the least needed.
package llmlingua2

import (
	"context"
	"strings"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/llmlingua"
	"tollgate.dev/services/compressor/prompt"
)

// Model says which words of texts are needed, as [llmlingua.Engine] does.
type Model interface {
	CompressContexts(ctx context.Context, contexts []string, o llmlingua.ContextOptions) (llmlingua.Result, error)
}

// Stage is the stage llmlingua2. Of what the model returns it takes which words stay, and
// writes them as they stand in the source, with its white space. Code blocks and JSON stay,
// and so does every number; a quotation, an address and the like stays or goes as a whole.
// A text that was shortened can be fetched as it was.
type Stage struct {
	model   Model
	counter *tokens.Counter
}

// New returns the stage, which counts by the process's counter.
func New(model Model, counter *tokens.Counter) Stage { return Stage{model, counter} }

// Name is llmlingua2.
func (Stage) Name() string { return "llmlingua2" }

// Loses tells that words are gone.
func (Stage) Loses() bool { return true }

// leastTokens is the size of a text from which on it is shortened: a model that sees less
// knows too little of what it is about.
const leastTokens = 50

// Apply is compressor.Stage's. Each text has its own share of tokens, and what becomes of it
// hangs on nothing but itself and what keeps its turn above a floor.
func (s Stage) Apply(ctx context.Context, draft *prompt.Draft) error {
	for start := 0; start < len(draft.Texts); {
		turn, end, own := draft.Texts[start].Turn, start, int64(0)
		for ; end < len(draft.Texts) && draft.Texts[end].Turn == turn; end++ {
			if t := draft.Texts[end]; !t.Locked {
				own += t.Tokens
			}
		}
		least := int64(0)
		if draft.Floors[turn] > 0 { // what the turns before have become counts
			least = min(draft.Leasts()[turn], own)
		}
		for _, t := range draft.Texts[start:end] {
			rate := draft.RateOf(t)
			if t.Locked || t.Verbatim || t.Tokens < leastTokens || rate >= 1 {
				continue
			}
			part := (least*t.Tokens + own - 1) / own
			g := goal{least: part, most: max(int64(rate*float64(t.Size)), part), encoding: draft.Encoding, tenant: draft.Tenant}
			if err := s.shorten(ctx, t, g); err != nil {
				return err
			}
		}
		start = end
	}
	return nil
}

// goal is how many tokens a text is to keep.
type goal struct {
	least, most int64
	encoding    tokens.Encoding
	tenant      string // whose text it is
}

// result is what a text may become.
type result struct {
	text   string
	tokens int64
}

// better tells whether a result is nearer to the goal than another one: no shorter than the
// least; then not above the most; then with as much as may be of the text, or where all are
// above as little.
func (g goal) better(a, b result) bool {
	if ok := a.tokens >= g.least; ok != (b.tokens >= g.least) {
		return ok
	}
	fits := a.tokens <= g.most
	if fits != (b.tokens <= g.most) {
		return fits
	}
	return fits == (a.tokens > b.tokens) && a.tokens != b.tokens
}

const (
	// leastRate is the lowest rate that a model is asked with.
	leastRate = 0.05
	// tries is how many rates are tried at the most. The model computes for the first alone.
	tries = 6
	// near is the part of the goal from which on no other rate is tried.
	near = 0.93
)

// shorten looks for the rate at which the words that the model keeps, with all that has to
// stay, come to the goal.
func (s Stage) shorten(ctx context.Context, t *prompt.Text, g goal) error {
	if t.Tokens <= g.most {
		return nil
	}
	src := read(t.Current(), t.Kind)
	if len(src.pieces) == 0 {
		return nil
	}
	fixed, err := s.count(ctx, g.encoding, src.blocks())
	if err != nil {
		return err
	}
	best := result{t.Current(), t.Tokens}
	low, high := leastRate, 1.0
	rate := min(max(float64(g.most-fixed)/float64(max(t.Tokens-fixed, 1)), low), 0.99)
	for range tries {
		r, err := s.at(ctx, src, rate, g)
		if err != nil {
			return err
		}
		if r.tokens < t.Tokens && strings.TrimSpace(r.text) != "" && g.better(r, best) {
			best = r
		}
		switch {
		case r.tokens > g.most:
			high = rate
		case r.tokens < g.least || float64(r.tokens) < near*float64(g.most):
			low = rate
		default:
			high = low
		}
		if high-low < 0.01 { // the model's rates are whole percents
			break
		}
		rate = (low + high) / 2
	}
	if before := t.Current(); best.text != before {
		t.Omit(before)
		t.Rewrite(best.text, best.tokens)
	}
	return nil
}

// at is the text at a rate.
func (s Stage) at(ctx context.Context, src *source, rate float64, g goal) (result, error) {
	kept, err := s.model.CompressContexts(ctx, src.contexts(), llmlingua.ContextOptions{
		Options: llmlingua.Options{Rate: rate, ForceReserveDigit: true}, Tenant: g.tenant,
	})
	if err != nil {
		return result{}, err
	}
	text := src.write(kept.Texts)
	n, err := s.count(ctx, g.encoding, text)
	return result{text, n}, err
}

func (s Stage) count(ctx context.Context, encoding tokens.Encoding, text string) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	c, err := s.counter.Count(encoding, text)
	return c.Tokens, err
}
