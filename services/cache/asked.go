package cache

import (
	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/services/cache/canon"
	"tollgate.dev/services/cache/reading"
)

// asked is a question's text, read once for all who look at it.
type asked struct {
	text    string
	reading *reading.Reading
	form    *canon.Form
	// embedding is the text's where its embedder is paid, and embedded what is billed for it.
	embedding *cachev1.Embedding
	embedded  *usagev1.Usage
}

// read a text; bare says whether it is all that the model is told.
func read(text string, bare bool) *asked {
	a := &asked{text: text}
	if bare {
		a.reading = reading.ReadBare(text)
	} else {
		a.reading = reading.Read(text)
	}
	return a
}

// canonical is the text's canonical form.
func (a *asked) canonical() *canon.Form {
	if a.form == nil {
		a.form = canon.Of(a.reading)
	}
	return a.form
}
