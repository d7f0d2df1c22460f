package reading

import (
	"strings"

	"tollgate.dev/services/cache/lexicon"
)

// Here is what tells a filler, which a form leaves out, from a word that is spoken of or is the name of
// something. It is a filler only in its usual place.

var (
	// stressing are adverbs that only stress what is said, where they are not spoken of.
	stressing = Set("actually really basically literally exactly truly indeed")
	unmarked  = Set("any ever various properly correctly successfully") // say nothing but in the tables' patterns
	// courteous are polite words, which nobody is asked about but where they are spoken of.
	courteous = Set("please kindly thanks thank")
	// greeting are words that open a prompt, and addressee those behind them for whoever is greeted.
	greeting  = Set("hi hello hey greetings")
	addressee = Set("there all everyone everybody guys folks team friend friends")
)

// linguistic are words of a text that speaks of words.
var linguistic = Set("adverb adverbs adjective adjectives verb verbs noun nouns pronoun pronouns interjection interjections " +
	"word words phrase phrases synonym synonyms antonym antonyms definition define etymology pronounce pronounced pronunciation " +
	"rhyme rhymes rhyming sentence sentences slang idiom idioms filler fillers politeness polite greeting greetings")

// fillers marks those words as kept that could be fillers and stand where they may be what is spoken of.
func (s *splitter) fillers() {
	words := s.r.Words
	spoken := false
	for i := range words {
		spoken = spoken || linguistic[words[i].Text] && !(i == 0 && greeting[words[i].Text])
	}
	for i := range words {
		w := &words[i]
		if w.Quoted {
			continue
		}
		switch v := (vanishing{words, i}); {
		case stressing[w.Text], w.Text == "fact" && i > 0 && words[i-1].Text == "in":
			w.Kept = spoken || w.capital() || !v.stresses()
		case unmarked[w.Text]:
			w.Kept = spoken || w.capital() || !v.marks()
		case courteous[w.Text]:
			w.Kept = w.capital() || !v.asksKindly()
		case greeting[w.Text]:
			w.Kept = w.capital() || !v.greets()
		}
	}
}

// Stresses reports whether the word is an adverb that only stresses what is said: why cats really purr. One
// that may be what is spoken of doesn't.
func (w *Word) Stresses() bool { return stressing[w.Text] && !w.Kept && !w.Quoted && w.Kind == Plain }

// Spoken reports whether the word is such an adverb and is what is spoken of: what does really mean.
func (w *Word) Spoken() bool { return stressing[w.Text] && w.Kept && !w.Quoted && !w.capital() }

// capital reports whether the word is capitalised within a sentence, in a title too.
func (w *Word) capital() bool {
	return !w.First && w.typed != "" && w.typed[0] >= 'A' && w.typed[0] <= 'Z'
}

// vanishing is a word at its place.
type vanishing struct {
	words []Word
	i     int
}

// before is the word before it in its sentence, or nil.
func (v vanishing) before() *Word {
	if v.i == 0 || v.words[v.i-1].Sentence != v.words[v.i].Sentence {
		return nil
	}
	return &v.words[v.i-1]
}

// after is the word behind it in its sentence, or nil.
func (v vanishing) after() *Word {
	if v.i+1 == len(v.words) || v.words[v.i+1].Sentence != v.words[v.i].Sentence {
		return nil
	}
	return &v.words[v.i+1]
}

// sentence is where the word's sentence begins and ends.
func (v vanishing) sentence() (from, to int) {
	from, to = v.i, v.i+1
	for from > 0 && v.words[from-1].Sentence == v.words[v.i].Sentence {
		from--
	}
	for to < len(v.words) && v.words[to].Sentence == v.words[v.i].Sentence {
		to++
	}
	return from, to
}

// stresses reports whether an adverb stands where it only stresses what is said.
func (v vanishing) stresses() bool {
	b, a := v.before(), v.after()
	if v.words[v.i].Text == "fact" { // in fact
		v.i--
		b = v.before()
	}
	from, to := v.sentence()
	switch {
	case b == nil: // Actually, how do I …
		return a != nil && (a.Break || functions[a.Text]&asking != 0) && demands(v.words[v.i+1:to])
	case a == nil:
		return v.i-from > 2 && asksFirst(&v.words[from]) && ends(b) && !b.Capital
	case v.words[v.i].Break || a.Break || a.Kind != Plain:
		return false
	case a.Lemma == "mean" && functions[b.Text]&(auxiliary|asking) != 0: // what does really mean
		return false
	}
	if !asserts(v.words[from:v.i]) { // love actually cast
		return false
	}
	f, next := functions[b.Text], functions[a.Text]
	verb := a.Entry.Is(lexicon.Verb) || next&auxiliary != 0
	qualifies := verb || a.Entry.Is(lexicon.Adjective|lexicon.Adverb)
	switch {
	case terms[b.Text], uttering[b.Text], f&conjunction != 0, b.Quoted:
		return false
	case f&asking != 0:
		return verb || next != 0 && next&(preposition|conjunction) == 0
	case f&article != 0:
		return a.Entry.Is(lexicon.Adjective)
	case b.Text == "to":
		return a.Entry.Is(lexicon.Verb) && v.i-from > 1
	case f&preposition != 0:
		return false
	case f&auxiliary != 0: // a subject stands there: is really an adverb
		if v.i-from < 2 || b.Lemma == "do" || functions[v.words[v.i-2].Text]&asking == 0 && asksFirst(&v.words[from]) {
			return false
		}
	}
	return qualifies || next&(article|auxiliary|asking) != 0 || next&conjunction == 0 && (f&pronoun != 0 || b.Text == "there")
}

