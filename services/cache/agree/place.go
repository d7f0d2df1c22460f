package agree

import (
	"maps"

	"tollgate.dev/services/cache/reading"
)

// places are lists of words that say where or when something is, of which each rules out those of the others beside it,
// before the same: in the city, outside it, and behind it.
var places = func() (all [][]map[string]bool) {
	for _, group := range [...][]string{
		{"in inside within into at", "outside beyond", "behind", "beside"},
		{"above over", "below under beneath underneath"},
		{"before until", "after", "during while"},
		{"before", "when whenever once as while during", "beyond behind"},
		{"within", "after"},
		{"with", "without"},
	} {
		var sets []map[string]bool
		for _, words := range group {
			sets = append(sets, reading.Set(words))
		}
		all = append(all, sets)
	}
	return all
}()

// placing are the words of these lists.
var placing = func() map[string]bool {
	m := map[string]bool{}
	for _, group := range places {
		for _, words := range group {
			maps.Copy(m, words)
		}
	}
	return m
}()

// displaced: one says before a word that the other one has as well where or when, and the other one the
// opposite: in the city, and outside the city.
func (m *matching) displaced() bool {
	x, y := m.x.placed(), m.y.placed()
	for lemma, p := range x {
		for _, group := range places {
			for i, one := range group {
				for k, other := range group {
					if i != k && meet(p, one) && !meet(p, other) && meet(y[lemma], other) && !meet(y[lemma], one) {
						return true
					}
				}
			}
		}
	}
	return false
}

// meet reports whether two sets have a word in common.
func meet(a, b map[string]bool) bool {
	for w := range a {
		if b[w] {
			return true
		}
	}
	return false
}

// placed tells for each lemma which words stand before it that say where or when.
func (s *said) placed() map[string]map[string]bool {
	all := map[string]map[string]bool{}
	for i := range s.words {
		if !placing[s.words[i].Text] {
			continue
		}
		for k := i + 1; k < len(s.words) && s.words[k].at == s.words[i].at && !placing[s.words[k].Text]; k++ {
			w := &s.words[k]
			if !content(&w.Word) {
				continue
			}
			if all[w.Lemma] == nil {
				all[w.Lemma] = map[string]bool{}
			}
			all[w.Lemma][s.words[i].Text] = true
			break
		}
	}
	return all
}

// often are adverbs of how often something is.
var often = map[string]string{"once": "1", "twice": "2", "thrice": "3"}

// spelled is the number that word i stands for without being read as one: one, where it is no pronoun, and
// twice a day.
func (s *said) spelled(i int) string {
	w := &s.words[i]
	after := ""
	if i+1 < len(s.words) && s.words[i+1].at == w.at {
		after = s.words[i+1].Text
	}
	before := ""
	if i > 0 && s.words[i-1].at == w.at {
		before = s.words[i-1].Text
	}
	switch {
	case w.Kind != reading.Plain:
		return ""
	case w.Text == "one":
		if after == "of" || after == "another" || after == "should" || after == "can" || after == "is" ||
			before == "no" || before == "this" || before == "that" || before == "which" || before == "the" || before == "each" || before == "every" {
			return ""
		}
		return "1"
	case after == "" || after == "a" || after == "an" || after == "per" || after == "every" || after == "each":
		return often[w.Text]
	}
	return ""
}
