package veto

import "tollgate.dev/services/cache/reading"

// tenses and moods of auxiliaries.
var tenses = map[string]string{
	"do": "now", "does": "now", "is": "now", "are": "now", "am": "now", "has": "now", "have": "now",
	"did": "past", "was": "past", "were": "past", "had": "past",
	"will": "will", "shall": "will", "would": "would", "can": "can", "could": "can", "may": "may", "might": "may",
	"should": "should", "must": "must", "ought": "should",
}

var may, ought = reading.Set("can may"), reading.Set("should must")

// asking are words that a question with an auxiliary behind them begins with.
var asking = reading.Set("what which who when where why how")

// tense holds prompts apart that ask about another time, or whether something can, should or
// must be. What one can and should do comes to the same when the question is how, but not what a child can and should eat.
func tense(p *pair) (string, string, bool) {
	if x, y, found := p.either(supposed); found {
		return x, y, true
	}
	if !p.minimal() {
		return "", "", false
	}
	if x, y, found := p.either(allowing); found {
		return x, y, true
	}
	i, j := p.a.auxiliary(), p.b.auxiliary()
	if i < 0 || j < 0 {
		return "", "", false
	}
	x, y := p.a.mood(i), p.b.mood(j)
	if x == y {
		return "", "", false
	}
	q, r := p.a.question(), p.b.question()
	if q == "any" {
		q = "is"
	}
	if r == "any" {
		r = "is"
	}
	if q != r {
		return "", "", false
	}
	if q == "why" && (x == "should" && y == "would" || x == "would" && y == "should") {
		return "", "", false
	}
	if q != "is" {
		past := x == "past" || y == "past"
		free := q == "when" && may[x] != may[y] || q == "where" && ought[x] != ought[y] // when one can, and when one should
		if !past && !free && q != "why" && !p.permitted(i, j) {
			return "", "", false
		}
	}
	return p.a.at(i), p.b.at(j), true
}

// modals are the auxiliaries of what is allowed, advised and due, by kind. Will and would are none: what happens will happen.
var modals = map[string]string{"can": "can", "could": "can", "may": "can", "might": "can", "should": "should", "must": "must"}

// permitted reports whether the auxiliaries at i and j are about what is allowed, advised or due to the same one, and not both to
// the same degree.
func (p *pair) permitted(i, j int) bool {
	x, y := p.a.words[i].Text, p.b.words[j].Text
	switch {
	case modals[x] == modals[y], perfect[x], perfect[y]:
		return false
	case p.a.anybody(i) || p.b.anybody(j):
		return p.a.anybody(i) && p.b.anybody(j) && (modals[x] == "must" && modals[y] == "can" || modals[x] == "can" && modals[y] == "must")
	}
	return true
}

// perfect are auxiliaries of what is done by now.
var perfect = reading.Set("have has")

// allowing finds a question who or which can, should or must do something, where the other asks who does.
func allowing(p *pair) (string, string, bool) {
	x := p.more()
	if modals[x] == "" || p.b.auxiliary() >= 0 || p.b.question() != "what" || p.a.question() != "what" {
		return "", "", false
	}
	i := p.a.auxiliary()
	return x, "", i >= 0 && p.a.at(i) == x && !p.a.anybody(i)
}

// anybody reports whether what the auxiliary at i asks about is anybody, so that what one can and should do comes to the same.
func (s *side) anybody(i int) bool {
	if i++; i < len(s.words) && s.words[i].Text == "not" {
		i++
	}
	if i >= len(s.words) {
		return true
	}
	switch s.words[i].Text {
	case "i", "you", "we", "one", "someone", "somebody", "anyone", "anybody", "people", "be", "there":
		return true
	}
	return false
}

// supposed finds a question whether something could or would have been, against whether it was.
func supposed(p *pair) (string, string, bool) {
	i, j := p.a.auxiliary(), p.b.auxiliary()
	if p.close < 0.9 || i < 0 || j < 0 || p.b.words[j].Text != "did" || p.a.question() == "why" {
		return "", "", false
	}
	switch p.a.words[i].Text {
	case "could", "would", "should", "might":
	default:
		return "", "", false
	}
	return p.a.at(i), p.b.at(j), p.a.lemma("have") > i
}

// mood is that of the auxiliary at i. "Is it possible" asks what "can" asks.
func (s *side) mood(i int) string {
	if i+2 < len(s.words) && s.words[i+1].Text == "it" && s.words[i+2].Lemma == "possible" {
		return "can"
	}
	// "Could you" is polite; could he is another time than can he.
	if s.words[i].Text == "could" && i+1 < len(s.words) && s.words[i+1].Name() {
		return "could"
	}
	return tenses[s.words[i].Text]
}

// auxiliary is the first of the first sentence, behind the word that it asks with: what stands
// before that is politeness.
func (s *side) auxiliary() int {
	from := 0
	for i := range s.words {
		if asking[s.words[i].Text] && s.words[i].Sentence == 0 {
			from = i
			break
		}
	}
	for i := from; i < len(s.words); i++ {
		if s.words[i].Sentence > 0 {
			return -1
		}
		if s.words[i].Function && tenses[s.words[i].Text] != "" {
			return i
		}
	}
	return -1
}
