package canon

import (
	"slices"
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// Here is what reshapes a sentence where tables can't: clauses that move, pairs that are sorted.

func isBe(s string) bool { return s == "is" || s == "was" }

// direct turns "what the capital of France is" into "what is the capital of France", and "how
// a plumber is trained" into "how is a plumber trained".
func direct(a []atom) {
	if len(a) < 3 || !asks(a[0].text) || isBe(a[1].text) || begins(a[1].text) {
		return
	}
	for i := 2; i < len(a); i++ {
		if isBe(a[i].text) || begins(a[i].text) {
			be := a[i]
			copy(a[2:i+1], a[1:i])
			a[1] = be
			return
		}
	}
}

// condition moves a clause that begins with "if" or "when" and ends with a comma behind the
// question that it is a condition of.
func condition(a []atom) []atom {
	if len(a) < 5 || a[0].text != "if" {
		return a
	}
	for i := 2; i < len(a)-1; i++ {
		if w := a[i].word; w != nil && w.Break {
			if a[i].text == "then" {
				a = slices.Delete(a, i, i+1)
			}
			return rotate(a, i)
		}
	}
	return a
}

// happened takes "what was the worst thing that happened" for "what is": the clause tells the
// time.
func happened(a []atom) {
	if len(a) < 5 || a[0].text != "what" && a[0].text != "which" || a[1].text != "was" || a[2].form != reading.Most {
		return
	}
	for i := 4; i < len(a); i++ {
		if a[i].form == reading.Past && a[i-1].text != "is" && a[i-1].text != "was" {
			a[1].text = "is"
			return
		}
	}
}

// inverted turns "coffee is healthy?" into "is coffee healthy".
func inverted(a []atom) {
	if len(a) < 3 || a[0].frame || a[0].word == nil || a[0].word.Function || !noun(&a[0]) {
		return
	}
	for i := 1; i < len(a) && i < 4; i++ {
		if isBe(a[i].text) {
			be := a[i]
			copy(a[1:i+1], a[:i])
			a[0] = be
			return
		}
		if !noun(&a[i]) {
			return
		}
	}
}

// heading makes a question of "uses of silk".
func heading(a []atom) []atom {
	if len(a) < 3 || !noun(&a[0]) || a[1].text != "of" {
		return a
	}
	for i := range a {
		if w := a[i].word; isBe(a[i].text) || w != nil && (w.Function && begins(a[i].text) || i > 0 && w.Entry.First() == lexicon.Verb) {
			return a
		}
	}
	return slices.Insert(a, 0, atom{text: "what"}, atom{text: "is"})
}

func begins(s string) bool {
	switch s {
	case "do", "did", "have", "had", "can", "will", "would", "should", "may", "might", "must":
		return true
	}
	return false
}

// named takes "who was Martin Luther" for "who is"; who was president is another question.
func named(a []atom) []atom {
	if len(a) < 3 || a[0].text != "who" || a[1].text != "was" {
		return a
	}
	for _, x := range a[2:] {
		if x.word == nil || !x.word.Capital {
			return a
		}
	}
	a[1] = atom{text: "WHOIS", frame: true}
	return a[1:]
}

// meaning turns "what does X mean" into the meaning of X, "what is X used for" into the use of
// X, and "how is X different from Y" into the difference.
func meaning(a []atom) []atom {
	n := len(a)
	switch {
	case n < 3:
	case a[0].text == "what" && a[n-1].text == "mean" && a[n-1].form <= reading.S && a[1].text == "do" && n > 3:
		a[1] = atom{text: "MEAN", frame: true}
		return a[1 : n-1]
	case n > 4 && a[0].text == "what" && a[1].text == "is" && a[n-2].text == "use" && a[n-2].form == reading.Past && a[n-1].text == "for":
		use, of := a[n-2], a[n-1]
		use.form, of.text = reading.Base, "of"
		copy(a[4:], a[2:n-2])
		a[2], a[3] = use, of
	case n > 5 && a[0].text == "how" && a[1].text == "is":
		for i := 3; i+2 < n; i++ {
			if a[i].text == "different" && (a[i+1].text == "from" || a[i+1].text == "than" || a[i+1].text == "to") {
				a[1] = atom{text: "DIFFERENCE", frame: true}
				a[i].text = "and"
				return slices.Delete(a, i+1, i+2)[1:]
			}
		}
	}
	return a
}

// addressed reports whether a question is about who answers, so that "your" in it is theirs.
func addressed(a []atom) bool {
	for i := range a {
		if a[i].text == "you" || a[i].text == "YOU" || a[i].text == "WE" {
			return true
		}
	}
	return a[0].text == "WHOIS" || a[0].text == "OPINION"
}

// manner turns "the fastest way to lose weight" into "how to lose weight fast".
func manner(a []atom) []atom {
	if len(a) < 2 || a[0].text != "FAST" && a[0].text != "EASY" {
		return a
	}
	a = append(a, atom{text: map[string]string{"FAST": "fast", "EASY": "easily"}[a[0].text]})
	a[0].text = "HOW"
	return a
}

func rotate(a []atom, i int) []atom {
	slices.Reverse(a[:i])
	slices.Reverse(a[i:])
	slices.Reverse(a)
	return a
}

// leading turns "which book is best for X" into "which is best book for X".
func leading(a []atom) []atom {
	if len(a) < 4 || a[0].text != "which" && a[0].text != "what" || isBe(a[1].text) {
		return a
	}
	for i := 2; i < len(a)-1 && i < 5; i++ {
		if w := a[i-1].word; w == nil || w.Function || w.Kind != reading.Plain {
			return a
		}
		if !isBe(a[i].text) || a[i].text == "was" {
			continue
		}
		if a[i+1].form != reading.Most || a[i+1].text != "good" {
			return a
		}
		be, best := a[i], a[i+1]
		copy(a[3:], a[1:i])
		a[1], a[2] = be, best
		return a
	}
	return a
}

// compound turns "best institute for vlsi training" into "best vlsi training institute", where
// the best of something is asked for, and "capital of France" into "France capital". It does so
// for nouns alone that stand in one relation only to what is named beside them: a bottle of wine
// is no wine bottle, and Miami University isn't the University of Miami.
func compound(a []atom) []atom {
	for i := 2; i < len(a)-1; i++ {
		if !noun(&a[i-1]) || a[i-1].form > reading.S {
			continue
		}
		best := a[i-2].form == reading.Most && a[0].text == "WHICH"
		of := a[i].text == "of" && (belongs(a[i-1].word) || best && serving[a[i-1].text]) || a[i].text == "for" && best && serving[a[i-1].text]
		if !of || noun(&a[i-2]) && a[i-2].form != reading.Most {
			continue
		}
		end := i + 1
		for end < len(a) && noun(&a[end]) {
			end++
		}
		if end == i+1 || end > i+4 || a[i].text == "of" && a[i-2].form != reading.Most && !a[i+1].word.Name() ||
			end < len(a) && (a[end].text == "of" || a[end].text == "and" || a[end].text == "or") {
			continue
		}
		head := a[i-1]
		copy(a[i-1:], a[i+1:end])
		a[end-2] = head
		a = slices.Delete(a, end-1, end)
	}
	return a
}

// belongs reports whether a word is an attribute, or one that was mistyped.
func belongs(w *reading.Word) bool {
	if w.Entry != 0 || w.Capital {
		return attribute[w.Lemma]
	}
	for a := range attribute {
		if len(a) > 3 && reading.Slip(a, w.Text) {
			return true
		}
	}
	return attribute[w.Lemma]
}

// attribute are nouns that something has one of, so that the X of Y is Y's X.
var attribute = reading.Set("capital population area size height weight age price cost value rate currency president king queen " +
	"governor mayor minister ceo founder owner author history future culture economy climate weather religion flag " +
	"geography logo version release salary fee syllabus result cutoff eligibility feature battery speed mileage " +
	"password account setting ratio limitation revenue profit budget market inventor creator father mother wife husband " +
	"son daughter birthday religion caste")

// serving are nouns that are made for what is named beside them: the best institute for X is the
// best X institute.
var serving = reading.Set("institute course college university school class coaching website site app tool software program " +
	"company agency laptop phone language training camp hotel hospital doctor magazine channel blog forum game")

// noun reports whether a word of content may stand in a compound.
func noun(a *atom) bool {
	return !a.frame && a.word != nil && !a.word.Function && a.word.Kind == reading.Plain && !a.word.Quoted
}

// sides sorts the two sides of "and" where a question is about their difference, and of "or"
// where one of them is to be chosen.
func sides(a []atom) []atom {
	if len(a) < 4 {
		return a
	}
	from := 1
	sign := "and"
	switch {
	case a[0].text == "DIFFERENCE" || a[0].text == "SIMILARITY":
	case a[0].text == "WHICH" && a[1].text == "is" && a[2].form == reading.More:
		from, sign = 3, "or"
	default:
		return a
	}
	mid := -1
	for i := from; i < len(a); i++ {
		if a[i].text == sign || a[i].word != nil && a[i].word.Function && i > from {
			if mid >= 0 || a[i].text != sign {
				return a
			}
			mid = i
		}
	}
	if mid <= from || mid == len(a)-1 || slices.ContainsFunc(a[from:], func(x atom) bool { return x.word != nil && x.word.Kind != reading.Plain }) {
		return a // 5 less 9 is not 9 less 5
	}
	if right := a[mid+1:]; mid == from+1 && len(right) > 1 && isFirst(&a[from], lexicon.Adjective) && isFirst(&right[0], lexicon.Adjective) {
		// a static and a dynamic page
		a = slices.Insert(a, mid, right[1:]...)
		mid += len(right) - 1
	}
	if slices.CompareFunc(a[from:mid], a[mid+1:], func(x, y atom) int { return strings.Compare(x.text, y.text) }) <= 0 {
		return a
	}
	left := slices.Clone(a[from:mid])
	joint := a[mid]
	n := copy(a[from:], a[mid+1:])
	a[from+n] = joint
	copy(a[from+n+1:], left)
	return a
}
