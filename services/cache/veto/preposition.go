package veto

import "tollgate.dev/services/cache/reading"

// prepositions stand between a verb or a noun and what belongs to it.
var prepositions = reading.Set("of in on at by for with about against between into to from over under since until within " +
	"through during after before as like via near")

// alike are prepositions that say the same: of places and times, of a subject, of a direction, of a
// means.
var alike = [...]map[string]bool{
	reading.Set("in on at within during of near"), reading.Set("about on of"), reading.Set("to into in"), reading.Set("with by via through"),
}

// belonging are those that say the same behind a noun.
var belonging = reading.Set("of for to about on")

// preposition holds prompts apart that differ in nothing but one, where it makes another thing of
// what it belongs to: behind a verb, to look for a dog and to look after one; before a number or a
// date, by Friday and until Friday; and behind a noun where one of them says who does it, a talk to
// students and a talk by students. With, before, after and between the same are never the same.
func preposition(p *pair) (string, string, bool) {
	if x, y, found := p.either(taken); found {
		return x, y, true
	}
	x, y := p.instead()
	if !prepositions[x] || !prepositions[y] {
		return "", "", false
	}
	for _, set := range alike {
		if set[x] && set[y] {
			return "", "", false
		}
	}
	i, j := p.a.find(map[string]bool{x: true}), p.b.find(map[string]bool{y: true})
	if i < 1 || j < 1 {
		return "", "", false
	}
	verb := p.a.predicate(i-1) || p.b.predicate(j-1)
	if verb || x == "by" || y == "by" || p.a.timed(i) && p.b.timed(j) && !(belonging[x] && belonging[y]) {
		return p.a.text(i-1, i+1), p.b.text(j-1, j+1), true
	}
	return "", "", false
}

// moments are prepositions that say when something is taken or done, other than along with the
// same; before and after are opposites besides.
var moments = [...]string{"before", "after", "between"}

// taken finds two of which one says along with what something is taken or done, and the other
// before, after or between what; or between and before or after what.
func taken(p *pair) (string, string, bool) {
	for _, x := range [...]string{"with", "during", "between"} {
		for _, y := range moments {
			if x == y || p.a.count(x) <= p.b.count(x) || p.a.count(y) >= p.b.count(y) || !p.lead(x, y) || p.a.joins() || p.b.joins() {
				continue
			}
			return x, y, true
		}
	}
	return "", "", false
}

// joins reports whether "between" stands before two, or a difference is asked for: it's no time.
func (s *side) joins() bool {
	if s.lemma("difference") >= 0 {
		return true
	}
	i := s.lemma("between")
	if i < 0 {
		return false
	}
	i = s.next(i) + 1
	return i > 0 && i < len(s.words) && s.words[i].Text == "and"
}

// timed reports whether the preposition at i stands before a number or a date.
func (s *side) timed(i int) bool {
	for i++; i < len(s.words) && article(s.words[i].Text); i++ {
	}
	return i < len(s.words) && (s.words[i].Kind == reading.Number || s.words[i].Kind == reading.Date)
}

// predicate reports whether word i is a verb and no noun of the same spelling behind an article.
func (s *side) predicate(i int) bool {
	return isVerb(&s.words[i]) && (i == 0 || !article(s.words[i-1].Text))
}
