package extract

import (
	"context"
	"slices"

	"tollgate.dev/platform/tokens"
)

// take takes segments by score while they fit: first those that must stay, then each that
// the budget still has room for. With a gap comes a mark, and where two gaps become one, or
// a gap is filled, a mark goes.
func (sc *scratch) take(budget int64) {
	used := int64(0)
	for i := range sc.segments {
		g := &sc.segments[i]
		g.kept = false
		if i == 0 || g.text != sc.segments[i-1].text {
			used += markTokens // of the text that is left out whole, so far
		}
	}
	sc.order = sc.order[:0]
	for i := range sc.segments {
		if sc.segments[i].keep {
			used += sc.cost(i)
			sc.segments[i].kept = true
		} else {
			sc.order = append(sc.order, i)
		}
	}
	slices.SortFunc(sc.order, func(a, b int) int {
		switch x, y := sc.segments[a].score, sc.segments[b].score; {
		case x > y:
			return -1
		case x < y:
			return 1
		default:
			return a - b
		}
	})
	for _, i := range sc.order {
		if cost := sc.cost(i); used+cost <= budget {
			used += cost
			sc.segments[i].kept = true
		}
	}
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
	return int64(g.tokens) + marks*markTokens
}

// fill takes as much as the budget allows, exactly. What segments and marks cost one by one
// may be off a token for each gap, so the result is counted, and the rest of the
// budget, or what is too much, is made up for in another round.
func (s *Selector) fill(ctx context.Context, sc *scratch, req *Request) (Result, error) {
	const rounds = 5
	var best Result
	target := req.Budget
	for round := 0; ; round++ {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		sc.take(target)
		res, err := sc.render(s.counter, req)
		if err != nil {
			return Result{}, err
		}
		over := res.Tokens - req.Budget
		if over <= 0 && (best.Texts == nil || res.Tokens > best.Tokens) {
			best = res
		}
		switch {
		case over > 0 && round < rounds:
			target -= over
		case over > 0 && best.Texts != nil:
			return best, nil
		case over > 0 && sc.least():
			return res, nil // what must be kept is more than the budget
		case over > 0:
			target -= over + req.Budget/16 + 1
		case -over*100 <= req.Budget || round >= rounds:
			return best, nil
		default:
			target -= over
		}
	}
}

// least tells whether nothing is kept but what must be.
func (sc *scratch) least() bool {
	for i := range sc.segments {
		if sc.segments[i].kept && !sc.segments[i].keep {
			return false
		}
	}
	return true
}

// render puts the texts together and counts them.
func (sc *scratch) render(c *tokens.Counter, req *Request) (Result, error) {
	res := Result{Texts: make([]string, len(req.Texts)), Omitted: make([][]Span, len(req.Texts)), Original: sc.total}
	at := 0
	for i := range req.Texts {
		from := at
		for at < len(sc.segments) && sc.segments[at].text == i {
			at++
		}
		text := req.Texts[i].Text
		res.Omitted[i] = omitted(sc.segments[from:at])
		if len(res.Omitted[i]) > 0 {
			sc.out = appendKept(sc.out[:0], text, sc.segments[from:at])
			text = string(sc.out)
		}
		n, err := c.Count(req.Encoding, text)
		if err != nil {
			return Result{}, err
		}
		res.Texts[i] = text
		res.Tokens += n.Tokens
	}
	return res, nil
}
