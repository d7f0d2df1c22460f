package veto

import "tollgate.dev/services/cache/reading"

var (
	// male, female and plural are pronouns by whom they stand for: another one is about somebody else.
	male   = reading.Set("he him his himself")
	female = reading.Set("she her hers herself")
	plural = reading.Set("they them their theirs themselves")
	// me are pronouns of who asks, and you those of who is asked.
	me  = reading.Set("i me my mine myself")
	you = reading.Set("you your yours yourself")
)

// person holds prompts apart that speak of him and of her, that ask about oneself and about who
// answers, and those in which a pronoun stands for what the other prompt names.
func person(p *pair) (string, string, bool) {
	return p.either(func(p *pair) (string, string, bool) {
		if x, y := p.a.find(male), p.b.find(female); x >= 0 && y >= 0 && p.a.find(female) < 0 && p.b.find(male) < 0 {
			return p.a.at(x), p.b.at(y), true
		}
		if x, y, found := p.mirrored(); found {
			return x, y, true
		}
		if x, y := p.a.third(), p.b.find(me); x >= 0 && y >= 0 && p.a.find(me) < 0 && p.b.third() < 0 && p.near() {
			return p.a.at(x), p.b.at(y), true
		}
		if x := p.a.third(); x >= 0 && p.a.thirds() > p.b.thirds() {
			// The other prompt says a name once more.
			for j := range p.b.words {
				w := &p.b.words[j]
				if (w.Name() || w.Capital || w.Possessive) && p.b.mentions(w.Lemma) > p.a.mentions(w.Lemma) {
					return p.a.at(x), w.Text, true
				}
			}
		}
		if x, y := p.a.addressed(me), p.b.addressed(you); x >= 0 && y >= 0 && p.a.find(you) < 0 && p.b.find(me) < 0 {
			return p.a.at(x), p.b.at(y), true
		}
		if x := p.a.find(you); x >= 0 && p.minimal() && p.edit.you && p.a.times(you) > p.b.times(you) {
			return p.a.at(x), "", true
		}
		if x := p.a.find(you); x >= 0 && p.addresses() && p.b.find(you) < 0 {
			return p.a.at(x), "", true
		}
		if x := p.a.whom(); x >= 0 && p.b.find(you) < 0 && p.near() {
			return p.a.text(x-1, x+1), "", true
		}
		return "", "", false
	})
}

// mirrored finds two persons that have changed places around the same doing: can I trust you, and can you trust me.
func (p *pair) mirrored() (string, string, bool) {
	if p.close < 1 {
		return "", "", false
	}
	a, b := p.a.persons(), p.b.persons()
	if len(a) != 2 || len(b) != 2 {
		return "", "", false
	}
	x, y := p.a.whose(a[0]), p.a.whose(a[1])
	if x == y || x != p.b.whose(b[1]) || y != p.b.whose(b[0]) {
		return "", "", false
	}
	return p.a.text(a[0], a[1]+1), p.b.text(b[0], b[1]+1), true
}

// us are pronouns of who asks and others.
var us = reading.Set("we us our ours ourselves")

// whose is a number for the person that word i stands for, and 0 for a word that is no pronoun.
func (s *side) whose(i int) int {
	for k, set := range [...]map[string]bool{me, you, male, female, plural, us} {
		if set[s.words[i].Text] {
			return k + 1
		}
	}
	return 0
}

// persons are where the side has pronouns of persons.
func (s *side) persons() (at []int) {
	for i := range s.words {
		if s.whose(i) > 0 {
			at = append(at, i)
		}
	}
	return at
}

// whom finds the one who is asked behind a preposition, of whom the question is then: "what
// happened to you", "what does it mean for you".
func (s *side) whom() int {
	for i := 1; i < len(s.words); i++ {
		if s.words[i].Text != "you" {
			continue
		}
		switch s.words[i-1].Text {
		case "to", "for", "with", "from", "about", "at", "by":
			return i
		}
	}
	return -1
}

func (s *side) third() int {
	if i := s.find(male); i >= 0 {
		return i
	}
	return s.find(female)
}

func (s *side) thirds() int {
	n := 0
	for i := range s.words {
		if t := s.words[i].Text; male[t] || female[t] || plural[t] {
			n++
		}
	}
	return n
}

// times is how many of the words the side has.
func (s *side) times(set map[string]bool) int {
	n := 0
	for i := range s.words {
		if set[s.words[i].Text] {
			n++
		}
	}
	return n
}

func (s *side) mentions(lemma string) int {
	n := 0
	for i := range s.words {
		if s.words[i].Lemma == lemma {
			n++
		}
	}
	return n
}

// addressed returns a pronoun of the set that a question is about: "am I", "did you", but not
// "how do I" and "can you", which ask what anyone does.
func (s *side) addressed(set map[string]bool) int {
	for i := 1; i < len(s.words); i++ {
		if !set[s.words[i].Text] {
			continue
		}
		switch s.words[i-1].Text {
		case "am", "are", "is", "was", "were", "did", "had", "have":
			return i
		case "do":
			if i == 1 {
				return i
			}
		}
	}
	return -1
}
