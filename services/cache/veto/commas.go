package veto

import (
	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// commas holds prompts apart in which a comma, or another pause, keeps two words from being read
// together that are together in the other: stop, clubbing seals; let's eat, grandma; dogs, which
// bark, …; and in which it stands elsewhere. Most commas only help to read.
func commas(p *pair) (string, string, bool) {
	if !p.near() {
		return "", "", false
	}
	if moved(&p.a, &p.b) {
		return p.a.r.Text, p.b.r.Text, true
	}
	return p.either(func(p *pair) (string, string, bool) {
		for i := 1; i < len(p.a.words); i++ {
			if j := p.together(i); j > 0 && p.a.parts(i) {
				return p.a.text(i-1, i+1), p.b.text(j-1, j+1), true
			}
		}
		return "", "", false
	})
}

// moved reports whether two sides are one sentence of the same words, and a pause stands in each where
// the other has none.
func moved(a, b *side) bool {
	if len(a.words) != len(b.words) {
		return false
	}
	var inA, inB bool
	for i := range a.words {
		x, y := &a.words[i], &b.words[i]
		if x.Text != y.Text || x.Sentence > 0 || y.Sentence > 0 {
			return false
		}
		inA = inA || x.Pause && !y.Pause && !x.First
		inB = inB || y.Pause && !x.Pause && !y.First
	}
	return inA && inB
}

// together is where the other side has word i, which has a pause before it, right behind the word
// before; or -1.
func (p *pair) together(i int) int {
	x, y := &p.a.words[i-1], &p.a.words[i]
	if !y.Pause {
		return -1
	}
	for j := 1; j < len(p.b.words); j++ {
		if w := &p.b.words[j]; w.Lemma == y.Lemma && p.b.words[j-1].Lemma == x.Lemma {
			if w.Break {
				return -1
			}
			return j
		}
	}
	return -1
}

// calling are words of grammar that stand by themselves before a comma, and before a noun tell how
// many or which.
var calling = reading.Set("no still all some both more like")

// telling are verbs of what an answer does, which never stand by themselves: list, things.
var telling = reading.Set("list explain describe give name write tell show compare summarize define suggest recommend provide create generate")

// shades are adjectives that before another one tell more of it: a dark red wine, a pretty old car.
var shades = reading.Set("light dark pale bright deep pretty")

// clauses begin one whose end needs no comma.
var clauses = reading.Set("if when while because after before as since once until till unless although though whenever to by in on at for with without")

// parts reports whether the words before and behind the pause before word i would be read together
// without it.
func (s *side) parts(i int) bool {
	x, y := &s.words[i-1], &s.words[i]
	if x.Quoted || y.Quoted || polite[x.Text] || polite[y.Text] || interrogative(y.Text) {
		return false
	}
	opens := i == 1 || x.First
	switch {
	case x.Text == "however" && opens:
		return y.Function
	case (y.Text == "who" || y.Text == "which" || y.Text == "whose") && content(x) && !opens: // dogs, which bark, bite
		for k := i + 2; k < len(s.words) && s.words[k].Sentence == y.Sentence; k++ {
			if s.words[k].Pause {
				return true
			}
		}
		return false
	case begins(y.Text):
		return false
	case opens && (calling[x.Text] || x.Text == "well" || content(x) && x.Form == reading.Base && x.Entry.Is(lexicon.Adjective)):
		return content(y) && y.Entry.First() != lexicon.Adverb
	case shades[x.Text] && y.Entry.Is(lexicon.Adjective) && i+1 < len(s.words) && content(&s.words[i+1]):
		return true
	case s.calls(i), x.Text == "not" && content(y) && y.Form == reading.Base: // please don't, stop
		return true
	case opens && content(x) && x.Form == reading.Base && x.Entry.Is(lexicon.Verb) && !x.Name() && !telling[x.Text]:
		return !s.closes(i) && (content(y) && y.Entry.First() != lexicon.Adverb || article(y.Text) || objects[y.Text])
	case !opens && isVerb(x):
		for k := i - 2; k >= 0 && s.words[k].Sentence == x.Sentence; k-- {
			if clauses[s.words[k].Text] && !(s.words[k].Text == "to" && k > 0) {
				return false
			}
		}
		return thing(y)
	}
	return false
}

// polite are words that a comma only keeps apart from what is asked.
var polite = reading.Set("please thanks thank kindly hello hi hey")

// objects are words of grammar that are an object, or begin one, behind a verb and without a comma.
var objects = reading.Set("my your his her its our their this that these those me you him it us them")

// interrogative reports whether a question begins with the word.
func interrogative(s string) bool {
	switch s {
	case "what", "where", "when", "why", "how", "whom":
		return true
	}
	return false
}

// thing reports whether a word may be an object of the verb before it: a noun, or what one does.
func thing(w *reading.Word) bool {
	return content(w) && (w.Form == reading.Ing || w.Name() || w.Capital || w.Entry.First()&(lexicon.Noun|lexicon.Adjective) != 0 ||
		w.Form == reading.S && w.Entry.Is(lexicon.Noun))
}

// closes reports whether what stands from word i on is put in between: explain, step by step, how.
func (s *side) closes(i int) bool {
	for k := i + 1; k < len(s.words) && k <= i+4 && s.words[k].Sentence == s.words[i].Sentence; k++ {
		if s.words[k].Pause {
			return true
		}
	}
	return false
}

// calls reports whether what stands from word i to the end of its sentence may be who is spoken to,
// and would be an object without the pause: let's eat, grandma; what is it for, Tom.
func (s *side) calls(i int) bool {
	for k := i; k < len(s.words) && s.words[k].Sentence == s.words[i].Sentence; k++ {
		w := &s.words[k]
		if k > i+1 || !content(w) || w.Form > reading.S || !w.Name() && !w.Entry.Is(lexicon.Noun) || w.Entry.First() == lexicon.Adverb || polite[w.Text] {
			return false
		}
	}
	x := &s.words[i-1]
	switch {
	case content(x):
		return isVerb(x) && x.Form != reading.More || i > 1 && x.Form == reading.Base && x.Entry.Is(lexicon.Verb) && subject(s.words[i-2].Text)
	case placing[x.Text]:
		return s.words[i].Name() || s.words[i].Capital
	case x.Text == "me", x.Text == "him", x.Text == "her", x.Text == "them", x.Text == "us", x.Text == "it", x.Text == "you":
		return true
	}
	return false
}

// subject reports whether a word stands before the verb of a clause.
func subject(s string) bool {
	switch s {
	case "i", "you", "he", "she", "it", "we", "they", "us", "to", "not":
		return true
	}
	return false
}
