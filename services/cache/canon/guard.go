package canon

import (
	"tollgate.dev/services/cache/reading"
)

// guard keeps from the tables the words that mean something else where they stand than the tables
// take them for. What it makes a frame no pattern matches.
func guard(a []atom) []atom {
	if len(a) > 3 && whether(a[0].text) && a[2].text == "ever" { // do you ever; but the best you ever saw
		a = append(a[:2], a[3:]...)
	}
	for i := range a {
		var before, after *atom
		if i > 0 {
			before = &a[i-1]
		}
		if i+1 < len(a) {
			after = &a[i+1]
		}
		w := a[i].word
		if w == nil || w.Quoted {
			continue
		}
		switch {
		case a[i].text == "any" && i == 1 && whether(before.text) && after != nil && after.text != "of": // can any doctor
			a[i].frame, a[i].text = true, "ANY"
		case a[i].text == "fact" && i > 1 && before.text == "in" && noun(&a[i-2]) && a[i-2].form <= reading.S && !a[i-2].word.Name(): // an error in fact
			a[i].frame, a[i].text = true, "FACT"
		case a[i].text == "about" && before != nil && before.text == "learn" && after != nil && after.form == reading.Ing:
			a[i].frame, a[i].text = true, "ABOUT"
		case a[i].text == "top" && a[i].form == reading.Base && !ranked(a[i+1:]):
			a[i].frame, a[i].text = true, "TOP"
		case a[i].text == "good" && a[i].form == reading.Base && measured(a[i+1:]):
			a[i].frame, a[i].text = true, "GOOD"
		case a[i].text == "people" && i == 2 && a[0].text == "how" && after != nil && befalls[after.text]: // how people die is not how I do
			a[i].frame, a[i].text = true, "PEOPLE"
		case a[i].text == "great" && after != nil && great[after.text]:
			a[i].frame, a[i].text = true, "GREAT"
		}
	}
	return a
}

// whether reports whether a question that begins with the word is answered by yes or no.
func whether(s string) bool { return isBe(s) || begins(s) || s == "could" }

// ranked reports whether "top" before these asks for the best: the top 10 films, the top
// universities; but not for the top floor.
func ranked(a []atom) bool {
	for i := range a {
		w := a[i].word
		switch {
		case w == nil || w.Function:
			return i > 0 && a[i-1].form == reading.S || i > 0 && serving[a[i-1].text]
		case w.Kind == reading.Number:
			return true
		}
	}
	n := len(a)
	return n > 0 && (a[n-1].form == reading.S || serving[a[n-1].text])
}

// measured reports whether a noun stands here that measures: a good score isn't the best one.
func measured(a []atom) bool {
	for i := range a {
		if w := a[i].word; w == nil || w.Function {
			return false
		}
		if a[i].word.Measures() {
			return true
		}
	}
	return false
}

// befalls are verbs of what happens to people, and of which nobody asks how to do them.
var befalls = reading.Set("die get catch suffer lose feel fall contract drown live survive")

// great are nouns of which "great" tells the kind: a great ape.
var great = reading.Set("ape lake white dane barrier circle wall plain war power schism depression divide common")
