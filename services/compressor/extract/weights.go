package extract

import "strings"

// weights of the measures, in fixed point, as BenchmarkFit fitted them on 29 November 2026 on 300
// questions of NaturalQuestions in English and 250 each of XQuAD in German and Chinese, with 20
// documents each. Nothing of the texts is in them. How texts are split and which words are known has
// changed since, so that BenchmarkFit comes out with others, a little apart; it prints both, with what
// they keep. These stay: by bench the others keep one answer of 800 more, at 0.2, and fewer to second
// questions.
var weights = [features]int64{
	cover:            79,
	related:          2017,
	normalised:       68,
	ofBest:           1283,
	inPassage:        1788,
	inPassageAlone:   1483,
	passageRank:      923,
	passageFirst:     355,
	passageCover:     1692,
	passagePairs:     791,
	titleCover:       650,
	titleAsked:       1735,
	withTitle:        3476,
	pairsCover:       528,
	before:           909,
	after:            457,
	pronoun:          725,
	givesTime:        719,
	givesTimeThere:   791,
	givesName:        1029,
	givesNameThere:   67,
	givesPlace:       69,
	givesAmount:      437,
	givesAmountThere: 791,
	isHeading:        -2273,
	isFirst:          89,
	length:           338,
}

// lengthCost is what a segment's score is lowered by for each doubling of its tokens: what
// is taken is what the tokens buy the most likelihood with. Half of what that would be by the
// model does best, since the budget holds many segments.
const lengthCost = 512

// scoreOf weighs measures.
func scoreOf(w *[features]int64, m *measures) int64 {
	sum := -lengthCost * int64(m[length])
	for i, x := range m {
		sum += w[i] * int64(x)
	}
	return sum / one
}

// score gives the segments their scores.
func (sc *scratch) score(req *Request) {
	e := sc.extremes()
	sc.best = e.segment
	var m measures
	for i := range sc.segments {
		sc.measure(i, e, &m)
		g := &sc.segments[i]
		g.score = scoreOf(&weights, &m)
		if g.label >= 0 && g.role == 0 { // a short sentence of a new document comes with its label
			own := g.tokens + 1
			g.score -= lengthCost * int64(lg(own+sc.segments[sc.labels[g.label].open].tokens)-lg(own)) / (2 * one)
		}
	}
	sc.preferValues(req, 6*one)
}

// preferValues adds to the scores of segments with a value, where one is asked for, and takes from them
// nothing for their length: values are long, and have none of the question's words.
func (sc *scratch) preferValues(req *Request, more int64) {
	if sc.question.kinds&value == 0 {
		return
	}
	for i := range sc.segments {
		if g := &sc.segments[i]; hasValue(req.Texts[g.text].Text[g.start:g.end]) {
			g.score += more + lengthCost*int64(lg(g.tokens+1))/one
		}
	}
}

// hasValue tells whether a text has a long word with what is in paths, addresses, hashes and names
// for machines.
func hasValue(text string) bool {
	const long = 16
	for word := range strings.FieldsSeq(text) {
		if len(word) >= long && strings.ContainsAny(word, "0123456789/\\") {
			return true
		}
	}
	return false
}
