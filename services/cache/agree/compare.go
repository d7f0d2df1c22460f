package agree

import (
	"slices"
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// compare what two answers assert.
func compare(x, y *said) (bool, Reason) {
	if len(x.words) == 0 || len(y.words) == 0 {
		// Code alone, or nothing that can be read.
		if len(x.blocks) > 0 && len(x.opaque) == 0 && len(y.opaque) == 0 && slices.Equal(x.spans, y.spans) {
			return true, Words
		}
		return false, Unreadable
	}
	if len(x.words) > maxWords || len(y.words) > maxWords || !slices.Equal(set(x.opaque), set(y.opaque)) {
		return false, Unreadable
	}
	if (len(x.opaque) > 0 || len(y.opaque) > 0) && (x.steps > 0 || y.steps > 0) {
		return false, Unreadable // nor is where it stands
	}
	if p, q := x.verdict(), y.verdict(); p*q < 0 {
		return false, Verdict
	}
	if x.refuses() != y.refuses() {
		return false, Verdict
	}
	if !slices.Equal(set(x.signed), set(y.signed)) {
		return false, Numbers
	}
	if value(x, y) || value(y, x) {
		return true, Value
	}
	if !slices.Equal(once(x.spans), once(y.spans)) {
		return false, Code
	}
	if counted(x, y) || !slices.Equal(x.bounds(), y.bounds()) || turnedAround(x, y) {
		return false, Numbers
	}
	if why := reserved(x, y); why != "" {
		return false, why
	}
	m := match(x, y)
	switch {
	case m.names():
		return false, Names
	case m.opposed(), m.displaced():
		return false, Opposites
	case m.negated():
		return false, Negation
	case !m.covered():
		return false, Other
	case m.long():
		return false, Length
	case m.reordered():
		return false, Order
	case m.swapped():
		return false, Swapped
	}
	return true, Words
}

func set(s []string) []string { return slices.Compact(slices.Sorted(slices.Values(s))) }

// once is a list without what was in it before.
func once(s []string) (all []string) {
	for _, one := range s {
		if !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

// counted: one says a number, a date or a sign that the other doesn't. How many there are of
// what follows ("the three colors are") may be left out.
func counted(x, y *said) bool {
	p, spelledX := x.counts()
	q, spelledY := y.counts()
	onlyX, onlyY := without(p, q), without(q, p)
	if len(onlyX) > 0 && len(onlyY) > 0 {
		return true
	}
	return len(without(onlyX, spelledX)) > 0 || len(without(onlyY, spelledY)) > 0
}

// without is what of a isn't in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// beside a number, these say that it isn't just that one.
var beside = map[string]string{
	"about": "~", "around": "~", "roughly": "~", "approximately": "~", "nearly": "~", "almost": "~", "circa": "~",
	"over": ">", "above": ">", "least": ">", "minimum": ">", "exceeding": ">", "beyond": ">",
	"under": "<", "below": "<", "most": "<", "maximum": "<", "to": "<",
}

// bounds are the numbers that are said to be about, more, or less what is meant.
func (s *said) bounds() (all []string) {
	for i := 1; i < len(s.words); i++ {
		w, v := &s.words[i], &s.words[i-1]
		if w.Kind != reading.Number || v.at != w.at {
			continue
		}
		sign := beside[v.Text]
		before := ""
		if i > 1 {
			before = s.words[i-2].Text
		}
		switch v.Text {
		case "least", "most":
			if before != "at" {
				sign = ""
			}
		case "to":
			if before != "up" {
				sign = ""
			}
		case "than":
			switch before {
			case "more", "greater", "higher", "longer", "older", "larger":
				sign = ">"
			case "less", "fewer", "lower", "shorter", "younger", "smaller":
				sign = "<"
			}
		}
		if sign != "" {
			all = append(all, sign+w.Lemma)
		}
	}
	return set(all)
}

// turnedAround: a number that one says something goes from, the other says it goes to.
func turnedAround(x, y *said) bool {
	p, q := x.ends(), y.ends()
	for n, from := range p {
		if to, ok := q[n]; ok && from != "" && to != "" && from != to {
			return true
		}
	}
	return false
}

// ends are the numbers after "from" and the like, "" where a number is after several.
func (s *said) ends() map[string]string {
	all := map[string]string{}
	for i := 1; i < len(s.words); i++ {
		way := s.words[i-1].Text
		if s.words[i].Kind != reading.Number || way != "from" && way != "to" && way != "before" && way != "after" {
			continue
		}
		if was, ok := all[s.words[i].Lemma]; ok && was != way {
			way = ""
		}
		all[s.words[i].Lemma] = way
	}
	return all
}

// numbers, dates and signs that are said, each once, and those of them that are small numbers
// without unit, spelled in letters.
func (s *said) counts() (all, spelled []string) {
	for i := range s.words {
		w := &s.words[i]
		if ordinals[w.Text] && sequel(s.words, i) {
			continue // a step
		}
		switch w.Kind {
		case reading.Number:
			n := strings.TrimSpace(w.Lemma + " " + w.Unit)
			all = append(all, n)
			if w.Unit == "" && len(w.Lemma) == 1 && w.Text[0] > '9' && len(w.Text) > 2 {
				spelled = append(spelled, n)
			}
		case reading.Date:
			all = append(all, w.Lemma)
		case reading.Symbol:
			if strings.ContainsFunc(w.Text, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' }) {
				all = append(all, w.Text)
			}
		case reading.Plain:
			// At the beginning of a sentence its capital tells nothing.
			if n := s.spelled(i); n != "" {
				all, spelled = append(all, n), append(spelled, n)
			}
			if reading.Month(w.Lemma) && i+1 < len(s.words) && s.words[i+1].Kind == reading.Number {
				all = append(all, w.Lemma)
			}
		}
	}
	return set(all), spelled
}

var (
	// affirm are words by which an answer says yes: against one of deny they make another verdict.
	affirm = reading.Set("yes yeah yep true correct right sure valid absolutely definitely indeed")
	// deny are those by which it says no.
	deny = reading.Set("no nope false incorrect wrong invalid")
)

// verdict is 1 where an answer begins by affirming or says that something is true, -1 where it
// denies, and 0 where it does neither.
func (s *said) verdict() int {
	for i := range s.words {
		w := &s.words[i]
		if w.at > 1 || i > 7 {
			break
		}
		sign := 0
		switch {
		case affirm[w.Text]:
			sign = 1
		case deny[w.Text]:
			sign = -1
		}
		if sign == 0 {
			continue
		}
		// "Yes" alone or before a break; "is true" at the end.
		last := i+1 == len(s.words) || s.words[i+1].at > w.at || s.words[i+1].Break
		if (i == 0 || i > 0 && s.words[i-1].Lemma == "be" || last) && last {
			if w.negation > 0 {
				return -sign
			}
			return sign
		}
	}
	return 0
}

// refuses reports whether an answer begins as a refusal does.
func (s *said) refuses() bool {
	first := ""
	for i := range s.words {
		if s.words[i].at > 2 || i > 24 {
			break
		}
		first += s.words[i].Text + " "
	}
	if strings.Contains(first, "as an ai ") {
		return true
	}
	for _, who := range []string{"i can not ", "i cannot ", "i am unable ", "i am not able ", "i will not ", "i do not have ", "i do not know "} {
		if strings.Contains(first, who) {
			return true
		}
	}
	return false
}

// items reports whether all that is said is a list of short items.
func (s *said) items() bool {
	perLine := map[int]int{}
	for i := range s.words {
		perLine[s.words[i].line]++
		if perLine[s.words[i].line] > 3 {
			return false
		}
	}
	return len(perLine) > 1 && len(s.words) <= 24
}

// matching pairs each word of content with one that says the same.
type matching struct {
	x, y   *said
	to, of []int // the other's word, or -1
}

func match(x, y *said) *matching {
	m := &matching{x: x, y: y, to: partners(x, y), of: partners(y, x)}
	return m
}

// partners of s's words in o: the same lemma first, then a synonym or a relative; -1 without.
func partners(s, o *said) []int {
	to := make([]int, len(s.words))
	own := map[string]bool{}
	for i := range s.words {
		own[s.words[i].Lemma] = true
	}
	byLemma := map[string]int{}
	for j := range o.words {
		if _, ok := byLemma[o.words[j].Lemma]; !ok {
			byLemma[o.words[j].Lemma] = j
		}
	}
	for i := range s.words {
		w := &s.words[i]
		to[i] = -1
		if j, ok := byLemma[w.Lemma]; ok {
			to[i] = j
			continue
		}
		if !content(&w.Word) || w.Entry == 0 {
			continue
		}
		for j := range o.words {
			v := &o.words[j]
			// A noun stands for another one only where that is not said as well.
			if v.Entry != 0 && content(&v.Word) && !(own[v.Lemma] && noun(w)) && alike(w, v) {
				to[i] = j
				break
			}
		}
	}
	return to
}

// alike reports whether two words mean the same or are of one family, and are no opposites.
func alike(w, v *word) bool {
	if reading.Opposites(&w.Word, &v.Word) {
		return false
	}
	if w.name != v.name && (w.name || v.name) && !lexicon.Kin(w.Entry, v.Entry) && !lexicon.Kin(v.Entry, w.Entry) {
		return false
	}
	if f := families[w.Lemma]; f != 0 && f == families[v.Lemma] {
		return true
	}
	if stem(w.Text) == stem(v.Text) {
		return true
	}
	return lexicon.Synonyms(w.Entry, v.Entry) || lexicon.Kin(w.Entry, v.Entry) || lexicon.Kin(v.Entry, w.Entry)
}

// families of words in which the same is said, by their number.
var families = func() map[string]int {
	m := map[string]int{}
	for i, f := range []string{
		"long length", "tall high height", "wide width", "deep depth", "old age", "cost price fee charge", "start begin commence",
		"end finish", "occur happen", "big large", "entire whole complete", "fast quick quickly rapidly", "job work", "buy purchase",
		"reduce lower decrease cut", "increase raise rise grow", "keep store", "locate lie situate", "visible see", "convert turn transform", "shut close", "show display", "choose pick select", "press click", "person people",
	} {
		for _, w := range strings.Fields(f) {
			m[w] = i + 1
		}
	}
	return m
}()

// stem of a word whose inflection the lexicon takes for a word of its own, as "governed".
func stem(s string) string {
	for _, end := range []string{"ing", "ed", "es", "s", "e"} {
		if t, ok := strings.CutSuffix(s, end); ok && len(t) > 3 {
			return t
		}
	}
	return s
}

// sides calls f for each side.
func (m *matching) sides(f func(s, o *said, to []int)) {
	f(m.x, m.y, m.to)
	f(m.y, m.x, m.of)
}

// names: one answer names what the other doesn't.
func (m *matching) names() (found bool) {
	m.sides(func(s, _ *said, to []int) {
		for i := range s.words {
			w := &s.words[i]
			if to[i] < 0 && w.name && w.Kind == reading.Plain {
				found = true
			}
		}
	})
	return found
}

// rivals are words of grammar that turn what is said around.
var rivals = [][2]string{
	{"before", "after"}, {"all", "some"}, {"all", "none"}, {"every", "some"}, {"more", "less"}, {"most", "least"}, {"many", "few"},
	{"above", "below"}, {"over", "under"}, {"always", "never"}, {"always", "sometimes"}, {"often", "rarely"}, {"with", "without"},
	{"must", "may"}, {"up", "down"}, {"into", "out"}, {"inside", "outside"}, {"until", "from"}, {"all", "most"}, {"and", "or"},
	{"he", "she"}, {"on", "off"}, {"left", "right"}, {"once", "unless"},
	{"if", "unless"}, {"because", "although"}, {"since", "although"}, {"when", "unless"}, {"most", "few"}, {"most", "some"}, {"many", "some"}, {"all", "few"}, {"first", "last"},
	{"new", "existing"}, {"same", "different"}, {"only", "also"}, {"minimum", "maximum"}, {"internal", "external"},
}

// opposed: one says a word whose opposite the other says, and not the word itself.
func (m *matching) opposed() (found bool) {
	m.sides(func(s, o *said, to []int) {
		said, others := s.texts(), o.texts()
		for _, r := range rivals {
			for _, p := range [][2]string{r, {r[1], r[0]}} {
				if said[p[0]] && !said[p[1]] && others[p[1]] && !others[p[0]] {
					found = true
				}
			}
		}
		for i := range s.words {
			w := &s.words[i]
			if to[i] >= 0 || !content(&w.Word) || w.negation > 0 {
				continue
			}
			for j := range o.words {
				v := &o.words[j]
				if v.negation == 0 && reading.Opposites(&w.Word, &v.Word) && !said[v.Text] {
					found = true
				}
			}
		}
	})
	return found
}

func (s *said) texts() map[string]bool {
	t := make(map[string]bool, len(s.words))
	for i := range s.words {
		t[s.words[i].Text] = true
	}
	return t
}

// negated: what one denies the other doesn't. A denial says the same as others that share half of
// its words, or as the opposite.
func (m *matching) negated() (found bool) {
	m.sides(func(s, o *said, _ []int) {
		type denial struct{ words, shared, heavy int }
		denials := make([]denial, s.negations+1)
		for i := range s.words {
			w := &s.words[i]
			if w.negation == 0 {
				continue
			}
			d := &denials[w.negation]
			d.words++
			if !light[w.Lemma] {
				d.heavy++
			}
			if slices.ContainsFunc(o.words, func(v word) bool {
				switch {
				case v.Lemma == w.Lemma || w.Entry != 0 && v.Entry != 0 && alike(w, &v):
					return v.negation > 0
				case reading.Opposites(&w.Word, &v.Word):
					return v.negation == 0
				}
				return false
			}) {
				d.shared++
			}
		}
		for _, d := range denials {
			found = found || d.heavy > 0 && 2*d.shared < d.words
		}
		if s.denials() != o.denials() && !opposites(s, o) {
			found = true
		}
	})
	return found
}

// opposites reports whether one says a word whose opposite the other says.
func opposites(s, o *said) bool {
	said, others := s.texts(), o.texts()
	for i := range s.words {
		for j := range o.words {
			w, v := &s.words[i], &o.words[j]
			if (w.negation > 0) != (v.negation > 0) && reading.Opposites(&w.Word, &v.Word) && !others[w.Text] && !said[v.Text] {
				return true
			}
		}
	}
	return false
}

// denials counts the clauses with a negation that isn't the answer's verdict.
func (s *said) denials() (n int) {
	for i := range s.words {
		if w := &s.words[i]; negators[w.Text] && !(w.Text == "no" && w.First && i+1 < len(s.words) && (s.words[i+1].Break || s.words[i+1].at != w.at)) {
			n++
		}
	}
	return n
}

func noun(w *word) bool {
	return w.Entry == 0 || w.Entry.First() == lexicon.Noun || w.Entry.First() == 0
}

// loose words of content are those without a partner; of leads, in what leads to a list.
type loose struct{ nouns, verbs, others, leads, all int }

// heavy counts the words of content without a partner.
func heavy(s *said, to []int) (n loose) {
	seen := map[string]bool{}
	for i := range s.words {
		w := &s.words[i]
		if !content(&w.Word) || light[w.Lemma] || w.Kind != reading.Plain || seen[w.Lemma] {
			continue
		}
		seen[w.Lemma] = true
		n.all++
		switch {
		case to[i] >= 0:
		case w.lead:
			n.leads++
		case noun(w):
			n.nouns++
		case w.Entry.First() == lexicon.Verb:
			n.verbs++
		default:
			n.others++
		}
	}
	return n
}

// covered: nearly every word of each has a partner in the other, and none may have been
// replaced by another. What leads to a list may be missing in the other, not be another.
func (m *matching) covered() bool {
	x, y := heavy(m.x, m.to), heavy(m.y, m.of)
	if x.nouns+x.leads > 0 && y.nouns+y.leads > 0 {
		return false
	}
	more := func(n loose) bool { return n.nouns+n.verbs+n.others > 0 }
	return x.few() && y.few() && !(more(x) && more(y))
}

// few: nearly all words have a partner. In a short answer each noun is what it says, and each adjective.
func (n loose) few() bool {
	free := n.nouns + n.verbs + n.others
	return n.nouns <= n.all/10 && n.others <= (n.all+1)/6 && (free == 0 || free <= max(1, n.all/6) && n.all >= 3)
}

// long: one says so much more than the other that something more is said.
func (m *matching) long() bool {
	x, y := heavy(m.x, m.to).all, heavy(m.y, m.of).all
	return 2*min(x, y) < max(x, y)
}
