package veto

import (
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// asked holds prompts apart that ask for another thing of the same: when and where, why and
// how, how many and how long, whether and how.
func asked(p *pair) (string, string, bool) {
	if x, y, found := p.either(circumstance); found {
		return x, y, true
	}
	if x, y, found := p.either(asserted); found {
		return x, y, true
	}
	x, y := p.a.question(), p.b.question()
	if x == y || x == "" || y == "" || stands(x, y) || stands(y, x) || !p.minimal() && !(certain[x] && certain[y] && p.close >= 0.8) {
		return "", "", false
	}
	if open[x] && open[y] || x == "where" && y == "how" && p.a.anyone("where") && p.b.anyone("how") ||
		x == "how" && y == "where" && p.a.anyone("how") && p.b.anyone("where") {
		return "", "", false
	}
	return x, y, true
}

// circumstance finds a question for when, where or why against one for who, or for what somebody does: what
// did Nobel invent, and when did he.
func circumstance(p *pair) (string, string, bool) {
	if p.close < 0.9 {
		return "", "", false
	}
	switch x := p.a.question(); x {
	case "when", "where", "why":
		for i := 0; i+1 < len(p.b.words); i++ {
			switch w := &p.b.words[i]; {
			case w.Sentence > 0, w.Text == "can", w.Text == "should", asking[w.Text] && w.Text != "who" && w.Text != "what":
				return "", "", false
			case w.Text == "who" && p.b.words[i+1].Text != "can", w.Text == "what" && x == "when" && p.b.does(i+1):
				return x, w.Text, p.b.question() == "what"
			}
		}
	}
	return "", "", false
}

// asserted finds what is said to be so where it is asked whether it is: the server is down, and is the server down.
func asserted(p *pair) (string, string, bool) {
	if p.close < 0.9 || len(p.a.words) < 3 || len(p.b.words) < 3 || !inverting[p.a.words[0].Text] || p.b.question() != "" || p.b.find(reporting) >= 0 {
		return "", "", false
	}
	for i := 1; i < len(p.b.words) && p.b.words[i].Sentence == 0; i++ {
		if w := &p.b.words[i]; w.Text == p.a.words[0].Text && !strings.HasSuffix(p.b.r.Text, "?") {
			return p.a.text(0, 2), p.b.text(i-1, i+1), true
		}
	}
	return "", "", false
}

// inverting are the verbs that stand first where it is asked whether something is so.
var inverting = reading.Set("is are was were can could will would should has have must")

// reporting are words behind which what is asked may stand as it would be said.
var reporting = reading.Set("if whether know tell ask wonder check explain why how what when where who which")

// does reports whether the word at i is the auxiliary of what somebody does.
func (s *side) does(i int) bool {
	switch s.words[i].Text {
	case "do", "does", "did":
		return i+2 < len(s.words)
	}
	return false
}

// stands reports whether question x may stand for y: whether it can be done for how, and what makes
// it so for why.
func stands(x, y string) bool {
	return x == "any" && loosely[y] || x == "makes" && (open[y] || y == "why")
}

// anyone reports whether the question is what one can do: "where can I find", "how do I get".
func (s *side) anyone(ask string) bool {
	for i := 0; i+2 < len(s.words); i++ {
		if s.words[i].Text == ask {
			who := s.words[i+2].Text
			return (s.words[i+1].Text == "can" || s.words[i+1].Text == "do" || s.words[i+1].Text == "should") && (who == "i" || who == "you" || who == "we" || who == "one")
		}
	}
	return false
}

// certain questions want a certain kind of answer, however they are put.
var certain = map[string]bool{
	"when": true, "where": true, "how much": true, "how long": true, "how often": true, "how far": true,
	"how old": true, "how big": true, "how tall": true, "how high": true, "how fast": true,
}

// open questions can stand for each other: "how do I" and "what is the way to".
var open = reading.Set("what which how who")

// loosely are the questions that one whether there is something, or it can be done, may stand for.
var loosely = reading.Set("is what which how who")

// question is the word that the first question asks with; "is" for those that yes or no
// answers, "any" for those whether there is or can be something, "makes" for what makes it so.
func (s *side) question() string {
	for i := range s.words {
		w := &s.words[i]
		switch w.Text {
		case "what", "which", "who", "whom", "whose":
			switch next := s.at(min(i+1, len(s.words)-1)); next {
			case "time", "year", "date", "day":
				return "when"
			case "place":
				return "where"
			}
			switch {
			case w.Text == "what" && i+1 < len(s.words) && (makes[s.words[i+1].Lemma]):
				return "makes"
			case w.Text == "what" && s.costs(i):
				return "how much"
			case s.moment(i):
				return "when"
			}
			if s.reason(i) {
				return "why"
			}
			return "what"
		case "when", "if":
			if i > 0 && !s.words[i-1].First { // "when you are 22", within another question
				continue
			}
			if w.Text == "if" || !w.First {
				continue
			}
			return "when"
		case "where":
			if i+1 < len(s.words) && s.words[i+1].Text == "is" && s.superlative(i+2) {
				return "what" // where is the best
			}
			return "where"
		case "why":
			return "why"
		case "how":
			switch next := s.at(min(i+1, len(s.words)-1)); next {
			case "many", "much", "long", "often", "far", "old", "big", "tall", "high", "fast":
				if next == "many" {
					next = "much"
				}
				return "how " + next
			case "come":
				return "why"
			}
			if i+1 < len(s.words) && !s.words[i+1].Function && s.words[i+1].Entry.First() == lexicon.Adjective && s.words[i+1].Lemma != "different" { // how difficult is it
				return "is"
			}
			return "how"
		}
		if w.First && begins(w.Text) {
			if i+1 < len(s.words) && s.words[i+1].Text == "there" || s.possible(i) {
				return "any"
			}
			return "is"
		}
	}
	return ""
}

// costs reports whether the question at i is what something costs.
func (s *side) costs(i int) bool {
	last := len(s.words) - 1
	return last > i+2 && s.words[last].Text == "cost" && tenses[s.words[i+1].Text] != ""
}

// moment reports whether the question at i is what the time for something is.
func (s *side) moment(i int) bool {
	if i+1 >= len(s.words) || !s.words[i+1].Function || tenses[s.words[i+1].Text] == "" {
		return false
	}
	j := i + 2
	for ; j < len(s.words) && (article(s.words[j].Text) || s.words[j].Lemma == "good" || s.words[j].Lemma == "right"); j++ {
	}
	return j+1 < len(s.words) && s.words[j].Text == "time" && (s.words[j+1].Text == "to" || s.words[j+1].Text == "for")
}

// superlative reports whether one stands among the few words from i on: the best, one of the best.
func (s *side) superlative(i int) bool {
	for j := i; j < len(s.words) && j < i+4; j++ {
		if s.words[j].Form == reading.Most {
			return true
		}
	}
	return false
}

// makes are verbs behind "what" that ask for a cause, as "why" does.
var makes = reading.Set("make cause give")

// possible reports whether a question is whether something can be done, which is answered by
// how.
func (s *side) possible(i int) bool {
	if s.words[i].Text == "can" || s.words[i].Text == "could" {
		return true
	}
	return i+2 < len(s.words) && s.words[i+1].Text == "it" && s.words[i+2].Lemma == "possible"
}

func (s *side) reason(i int) bool {
	for j := i + 1; j < len(s.words) && j < i+7 && s.words[j].Text != "to"; j++ {
		if l := s.words[j].Lemma; l == "reason" || l == "cause" || l == "purpose" {
			return true
		}
	}
	return false
}
