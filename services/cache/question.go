package cache

import (
	"crypto/sha256"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/cachetier"
	"tollgate.dev/platform/errs"
)

// MaxQuestionBytes is how long a question may be that an answer to another one may serve, in
// bytes: in longer ones too much is said for a likeness to be judged.
const MaxQuestionBytes = cachetier.MaxQuestionBytes

// Question is what a request asks, where an answer to another one may serve it.
type Question struct {
	// Context is a SHA-256 over everything in the request that changes its answer, but for
	// Text. Nothing is found from another context.
	Context [sha256.Size]byte
	// Text is the last user's, of at most [MaxQuestionBytes] and not empty. It belongs into
	// no log.
	Text string
	// Bare is set where the text is all that the model is told, so that its "you" is the model or
	// anybody. It follows from what Context is of.
	Bare bool
}

// NewQuestion checks a request's question; nil is none. Its errors are [errs.InvalidRequest].
func NewQuestion(q *cachev1.Question) (*Question, error) {
	if q == nil {
		return nil, nil
	}
	out := &Question{Text: q.GetText(), Bare: q.GetBare()}
	switch {
	case len(q.GetContext()) != len(out.Context):
		return nil, errs.Newf(errs.InvalidRequest, "the question's context must have %d bytes", sha256.Size).WithParam("question.context")
	case out.Text == "" || len(out.Text) > MaxQuestionBytes:
		return nil, errs.Newf(errs.InvalidRequest, "the question's text must have 1 to %d bytes", MaxQuestionBytes).WithParam("question.text")
	}
	copy(out.Context[:], q.GetContext())
	return out, nil
}
