package canon

import (
	"slices"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// Here is what says the same in another construction. Each of these knows one construction, and
// leaves alone what it can't tell from another.

// restate is asked before the frames are looked for.
func restate(a []atom, question bool) []atom {
	asking := func(a []atom) []atom { return learner(a, question) }
	for _, step := range [...]func([]atom) []atom{
		dative, fronted, asking, alternative, owner, closed, reduced, sized, impressive, agreeing, future, thought, effect, asked, extraposed,
	} {
		if len(a) < 3 {
			break
		}
		a = step(a)
	}
	return a
}

// restateFramed is asked behind the frames.
func restateFramed(a []atom) []atom {
	if len(a) < 3 {
		return a
	}
	switch a[0].text {
	case "HOW":
		if a = mannerly(a); len(a) > 1 {
			a = becoming(a)
		}
		for i := range a {
			switch a[i].text {
			case "myself", "yourself", "ourselves", "oneself":
				a[i] = atom{text: "ONESELF", frame: true}
			}
		}
		earned(a)
	case "WHY":
		if i := slices.IndexFunc(a, func(x atom) bool { return modal(&x) }); i > 1 && i+1 < len(a) && things(a[1:i]) { // how come oil is
			aux := a[i]
			copy(a[2:i+1], a[1:i])
			a[1] = aux
		}
		a = held(a)
		a = happening(a)
	case "WHICH":
		a = recommended(a)
		a = superlative(a)
		a = purpose(a)
	case "WHATIF":
		if a[1].text != "we" && generic(a[1].text) {
			a[1] = atom{text: "ANYONE", frame: true}
		}
	case "ADVANTAGES", "DISADVANTAGES":
		if a[1].text == "use" && a[1].form == reading.Ing && noun(&a[2]) {
			a = slices.Delete(a, 1, 2)
		}
	case "LIKE":
		if a[1].text == "be" && a[2].form == reading.Ing {
			a[2].form = reading.Base
			a = slices.Delete(a, 1, 2)
		}
	}
	return learning(a)
}

// is reports whether the atoms from i on are these.
func is(a []atom, i int, texts ...string) bool {
	if i < 0 || i+len(texts) > len(a) {
		return false
	}
	for k, t := range texts {
		if a[i+k].text != t {
			return false
		}
	}
	return true
}

// grammar reports whether an atom is no word of content.
func grammar(a *atom) bool { return a.frame || a.word == nil || a.word.Function }

// isFirst reports whether a word is most often the part of speech.
func isFirst(a *atom, p lexicon.Part) bool { return noun(a) && a.word.Entry.First() == p }

// modal reports whether a word stands before the subject of a question.
func modal(a *atom) bool {
	return isBe(a.text) || a.text == "can" || a.text == "could" || a.text == "will" || a.text == "would" || a.text == "should" || a.text == "must"
}

// acts reports whether a word is a verb in its base form.
func acts(a *atom) bool { return a.form == reading.Base && isFirst(a, lexicon.Verb) }

// joined reports whether atoms are two things with "and" or "or" between them, and nothing else.
func joined(a []atom) bool {
	signs := 0
	for i := range a {
		switch {
		case a[i].text == "and" || a[i].text == "or":
			if signs++; i == 0 || i == len(a)-1 {
				return false
			}
		case a[i].frame || a[i].word == nil || a[i].word.Function:
			return false
		}
	}
	return signs == 1
}

// things reports whether atoms are the name of one thing.
func things(a []atom) bool {
	for i := range a {
		if i+1 < len(a) && isFirst(&a[i], lexicon.Adjective) && a[i].form == reading.Base {
			continue
		}
		if !noun(&a[i]) || a[i].form > reading.S || !a[i].word.Name() && !a[i].word.Capital && a[i].word.Entry.First() != lexicon.Noun {
			return false
		}
	}
	return len(a) > 0
}
