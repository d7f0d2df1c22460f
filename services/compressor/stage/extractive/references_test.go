package extractive_test

import (
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/prompt"
)

// A reference to a passage stays only where the passage does.
func TestApplyReferences(t *testing.T) {
	const opening = "The harbour at Arden was built between two rivers"
	passage := opening + " by people of whom nobody knows much, as the books burned in a fire long ago, and the ships that came there were few and small and of oak. Boats go up to it."
	reference := `[as above: "` + opening + `…"]`
	var prose strings.Builder
	for i := range 20 {
		fmt.Fprintf(&prose, "The mill number %d stands by the weir. It has a wheel of oak.\n\n", i)
	}
	lost := 0
	for _, question := range []string{"Who built the harbour at Arden?", "What stands by the weir?", ""} {
		for rate := 0.02; rate < 1; rate += 0.02 {
			a := &prompt.Text{Original: passage + "\n\n" + prose.String(), Question: question}
			b := &prompt.Text{Original: "A mill.\n\n" + passage + "\n\n" + prose.String(), Question: question}
			d := draft(t, rate, a, b)
			b.Replace("A mill.\n\n" + reference + "\n\n" + prose.String())
			apply(t, d)
			above := strings.Contains(a.Current(), opening)
			if !above {
				lost++
			}
			if strings.Contains(b.Current(), reference) && !above {
				t.Errorf("%q at %.2f: the reference stays without its passage", question, rate)
			}
		}
	}
	if lost == 0 {
		t.Error("the passage is never lost")
	}
	// The caller's own words are no reference.
	own := &prompt.Text{Original: "It says " + reference + ". The mill is old."}
	if apply(t, draft(t, 1, own)); own.Changed() {
		t.Errorf("it became %q", own.Current())
	}
}

// The mark of folded lines stays or goes with the line that it speaks of.
func TestApplyFoldedLines(t *testing.T) {
	for _, mark := range []string{"[78 more lines like it, omitted 0123456789abcdef], at 10:00", "[the line above, 78 more times]"} {
		var log strings.Builder
		for i := range 40 {
			fmt.Fprintf(&log, "2026-11-29 01:%02d:00 INFO job %d began with %d parts\n", i, i, i*7)
			if i%3 == 0 {
				fmt.Fprintf(&log, "2026-11-29 01:%02d:30 WARN retry of part %d of the list\n%s\n", i, i, mark)
			}
		}
		for _, question := range []string{"What lines are like it?", "Why did job 7 begin more times?", "Which part is of 78?"} {
			for rate := 0.05; rate < 1; rate += 0.05 {
				x := &prompt.Text{Kind: prompt.ToolResult, Original: log.String(), Question: question}
				apply(t, draft(t, rate, x))
				last := ""
				for line := range strings.Lines(x.Current()) {
					if strings.HasPrefix(line, mark) && !strings.Contains(last, "WARN retry") {
						t.Errorf("%q, %q at %.2f: the mark stands behind %q", mark, question, rate, last)
					}
					last = line
				}
			}
		}
	}
}
