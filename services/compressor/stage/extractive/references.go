package extractive

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"tollgate.dev/services/compressor/extract"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
)

// joinFolded has the mark of folded lines stay or go with the lines above that it speaks of.
func joinFolded(g *extract.Text) {
	if !strings.Contains(g.Text, protect.MoreTimes) && !strings.Contains(g.Text, protect.MoreLike) {
		return
	}
	var starts []int
	start := 0
	for line := range strings.Lines(g.Text) {
		if n := foldedLines(line); n > 0 && len(starts) > 0 {
			first := starts[max(0, len(starts)-n)]
			g.Whole = append(g.Whole, extract.Span{Start: first, End: start + len(strings.TrimRight(line, "\r\n"))})
		}
		if strings.TrimSpace(line) != "" {
			starts = append(starts, start)
		}
		start += len(line)
	}
}

// foldedLines is how many lines above a mark speaks of; 0 for another line.
func foldedLines(line string) int {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "[") {
		return 0
	}
	if rest, ok := strings.CutPrefix(line, "[the "); ok && strings.Contains(line, protect.MoreTimes) {
		count, _, _ := strings.Cut(rest, " ")
		if n, err := strconv.Atoi(count); err == nil && n > 0 {
			return n
		}
		return 1
	}
	if strings.Contains(line, protect.MoreLike) {
		return 1
	}
	return 0
}

// cut is a text before sentences or references were taken out of it, and what of sentences was.
type cut struct {
	before     string
	omitted    []extract.Span
	references []prompt.Reference
}

// cuts are of the texts that something was taken out of.
type cuts map[*prompt.Text]cut

// of is what was taken out of a text.
func (c cuts) of(t *prompt.Text) cut {
	if known, ok := c[t]; ok {
		return known
	}
	return cut{before: t.Current(), references: t.References()}
}

// dropDangling takes the references to passages further up out of texts that lost these: what stands
// there no more, nobody can look up.
func (c cuts) dropDangling(ctx context.Context, texts []*prompt.Text) error {
	for _, t := range texts {
		own := c.of(t)
		if t.Locked || len(own.references) == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		var dangling []prompt.Reference
		for _, r := range own.references {
			if !c.stands(r) {
				dangling = append(dangling, r)
			}
		}
		if len(dangling) > 0 {
			c[t] = own
			t.Replace(own.without(dangling, t.Current()))
		}
	}
	return nil
}

// stands tells whether the words that a reference quotes are left.
func (c cuts) stands(r prompt.Reference) bool {
	in := c.of(r.In)
	for _, at := range [...]int{r.At, r.Was} {
		if at <= len(in.before) && strings.HasPrefix(in.before[at:], r.Quoted) {
			n, _ := slices.BinarySearchFunc(in.omitted, at, func(o extract.Span, at int) int { return o.End - at - 1 })
			return n == len(in.omitted) || in.omitted[n].Start >= at+len(r.Quoted)
		}
	}
	return false
}

// without is what is left of a text, with marks for some references of its.
func (c cut) without(references []prompt.Reference, left string) string {
	pieces := []piece{{kept: extract.Span{End: len(c.before)}}}
	if len(c.omitted) > 0 {
		if found, _, ok := toPieces(c.before, left, c.omitted); ok {
			pieces = found
		}
	}
	var out strings.Builder
	for _, p := range pieces {
		at := p.kept.Start
		for len(references) > 0 && references[0].End <= p.kept.End {
			if r := references[0]; r.Start >= at { // not left out itself
				out.WriteString(c.before[at:r.Start])
				out.WriteString(extract.Mark)
				at = r.End
			}
			references = references[1:]
		}
		out.WriteString(c.before[at:p.kept.End])
		out.WriteString(p.between)
	}
	return out.String()
}
