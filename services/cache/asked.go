package cache

import (
	"tollgate.dev/services/cache/canon"
	"tollgate.dev/services/cache/reading"
)

// asked is a question's text, read once for all who look at it.
type asked struct {
	text    string
	reading *reading.Reading
	form    *canon.Form
}

func read(text string) *asked { return &asked{text: text, reading: reading.Read(text)} }

// canonical is the text's canonical form.
func (a *asked) canonical() *canon.Form {
	if a.form == nil {
		a.form = canon.Of(a.reading)
	}
	return a.form
}
