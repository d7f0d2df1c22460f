package canon

import (
	"slices"
	"strconv"
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// Here is what asks for the best of a kind.

// impressive turns "what are some interesting facts" into "what are the most interesting facts", and
// "what are alternatives" into "what are the best alternatives".
func impressive(a []atom) []atom {
	if !is(a, 0, "what", "is") {
		return a
	}
	i := 2
	if is(a, i, "some") {
		i++
	}
	if i+1 >= len(a) {
		return a
	}
	if is(a, i, "alternative", "of") || is(a, i, "alternative", "to") {
		a[0] = atom{text: "WHICH", frame: true}
		a[1] = atom{text: "good", form: reading.Most}
		return slices.Delete(a, 2, i)
	}
	if i == 2 && a[i].text == "good" && a[i].form == reading.More && (is(a, i+1, "alternative", "of") || is(a, i+1, "alternative", "to")) {
		a[0] = atom{text: "WHICH", frame: true}
		a[2].form = reading.Most
		return slices.Delete(a, 1, 2)
	}
	w := a[i].word
	if w == nil || !noun(&a[i]) {
		return a
	}
	strikes, short := reading.Strikes(w.Text)
	if short && a[i].form != reading.Base {
		strikes, short = false, false
	}
	blowing := a[i].text == "mind" && is(a, i+1, "blow") && a[i+1].form == reading.Ing
	if !strikes && !blowing {
		return a
	}
	head := i + 1
	for head < len(a) && noun(&a[head]) {
		head++
	}
	if head == i+1 || a[head-1].word.Form != reading.S || i == 2 && !specific(a[i:]) && !listed(a[i:]) {
		return a
	}
	a[0] = atom{text: "WHICH", frame: true}
	if short {
		a[i].form = reading.Most
		return slices.Delete(a, 1, i)
	}
	a[1] = atom{text: "most"}
	return slices.Delete(a, 2, i)
}

// superlative takes off what the best of a kind is anyway: of the world, on the market, that one has
// seen.
func superlative(a []atom) []atom {
	if a[1].form != reading.Most && a[1].text != "most" {
		return a
	}
	you := false
	for i := 2; i < len(a); i++ {
		switch {
		case a[i].text == "possible" && a[i-1].form == reading.Most, a[i].text == "that" && i > 2 && i+1 < len(a) && a[i+1].form == reading.Past:
			a = slices.Delete(a, i, i+1)
			i--
		case a[i].text == "you":
			you = true
		case a[i].text == "have" && a[i-1].text == "you" && i+1 < len(a) && a[i+1].form == reading.Past:
			a = slices.Delete(a, i, i+1)
		case a[i].text == "of" && i+1 < len(a) && year(&a[i+1]):
			a[i].text = "in"
		case a[i].text == "below" && i+1 < len(a) && a[i+1].word != nil && a[i+1].word.Kind == reading.Number:
			a[i].text = "under"
		case a[i].text == "mobile" && noun(&a[i]) && a[i-1].form == reading.Most && (i+1 == len(a) || grammar(&a[i+1])):
			a[i].text = "phone"
		}
	}
	for _, tail := range tails {
		if n := len(a) - len(tail); n > 2 && is(a, n, tail...) {
			a = a[:n]
			break
		}
	}
	n := len(a)
	switch {
	case you && n > 4 && is(a, n-3, "in", "your", "life"):
		a = a[:n-3]
	case you && n > 4 && is(a, n-2, "in", "life"):
		a = a[:n-2]
	}
	for i := 3; i+1 < len(a); i++ {
		if a[1].text == "good" && a[i].text == "to" && goods[a[i+1].text] && noun(&a[i-1]) && a[i-1].word.Entry.Is(lexicon.Noun) && !spots[a[i-1].text] &&
			(i+2 == len(a) || a[i+2].text == "in" || a[i+2].text == "under" || a[i+2].text == "for") {
			return slices.Delete(a, i, i+2)
		}
	}
	return a
}

// recommended turns "which phone should I buy" into "which is the best phone to buy".
func recommended(a []atom) []atom {
	for i := 2; i+2 < len(a); i++ {
		if a[i].text == "should" && a[i+1].text == "ANYONE" && isFirst(&a[i+2], lexicon.Verb) && things(a[1:i]) {
			a[i], a[i+1] = atom{text: "to"}, a[i+2]
			a = slices.Delete(a, i+2, i+3)
			return slices.Insert(a, 1, atom{text: "good", form: reading.Most})
		}
	}
	return a
}

var tails = [][]string{
	{"on", "earth"}, {"in", "world"}, {"on", "planet"}, {"available", "on", "market"}, {"available", "in", "market"}, {"on", "market"}, {"available"},
	{"out", "there"}, {"in", "opinion"}, {"in", "history", "of", "world"}, {"in", "history", "of", "mankind"},
}

// goods are verbs of getting or having: the best phone to buy is the best phone.
var goods = reading.Set("buy have own purchase")

// spots are nouns of where, when and how something is got, of which buying says what for.
var spots = reading.Set("place time site website store shop shopping market mall month day week year season age way company bank city country state area " +
	"app platform thing region town neighborhood street online reason method channel dealer source brand")

func year(a *atom) bool {
	if a.word == nil || a.word.Kind != reading.Number || a.word.Unit != "" {
		return false
	}
	n, err := strconv.Atoi(a.word.Lemma)
	return err == nil && n >= 1800 && n < 2100
}

// means are nouns of what serves an end, which "for doing" and "to do" tell alike.
var means = reading.Set("time book textbook tutorial resource exercise technique method material equipment instrument device trick hack place country")

// lessons are nouns of what one learns something from.
var lessons = reading.Set("book textbook course tutorial lecture video resource material")

// taught are verbs whose object may be in the singular: a company for washing machines doesn't wash
// them.
var taught = reading.Set("learn study teach practice")

// purpose brings what the best of a kind is for into one wording.
func purpose(a []atom) []atom {
	if a[1].form != reading.Most && a[1].text != "most" {
		return a
	}
	for i := 3; i+1 < len(a); i++ {
		head := a[i-1].text
		if a[i].text == "for" && a[i+1].form == reading.Ing && (means[head] || serving[head]) && i+2 < len(a) &&
			(taught[a[i+1].text] || grammar(&a[i+2]) || a[i+2].word.Form == reading.S || a[i+2].word.Capital) {
			a[i].text = "to"
			a[i+1].form = reading.Base
		}
		if !lessons[head] {
			continue
		}
		learn := is(a, i, "to", "learn") || is(a, i, "to", "study")
		switch {
		case learn && i+2 < len(a) && (a[i+2].text == "about" || subject(a[i+2].text)):
			a[i].text = "on"
			n := i + 2
			if a[n].text == "about" && n+1 < len(a) {
				n++
			}
			return slices.Delete(a, i+1, n)
		case learn:
			a[i+1].text = "learn"
		case a[i].text == "about", (a[i].text == "in" || a[i].text == "for" || a[i].text == "of") && subject(a[i+1].text):
			a[i].text = "on"
		}
	}
	return a
}

// subject reports whether a word is a field of study.
func subject(s string) bool {
	for _, end := range [...]string{"ology", "onomy", "ometry", "istry", "graphy", "matics", "onomics", "ronics", "hysics", "istics"} {
		if strings.HasSuffix(s, end) {
			return true
		}
	}
	switch s {
	case "programming", "algebra", "calculus", "engineering":
		return true
	}
	return false
}
