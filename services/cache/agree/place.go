package agree

import "tollgate.dev/services/cache/reading"

// places are words of which one says where or when something is that the other one rules out, before the same.
var places = [...][2]string{
	{"in", "outside"}, {"inside", "outside"}, {"within", "outside"}, {"into", "outside"}, {"at", "outside"}, {"within", "beyond"},
	{"above", "below"}, {"over", "under"}, {"before", "after"}, {"before", "when"}, {"before", "while"}, {"before", "once"},
	{"before", "during"}, {"after", "during"}, {"after", "while"}, {"after", "until"}, {"with", "without"},
}

// placing are the words of these pairs.
var placing = func() map[string]bool {
	m := map[string]bool{}
	for _, p := range places {
		m[p[0]], m[p[1]] = true, true
	}
	return m
}()

// displaced: one says before a word that the other one has as well where or when, and the other one the
// opposite: in the city, and outside the city.
func (m *matching) displaced() (found bool) {
	x, y := m.x.placed(), m.y.placed()
	for lemma, p := range x {
		q := y[lemma]
		for _, pair := range places {
			for _, w := range [...][2]string{pair, {pair[1], pair[0]}} {
				if p[w[0]] && !p[w[1]] && q[w[1]] && !q[w[0]] {
					return true
				}
			}
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
