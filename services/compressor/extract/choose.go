package extract

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"tollgate.dev/platform/tokens"
)

// orderSegments puts the segments that may be left out in the order in which they are taken: by score.
func (sc *scratch) orderSegments() {
	sc.order = sc.order[:0]
	for i := range sc.segments {
		if !sc.segments[i].keep && sc.segments[i].role == 0 {
			sc.order = append(sc.order, i)
		}
	}
	slices.SortFunc(sc.order, func(a, b int) int {
		if c := cmp.Compare(sc.segments[b].score, sc.segments[a].score); c != 0 {
			return c
		}
		return a - b
	})
}

// take takes the segments that must stay, then each of the others, in their order, that the
// budget still has room for. With a gap comes a mark, and where two gaps become one, or a
// gap is filled, a mark goes.
func (sc *scratch) take(budget int64) {
	used := int64(0)
	for i := range sc.labels {
		sc.labels[i].kept = 0
	}
	for i := range sc.segments {
		sc.segments[i].kept = false
		if i == 0 || sc.segments[i].text != sc.segments[i-1].text {
			used += markTokens // of the text that is left out whole, so far
		}
	}
	for i := range sc.segments {
		if sc.segments[i].keep {
			used += sc.cost(i)
			sc.keepSegment(i)
		}
	}
	sc.add(budget - used)
}

// maxLeft is the part of a budget that may be left over, as its denominator.
const maxLeft = 50

// exchange makes use of what is left over: it exchanges one of the last quarter of those
// that were taken for one that was too long, so that the least is left, and tells whether
// that was possible.
func (sc *scratch) exchange(left int64) (exchanged bool) {
	const last = 12
	var taken [last]int
	n, all := 0, 0
	for at := len(sc.order) - 1; at >= 0; at-- {
		if i := sc.order[at]; sc.segments[i].kept && !sc.holds(i) {
			if all++; n < last {
				taken[n] = i
				n++
			}
		}
	}
	out, in, best := -1, -1, int64(0)
	for _, i := range taken[:min(n, all/4)] {
		sc.dropSegment(i)
		back := sc.cost(i)
		for _, j := range sc.order {
			if g := &sc.segments[j]; g.kept || j == i {
				continue
			}
			if more := sc.cost(j) - back; more > best && more <= left {
				out, in, best = i, j, more
			}
		}
		sc.keepSegment(i)
	}
	if out >= 0 {
		sc.dropSegment(out)
		sc.keepSegment(in)
	}
	return out >= 0
}

// cost is by how many tokens the result grows when the segment stays.
func (sc *scratch) cost(i int) int64 {
	g := &sc.segments[i]
	marks := int64(-1)
	if i > 0 && sc.segments[i-1].text == g.text && !sc.segments[i-1].kept {
		marks++
	}
	if i+1 < len(sc.segments) && sc.segments[i+1].text == g.text && !sc.segments[i+1].kept {
		marks++
	}
	return int64(g.tokens) + marks*markTokens + sc.labelCost(i)
}

// fill takes as much as the budget allows, exactly. What segments and marks cost one by one
// may be off a token here and there from what they cost together, so the result is counted:
// while it is too much, with a lower aim, and then with more segments while there is room.
func (s *Selector) fill(ctx context.Context, sc *scratch, req *Request) (Result, error) {
	sc.orderSegments()
	var best Result
	for aim, round := req.Budget, 0; ; round++ {
		if err := sc.fitEstimate(ctx, aim); err != nil {
			return Result{}, err
		}
		res, err := sc.render(ctx, s.counter, req)
		if err != nil {
			return Result{}, err
		}
		over := res.Tokens - req.Budget
		if over <= 0 || sc.onlyRequired() {
			best = res
			break
		}
		if aim -= over; round > 2 { // marks of more tokens than one, in another encoding
			aim -= aim/8 + 1
		}
	}
	if sc.nothingStays(req) {
		return s.keepBest(ctx, sc, req)
	}
	const rounds = 6
	room := req.Budget - best.Tokens
	for round := 0; round < rounds && room*maxLeft > req.Budget; round++ {
		sc.save()
		if !sc.add(room) && !sc.exchange(room) {
			break
		}
		res, err := sc.render(ctx, s.counter, req)
		if err != nil {
			return Result{}, err
		}
		if over := res.Tokens - req.Budget; over > 0 {
			sc.restore()
			room -= over + room/32 // what is tried next is cheaper
			continue
		}
		if res.Tokens > best.Tokens {
			best = res
		}
		room = req.Budget - res.Tokens
	}
	return best, nil
}

// nothingStays tells whether all that is left is marks, and headings of what is not there.
func (sc *scratch) nothingStays(req *Request) bool {
	for i := range sc.segments {
		if g := &sc.segments[i]; g.kept && g.role == 0 && !g.heading && strings.TrimSpace(req.Texts[g.text].Text[g.start:g.end]) != "" {
			return false
		}
	}
	return true
}

// keepBest keeps the best segment where the budget has room for none, since a mark by itself says
// nothing. What it does not make shorter stays as it is.
func (s *Selector) keepBest(ctx context.Context, sc *scratch, req *Request) (Result, error) {
	for _, i := range sc.order {
		if g := &sc.segments[i]; !g.kept && !g.heading && strings.TrimSpace(req.Texts[g.text].Text[g.start:g.end]) != "" {
			sc.keepSegment(i)
			break
		}
	}
	res, err := sc.render(ctx, s.counter, req)
	if err != nil || res.Tokens >= res.Original {
		return sc.unchanged(req), err
	}
	return res, nil
}

