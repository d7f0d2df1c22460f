//go:build !race

// The race detector takes minutes for what has one goroutine: make test runs this without it.

package extractive_test

import (
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/stage/repeat"
)

// A reference to a passage stays only where the passage does, wherever its words stand besides.
func TestApplyReferences(t *testing.T) {
	const opening = "The harbour at Arden was built between two"
	passage := opening + " rivers by people of whom nobody knows much, as the books burned in a fire long ago, and the ships that came there were few and small and of oak. Boats go up to it."
	reference := `[as above: "` + opening + `…"]`
	var prose strings.Builder
	for i := range 20 {
		fmt.Fprintf(&prose, "The mill number %d stands by the weir. It has a wheel of oak.\n\n", i)
	}
	again := strings.Repeat("=", 201) + "\n\n" // a passage whose reference is longer, in tokens
	for name, tc := range map[string]struct {
		before, between string // the passage, and the reference to it
		texts           int
		back            bool // what repeat did to the first text is taken back
	}{
		"two texts":              {"", "", 2, false},
		"one text":               {"", "", 1, false},
		"a reference before":     {again + again, "", 2, false},
		"a reference taken back": {again + again, "", 2, true},
		"its words elsewhere":    {"Of the town one says: " + opening + ".\n\n", "", 2, false},
		"the caller's own":       {"", "They write " + reference + " of it.\n\n", 2, false},
	} {
		lost, left := 0, 0
		for _, question := range []string{"Who built the harbour at Arden?", "What stands by the weir?", ""} {
			for rate := 0.02; rate < 1; rate += 0.02 {
				first, second := tc.before+"A town.\n\n"+passage+"\n\n"+prose.String(), tc.between+"A mill.\n\n"+passage+"\n\nAnd:\n\n"+prose.String()
				texts := []*prompt.Text{{Original: first, Question: question}, {Original: second, Question: question}}
				if tc.texts == 1 {
					texts = []*prompt.Text{{Original: first + second, Question: question}}
				}
				d := draft(t, rate, texts...)
				if err := (repeat.Stage{}).Apply(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				last := texts[len(texts)-1]
				if strings.Count(last.Current(), "A mill.\n\n"+reference) != 1 {
					t.Fatalf("%s: the text is %q", name, last.Current())
				}
				if tc.back {
					texts[0].Replace(first)
				}
				apply(t, d)
				above := strings.Contains(texts[0].Current(), opening+" rivers")
				refers := strings.Contains(last.Current(), "A mill.\n\n"+reference) || strings.Contains(last.Current(), "[…]\n\n"+reference) || strings.Contains(last.Current(), "[…] "+reference)
				if !above {
					lost++
				}
				if refers {
					left++
				}
				if refers && !above {
					t.Errorf("%s, %q at %.2f: the reference stays without its passage: %q", name, question, rate, last.Current())
				}
				if tc.between != "" && strings.Contains(last.Current(), "They write") && !strings.Contains(last.Current(), "They write "+reference) {
					t.Errorf("%s, %q at %.2f: the caller's words are gone: %q", name, question, rate, last.Current())
				}
			}
		}
		if lost == 0 || left == 0 {
			t.Errorf("%s: the passage is lost %d times, and referred to %d times", name, lost, left)
		}
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
