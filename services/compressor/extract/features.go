package extract

import "math/bits"

// one is 1.0 in the fixed-point numbers of scores: integers, so that every machine makes the
// same of the same.
const one = 1 << 10

// lg is the binary logarithm of x in fixed point, linear between powers of two; 0 for x < 1.
func lg(x int) int {
	if x < 1 {
		return 0
	}
	n := bits.Len(uint(x)) - 1
	return n*one + ((x-1<<n)<<10)>>n
}

// What is known of a segment, each as a part of one. "Cover" is which part of the question's
// weight is found.
const (
	cover            = iota // cover of the segment itself
	related                 // of words that only begin as the question's do
	normalised              // cover by BM25's measure of length
	ofBest                  // cover, over the best segment's
	inPassage               // the passage's score, over the best passage's
	inPassageAlone          // the passage's score, over the question's weight
	passageRank             // one over the passage's rank
	passageFirst            // the passage is the best one
	passageCover            // cover of passage and title
	passagePairs            // cover by pairs of the passage
	titleCover              // cover of the title
	titleAsked              // which part of the title the question has
	withTitle               // cover of segment and title
	pairsCover              // cover by pairs of terms that stand together as in the question
	before                  // cover of the segment before
	after                   // and of the one behind
	pronoun                 // cover of the segment before, where the segment refers to it
	givesTime               // there is a date, and one is asked for
	givesTimeThere          // the same, by the passage's score
	givesName               // there are names that are not the question's, and one is asked for
	givesNameThere          //
	givesPlace              // the same for places
	givesAmount             // there is an amount, and one is asked for
	givesAmountThere        //
	isHeading               //
	isFirst                 // it is the first one of its passage, after the heading
	length                  // logarithm of its tokens
	features
)

// measures are the features of one segment.
type measures [features]int32

func fixed(b bool) int {
	if b {
		return one
	}
	return 0
}

// extremes are what the measures of segments are relative to.
type extremes struct {
	passage, segment, words int
}

func (sc *scratch) extremes() extremes {
	e := extremes{passage: 1, segment: 1}
	for i := range sc.passages {
		e.passage = max(e.passage, sc.passages[i].score)
	}
	n := 0
	for i := range sc.segments {
		g := &sc.segments[i]
		if g.role == 0 {
			n++
		}
		e.words += g.words
		e.segment = max(e.segment, sc.sum(g.mask))
	}
	e.words = max(e.words/max(n, 1), 1)
	return e
}

// measure measures a segment.
func (sc *scratch) measure(i int, e extremes, f *measures) {
	g := &sc.segments[i]
	p := &sc.passages[g.passage]
	part := func(weight int) int32 { return int32(min(weight*one/sc.unit, 8*one)) } //nolint:gosec // bounded
	*f = measures{}
	own := sc.sum(g.mask)
	f[cover] = part(own)
	f[related] = part(sc.sum(g.fuzzy &^ g.mask))
	f[normalised] = part(own * 22 * e.words / (10*e.words + 6*e.words + 6*g.words))
	f[ofBest] = int32(own * one / e.segment)                           //nolint:gosec // up to one
	f[inPassage] = int32(p.score * one / e.passage)                    //nolint:gosec // up to one
	f[inPassageAlone] = min(part(p.score), 4*one)                      //
	f[passageRank] = int32(one / (1 + p.rank))                         //nolint:gosec // up to one
	f[passageFirst] = int32(fixed(p.rank == 0))                        //nolint:gosec // up to one
	f[passagePairs] = part(sc.sum(p.pairs))                            //
	f[pairsCover] = part(sc.sum(g.pairs))                              //
	f[isHeading] = int32(fixed(g.heading))                             //nolint:gosec // up to one
	f[length] = int32(lg(g.tokens + 1))                                //nolint:gosec // a logarithm
	f[isFirst] = int32(fixed(i == p.from || sc.segments[i-1].heading)) //nolint:gosec // up to one
	var title uint64
	if p.title >= 0 {
		t := &sc.segments[p.title]
		title = t.mask
		f[titleCover] = part(sc.sum(title))
		f[titleAsked] = int32(min(bits.OnesCount64(title)*one/max(t.words, 1), one)) //nolint:gosec // up to one
	}
	f[withTitle] = part(sc.sum(g.mask | title))
	f[passageCover] = part(sc.sum(p.mask | title))
	if i > p.from {
		f[before] = part(sc.sum(sc.segments[i-1].mask))
		if g.refers {
			f[pronoun] = f[before]
		}
	}
	if i+1 < p.to {
		f[after] = part(sc.sum(sc.segments[i+1].mask))
	}
	sc.answers(g, f)
}

// answers measures whether a segment has what the question asks for.
func (sc *scratch) answers(g *segment, f *measures) {
	there := func(x int32) int32 { return x * f[inPassage] / one }
	kinds := sc.question.kinds
	names := int32(min(g.names, 4)) * one / 4 //nolint:gosec // up to one
	if kinds&when != 0 {
		f[givesTime] = int32(fixed(g.gives&when != 0) + fixed(g.gives&amount != 0)/2) //nolint:gosec // small
		f[givesTimeThere] = there(f[givesTime])
	}
	if kinds&who != 0 {
		f[givesName] = names
		f[givesNameThere] = there(names)
	}
	if kinds&where != 0 {
		f[givesPlace] = names
	}
	if kinds&amount != 0 {
		f[givesAmount] = int32(fixed(g.gives&amount != 0)) //nolint:gosec // up to one
		f[givesAmountThere] = there(f[givesAmount])
	}
}
