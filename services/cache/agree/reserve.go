package agree

import (
	"strings"

	"tollgate.dev/services/cache/reading"
)

// reserves are what an answer may be said under, by the words that say so. What one answer says
// with a reserve the other doesn't say without.
var reserves = []struct {
	why   Reason
	words []string // an answer that says one of them
	also  []string // isn't without it where the other says one of these
}{
	{
		why: Condition,
		words: []string{
			"if", "provided that", "provided you", "providing", "assuming", "as long as", "so long as", "in case", "on condition",
			"subject to", "depends",
			"depending",
		},
		also: []string{"when", "whenever", "once", "where", "while", "until"},
	},
	{
		why: Condition,
		words: []string{
			"unless", "except", "excepting", "excluding", "barring", "apart from", "aside from", "other than", "save for",
			"otherwise", "exception", "exceptions",
		},
	},
	{why: Condition, words: []string{"only", "solely", "exclusively"}, also: []string{"just"}},
	{why: Condition, words: []string{"until", "till"}, also: []string{"to", "before", "by"}},
	{
		why: Doubt,
		words: []string{
			"perhaps", "maybe", "possibly", "probably", "likely", "presumably", "apparently", "allegedly", "supposedly",
			"reportedly", "arguably",
			"might", "i think", "i believe", "i guess", "i suppose", "i suspect", "i assume", "it seems", "seems to", "it appears",
			"appears to", "not sure",
			"not certain", "not entirely",
		},
		also: []string{"may", "could"},
	},
	{
		why:   Doubt,
		words: []string{"i doubt", "doubtful", "unlikely", "improbable", "uncertain", "unsure", "unclear", "questionable", "debatable"},
	},
	{
		why: Doubt,
		words: []string{
			"say that", "says that", "said that", "claim that", "claims that", "claimed that", "believed that", "people say",
			"some say", "rumored",
		},
	},
	{why: Condition, words: []string{"although", "though", "despite"}, also: []string{"but", "however", "yet", "nevertheless", "while"}},
	// How far something is allowed or asked for.
	{why: Condition, words: []string{"may"}, also: []string{"can", "could", "might"}},
	{why: Condition, words: []string{"should", "ought", "recommended"}},
	{
		why: Negation,
		words: []string{
			"not true that", "not the case", "not correct that", "not right that", "false that", "wrong that", "incorrect that", "untrue",
			"wrong", "incorrect", "false", "mistaken", "opposite", "contrary", "used to be", "formerly", "in theory", "far from",
			"anything but", "everything but", "all but", "do not think", "do not believe", "not say that", "no evidence", "a myth", "no longer", "not yet",
		},
	},
	{
		why: Condition,
		words: []string{
			"sometimes", "often", "mostly", "most of", "some of", "in most", "in some", "in many", "in part", "partly", "partially",
			"occasionally", "rarely", "usually", "typically", "normally",
		},
		also: []string{"generally", "frequently", "commonly"},
	},
}

// reserved is why the two differ in what they are said under, "" where they don't.
func reserved(x, y *said) Reason {
	p, q := x.joined(), y.joined()
	count := func(text string, words []string) (n int) {
		for _, w := range words {
			n += strings.Count(text, " "+w+" ")
		}
		return n
	}
	for _, r := range reserves {
		a, b := count(p, r.words), count(q, r.words)
		if a != b && a+count(p, r.also) != b+count(q, r.also) {
			return r.why
		}
	}
	if a, b := x.only(), y.only(); len(a) > 0 && len(b) > 0 && (len(without(a, b)) > 0 || len(without(b, a)) > 0) {
		return Condition
	}
	return ""
}

// only are the words that an "only" is said of: the next ones that say something. They are none where
// one stands at the end of a sentence.
func (s *said) only() (all []string) {
	open := false
	for i := range s.words {
		w := &s.words[i]
		switch {
		case w.Text == "only" && (i+1 == len(s.words) || s.words[i+1].at != w.at):
			return nil
		case w.Text == "only":
			open = true
		case open && (content(&w.Word) || w.Kind != reading.Plain):
			all = append(all, w.Lemma)
			open = false
		}
	}
	return set(all)
}

// joined are the words with a space around each.
func (s *said) joined() string {
	var b strings.Builder
	b.WriteByte(' ')
	for i := range s.words {
		b.WriteString(s.words[i].Text)
		b.WriteByte(' ')
	}
	return b.String()
}
