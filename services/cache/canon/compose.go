package canon

import (
	"slices"
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// agree takes the number of their subject off auxiliaries, which says nothing, and folds spellings of
// words of grammar.
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
		atoms = t.sentence(raw(atoms[:0], r.Words[from:to]), r.Question, r.Bare && !r.Cast)
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
	article := false
	one, many := reading.One(words), false
	for i := range words {
		w := &words[i]
		a := atom{text: w.Lemma, form: w.Form, word: w, many: one >= 0 && i > one && w.Form == reading.S && !w.Quoted}
		many = many || a.many
		if w.Raised() { // how is ALL treated
			a.text = w.Text + "^^"
		} else if w.Function {
			if s, ok := agree[w.Text]; ok {
				a.text = s
			} else {
				a.text = w.Text
			}
			if (a.text == "a" || a.text == "the") && !w.Quoted && !kept(words, i) {
				article = true
				continue
			}
		}
		switch {
		case w.Quoted:
			a.text, a.form = w.Typed(), reading.Base // meant letter by letter
			if reading.Written(words) {
				a.text = `"` + a.text + `"` // quotes are of what is written
			}
		case w.Kept:
			a.text, a.form = strings.ToLower(w.Typed()), reading.Base
		}
		a.article, article = article, false
		a.many = a.many || !w.Function && !w.Quoted && (counted(words, i) || oneOf(words, i))
		atoms = append(atoms, a)
	}
	if one >= 0 && !many && reading.Several(words) && len(atoms) > 2 { // the fastest fish
		atoms[2].many = true
	}
	return atoms
}

// kept reports whether the article words[i] says something: "a few" are more than few, and
// "the matter" is another thing than matter.
func kept(words []reading.Word, i int) bool {
	if i+1 >= len(words) {
		return true
	}
	if telling(words, i) {
		return true
	}
	next := words[i+1].Text
	if words[i].Text != "the" {
		if last := i+2 == len(words) || words[i+2].Function || words[i+2].Form == reading.Past; last && (next == "film" || next == "movie") {
			return true // and what is film made of
		}
		return next == "few" || next == "little" || next == "lot"
	}
	return i+2 == len(words) && i <= 2 && !words[i+1].Capital
}

// sentence applies the tables to one sentence.
func (t *books) sentence(a []atom, question, bare bool) []atom {
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
	a = guard(a)
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
	happened(a)
	a = leading(a)
	a = restate(a, question)
	if question {
		inverted(a)
	}
	doer(a, bare)
	if r, n := t.frames.longest(a, &at); r != nil {
		a = r.apply(a, 0, n, &at)
	}
	if len(a) > 1 && a[0].text == "what" && a[1].word != nil && !a[1].word.Function && a[1].word.Kind == reading.Plain {
		a[0] = atom{text: "WHICH", frame: true}
	}
	a = named(a)
	a = meaning(a)
	a = manner(a)
	a = unmark(a)
	a = restateFramed(a)
	a = compound(a)
	pairs(a)
	return sides(a)
}

// ending is the closing rule that covers the most atoms at the end.
func (t *books) ending(a []atom, at *[16]int8) (*rule, int) {
	if len(a) == 0 {
		return nil, 0
	}
	var best *rule
	most := 0
	for _, r := range t.closing[[2]string{a[len(a)-1].text}] {
		for n := min(len(r.pattern), len(a)); n > most; n-- {
			if r.match(a[len(a)-n:], at) == n {
				best, most = r, n
			}
		}
	}
	return best, most
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
		case i > 0 && (a[i].text == "your" || a[i].text == "our") && (owned(&a[0]) || i > 2 && a[0].text != "what" && !addressed(a)) &&
			in(owns, object(a[i:])): // your hair is anybody's, your servers are not
			continue
		case a[i].text == "so" && i > 0 && i+1 < len(a) && (a[0].text == "WHY" && (describing(&a[i+1]) || a[i+1].form == reading.Past) || i > 2 && a[0].text == "WHICH" && a[1].text == "make" && describing(&a[i+1])):
			continue
		case isPlace(a[i].text) && i+1 < len(a) && a[i+1].word != nil && a[i+1].word.Entry == 0 && a[i+1].word.Name():
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

// listable are nouns of what one asks a list of, so that "some" before them says nothing.
var listable = reading.Set("website site way tip idea fact thing book film song app tool game place example benefit effect " +
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
var either = reading.Set("learn start begin like love hate prefer continue")

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
		if w != nil {
			if !a[i].plain {
				b.WriteString(w.Case())
			}
			if w.Kind == reading.Date && (w.Text == "may" || w.Text == "march") { // no month in small letters
				b.WriteByte('^')
			}
			if w.Hyphen && w.Form == reading.Ing && i > 0 && noun(&a[i-1]) && !w.Entry.Is(lexicon.Noun) { // a man-eating shark
				b.WriteByte('-')
			}
		}
		b.WriteString(marks[a[i].form])
		if a[i].many {
			b.WriteString("+s")
		}
		if w != nil && w.Unit != "" {
			b.WriteByte('|')
			b.WriteString(w.Unit)
		}
		p := piece{end: b.Len(), alone: alone(a, i)}
		if w != nil && !w.Function && w.Kind == reading.Plain && !w.Quoted && len(w.Text) > 2 && a[i].text == w.Lemma {
			switch {
			case w.Capital:
				if w.Entry == 0 && !w.Capitals {
					p.slip, p.typed = strange, w.Text
				}
			case w.Entry == 0:
				p.slip, p.typed = broken, w.Text
			case !w.Entry.Is(lexicon.Name):
				p.slip, p.typed, p.entry, p.form = word, w.Text, w.Entry, a[i].form
			}
		}
		f.pieces = append(f.pieces, p)
	}
	f.text = b.String()
	return f
}