// save notes which segments stay, restore goes back to that.
func (sc *scratch) save() {
	sc.saved = sc.saved[:0]
	for i := range sc.segments {
		sc.saved = append(sc.saved, sc.segments[i].kept)
	}
}

func (sc *scratch) restore() {
	for i, kept := range sc.saved {
		if g := &sc.segments[i]; g.role == 0 && g.kept != kept {
			if kept {
				sc.keepSegment(i)
			} else {
				sc.dropSegment(i)
			}
		}
	}
}

// add takes what there is still room for, and tells whether that was anything. With those
// that are taken first, up to three eighths of the room, come the headings that they stand
// under, which say what they are about and where they can be found again. More headings cost
// answers. So does what restricts them.
func (sc *scratch) add(room int64) (added bool) {
	early := room * 5 / 8
	for _, i := range sc.order {
		g := &sc.segments[i]
		if g.kept {
			continue
		}
		cost := sc.cost(i)
		if cost > room {
			continue
		}
		sc.keepSegment(i)
		added = true
		room -= cost
		if at := sc.limitOf(i); room > early && at >= 0 && !sc.segments[at].kept {
			if cost = sc.cost(at); cost <= room {
				sc.keepSegment(at)
				room -= cost
			}
		}
		if title := sc.passages[g.passage].title; room > early && title >= 0 && !sc.segments[title].kept && sc.segments[title].role == 0 {
			if cost = sc.cost(title); cost <= room {
				sc.keepSegment(title)
				room -= cost
			}
		}
	}
	return added
}

// limitReach is how many sentences on one is looked for that restricts what was said.
const limitReach = 2

// limitOf is the segment that restricts what a segment says that has three quarters of what the best one has
// of the question: the next one, or the one after where what is between speaks of the same. It is -1 where
// there is none.
func (sc *scratch) limitOf(i int) int {
	g := &sc.segments[i]
	if sc.best == 0 || 4*sc.sum(g.mask) < 3*sc.best {
		return -1
	}
	for at := i + 1; at < min(i+1+limitReach, sc.passages[g.passage].to); at++ {
		switch next := &sc.segments[at]; {
		case next.heading, next.role != 0:
			return -1
		case next.limits:
			return at
		case !next.refers:
			return -1
		}
	}
	return -1
}

// holds tells whether a segment restricts one that stays.
func (sc *scratch) holds(i int) bool {
	for from := i - 1; sc.segments[i].limits && from >= max(i-limitReach, 0); from-- {
		if g := &sc.segments[from]; g.kept && g.passage == sc.segments[i].passage && sc.limitOf(from) == i {
			return true
		}
	}
	return false
}

// fitEstimate takes segments so that the estimate of what they cost together is close to a budget.
func (sc *scratch) fitEstimate(ctx context.Context, budget int64) error {
	const quick = 8
	for target, round := budget, 0; ; round++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		sc.take(target)
		over := sc.estimate() - budget
		if over <= 0 || target <= 0 {
			return nil
		}
		if target -= over; round > quick {
			target -= target / 16
		}
	}
}

// estimate is what the result costs: the segments that stay, a mark for each gap, and a token
// for the line breaks behind a mark, which went with the sentence before.
func (sc *scratch) estimate() (n int64) {
	gap, breaks := false, false
	for i := range sc.segments {
		g := &sc.segments[i]
		if i == 0 || g.text != sc.segments[i-1].text {
			gap, breaks = false, false
		}
		if g.kept {
			n += int64(g.tokens)
			gap, breaks = false, g.ends
			continue
		}
		if !gap {
			gap = true
			n += markTokens
			if breaks {
				n++
			}
		}
		if g.ends && !breaks {
			breaks = true
			n++
		}
	}
	return n
}

// onlyRequired tells whether nothing is kept but what must be.
func (sc *scratch) onlyRequired() bool {
	for i := range sc.segments {
		if g := &sc.segments[i]; g.kept && !g.keep && g.role == 0 {
			return false
		}
	}
	return true
}

// render puts the texts together and counts them: of what stays the joints alone, the rest
// was counted.
func (sc *scratch) render(ctx context.Context, c *tokens.Counter, req *Request) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	res := newResult(len(req.Texts), sc.total)
	at := 0
	for i := range req.Texts {
		from := at
		for at < len(sc.segments) && sc.segments[at].text == i {
			at++
		}
		text, n := req.Texts[i].Text, sc.spreads[i].Count
		res.Omitted[i] = omitted(sc.segments[from:at])
		if len(res.Omitted[i]) > 0 {
			sc.out, sc.runs = appendKept(sc.out[:0], sc.runs[:0], text, sc.segments[from:at])
			text = string(sc.out)
			sc.parts = sc.parts[:0]
			for _, r := range sc.runs {
				p := sc.spreads[i].Part(r.start, r.end)
				p.Start, p.End = p.Start+r.at-r.start, p.End+r.at-r.start
				sc.parts = append(sc.parts, p)
			}
			var err error
			if n, err = c.CountParts(ctx, req.Encoding, text, sc.parts); err != nil {
				return Result{}, err
			}
		}
		res.Texts[i], res.Sizes[i] = text, n.Tokens
		res.Tokens += n.Tokens
	}
	return res, nil
}
