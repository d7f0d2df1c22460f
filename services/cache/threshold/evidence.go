package threshold

import (
	"cmp"
	"fmt"
	"math"
)

// Levels are the thresholds that can be learned, 0.50, 0.51 … 1.00: of these, those from a policy's floor
// on. Their numbers are the same whatever the floor, so that states of all floors can be read.
const (
	levels    = 51
	leastPart = 50 // of 100
)

// level is the threshold of that number; the highest is exactly 1.
func level(k int) float64 { return float64(leastPart+k) / 100 }

// band is the number of the highest level that is at most score; not ok below the lowest, and
// for what is no number.
func band(score float64) (k int, ok bool) {
	if !(score >= level(0)) {
		return 0, false
	}
	k = min(int(score*100)-leastPart, levels-1)
	// A product like 0.57*100 may fall short of, or pass, what it means.
	for k > 0 && level(k) > score {
		k--
	}
	for k < levels-1 && level(k+1) <= score {
		k++
	}
	return k, true
}

// lowestFrom is the number of the lowest level that is at least a floor.
func lowestFrom(floor float64) int {
	k := 0
	for k < levels-1 && level(k) < floor {
		k++
	}
	return k
}

// tally counts answers whose score lay in one band.
type tally struct{ right, wrong uint64 }

// bands counts by band.
type bands [levels]tally

func (b *bands) add(o *bands) {
	for k, t := range o {
		b[k].right += t.right
		b[k].wrong += t.wrong
	}
}

// total of all counts.
func (b *bands) total() (n uint64) {
	for _, t := range b {
		n += t.right + t.wrong
	}
	return n
}

// row is what one replica has counted in the window of that number and in the one before it. Its
// counts only grow until their window is over, so that two versions of a row join by taking the
// larger of each.
type row struct {
	window uint64
	spare  float64 // the replica's account, for its next start
	counts [2]bands
}

// of that window, which is the row's or the one before.
func (r *row) of(window uint64) *bands { return &r.counts[window%2] }

// advance to a window, forgetting those before its predecessor.
func (r *row) advance(to uint64) {
	switch {
	case to <= r.window:
		return
	case to == r.window+1:
		*r.of(to) = bands{}
	default:
		r.counts = [2]bands{}
	}
	r.window = to
}

// later reports whether r was written after o, as far as one can tell; of two that count the
// same, the one with less to spare is taken to be. Both are of the same replica.
func (r *row) later(o *row) bool {
	return cmp.Or(cmp.Compare(r.window, o.window), cmp.Compare(r.total(), o.total()), cmp.Compare(o.spare, r.spare)) > 0
}

// total of both windows' counts.
func (r *row) total() (n uint64) {
	return r.counts[0].total() + r.counts[1].total()
}

// join takes the larger of each count, and the later spare; both are of the same replica.
func (r *row) join(o *row) {
	if o.later(r) {
		r.spare = o.spare
	}
	if o.window > r.window {
		r.advance(o.window)
	}
	for _, w := range [2]uint64{o.window, o.window - 1} {
		if w > r.window || w+1 < r.window {
			continue
		}
		mine, theirs := r.of(w), o.of(w)
		for k := range mine {
			mine[k].right = max(mine[k].right, theirs[k].right)
			mine[k].wrong = max(mine[k].wrong, theirs[k].wrong)
		}
	}
}

// evidence is what all replicas have compared, by window.
type evidence struct {
	first  int // number of the lowest level
	wager  wager
	error  float64 // probability, over all windows
	size   uint64  // of a window, in comparisons
	window uint64  // the current one, from 1
	rows   map[string]*row
}

// windowSize: a level that has half of the comparisons is proven within two windows if its
// wrong rate is below about three quarters of the bound.
func windowSize(bound float64) uint64 { return uint64(math.Ceil(256 / bound)) }

func newEvidence(bound, errorProbability float64, first int) *evidence {
	return &evidence{
		first: first, wager: newWager(bound), error: errorProbability, size: windowSize(bound), window: 1,
		rows: map[string]*row{},
	}
}

// at is the row of a replica, in the current window.
func (e *evidence) at(replica string) *row {
	r, ok := e.rows[replica]
	if !ok {
		r = &row{window: e.window}
		e.rows[replica] = r
	}
	r.advance(e.window)
	return r
}

// count an answer of a decision that was made in that window. What is older than the current
// evidence is left out.
func (e *evidence) count(replica string, window uint64, score float64, wrong bool) {
	k, ok := band(score)
	if !ok || k < e.first || window > e.window || window+1 < e.window {
		return
	}
	t := &e.at(replica).of(window)[k]
	if wrong {
		t.wrong++
	} else {
		t.right++
	}
}

// share of the error probability for the evidence of a window and the one before: the shares
// of all windows there will ever be add up to the whole.
func (e *evidence) share(window uint64) float64 {
	w := float64(window)
	return e.error / (w * (w + 1))
}

// in a window, which is the current one or the last: the counts of all replicas by band.
func (e *evidence) in(window uint64) (all bands) {
	for _, r := range e.rows {
		if window > r.window || window+1 < r.window {
			continue
		}
		all.add(r.of(window))
	}
	return all
}

// part of that share which each level has.
func (e *evidence) part(window uint64) float64 { return e.share(window) / float64(levels-e.first) }

