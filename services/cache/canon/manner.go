package canon

import (
	"slices"
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// Here is what says in other words how something is done.

// well are adverbs that say no more than that something is done: who asks how to, wants to do it so.
var well = reading.Set("properly correctly successfully")

// still are adverbs in -ly that say nothing of the manner in which something is done.
var still = reading.Set("only nearly really mainly mostly partly merely finally exactly actually early daily weekly monthly yearly " +
	"simply shortly briefly possibly probably fully completely entirely legally technically ideally hopefully usually normally " +
	"generally typically specifically")

// mannerly moves an adverb of manner that stands before the verb to the end, where there is but one
// verb that it can tell of.
func mannerly(a []atom) []atom {
	for i := 1; i < len(a); i++ {
		if w := a[i].word; w != nil && well[w.Text] && !w.Kept && (i+1 == len(a) || i == 1 || grammar(&a[i+1])) {
			a = slices.Delete(a, i, i+1)
		}
	}
	if len(a) < 3 {
		return a
	}
	w := a[1].word
	if w == nil || w.Quoted || !strings.HasSuffix(w.Text, "ly") || !w.Entry.Is(lexicon.Adverb) || w.Entry.Is(lexicon.Adjective) || still[w.Text] ||
		!isFirst(&a[2], lexicon.Verb) || a[2].form != reading.Base {
		return a
	}
	for i := 3; i < len(a); i++ {
		switch x := a[i].word; {
		case x == nil, x.Break, asks(a[i].text), a[i].form == reading.Base && isFirst(&a[i], lexicon.Verb):
			return a
		case x.Function:
			switch a[i].text {
			case "to", "that", "if", "and", "or", "but", "because", "while", "so", "whether", "who":
				return a
			}
		}
	}
	adverb := a[1]
	copy(a[1:], a[2:])
	a[len(a)-1] = adverb
	return a
}

// becoming turns "get rich" into "become rich", and "become a patient person" into "become
// patient".
func becoming(a []atom) []atom {
	if a[1].text == "get" && a[1].form == reading.Base {
		i := 2
		if is(a, i, "more") {
			i++
		}
		if i < len(a) && noun(&a[i]) && (a[i].word.Entry.First() == lexicon.Adjective || a[i].form == reading.More) && a[i].form != reading.Most &&
			(i+1 == len(a) && a[i].text != "good" && a[i].text != "well" || i+1 < len(a) && grammar(&a[i+1])) {
			a[1].text = "become"
		}
	}
	n := len(a)
	if n > 3 && (a[1].text == "become" || a[1].text == "be") && a[n-1].text == "person" && a[n-1].form == reading.Base {
		for i := 2; i < n-1; i++ {
			if a[i].text != "more" && a[i].text != "and" && (!noun(&a[i]) || !a[i].word.Entry.Is(lexicon.Adjective) || a[i].text == "good") {
				return a
			}
		}
		return a[:n-1]
	}
	return a
}

// learning turns "help to grow" into "help grow", "without doing sports" into "without sports",
// "learn how to swim" into "learn to swim", and "learn to play the flute" into "learn the flute".
func learning(a []atom) []atom {
	for i := 1; i+1 < len(a); i++ {
		if a[i].text == "help" && a[i].form <= reading.S && i+2 < len(a) { // help to gain, help in gaining
			switch {
			case a[i+1].text == "to" && acts(&a[i+2]):
				a = slices.Delete(a, i+1, i+2)
			case a[i+1].text == "in" && a[i+2].form == reading.Ing && i+3 < len(a) && noun(&a[i+3]):
				a[i+2].form = reading.Base
				a = slices.Delete(a, i+1, i+2)
			}
			continue
		}
		if is(a, i, "without", "doing") && i+2 < len(a) && noun(&a[i+2]) {
			a = slices.Delete(a, i+1, i+2)
		}
		if a[i].text != "learn" || a[i].form > reading.S {
			continue
		}
		if is(a, i+1, "how", "to") {
			a = slices.Delete(a, i+1, i+3)
		}
		if (is(a, i+1, "play") || is(a, i+1, "speak") || is(a, i+1, "do")) && i+2 < len(a) && noun(&a[i+2]) && a[i+2].form <= reading.S &&
			(a[i+2].word.Name() || a[i+2].word.Entry.Is(lexicon.Noun|lexicon.Adjective)) {
			a = slices.Delete(a, i+1, i+2)
		}
	}
	return a
}

// earned writes how money is made with something in one way: through, via, from and with it.
func earned(a []atom) {
	for i := 2; i+1 < len(a); i++ {
		if a[i-1].text != "money" || a[i-2].text != "make" || grammar(&a[i+1]) {
			continue
		}
		switch a[i].text {
		case "through", "via", "with", "from":
			a[i].text = "from"
			if w := a[i+1].word; w.Entry == 0 && w.Name() { // as "on" and "at" before such a name
				a[i].text = "in"
			}
		}
	}
}
