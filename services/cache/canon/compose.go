package canon

import (
	"slices"
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// auxiliaries agree with their subject's number, which says nothing.
var agree = map[string]string{
	"are": "is", "am": "is", "were": "was", "does": "do", "has": "have", "an": "a", "cannot": "can",
	"till": "until", "towards": "toward", "upon": "on", "onto": "on",
}

// compose builds the form, sentence by sentence.
func compose(r *reading.Reading) *Form {
	t := tables()
	atoms := make([]atom, 0, len(r.Words)+2)
	var out []atom
	if n := len(r.Words); r.Words[0].Sentence != r.Words[n-1].Sentence {
		out = make([]atom, 0, n+4)
	}
	for from := 0; from < len(r.Words); {
		to := from
		for to < len(r.Words) && r.Words[to].Sentence == r.Words[from].Sentence && !(to > from+1 && another(r.Words, to)) {
			to++
		}
		atoms = t.sentence(raw(atoms[:0], r.Words[from:to]))
		if out == nil && to == len(r.Words) {
			return form(atoms)
		}
		if len(atoms) > 0 && len(out) > 0 {
			out = append(out, atom{text: ".", frame: true})
		}
		out = append(out, atoms...)
		if to < len(r.Words) && to > 0 && r.Words[to].Sentence == r.Words[to-1].Sentence {
			to++ // the "and" between two questions
		}
		from = to
	}
	return form(out)
}

// another reports whether words[i] is an "and" behind which another question begins.
func another(words []reading.Word, i int) bool {
	if words[i].Text != "and" || i+2 >= len(words) || words[i+1].Sentence != words[i].Sentence {
		return false
	}
	return asks(words[i+1].Text) && !asks(words[i-1].Text)
}

func asks(s string) bool {
	switch s {
	case "what", "which", "who", "when", "where", "why", "how":
		return true
	}
	return false
}

// raw makes atoms of words, without their articles.
func raw(atoms []atom, words []reading.Word) []atom {
	for i := range words {
		w := &words[i]
		a := atom{text: w.Lemma, form: w.Form, word: w}
		if w.Function {
			if s, ok := agree[w.Text]; ok {
				a.text = s
			} else {
				a.text = w.Text
			}
			if (a.text == "a" || a.text == "the") && !w.Quoted && !kept(words, i) {
				continue
			}
		}
		if w.Quoted {
			a.text, a.form = w.Text, reading.Base
		}
		atoms = append(atoms, a)
	}
	return atoms
}

// kept reports whether the article words[i] says something: "a few" are more than few, and
// "the matter" is another thing than matter.
func kept(words []reading.Word, i int) bool {
	if i+1 >= len(words) {
		return true
	}
	next := words[i+1].Text
	if words[i].Text != "the" {
		return next == "few" || next == "little" || next == "lot"
	}
	return i+2 == len(words) && i <= 2 && !words[i+1].Capital
}

// sentence applies the tables to one sentence.
func (t *books) sentence(a []atom) []atom {
	var at [16]int8
	// What is polite at the end first, so that a question behind it is seen whole.
	for {
		r, n := t.ending(a, &at)
		if r == nil || n == len(a) && len(a) > 0 && a[0].text != "thanks" && a[0].text != "thank" && a[0].text != "please" {
			break
		}
		a = r.apply(a, len(a)-n, n, &at)
	}
	asked := false
	for {
		r, n := t.opening.longest(a, &at)
		if r == nil {
			break
		}
		before := len(a)
		a = r.apply(a, 0, n, &at)
		if len(a) > 0 && a[0].frame {
			asked = true
			a = slices.Delete(a, 0, 1)
		}
		if len(a) == before {
			break
		}
	}
	if asked {
		direct(a)
	}
	for i := 0; i < len(a); {
		if r, n := t.phrases.longest(a[i:], &at); r != nil {
			before := len(a)
			a = r.apply(a, i, n, &at)
			if len(a) < before && len(r.become) == 0 {
				continue
			}
			i += len(r.become)
			continue
		}
		i++
	}
	a = condition(a)
	a = heading(a)
	a = leading(a)
	if r, n := t.frames.longest(a, &at); r != nil {
		a = r.apply(a, 0, n, &at)
	}
	if len(a) > 1 && a[0].text == "what" && a[1].word != nil && !a[1].word.Function && a[1].word.Kind == reading.Plain {
		a[0] = atom{text: "WHICH", frame: true}
	}
	a = named(a)
	a = manner(a)
	a = unmark(a)
	a = compound(a)
	pairs(a)
	sides(a)
	return a
}

// ending is the closing rule that covers the most atoms at the end.
func (t *books) ending(a []atom, at *[16]int8) (*rule, int) {
	if len(a) == 0 {
		return nil, 0
	}
	var best *rule
	most := 0
	for _, r := range t.closing[a[len(a)-1].text] {
		for n := min(len(r.pattern), len(a)); n > most; n-- {
			if r.match(a[len(a)-n:], at) == n {
				best, most = r, n
			}
		}
	}
	return best, most
}

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

// unmark drops the words that carry no meaning in a question: do-support, and "some" where a
// plural says it as well.
func unmark(a []atom) []atom {
	out := a[:0]
	for i := range a {
		switch {
		case a[i].text == "do" && i > 0 && i < len(a)-1 && question(&a[i-1]) && a[i].word != nil && a[i].word.Function:
			continue
		case a[i].text == "some" && i > 1 && isBe(a[i-1].text) && i < len(a)-2 && (specific(a[i+1:]) || listed(a[i+1:])):
			continue
		case a[i].text == "to" && i > 0 && i+1 < len(a) && either[a[i-1].text] && a[i-1].form <= reading.S && a[i+1].form == reading.Base:
			continue
		case i > 0 && a[i].form == reading.Ing && either[a[i-1].text] && a[i-1].form <= reading.S:
			a[i].form = reading.Base
		case a[i].text == "that" && i > 1 && i+1 < len(a) && a[0].text == "WHICH" && generic(a[i+1].text):
			continue
		case a[i].text == "in" && i+2 == len(a) && a[i+1].text == "world" && a[0].text == "WHICH" && a[1].form == reading.Most:
			return out
		case a[i].text == "of" && a[0].text == "WHICH" && a[1].form == reading.Most && i+1 < len(a) && a[i+1].word != nil && a[i+1].word.Entry.Is(lexicon.Place):
			a[i].text = "in"
		case a[i].text == "be" && i == 1 && a[0].text == "HOW":
			a[i].text = "become"
		case i > 0 && (a[i-1].text == "can" || a[i-1].text == "should") && generic(a[i].text):
			a[i] = atom{text: "ANYONE", frame: true}
		case i > 0 && (a[i].text == "your" || a[i].text == "our" || a[i].text == "one's") && owned(&a[0]):
			continue
		case a[i].text == "so" && i > 0 && i+1 < len(a) && a[0].text == "WHY" && describing(&a[i+1]):
			continue
		case isPlace(a[i].text) && i+1 < len(a) && a[i+1].word != nil && a[i+1].word.Name():
			a[i].text = "in"
		}
		out = append(out, a[i])
	}
	return out
}

// owned reports whether a frame asks what anyone could do, so that "your hair" in it is hair.
func owned(a *atom) bool {
	return a.frame && (a.text == "HOW" || a.text == "CAN" || a.text == "LIKE" || a.text == "WHERE" || a.text == "NEED" || a.text == "SHOULD")
}

// listed reports whether what is asked for is of a kind that one asks a list of: "some fun
// facts" are fun facts, but some fallacies are not what fallacies are.
func listed(a []atom) bool {
	for i := range a {
		if w := a[i].word; w == nil || w.Function {
			return false
		}
		if listable[a[i].text] {
			return true
		}
	}
	return false
}

var listable = words("website site way tip idea fact thing book film song app tool game place example benefit effect " +
	"symptom cause reason hack trick question topic quote puzzle joke use")

func describing(a *atom) bool {
	return a.word != nil && (a.text == "much" || a.text == "many" || a.word.Entry.Is(lexicon.Adjective|lexicon.Adverb))
}

// generic pronouns mean anyone where a question asks what one can or should do.
func generic(s string) bool {
	switch s {
	case "i", "you", "we", "one", "someone", "anyone":
		return true
	}
	return false
}

// either are verbs that take "to learn" and "learning" alike.
var either = words("learn start begin like love hate prefer continue")

func question(a *atom) bool {
	switch a.text {
	case "how", "WHY", "WHICH", "why", "what", "when", "where", "who", "WHERE", "WHEN":
		return true
	}
	return false
}

func isPlace(s string) bool { return s == "in" || s == "on" || s == "at" }

// specific reports whether a noun is told closer by a preposition or a clause, so that "some
// benefits of yoga" are the benefits of yoga.
func specific(a []atom) bool {
	for i := 1; i < len(a); i++ {
		switch a[i].text {
		case "of", "to", "for", "that", "in", "about", "with", "between":
			return true
		}
	}
	return false
}

// pairs sorts the two sides of "and", "or" where each is one word.
func pairs(a []atom) {
	for i := 1; i < len(a)-1; i++ {
		if a[i].text != "and" && a[i].text != "or" {
			continue
		}
		x, y := &a[i-1], &a[i+1]
		if !single(x) || !single(y) || i > 1 && !edge(&a[i-2]) || i+2 < len(a) && !edge(&a[i+2]) {
			continue
		}
		if x.text > y.text {
			*x, *y = *y, *x
		}
	}
}

// compound turns "best institute for vlsi training" into "best vlsi training institute", where
// the best of something is asked for, and "capital of France" into "France capital".
func compound(a []atom) []atom {
	for i := 2; i < len(a)-1; i++ {
		of := a[i].text == "of" || a[i].text == "for" && a[i-2].form == reading.Most && a[0].text == "WHICH"
		if !of || !noun(&a[i-1]) || noun(&a[i-2]) && a[i-2].form != reading.Most {
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

// noun reports whether a word of content may stand in a compound.
func noun(a *atom) bool {
	return !a.frame && a.word != nil && !a.word.Function && a.word.Kind == reading.Plain && !a.word.Quoted
}

// sides sorts the two sides of "and" where a question is about their difference, and of "or"
// where one of them is to be chosen.
func sides(a []atom) {
	if len(a) < 4 {
		return
	}
	from := 1
	sign := "and"
	switch {
	case a[0].text == "DIFFERENCE" || a[0].text == "ISDIFFERENCE":
	case a[0].text == "WHICH" && a[1].text == "is" && a[2].form == reading.More:
		from, sign = 3, "or"
	default:
		return
	}
	mid := -1
	for i := from; i < len(a); i++ {
		if a[i].text == sign || a[i].word != nil && a[i].word.Function && i > from {
			if mid >= 0 || a[i].text != sign {
				return
			}
			mid = i
		}
	}
	if mid <= from || mid == len(a)-1 {
		return
	}
	if slices.CompareFunc(a[from:mid], a[mid+1:], func(x, y atom) int { return strings.Compare(x.text, y.text) }) <= 0 {
		return
	}
	left := slices.Clone(a[from:mid])
	joint := a[mid]
	n := copy(a[from:], a[mid+1:])
	a[from+n] = joint
	copy(a[from+n+1:], left)
}

func single(a *atom) bool { return !a.frame && a.word != nil && !a.word.Function }

// edge reports whether a word can't belong to the same phrase as the noun beside it.
func edge(a *atom) bool {
	return a.frame || a.word == nil || a.word.Function && a.text != "of" || a.word.Name() && a.word.Capital
}

// marks tell a form's inflections apart; plurals and the third person have none.
var marks = [...]string{reading.Base: "", reading.S: "", reading.Past: "+d", reading.Ing: "+g", reading.More: "+r", reading.Most: "+t"}

func form(a []atom) *Form {
	f := &Form{pieces: make([]piece, 0, len(a))}
	size := 0
	for i := range a {
		size += len(a[i].text) + 8
	}
	var b strings.Builder
	b.Grow(size)
	for i := range a {
		if i > 0 {
			b.WriteByte(' ')
		}
		w := a[i].word
		if w != nil && w.Kind == reading.Number {
			b.WriteByte('#')
		}
		b.WriteString(a[i].text)
		if w != nil && w.Capital && len(w.Text) == 2 && !w.Function { // IT is no pronoun
			b.WriteByte('^')
		}
		b.WriteString(marks[a[i].form])
		if w != nil && w.Unit != "" {
			b.WriteByte('|')
			b.WriteString(w.Unit)
		}
		p := piece{end: b.Len()}
		if w != nil && !w.Function && w.Kind == reading.Plain && !w.Quoted && !w.Capital && len(w.Text) > 2 && a[i].text == w.Lemma {
			switch {
			case w.Entry == 0:
				p.slip, p.typed = broken, w.Text
			case !w.Entry.Is(lexicon.Name):
				p.slip, p.typed, p.entry, p.form = word, w.Text, w.Entry, a[i].form
			}
		}
		f.pieces = append(f.pieces, p)
	}
	f.text = b.String()
	if len(a) > 0 {
		f.loose = loosen(f, a[0].text)
	}
	return f
}
