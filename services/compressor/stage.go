package compressor

import (
	"context"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/stage/blob"
	"tollgate.dev/services/compressor/stage/extractive"
	"tollgate.dev/services/compressor/stage/fold"
	"tollgate.dev/services/compressor/stage/jsonspace"
	"tollgate.dev/services/compressor/stage/jsontable"
	"tollgate.dev/services/compressor/stage/llmlingua2"
	"tollgate.dev/services/compressor/stage/repeat"
)

// Stage says the same in fewer tokens, in one way. It gets what may be changed of a
// prompt, and nothing else, so that what is protected stays so whatever a stage does.
//
// What becomes of a text may depend on itself, on its question and on the texts before it,
// and on nothing else: a provider's prompt cache holds what went before, and finds it only
// if the same text in the same place of a conversation becomes the same bytes each time, in
// every process. A stage holds no state of a call and is safe for concurrent use.
type Stage interface {
	// Name is what answers, metrics and profiles call it: lower case, words joined by `_`.
	Name() string
	// Loses tells whether anything that it takes out cannot be had back from what it writes.
	Loses() bool
	// Apply changes texts. An error, which must not quote the prompt, discards what every
	// stage did.
	Apply(ctx context.Context, draft *prompt.Draft) error
}

// Names are those of all stages, in the order in which they run, with a model or without.
func Names() []string {
	list := stages(nil, nil)
	names := make([]string, 0, len(list)+1)
	for _, s := range list {
		names = append(names, s.Name())
	}
	return append(names, LLMLingua2)
}

// stages is the one list of the stages, in the order in which they run: what loses nothing, or
// next to nothing, comes first. Of the last two a profile has one, and without a model there
// is but one. Blobs are left out of JSON before it is written in another
// form, and repetitions are looked for when texts are as short as they get without loss.
func stages(counter *tokens.Counter, model llmlingua2.Model) []Stage {
	list := []Stage{
		blob.Stage{},
		fold.Stage{},
		jsonspace.Stage{},
		jsontable.Stage{},
		repeat.Stage{},
		extractive.New(counter),
	}
	if model != nil {
		list = append(list, llmlingua2.New(model, counter))
	}
	return list
}
