package canon

import (
	"slices"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// Here is what brings the words of a question into the order that others have.

// composing are verbs of what is written for whoever asks.
var composing = reading.Set("write compose draft list generate create suggest recommend")

// dative leaves out for whom: write me a letter; but not write me off.
func dative(a []atom) []atom {
	if composing[a[0].text] && a[0].form == reading.Base && a[1].text == "me" && (a[2].article || noun(&a[2]) || a[2].word != nil && a[2].word.Kind == reading.Number) {
		return slices.Delete(a, 1, 2)
	}
	return a
}

// fronted moves "in India" from before a question behind it.
func fronted(a []atom) []atom {
	switch a[0].text {
	case "in", "on", "at", "for", "with", "as":
	default:
		return a
	}
	if is(a, 0, "in", "what", "way") {
		a[2].text = "how"
		return a[2:]
	}
	for i := 1; i < len(a)-2 && i < 6; i++ {
		w := a[i].word
		begun := asks(a[i].text) || w != nil && w.Break && (isBe(a[i].text) || begins(a[i].text))
		if begun && i > 1 {
			return rotate(a, i)
		}
		if !noun(&a[i]) && a[i].text != "your" && (w == nil || w.Kind == reading.Plain) {
			return a
		}
	}
	return a
}

// learner puts the auxiliary of "how I can bake?" where a question has it.
func learner(a []atom, question bool) []atom {
	if !question || !asks(a[0].text) || a[0].text == "who" || a[0].text == "which" {
		return a
	}
	if a[0].text == "how" && a[1].word != nil && (a[1].word.Text == "do" || a[1].text == "can" || a[1].text == "should") && acts(&a[2]) &&
		!slices.ContainsFunc(a[3:], func(x atom) bool { return acts(&x) }) { // how do work visas differ
		return slices.Insert(a, 2, atom{text: "i"})
	}
	if np := slices.IndexFunc(a, func(x atom) bool { return modal(&x) }); a[0].text != "what" && np > 1 && np+1 < len(a) && things(a[1:np]) &&
		!(a[0].text == "how" && isFirst(&a[1], lexicon.Adjective)) { // how oil is stored
		aux := a[np]
		copy(a[2:np+1], a[1:np])
		a[1] = aux
		return a
	}
	switch {
	case !generic(a[1].text):
	case begins(a[2].text) || a[2].text == "could":
		a[1], a[2] = a[2], a[1]
	case a[0].text == "how" && a[2].form == reading.Base && noun(&a[2]) && a[2].word.Entry.Is(lexicon.Verb):
		a = slices.Insert(a, 1, atom{text: "do"})
	}
	return a
}

// alternative brings what asks which of two is better into one order.
func alternative(a []atom) []atom {
	choice := func(from int) bool { // which one is better
		if !asks(a[from].text) || a[from].text != "which" && a[from].text != "who" && a[from].text != "what" {
			return false
		}
		n := from + 1
		if is(a, n, "one") {
			n++
		}
		return is(a, n, "is") && n+1 < len(a) && a[n+1].form == reading.More && !is(a, n+2, "than")
	}
	// Tea or coffee, which is better? Between tea and coffee, which is better?
	for i := 3; i < len(a)-2; i++ {
		if !choice(i) || a[len(a)-1].form != reading.More {
			continue
		}
		if a[0].text == "between" && joined(a[1:i]) {
			a, i = a[1:], i-1
		}
		if !joined(a[:i]) {
			return a
		}
		a = rotate(a, i)
		break
	}
	if !choice(0) || !slices.ContainsFunc(a, func(x atom) bool { return x.text == "or" || x.text == "and" }) {
		return a
	}
	a[0].text = "which"
	if is(a, 1, "one") {
		a = slices.Delete(a, 1, 2)
	}
	if is(a, 3, "between") {
		a = slices.Delete(a, 3, 4)
	}
	if joined(a[3:]) {
		for i := range a[3:] {
			if a[3+i].text == "and" {
				a[3+i].text = "or"
			}
		}
	}
	return a
}

// owner turns "one's hair" into "your hair": both are anybody's.
func owner(a []atom) []atom {
	for i := 1; i+2 < len(a); i++ {
		if is(a, i, "one", "is") && isFirst(&a[i+2], lexicon.Noun) && a[i+2].form <= reading.S &&
			!asks(a[i-1].text) && (a[i-1].word == nil || !a[i-1].word.Function || isPlace(a[i-1].text) || a[i-1].text == "of" || a[i-1].text == "for") {
			a[i].text = "your"
			a = slices.Delete(a, i+1, i+2)
		}
	}
	return a
}

// reduced leaves out "that are" before a participle: phones that are made in Korea.
func reduced(a []atom) []atom {
	for i := 1; i+2 < len(a); i++ {
		switch a[i].text {
		case "that", "which", "who":
			if a[i+1].text == "is" && noun(&a[i-1]) && (a[i+2].form == reading.Past || a[i+2].form == reading.Ing) && noun(&a[i+2]) && !a[i].word.Break {
				a = slices.Delete(a, i, i+2)
			}
		}
	}
	return a
}

// judged are adjectives behind "is it" of what is judged, told by "to do" or "doing" alike.
var judged = reading.Set("safe legal illegal okay wrong rude hard possible")

// extraposed turns "is it safe eating" into "is it safe to eat".
func extraposed(a []atom) []atom {
	if len(a) > 3 && is(a, 0, "is", "it") && judged[a[2].text] && a[3].form == reading.Ing {
		a[3].form = reading.Base
		return slices.Insert(a, 3, atom{text: "to"})
	}
	return a
}

// agreeing takes the pronouns that stand for whoever may ask how something is done for anyone: how I
// know that somebody likes me is how one knows that somebody likes one.
func agreeing(a []atom) []atom {
	if !asks(a[0].text) || !begins(a[1].text) && a[1].text != "could" || !generic(a[2].text) {
		return a
	}
	object := a[2].text
	switch object {
	case "i":
		object = "me"
	case "we":
		object = "us"
	}
	for i := 3; i < len(a); i++ {
		if a[i].word == nil || a[i].text != a[2].text && a[i].text != object || a[i].text == "one" || i+1 < len(a) && a[i+1].text == "want" { // the frames know what one wants
			continue
		}
		a[i] = atom{text: "ANYONE", frame: true}
	}
	return a
}

// future turns "is it going to rain" into "will it rain".
func future(a []atom) []atom {
	for i := 1; i+2 < len(a); i++ {
		if a[i].text != "going" && !(a[i].text == "go" && a[i].form == reading.Ing) || a[i+1].text != "to" || a[i+2].form != reading.Base || a[i+2].word == nil ||
			!isFirst(&a[i+2], lexicon.Verb) && a[i+2].text != "be" {
			continue
		}
		for j := range min(i, 2) {
			if a[j].text == "is" && (j == 0 || asks(a[0].text)) {
				a[j] = atom{text: "will"}
				return slices.Delete(a, i, i+2)
			}
		}
	}
	return a
}

// thought turns "is it true that all dogs are colour-blind" into whether all dogs are.
func thought(a []atom) []atom {
	from := 3
	switch {
	case is(a, 0, "is", "it", "true"):
	case is(a, 0, "is", "it", "possible", "for"): // is it possible for dogs to swim
		if to := slices.IndexFunc(a, func(x atom) bool { return x.text == "to" }); to > 4 && to+1 < len(a) && things(a[4:to]) {
			a[3] = atom{text: "can"}
			return slices.Delete(a, to, to+1)[3:]
		}
		return a
	default:
		return a
	}
	if is(a, from, "that") {
		from++
	}
	for i := from + 1; i+1 < len(a); i++ {
		if isBe(a[i].text) || begins(a[i].text) || a[i].text == "could" {
			if !things(a[from:i]) {
				return a
			}
			be := a[i]
			copy(a[from+1:i+1], a[from:i])
			a[from] = be
			return a[from:]
		}
	}
	return a
}
