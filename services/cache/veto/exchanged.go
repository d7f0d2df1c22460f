package veto

import (
	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// longestExchanged is how many words may change places with others at once: a name has few.
const longestExchanged = 3

// exchanged holds prompts apart that are the same but for two places whose words have changed:
// who sued whom, every square a rectangle, dollars to euros. Where the two are only listed, or
// stand on either side of a word that is the same both ways, it says nothing.
func exchanged(p *pair) (string, string, bool) {
	a, b := spoken(p.a.words), spoken(p.b.words)
	if len(a) != len(b) || len(a) < 2 {
		return "", "", false
	}
	from, to := 0, len(a)
	for from < to && same(a[from], b[from]) {
		from++
	}
	for to > from && same(a[to-1], b[to-1]) {
		to--
	}
	a, b = a[from:to], b[from:to]
	for x := 1; x <= min(longestExchanged, len(a)-1); x++ {
		for y := 1; y <= min(longestExchanged, len(a)-x); y++ {
			mid := len(a) - x - y
			if !equal(a[:x], b[y+mid:]) || !equal(a[x:x+mid], b[y:y+mid]) || !equal(a[x+mid:], b[:y]) {
				continue
			}
			if !((says(a[:x]) || country(a, 0)) && (says(a[x+mid:]) || country(b, 0)) || x+y == 2 && held(a) || mid == 0 && titled(a)) || listed(spoken(p.a.words), a, x, mid) {
				return "", "", false
			}
			return textOf(a), textOf(b), true
		}
	}
	return "", "", false
}

// spoken are the words without articles.
func spoken(words []reading.Word) []*reading.Word {
	out := make([]*reading.Word, 0, len(words))
	for i := range words {
		switch w := &words[i]; w.Text {
		case "a", "an", "the":
		default:
			out = append(out, w)
		}
	}
	return out
}

func same(x, y *reading.Word) bool {
	return x.Kind == y.Kind && x.Unit == y.Unit && (x.Text == y.Text || x.Kind == reading.Plain && !x.Function && (x.Lemma == y.Lemma && x.Entry != 0 || many(x, y) || many(y, x)))
}

func equal(x, y []*reading.Word) bool {
	for i := range x {
		if !same(x[i], y[i]) {
			return false
		}
	}
	return len(x) == len(y)
}

// counting are pronouns of how many.
var counting = reading.Set("nobody everybody somebody anybody everyone someone anyone nothing everything something all some none")

// says reports whether words hold one that carries meaning by itself and is neither an adverb,
// which may stand here or there, nor one that fills. Numbers and dates have rules of their own.
func says(words []*reading.Word) bool {
	for _, w := range words {
		if w.Kind == reading.Symbol || counting[w.Text] || content(w) && !filler[w.Lemma] && w.Entry.First() != lexicon.Adverb {
			return true
		}
	}
	return false
}

// country reports whether "us" at i stands before a noun, so that it is the country.
func country(words []*reading.Word, i int) bool {
	return words[i].Text == "us" && i+1 < len(words) && content(words[i+1]) && words[i+1].Entry.First() == lexicon.Noun
}

// held reports whether words are two of which the one holds the other, what fills elsewhere among them: a list of tuples.
func held(words []*reading.Word) bool {
	return len(words) == 3 && words[1].Text == "of" && content(words[0]) && content(words[2]) && (says(words[:1]) || says(words[2:]))
}

// titled reports whether two words are a noun and an adjective that stand in the one or the other order,
// which makes a title of an office of them: attorney general.
func titled(words []*reading.Word) bool {
	if len(words) != 2 || !content(words[0]) || !content(words[1]) {
		return false
	}
	x, y := words[0].Entry, words[1].Entry
	return x.First() == lexicon.Noun && y.First() == lexicon.Adjective || x.First() == lexicon.Adjective && y.First() == lexicon.Noun
}

// listed reports whether what changed places is only listed, or compared: by a word between them,
// a comma, a word that is the same both ways, as adjectives of one noun, or as phrases that each
// say with a word of their own what they are: from Rome, to Paris.
func listed(all, part []*reading.Word, x, mid int) bool {
	for _, w := range all {
		if symmetric[w.Lemma] || symmetric[w.Text] || w.Text == "between" || w.Text == "both" || w.Lemma == "difference" || w.Lemma == "comparison" {
			return true
		}
	}
	for _, w := range part[x : x+mid] {
		switch w.Text {
		case "and", "or", "nor", "&", "/", ",", "with":
			return true
		}
	}
	if part[x+mid].Break && mid == 0 || part[0].Function && part[x+mid].Function && !counting[part[0].Text] {
		return true
	}
	return mid == 0 && x == 1 && len(part) == 2 && part[0].Entry.First() == lexicon.Adjective && part[1].Entry.First() == lexicon.Adjective
}

func textOf(words []*reading.Word) (s string) {
	for i, w := range words {
		if i > 0 {
			s += " "
		}
		s += w.Text
	}
	return s
}
