package veto

import (
	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// part is the one that a question with a verb asks for.
type part uint8

const (
	neither    part = iota
	acting          // what eats owls, what are owls eaten by
	undergoing      // what do owls eat, what is eaten by owls
)

// sought finds questions of which one asks who does something to somebody, and the other to whom
// somebody does it: what eats owls, and what do owls eat. English tells them by do-support and
// order alone.
func sought(p *pair) (string, string, bool) {
	if p.close < 0.5 {
		return "", "", false
	}
	for v := range p.a.words {
		u := int(p.a.to[v])
		if p.a.words[v].Lemma == "own" { // which is a word of grammar in "my own"
			u = p.b.lemma("own")
		}
		if u < 0 || p.a.words[v].Lemma != p.b.words[u].Lemma || symmetric[p.a.words[v].Lemma] && !(p.a.permits() && p.b.permits()) {
			continue
		}
		x, y := p.a.seeks(v), p.b.seeks(u)
		if x.part != acting || y.part != undergoing || x.by != y.by {
			continue
		}
		// Which star do planets orbit, and which planets orbit a star.
		if x.lead >= 0 && y.lead >= 0 && within(p.a.to[x.lead], y) && within(p.b.to[y.lead], x) {
			return p.a.text(x.ask, max(v+1, x.to)), p.b.text(y.ask, max(u+1, y.to)), true
		}
		for i := x.from; i < x.to; i++ {
			if within(p.a.to[i], y) {
				return p.a.text(x.ask, max(v+1, x.to)), p.b.text(y.ask, max(u+1, y.to)), true
			}
		}
	}
	return "", "", false
}

// within reports whether word i is one of the other one in a question.
func within(i int16, q quest) bool { return int(i) >= q.from && int(i) < q.to }

// permits reports whether the question is who may or should do something: who can marry a nun is another thing than whom
// she can marry, though who married her is both.
func (s *side) permits() bool {
	i := s.auxiliary()
	if i < 0 {
		return false
	}
	switch tenses[s.words[i].Text] {
	case "can", "may", "should", "must":
		return true
	}
	return false
}

// lemma is where a word stands first in any form, or -1.
func (s *side) lemma(lemma string) int {
	for i := range s.words {
		if s.words[i].Lemma == lemma {
			return i
		}
	}
	return -1
}

// quest is what a question asks for.
type quest struct {
	part part
	// ask is the word that it asks with.
	ask int
	// lead is the noun that says of what kind that is, or -1.
	lead int
	// The other one is among words from:to.
	from, to int
	// by is the preposition that joins it to the verb, or empty.
	by string
}

// seeks reads the question whose verb may be at v. What lies between the word that asks and the
// verb tells: nothing or an auxiliary before who does it, an auxiliary and a noun before whom it
// is done to; the passive turns them round.
func (s *side) seeks(v int) quest {
	w := &s.words[v]
	if w.Lemma != "own" && (!content(w) || !w.Entry.Is(lexicon.Verb)) {
		return quest{}
	}
	ask, aux, last, noun, lead := -1, -1, -1, -1, -1
	for i := 0; i < v; i++ {
		x := &s.words[i]
		switch {
		case x.Sentence != w.Sentence:
		case ask < 0:
			if asksFor(s.words, i) {
				ask = i
			}
		case x.Function && (tenses[x.Text] != "" || x.Text == "been" || x.Text == "being"):
			if noun >= 0 {
				return quest{}
			}
			if aux < 0 {
				aux = i
			}
			last = i
		case x.Function && x.Text != "of" && !determines(x.Text):
			return quest{}
		case x.Function:
		case aux >= 0 && !x.Entry.Is(lexicon.Adverb):
			if noun < 0 {
				noun = i
			}
		case aux < 0:
			lead = i
		}
	}
	if ask < 0 || aux < 0 && s.asked(v) {
		return quest{}
	}
	by, object := s.behind(v)
	q := quest{ask: ask, by: by, lead: lead}
	switch be := last >= 0 && isBe(s.words[last].Text); {
	case be && w.Form == reading.Past && (by == "by" || ask > 0 && s.words[ask-1].Text == "by"):
		q.by = ""
		if noun >= 0 {
			q.part, q.from, q.to = acting, noun, v
		} else if object >= 0 {
			q.part, q.from, q.to = undergoing, object, object+2
		}
	case be && w.Form != reading.Ing:
	case noun >= 0:
		q.part, q.from, q.to = undergoing, noun, v
		if object >= 0 { // what did Rome build in Spain
			q.by = ""
		}
	case aux < 0 && lead == v-1 && object < 0 && s.words[ask].Text != "which": // tell me what owls eat
		q.part, q.from, q.to = undergoing, ask+1, v
	case noun < 0 && object >= 0 && by != "with": // what goes with tea, and with what tea goes
		q.part, q.from, q.to = acting, object, object+2
	}
	q.to = min(q.to, len(s.words))
	return q
}

// asked reports whether the word at v belongs to what is asked for, before the auxiliary of the
// question: "what bike size do I need".
func (s *side) asked(v int) bool {
	for i := v + 1; i < len(s.words) && s.words[i].Sentence == s.words[v].Sentence; i++ {
		if s.words[i].Function {
			return tenses[s.words[i].Text] != ""
		}
	}
	return false
}

// behind is the preposition right behind the verb at v, if there is one, and the noun behind that,
// or -1.
func (s *side) behind(v int) (by string, noun int) {
	for i := v + 1; i < len(s.words) && s.words[i].Sentence == s.words[v].Sentence && !s.words[i].Break; i++ {
		switch w := &s.words[i]; {
		case !w.Function:
			if w.Entry.Is(lexicon.Adverb) && w.Entry.First() == lexicon.Adverb {
				continue
			}
			return by, i
		case determines(w.Text):
		case placing[w.Text] && by == "":
			by = w.Text
		default:
			return by, -1
		}
	}
	return by, -1
}

// determines reports whether a word stands before a noun and says which, whose or how many are meant.
func determines(s string) bool { return article(s) || determiners[s] }

// determiners are those; "that" joins clauses as well.
var determiners = reading.Set("this these those my your his her its our their each every some any all")

// asksFor reports whether the word at i asks for a person or thing.
func asksFor(words []reading.Word, i int) bool {
	switch words[i].Text {
	case "who", "whom", "what", "which":
		return true
	case "many", "much":
		return i > 0 && words[i-1].Text == "how"
	}
	return false
}

func isBe(s string) bool {
	switch s {
	case "is", "are", "was", "were", "be", "been", "being", "am":
		return true
	}
	return false
}
