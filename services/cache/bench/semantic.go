package main

import (
	"context"
	_ "embed" // the audit
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/canon"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/reading"
	"tollgate.dev/services/cache/veto"
)

// audit says of rows of qqp.dev.tsv.gz, counted from 1, that are labelled as asking another
// thing whether they do (0) or ask the same (1). They were read one after the other: all that
// tier 1 serves, that static finds from 0.94 on and that all-MiniLM-L6-v2 finds from 0.93 on.
// In doubt, they ask another thing.
//
//go:embed audit.tsv
var audit string

func audited() (map[int]bool, error) {
	same := map[int]bool{}
	for line := range strings.Lines(audit) {
		row, verdict, _ := strings.Cut(strings.TrimSpace(line), "\t")
		n, err := strconv.Atoi(row)
		if err != nil || verdict != "0" && verdict != "1" {
			return nil, fmt.Errorf("audit.tsv: %q", line)
		}
		same[n] = verdict == "1"
	}
	return same, nil
}

// scored is a pair that the veto lets pass.
type scored struct {
	*pair
	row   int     // from 1
	score float64 // 1 for what tier 1 serves, else the cosine
	tier1 bool
}

// scores of the pairs that may be served from the semantic tier, the best first; where the embedder
// decides alone, of all of them. A pair of which the embedder knows nothing is none of them.
func (b *bench) scores(ctx context.Context, e embed.Embedder, s set) ([]scored, error) {
	var all []scored
	x, y := make([]float32, e.Dim()), make([]float32, e.Dim())
	for i := range s.pairs {
		p := &s.pairs[i]
		may, near := b.bare, false
		if !b.bare {
			may, near = passes(s, p)
		}
		if near {
			all = append(all, scored{p, i + 1, 1, true})
		}
		if !may || near {
			continue
		}
		_, err := e.Embed(ctx, p.a, x)
		if err == nil {
			_, err = e.Embed(ctx, p.b, y)
		}
		switch {
		case embed.Vectorless(err):
			continue
		case err != nil:
			return nil, err
		}
		cosine := 0.0
		for k := range x {
			cosine += float64(x[k]) * float64(y[k])
		}
		all = append(all, scored{p, i + 1, min(cosine, cache.MostAlike), false})
	}
	slices.SortStableFunc(all, func(a, b scored) int {
		switch {
		case a.tier1 != b.tier1:
			if a.tier1 {
				return -1
			}
			return 1
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	return all, nil
}

// passes tells whether a pair may be served at all, and whether tier 1 serves it.
func passes(s set, p *pair) (may, near bool) {
	a, b := s.read(p.a), s.read(p.b)
	if unfit(a) || unfit(b) {
		return false, false
	}
	if _, vetoed := veto.Check(a, b); vetoed {
		return false, false
	}
	return true, found(canon.Of(a), canon.Of(b))
}

func unfit(r *reading.Reading) bool {
	_, is := veto.Unfit(r)
	return is
}

// levels are the thresholds that are shown.
var levels = []float64{1, 0.99, 0.98, 0.97, 0.96, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6}

// semantic measures the tier that asks an embedder, behind the same veto.
func (b *bench) semantic(ctx context.Context, e embed.Embedder, s set) error {
	all, err := b.scores(ctx, e, s)
	if err != nil {
		return err
	}
	verdicts, err := audited()
	if err != nil {
		return err
	}
	labelled, other := 0, map[string]int{}
	for _, p := range s.pairs {
		if p.same {
			labelled++
		} else {
			other[p.kind]++
		}
	}
	how := "with tier 1 before it"
	if b.bare {
		how = "alone: no tier 1, no veto"
	}
	b.printf("  tier 2 by %s, %s\n", e.Version(), how)
	b.printf("    %9s %9s %16s %14s", "threshold", "found", "wrong by label", "mean of kinds")
	if s.audited {
		b.printf("   wrong by audit (upper 95 %% limit; unread, counted as wrong)")
	}
	b.printf("\n")
	for _, level := range levels {
		t := tallied(all, level, verdicts)
		b.printf("    %9.2f %9s %16s %14s", level, share(t.right, labelled), share(t.wrong, t.right+t.wrong), meanOf(t.kinds, other))
		if s.audited {
			b.printf("   %d of %d: %s (%.2f %%; %d)", t.audited, t.right+t.wrong, share(t.audited, t.right+t.wrong), 100*upper(t.audited, t.right+t.wrong), t.unread)
		}
		b.printf("\n")
	}
	if s.audited {
		best := tally{}
		lowest := math.Inf(1)
		for i := range all {
			if i+1 < len(all) && all[i+1].score == all[i].score {
				continue
			}
			t := tallied(all, all[i].score, verdicts)
			if n := t.right + t.wrong; float64(t.audited) <= 0.01*float64(n) && upper(t.audited, n) <= 0.02 && t.right > best.right {
				best, lowest = t, all[i].score
			}
		}
		b.printf("    at most 1 %% wrong by audit, and its upper limit at most 2 %%: from %.4f on, which finds %s\n", lowest, share(best.right, labelled))
	}
	return nil
}

// tally is what is served from a threshold on.
type tally struct {
	right, wrong    int // by label
	audited, unread int // wrong by audit, and how many of these nobody has read
	kinds           map[string]int
}

func tallied(all []scored, level float64, verdicts map[int]bool) tally {
	t := tally{kinds: map[string]int{}}
	for i := range all {
		p := &all[i]
		switch {
		case p.score < level:
			continue
		case p.same:
			t.right++
			continue
		}
		t.wrong++
		t.kinds[p.kind]++
		same, read := verdicts[p.row]
		if !same {
			t.audited++
		}
		if !read {
			t.unread++
		}
	}
	return t
}

// meanOf is the mean over kinds of the share that is served.
func meanOf(served, of map[string]int) string {
	if len(of) == 0 {
		return "–"
	}
	sum := 0.0
	for kind, n := range of {
		sum += float64(served[kind]) / float64(n)
	}
	return fmt.Sprintf("%.2f %%", 100*sum/float64(len(of)))
}

// upper is the one-sided limit of Clopper and Pearson, at 95 %, of a share of which n had k.
func upper(k, n int) float64 {
	low, high := 0.0, 1.0
	if k >= n {
		return 1
	}
	for range 40 {
		p := (low + high) / 2
		// The chance of k or fewer.
		sum := 0.0
		for i := range k + 1 {
			a, _ := math.Lgamma(float64(n + 1))
			c, _ := math.Lgamma(float64(i + 1))
			d, _ := math.Lgamma(float64(n - i + 1))
			sum += math.Exp(a - c - d + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
		}
		if sum > 0.05 {
			low = p
		} else {
			high = p
		}
	}
	return high
}