// sum of the last window's and the current window's counts.
func (e *evidence) sum() bands {
	all, current := e.in(e.window-1), e.in(e.window)
	all.add(&current)
	return all
}

// lowest is the lowest proven threshold in whose band an answer was right, [Nothing] if none
// is, and how many comparisons there are. Levels are tested from the strictest on; each has an equal
// part of the error probability, and one that is proven hands what it had to the next lower one (the
// fallback procedure).
func (e *evidence) lowest() (threshold float64, compared uint64) {
	all := e.sum()
	threshold = Nothing
	e.test(all, func(k int, _ tally, _ float64, proven bool) {
		// Such a band adds no right hit today; tomorrow something unknown may lie there.
		if proven && all[k].right > 0 {
			threshold = level(k)
		}
	})
	return threshold, all.total()
}

// test the levels from the strictest on, and tell of each its counts, the error probability (alpha) at
// which it was tested, and whether it is proven.
func (e *evidence) test(all bands, tell func(k int, above tally, alpha float64, proven bool)) {
	part := e.part(e.window)
	handed := 0.0
	e.above(&all, func(k int, above tally) {
		alpha := part + handed
		proven := above.right > 0 && e.wager.logWealth(above.right, above.wrong) >= -math.Log(alpha)
		if handed = 0; proven {
			handed = alpha
		}
		tell(k, above, alpha, proven)
	})
}

// above tells of each level, from the strictest on, the counts of what reaches it.
func (e *evidence) above(counts *bands, tell func(k int, above tally)) {
	var above tally
	for k := levels - 1; k >= e.first; k-- {
		above.right += counts[k].right
		above.wrong += counts[k].wrong
		tell(k, above)
	}
}

// rotate begins a new window when the current one is full; the last one stays until the next. It does so
// earlier where no level is proven and each is closed; and, where the evidence rests, where a level
// has hope, or none has.
func (e *evidence) rotate() {
	current := e.in(e.window)
	switch {
	case current.total() >= e.size:
	case e.rests():
		if !e.hopeful(e.window, &current) && !e.hopeless(e.window, &current) {
			return
		}
	case !e.closed(e.window, &current) || e.proves():
		return
	}
	e.advance(e.window + 1)
}

// proves tells whether any level is proven.
func (e *evidence) proves() (one bool) {
	e.test(e.sum(), func(_ int, _ tally, _ float64, proven bool) { one = one || proven })
	return one
}

// rests tells whether all levels were closed when the last window ended, and no level has had hope since. It
// follows from the counts alone: replicas that know the same agree on it, and one that starts anew does.
func (e *evidence) rests() bool {
	last := e.in(e.window - 1)
	over := e.hopeless
	if last.total() >= e.size {
		over = e.closed
	}
	return over(e.window-1, &last) && !e.proves()
}

// leastClosing is the part of a window, one over it, that it takes to close levels: less says too little
// about the share of comparisons that each gets.
const leastClosing = 16

// closed tells whether no level can be proven by the end of the next window, even if all comparisons to
// come until then are right, of which it gets the share that it has had. A level is given all the error
// probability there is, as if those above it had handed theirs on.
func (e *evidence) closed(window uint64, counts *bands) bool {
	return counts.total() >= e.size/leastClosing && !e.reaches(counts, 2*e.size, -math.Log(e.share(window)))
}

// hopeful tells whether any level has half of what it takes to be proven, as a logarithm.
func (e *evidence) hopeful(window uint64, counts *bands) bool {
	return e.reaches(counts, 0, e.half(window))
}

// hopeless tells whether none could have it after a quarter of a window, from when on it is either. What was
// found while the world was another one must not hide for long that it has changed.
func (e *evidence) hopeless(window uint64, counts *bands) bool {
	return counts.total() >= e.size/leastClosing && !e.reaches(counts, e.size/4, e.half(window))
}

// half of the logarithm that proves a level to which nothing is handed.
func (e *evidence) half(window uint64) float64 { return -math.Log(e.part(window)) / 2 }

// reaches tells whether any level has that wealth, as a logarithm, when there are so many comparisons and
// those to come were all right.
func (e *evidence) reaches(counts *bands, total uint64, wealth float64) (one bool) {
	more := 0.0
	if n := counts.total(); total > n {
		more = float64(total-n) / float64(max(1, n))
	}
	e.above(counts, func(_ int, above tally) {
		right := above.right + uint64(more*float64(above.right+above.wrong))
		one = one || right > 0 && e.wager.logWealth(right, above.wrong) >= wealth
	})
	return one
}

// restart forgets all evidence.
func (e *evidence) restart() { e.advance(e.window + 2) }

func (e *evidence) advance(to uint64) {
	e.window = max(e.window, to)
	for id, r := range e.rows {
		// A replica that has counted nothing for two windows is gone, or will come again.
		if r.window+1 < e.window {
			delete(e.rows, id)
		}
	}
}

// merge rows of other replicas, or of this one before it was started again.
func (e *evidence) merge(rows map[string]*row) error {
	for id := range rows {
		if _, ok := e.rows[id]; !ok && len(e.rows) >= maxRows {
			return fmt.Errorf("more than %d replicas", maxRows)
		}
	}
	for id, theirs := range rows {
		if mine, ok := e.rows[id]; ok {
			mine.join(theirs)
		} else {
			joined := *theirs
			e.rows[id] = &joined
		}
		e.advance(theirs.window)
	}
	return nil
}
