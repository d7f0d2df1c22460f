// Package embed is what the cache's semantic tier asks for the meaning of a text: a vector,
// near to those of texts that mean the same. Embedders stand beside: static (a table in the
// binary), provider (any OpenAI-compatible API) and onnx (a model that the operator brings).
package embed

import (
	"context"
	"errors"
)

// Embedder turns texts into vectors. It is safe for concurrent use.
type Embedder interface {
	// Embed writes the text's vector into to, which has room for Dim numbers: float32 of
	// length 1. The same text gets the same vector as long as Version stays the same (of a
	// provider's, as far as the provider keeps to that). The bill may come beside an error.
	// It ends with ctx. Its errors are ErrNothing, ErrTooLong, ErrRefused, and what the embedder
	// documents; none quotes the text.
	Embed(ctx context.Context, text string, to []float32) (Bill, error)
	// Dim is how many numbers a vector has, at least 1.
	Dim() int
	// Version names all that vectors depend on: those of two versions cannot be compared.
	Version() string
}

// Bill is what a vector costs. It is zero where nobody bills, and where nobody was asked or the
// text was refused.
type Bill struct {
	// Tokens are those that are billed.
	Tokens int64
	// Unknown says that the text went out, and that nobody said what is billed for it, if anything:
	// no answer came, or one without usage. Tokens are 0 then.
	Unknown bool
}

var (
	// ErrNothing says that a text has nothing in it that the embedder knows.
	ErrNothing = errors.New("embed: nothing to embed")
	// ErrTooLong says that a text is longer than the embedder reads. It is never cut: two
	// texts that differ after the cut would be the same.
	ErrTooLong = errors.New("embed: the text is too long")
	// ErrRefused says that who embeds refused this text, and serves others.
	ErrRefused = errors.New("embed: the text was refused")
)

// Vectorless tells of an error of [Embedder.Embed] that the text has no vector, while the embedder serves
// others.
func Vectorless(err error) bool {
	return errors.Is(err, ErrNothing) || errors.Is(err, ErrTooLong) || errors.Is(err, ErrRefused)
}