// asserts reports whether words are those of a sentence, not of a name alone.
func asserts(words []Word) bool {
	for i := range words {
		if functions[words[i].Text]&(asking|auxiliary|pronoun) != 0 {
			return true
		}
	}
	return false
}

// marks reports whether a determiner or the like stands where it isn't what is spoken of.
func (v vanishing) marks() bool {
	b, a := v.before(), v.after()
	switch {
	case b == nil:
		return a != nil
	case terms[b.Text], uttering[b.Text]:
		return a != nil && v.words[v.i].Text == "any" && a.Lemma != "mean"
	case a == nil:
		return functions[b.Text]&(preposition|article|auxiliary|conjunction|asking) == 0
	}
	return a.Lemma != "mean" || functions[b.Text]&auxiliary == 0
}

// greets reports whether a greeting opens a question.
func (v vanishing) greets() bool {
	if v.i > 0 || len(v.words) < 3 {
		return false
	}
	rest := v.words[1:]
	if addressee[rest[0].Text] && !rest[0].Break {
		rest = rest[1:]
	}
	if rest[0].Break {
		return demands(rest)
	}
	return asksFirst(&rest[0]) && demands(rest) || len(rest) > 3 && (rest[0].Text == "i" || courteous[rest[0].Text])
}

// asksKindly reports whether a polite word stands at a question's edge, or before its verb.
func (v vanishing) asksKindly() bool {
	from, to := v.sentence()
	w, a := &v.words[v.i], v.after()
	begin, end := v.i, to // of the polite words
	for begin > from && (v.words[begin-1].Text == "many" || courteous[v.words[begin-1].Text]) {
		begin--
	}
	for end > v.i+1 && gratitude[v.words[end-1].Text] {
		end--
	}
	switch {
	case begin == from && end == v.i+1: // a sentence of its own, the last
		return to == len(v.words) && from > 0 && demands(v.words[:from])
	case end == v.i+1: // at the end
		return demands(v.words[from:begin]) && (v.words[begin].Break || ends(&v.words[begin-1]))
	case w.Text == "thanks" || w.Text == "thank":
		return false
	case v.i > from+1 || v.i == from+1 && !greeting[v.words[from].Text]: // can you please tell me
		b := functions[v.words[v.i-1].Text]
		return b&pronoun != 0 && a.Entry.Is(lexicon.Verb) && !w.Break && !a.Break && v.i-from > 1 && asksFirst(&v.words[from])
	case a.Break:
		return demands(v.words[v.i+1:])
	}
	return !defined[a.Text] && (asksFirst(a) || functions[a.Text] == 0 && a.Entry.Is(lexicon.Verb) && !courteous[a.Text]) && to-v.i > 2
}

// gratitude are words that go with thanks behind them.
var gratitude = Set("you so very much in advance")

// defined are verbs behind a word that is spoken of: please is a verb.
var defined = Set("is was means mean has")

// asksFirst reports whether a question begins with the word.
func asksFirst(w *Word) bool { return functions[w.Text]&(asking|auxiliary) != 0 }

// demands reports whether words have what is asked for beside the courtesy: a question, or a verb and
// what it is to be done with.
func demands(words []Word) bool {
	for len(words) > 0 && (courteous[words[0].Text] || stressing[words[0].Text]) {
		words = words[1:]
	}
	if len(words) < 2 {
		return false
	}
	if asksFirst(&words[0]) || words[0].Entry.Is(lexicon.Verb) {
		return true
	}
	for i := range words {
		if asksFirst(&words[i]) {
			return true
		}
	}
	return false
}

// ends reports whether a question may end with the word: no verb does without its object, nor what
// says of what something is.
func ends(w *Word) bool {
	switch f := functions[w.Text]; {
	case w.Quoted || terms[w.Text] || uttering[w.Text]:
		return false
	case f&pronoun != 0:
		return strings.Contains(" me it this that them you him us ", " "+w.Text+" ")
	case f != 0:
		return w.Text == "here" || w.Text == "there" || w.Text == "too" || w.Text == "not"
	case w.Kind != Plain:
		return true
	}
	return !w.Entry.Is(lexicon.Verb) || w.Entry.First() == lexicon.Noun && w.Form <= S
}
