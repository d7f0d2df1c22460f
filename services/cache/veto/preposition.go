package veto

import (
	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// prepositions stand between a verb or a noun and what belongs to it.
var prepositions = reading.AllPrepositions("without up down till than besides out versus vs", "unlike past")

// alike are prepositions that say the same: of places and times, of a subject, of a direction, of a
// means.
var alike = [...]map[string]bool{
	reading.Set("in on at within during of inside upon"), reading.Set("about on of"), reading.Set("to into in onto toward towards"),
	reading.Set("by via through"), reading.Set("across through over throughout"), reading.Set("in from among"), reading.Set("near beside"),
	reading.Set("with during"),
}

// belonging are those that say the same behind a noun.
var belonging = reading.Set("of for to about on in")

// told are nouns of what is said, written or shown, which is another thing about somebody than for or to
// him: a song.
var told = reading.Set("book song film movie story poem letter speech talk lecture play novel joke article essay painting picture photo " +
	"documentary email message hymn sonnet toast card post verse")

// subjects are the prepositions before what is told of.
var subjects = reading.Set("of about on")

// bound are words of which it says nothing that another preposition of these stands behind them.
var bound = func() map[string]map[string]bool {
	m := map[string]map[string]bool{}
	for words, set := range map[string]map[string]bool{
		"different differ separate distinct":                  reading.Set("from than to"),
		"good great bad best better expert skilled excellent": reading.Set("at in with"),
		"make build consist compose":                          reading.Set("of from"),
		"cover fill replace surround":                         reading.Set("with by in"),
		"talk speak chat connect relate link compare similar": reading.Set("to with"),
		"work study teach intern":                             reading.Set("at for in"),
		"start begin open":                                    reading.Set("with by from"),
		"buy order purchase get download shop rent":           reading.Set("from at in on off"),
		"suffer die recover":                                  reading.Set("from of with"),
		"think know learn hear dream worry care":              reading.Set("about of over"),
		"tired bored afraid scared proud sick":                reading.Set("of with by"),
		"happy satisfied pleased angry mad upset":             reading.Set("with about at by"),
		"prepare qualify register suitable fit ready":         reading.Set("for to"),
		"cure treat treatment remedy medicine protect":        reading.Set("for against from"),
		"problem issue trouble difficulty wrong":              reading.Set("with of in about for"),
		"experience help support":                             reading.Set("of with in for on"),
		"reason cause":                                        reading.Set("of for behind"),
		"benefit advantage disadvantage risk use point":       reading.Set("of in to for from"),
		"change increase decrease trend interest career":      reading.Set("of in for"),
		"effect impact influence":                             reading.Set("of on from in"),
		"spend invest":                                        reading.Set("on in for"),
	} {
		for w := range reading.Set(words) {
			m[w] = set
		}
	}
	return m
}()

// preposition holds prompts apart that differ in nothing but one: to look for a dog and to look after
// one, by Friday and until Friday, a talk to students and a talk by students, rice with a lid and in one.
// Of those that mean the same in some place either may stand there: good at and in maths.
func preposition(p *pair) (string, string, bool) {
	if x, y, found := p.either(taken); found {
		return x, y, true
	}
	if x, y, found := p.either(aimed); found {
		return x, y, true
	}
	x, y := p.instead()
	if !prepositions[x] || !prepositions[y] {
		return "", "", false
	}
	i, j := p.a.preposition(x), p.b.preposition(y)
	if i < 1 || j < 1 || p.a.allows(i, x, y) || p.b.allows(j, x, y) {
		return "", "", false
	}
	noun := !p.a.predicate(i-1) && !p.b.predicate(j-1) && !(p.a.timed(i) && p.b.timed(j))
	switch {
	case noun && told[p.a.words[i-1].Lemma]:
		if subjects[x] && subjects[y] || p.a.field(i) && p.b.field(j) && belonging[x] && belonging[y] {
			return "", "", false
		}
	case noun && p.a.words[i-1].Entry.Is(lexicon.Noun) && belonging[x] && belonging[y]:
		return "", "", false
	default:
		for _, set := range alike {
			if set[x] && set[y] {
				return "", "", false
			}
		}
	}
	return p.a.text(i-1, i+1), p.b.text(j-1, j+1), true
}

// preposition is where the one stands that a form has, or -1; forms have one for both on and about.
func (s *side) preposition(form string) int {
	if i := s.find(map[string]bool{form: true}); i >= 0 || form != "on" {
		return i
	}
	return s.find(map[string]bool{"about": true})
}

// allows reports whether the word before the preposition at i, or the verb before its object, goes with
// either of two.
func (s *side) allows(i int, x, y string) bool {
	for k := i - 1; k >= 0 && k >= i-3; k-- {
		if set := bound[s.words[k].Lemma]; set[x] && set[y] {
			return true
		}
	}
	return false
}

// allowed reports whether one of two prepositions stands behind what goes with either.
func (p *pair) allowed(x, y string) bool {
	for _, s := range [...]*side{&p.a, &p.b} {
		for i := range s.words {
			if w := s.words[i].Text; (w == x || w == y) && s.allows(i, x, y) {
				return true
			}
		}
	}
	return false
}

// field reports whether a preposition stands before what one studies, not before somebody: a book on
// optimization.
func (s *side) field(i int) bool {
	i = s.next(i)
	return i > 0 && s.words[i].Form != reading.S && !s.words[i].Name() && !s.words[i].Capital && !article(s.words[i-1].Text)
}

// aimed finds a verb whose object here stands behind "at" or "against", and there behind the verb itself: to
// shoot at a bird, and to shoot it.
func aimed(p *pair) (string, string, bool) {
	x := p.more()
	if x != "at" && x != "against" {
		return "", "", false
	}
	i := p.a.find(map[string]bool{x: true})
	if i < 1 || !p.a.predicate(i-1) || p.a.next(i) < 0 || p.a.timed(i) || p.a.to[i-1] < 0 {
		return "", "", false
	}
	return p.a.text(i-1, i+1), p.b.at(int(p.a.to[i-1])), true
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
