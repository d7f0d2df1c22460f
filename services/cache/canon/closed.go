package canon

import (
	"slices"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// Here is what writes a compound in one way.

// closed writes two nouns as one where the lexicon has that one: a worm hole is a wormhole. A word
// that may be an adjective may tell of what kind a thing is, as in "black bird", a friend who is a
// boy is no boyfriend, and the weight of paper no paperweight.
func closed(a []atom) []atom {
	const shortest = 8 // a car pet is no carpet
	var room [40]byte
	for i := 0; i+1 < len(a); i++ {
		x, y := &a[i], &a[i+1]
		if prefixes[x.text] && noun(y) && !y.word.Capital && len(y.text) > 4 && len(x.text)+len(y.text) <= len(room) {
			both := append(append(room[:0], x.text...), y.text...)
			if e := lexicon.Find(both); e.Is(lexicon.Noun|lexicon.Adjective) || x.text == "e" {
				a = join(a, i, string(both), e)
			}
			continue
		}
		if !bare(x) || !bare(y) || x.form != reading.Base || y.form > reading.S || y.word.Break || len(x.text) < 3 || len(y.text) < 3 ||
			len(x.text)+len(y.text) < shortest || len(x.text)+len(y.text) > len(room) || y.text == "friend" || y.text == "color" || attribute[y.text] {
			continue
		}
		both := append(append(room[:0], x.text...), y.text...)
		e := lexicon.Find(both)
		if e == 0 || e.First() != lexicon.Noun || e.Is(lexicon.Name) {
			continue
		}
		a = join(a, i, string(both), e)
	}
	return a
}

// join makes one word of the two at i.
func join(a []atom, i int, both string, e lexicon.Word) []atom {
	w := *a[i+1].word
	w.Text, w.Lemma, w.Entry, w.Hyphen = both, both, e, false
	a[i] = atom{text: both, form: a[i+1].form, word: &w}
	return slices.Delete(a, i+1, i+2)
}

// prefixes are no words by themselves.
var prefixes = reading.Set("e non anti multi semi micro")

// bare reports whether a word is a noun and can be no adjective.
func bare(a *atom) bool {
	return isFirst(a, lexicon.Noun) && !a.word.Capital && !a.word.Entry.Is(lexicon.Adjective|lexicon.Name) && a.word.Entry.Is(lexicon.Common) && a.text == a.word.Lemma
}
