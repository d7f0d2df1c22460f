package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tollgate.dev/services/compressor/bench/bill"
	"tollgate.dev/services/compressor/bench/labelled"
	"tollgate.dev/services/compressor/bench/trace"
)

// aim is a figure that compression is to have, beside the one that was measured. docs/08 has the
// same table.
type aim struct {
	what, aim, measured string
	// beside is what those keep that know nothing of the question.
	beside string
	met    bool
}

// toolTraces are the conversations that are mostly tool results.
var toolTraces = []string{"coding", "data", "web", "operations"}

// aims are told at the end, in the order in which they were measured.
type aims []aim

// keptAims are the percentages of answers that are to stay, by labelled set and rate.
var keptAims = map[string]map[float64]float64{
	"nq20.dev":   {0.5: 98, 0.33: 97.5, 0.2: 94},
	"xquad20.de": {0.33: 96},
	"xquad20.zh": {0.33: 96},
}

// What the other figures are to be: at most, or, for what is kept and what is used of budgets, at least.
const (
	languageAim    = 96.0                   // percent of the answers kept in any language
	perThousandAim = 120 * time.Microsecond // to select, for each thousand tokens, p50
	longAim        = 20 * time.Millisecond  // to select of 100,000 tokens, p99
	usedAim        = 0.97                   // of the budget, for texts of more than a thousand tokens
	billAim        = 1.0                    // of the bill without compression
	toolsAim       = 0.8                    // the same where a conversation is mostly tool results
)

// kept notes what a labelled set keeps, for each rate that has an aim, and what of its budgets is
// used. The figures are by way and rate, as [ways] and [rates] are.
func (a *aims) kept(set *labelled.Set, by [][]figures) {
	least, most := 1.0, 0.0
	for w := range by {
		if ways[w].blind {
			continue
		}
		for r := range by[w] {
			least, most = min(least, by[w][r].least), max(most, by[w][r].most)
		}
	}
	for r, rate := range rates {
		want, ok := keptAims[set.Name][rate]
		if !ok {
			continue
		}
		var beside []string
		for w := range by {
			if ways[w].blind {
				beside = append(beside, fmt.Sprintf("%s %.1f %%", ways[w].name, by[w][r].kept()))
			}
		}
		got := by[0][r].kept()
		*a = append(*a, aim{
			what: fmt.Sprintf("%s, answers kept at %.2f", set.Name, rate), aim: fmt.Sprintf("%.1f %% or more", want),
			measured: fmt.Sprintf("%.1f %%", got), beside: strings.Join(beside, ", "), met: got >= want,
		})
	}
	*a = append(*a, aim{
		what: set.Name + ", tokens of the budget", aim: fmt.Sprintf("%.3f to 1.000", usedAim),
		measured: fmt.Sprintf("%.3f to %.3f", least, most), met: least >= usedAim && most <= 1,
	})
}

// languages notes the language that keeps the least of the project's own sets at 0.33, and the most
// that those beside it keep in any.
func (a *aims) languages(sets int, kept, head, random float64) {
	*a = append(*a, aim{
		what: fmt.Sprintf("own sets, %d languages, answers kept at 0.33, the least", sets), aim: fmt.Sprintf("%.1f %% or more", languageAim),
		measured: fmt.Sprintf("%.1f %%", kept), beside: fmt.Sprintf("head %.1f %%, random sentences %.1f %%, the most", head, random), met: kept >= languageAim,
	})
}

// toolResults notes what is left of the tokens of JSON: of all, the share in percent, and of how many
// results the half or less. None is left here that does not decode to equal JSON: that ends the run.
func (a *aims) toolResults(share float64, half, of int) {
	*a = append(*a, aim{
		what: "JSON tool results, decoding to equal JSON, tokens left of each", aim: fmt.Sprintf("at most %d %%", jsonAim),
		measured: fmt.Sprintf("%d of %d; together %.1f %%", half, of, share), met: half == of,
	})
}

// times notes how long selecting of a set took.
func (a *aims) times(set string, each, all []time.Duration) {
	p50, p99 := percentile(each, 50), percentile(all, 99)
	*a = append(*a,
		aim{
			what: set + ", selecting, a thousand tokens, p50", aim: fmt.Sprint("at most ", perThousandAim),
			measured: p50.String(), met: p50 <= perThousandAim,
		},
		aim{
			what: set + ", selecting, 100,000 tokens, p99", aim: fmt.Sprint("at most ", longAim),
			measured: p99.String(), met: p99 <= longAim,
		})
}

// bills notes the dearest bill of all, and of conversations that are mostly tool results the dearest
// where nothing is held back by a breakpoint that moves. Ratios are by model and conversation.
func (a *aims) bills(models []bill.Model, traces []*trace.Trace, ratios [][]float64) {
	all, tools := 0.0, 0.0
	for m := range ratios {
		for t, ratio := range ratios[m] {
			all = max(all, ratio)
			held := models[m].Breakpoints == trace.Moving || models[m].Breakpoints == trace.Questions
			if !held && slices.Contains(toolTraces, traces[t].Name) {
				tools = max(tools, ratio)
			}
		}
	}
	*a = append(*a,
		aim{
			what: "the bill of a conversation, the dearest", aim: fmt.Sprintf("at most %.3f", billAim),
			measured: fmt.Sprintf("%.3f", all), met: all <= billAim,
		},
		aim{
			what: "of one that is mostly tool results", aim: fmt.Sprintf("at most %.3f", toolsAim),
			measured: fmt.Sprintf("%.3f", tools), met: tools <= toolsAim,
		})
}

// aimed prints each aim beside what was measured.
func (b *bench) aimed() error {
	var out strings.Builder
	out.WriteString("\nwhat\taim\tmeasured\tmet\tbeside it\n")
	for _, a := range b.aims {
		met := "yes"
		if !a.met {
			met = "no"
		}
		fmt.Fprintf(&out, "%s\t%s\t%s\t%s\t%s\n", a.what, a.aim, a.measured, met, a.beside)
	}
	return b.table(out.String(), 0)
}
