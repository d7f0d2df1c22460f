package llmlingua

import (
	"slices"

	"tollgate.dev/platform/errs"
)

// Settings are an Engine's, for all its calls.
type Settings struct {
	// Concurrency is how many chunks are computed at the same time, over all calls. 0 is one.
	Concurrency int
	// Threads is how many processors share the work of one chunk. 0 is one.
	Threads int
}

// Options say how a text is compressed. The zero value but for Rate is the reference's default.
type Options struct {
	// Rate is the share of the tokens to keep, above 0. From 1 on all are kept, though not
	// as they were: the text comes back as the model's tokenizer writes it.
	Rate float64
	// TargetTokens, above 0, gives the rate instead: that many of the text's tokens, as
	// cl100k_base counts them.
	TargetTokens int
	// ForceTokens are kept wherever they occur, 100 at the most: words, marks, "\n".
	ForceTokens []string
	// ForceReserveDigit keeps words with a digit in them.
	ForceReserveDigit bool
	// DropConsecutive drops a force token that follows itself with nothing kept in between.
	DropConsecutive bool
	// ChunkEndTokens are where a chunk may end. Nil is "." and "\n".
	ChunkEndTokens []string
	// FirstToken takes the probability of a word's first token for the word's, and not the
	// mean of all.
	FirstToken bool
}

// ContextOptions say which of several texts are kept, before those are compressed.
type ContextOptions struct {
	Options
	// Tenant is whose texts these are. What the model has said of one's is not remembered for
	// another, whom the time would tell that somebody has sent a text.
	Tenant string
	// Filter drops contexts. Without it all are compressed, and nothing below has effect.
	Filter bool
	// Rate is the share of the contexts to keep. 0 derives it from Options: half-way between
	// its rate and 1, or twice its target.
	Rate float64
	// TargetTokens, above 0, gives Rate by the tokens to keep, and goes before Target.
	TargetTokens int
	// Target, above 0, gives Rate by the number of contexts to keep.
	Target int
	// Always holds the indices of contexts that are kept in any case.
	Always []int
	// WholeContexts keeps what the filter left without compressing it.
	WholeContexts bool
}

// maxForceTokens is how many force tokens can have a token of their own.
const maxForceTokens = 100

func (o Options) check() error {
	switch {
	case !(o.Rate > 0) && o.TargetTokens <= 0:
		return errs.New(errs.InvalidRequest, "the rate of compression must be above 0")
	case len(o.ForceTokens) > maxForceTokens:
		return errs.Newf(errs.InvalidRequest, "more than %d tokens to keep", maxForceTokens)
	case slices.Contains(o.ForceTokens, ""):
		return errs.New(errs.InvalidRequest, "a token to keep is empty")
	}
	return nil
}

func (o Options) chunkEnds() []string {
	if o.ChunkEndTokens == nil {
		return []string{".", "\n"}
	}
	return o.ChunkEndTokens
}
