package agree

import (
	"slices"
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// maxLead bounds the words that lead to a value.
const maxLead = 12

// value reports whether x is the bare value that y consists of beside a plain lead ("the capital
// is", "category:", "17 × 6 ="), or the verdict that y is in a few words more ("it is").
func value(x, y *said) bool {
	if (len(x.words) > 4 || x.sentences > 1) && !x.items() || y.sentences != 1 {
		return false
	}
	if len(x.spans)+len(y.spans)+len(x.opaque)+len(y.opaque) > 0 {
		return false
	}
	if len(x.words) == 1 && x.verdict() != 0 && x.verdict() == y.verdict() && y.short(y.verdict()) {
		return true
	}
	var bare []*word
	for i := range x.words {
		if w := &x.words[i]; content(&w.Word) || !w.Function {
			bare = append(bare, w)
		}
	}
	end := len(y.words)
	if len(bare) == 0 || len(bare) == end {
		return false
	}
	for k := len(bare) - 1; k >= 0; k-- {
		end--
		for end >= 0 && k < len(bare)-1 && !bare[k].Function && passing[y.words[end].Text] {
			end--
		}
		if end < 0 {
			return false
		}
		w, v := bare[k], &y.words[end]
		if v.Lemma != w.Lemma || v.Unit != w.Unit || (v.negation > 0) != (w.negation > 0) {
			return false
		}
	}
	for end > 0 && articles[y.words[end-1].Text] {
		end--
	}
	return y.leads(end)
}

var (
	// articles may stand before a value without being a part of it.
	articles = reading.Set("the a an")
	// passing stand between the parts of a value.
	passing = reading.Set("the a an and")
	// be are words between what a value is of and the value.
	be = reading.Set("is are was were be =")
	// grammar of a plain lead. What else there is of it, as pronouns, auxiliaries, "if" and "but", says more.
	grammar = reading.Set("the a an this that it its your our their of in on at for to from by per and")
	// doubtful nouns and adjectives lead to what isn't the answer, or may not be.
	doubtful = reading.Set(`wrong incorrect false invalid untrue former previous prior past old original opposite contrary reverse alternative
		other another possible probable likely potential tentative presumed supposed alleged apparent impossible exception mistake error
		mistaken erroneous outdated obsolete hypothetical fake myth fallacy misconception doubt lie rumor guess assumption suspicion
		question prediction forecast worst-case rest remainder reject refusal denial opposition condition exclusion contrast
		common popular usual typical near nearly almost rejected excluded forbidden`)
)

// leads reports whether the words before end lead to what follows, and say nothing else.
func (s *said) leads(end int) bool {
	if end == 0 || end > maxLead {
		return false
	}
	verbs := 0
	for i := range end {
		w := &s.words[i]
		switch {
		case w.negation > 0 || negators[w.Text] || i > 0 && w.Break || doubtful[w.Text] || doubtful[w.Lemma]:
			return false
		case be[w.Text]:
			verbs++
		case grammar[w.Text], w.Kind != reading.Plain:
		case w.Function || !s.names(i, end):
			return false
		}
	}
	if be[s.words[end-1].Text] {
		return verbs == 1 || s.words[end-1].Text == "="
	}
	// "Category: refund": the first mark that parts something is the one before the value.
	at := strings.IndexAny(s.first, ":,;(—–")
	return verbs == 0 && at >= 0 && s.first[at] == ':' && s.words[end].Break && !grammar[s.words[end-1].Text]
}

// names reports whether a word of a lead is a noun, a name, or says of which kind one is.
func (s *said) names(i, end int) bool {
	w := &s.words[i]
	switch first := w.Entry.First(); {
	case first == lexicon.Noun || first == 0:
		return true
	case first == lexicon.Adjective:
		return !slices.ContainsFunc(undoing, func(p string) bool { return strings.HasPrefix(w.Text, p) })
	case leading[w.Text]:
		return true
	}
	// What may be a verb is none between "the" and "is".
	other := be[s.words[end-1].Text] && i > 0 && s.words[i-1].Text != "to"
	return other && w.Form == reading.Base && w.Entry.Is(lexicon.Noun|lexicon.Adjective)
}

// leading are nouns that a value often follows, and that may be verbs.
var leading = reading.Set("answer result name label total type file code date state")

// undoing begin adjectives that say that something is not so.
var undoing = []string{"un", "non", "mis", "im"}

// more are the words that repeat a verdict: "yes, it is", "no, you can not", "that is correct".
var more = reading.Set(`it this that they he she you we i there is are was were am does do did has have can may the of course answer
	statement claim`)

// short reports whether an answer is its verdict and no more, in few words.
func (s *said) short(verdict int) bool {
	denied, verdicts, last := false, 0, len(s.words)-1
	for i := range s.words {
		w := &s.words[i]
		switch {
		case w.verdict() != 0:
			verdicts++
			if i > 0 && i < last {
				return false
			}
		case w.Text == "not" && i > 0:
			denied = true
		case !more[w.Text] || w.Text == "that" && i > 1:
			return false
		}
	}
	switch {
	case s.words[0].verdict() == 0:
		return verdicts == 1 // "that is correct", "it is not true"
	case verdicts == 2:
		return !denied && s.words[0].verdict() == s.words[last].verdict()
	}
	return last == 0 || denied == (verdict < 0)
}

// verdict of the word by itself.
func (w *word) verdict() int {
	switch {
	case affirm[w.Text]:
		return 1
	case deny[w.Text]:
		return -1
	}
	return 0
}
