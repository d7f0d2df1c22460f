package extract

// weights of the measures, in fixed point.
var weights = [features]int64{
	cover:            82,
	related:          1997,
	normalised:       41,
	ofBest:           1280,
	inPassage:        1792,
	inPassageAlone:   1485,
	passageRank:      922,
	passageFirst:     348,
	passageCover:     1690,
	passagePairs:     799,
	titleCover:       655,
	titleAsked:       1731,
	withTitle:        3471,
	pairsCover:       553,
	before:           922,
	after:            481,
	pronoun:          737,
	givesTime:        717,
	givesTimeThere:   788,
	givesName:        1024,
	givesNameThere:   72,
	givesPlace:       61,
	givesAmount:      440,
	givesAmountThere: 799,
	isHeading:        -2273,
	isFirst:          102,
	length:           338,
}

// lengthCost is what a segment's score is lowered by for each doubling of its tokens.
var lengthCost int64 = 512

func (sc *scratch) score() {
	e := sc.extremes()
	var f measures
	for i := range sc.segments {
		sc.measure(i, e, &f)
		sum := int64(0)
		for j, w := range weights {
			sum += w * int64(f[j])
		}
		sc.segments[i].score = (sum - lengthCost*int64(f[length])) / one
	}
}
