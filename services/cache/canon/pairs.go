package canon

import (
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// Here is what may change places beside "and" and "or".

// pairs sorts the two sides of "and", "or" where each is one word and their order says nothing.
func pairs(a []atom) {
	if ordered(a) {
		return
	}
	for i := 1; i < len(a)-1; i++ {
		if a[i].text != "and" && a[i].text != "or" {
			continue
		}
		x, y := &a[i-1], &a[i+1]
		if !single(x) || !single(y) || i > 1 && !begun(&a[i-2], x) || i+2 < len(a) && !over(&a[i+2]) && !predicate(a, i+2) || steps(a[:i-1], x, y) {
			continue
		}
		if x.text > y.text {
			*x, *y = *y, *x
		}
	}
}

// ordered reports whether a sentence says of things in which order they are: what leads from one to
// the other, what is to be said, and two signs of which nothing tells which joins first.
func ordered(a []atom) bool {
	var and, or bool
	for i := range a {
		and, or = and || a[i].text == "and", or || a[i].text == "or"
		if sequence[a[i].text] && !a[i].frame {
			return true
		}
	}
	return and && or || len(a) > 0 && !a[0].frame && utters[a[0].text]
}

// sequence are words of what leads from one thing to another, or is told by two things in their order.
var sequence = reading.Set("from between difference change vector ratio proportion quotient interval range convert conversion transition " +
	"migration order sequence path route edge then minus subtract divide respectively respective concatenate concatenation first second last former latter")

// utters are verbs of what is told to be said or written as it stands.
var utters = reading.Set("say print write repeat type echo output return read sort join append reverse combine concatenate list put show")

// steps reports whether the two are things that are done, one before the other: commit and push.
func steps(before []atom, x, y *atom) bool {
	last := &atom{}
	if len(before) > 0 {
		last = &before[len(before)-1]
	}
	if x.form == reading.S && y.form == reading.S && begins(last.text) { // do wolves and bears hunt
		return false
	}
	if acted(x) || acted(y) {
		return true
	}
	if !x.word.Entry.Is(lexicon.Verb) || !y.word.Entry.Is(lexicon.Verb) {
		return false
	}
	switch {
	case len(before) == 0 || pronouns[last.text]:
		return true
	case last.frame:
		return verbal[last.text] && x.form == reading.Base
	}
	return x.form == reading.Base && (last.text == "to" || begins(last.text) || last.text == "could")
}

// pronouns are subjects.
var pronouns = reading.Set("i you he she it we they one someone somebody anyone anybody who")

// acted reports whether a word is rather a verb.
func acted(a *atom) bool {
	return a.form == reading.Past || a.form == reading.Ing || a.word.Entry.First() == lexicon.Verb && !a.word.Name()
}

// single reports whether an atom is a word of a thing that stands in no order with others, as numbers
// and dates do.
func single(a *atom) bool {
	return !a.frame && a.word != nil && !a.word.Function && !a.word.Quoted && a.word.Kind == reading.Plain && len(a.text) > 1
}

// begun reports whether the word before x can't belong to it.
func begun(before, x *atom) bool {
	return edge(before) && !(x.word.Name() && before.word != nil && before.word.Name())
}

// over reports whether what follows can't belong to the word before it alone: a verb, or another
// sentence; coffee may be with milk, and dogs those that bark.
func over(a *atom) bool {
	switch {
	case a.frame || a.word == nil:
		return a.text == "."
	case a.word.Function:
		return modal(a) || begins(a.text) || strings.HasPrefix(a.text, "not")
	}
	return a.word.Entry.First() == lexicon.Verb && a.form == reading.Base
}

// predicate reports whether the last word at i is the verb of what is asked about: do bears hunt.
func predicate(a []atom, i int) bool {
	w := a[i].word
	return i+1 == len(a) && begins(a[0].text) && w != nil && a[i].form == reading.Base && w.Kind == reading.Plain && w.Entry.Is(lexicon.Verb) &&
		a[i-1].form == reading.S
}

// edge reports whether a word can't belong to the same phrase as the noun beside it.
func edge(a *atom) bool {
	return a.frame || a.word == nil || a.word.Function && a.text != "of" || a.word.Name() && a.word.Capital ||
		a.word.Entry.First() == lexicon.Verb && a.form == reading.Base
}
