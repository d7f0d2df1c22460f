package extract

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/bench/labelled"
)

// BenchmarkFit fits the table of weights on labelled data, and prints what it keeps on the data
// that it was fitted on, in five-fold cross-validation, and what the weights keep that are in use;
// then the weights, with those in use in parentheses:
//
//	go test ./services/compressor/extract -run '^$' -bench Fit -benchtime 1x
//
// The model is a conditional logit: the chance that a segment holds the answer is the softmax
// of its score over the segments of its question, and the weights make the answers' segments
// as likely as can be, with a little shrinkage. What holds the answer outside the document
// that is marked is left out. A fold has all the questions of its paragraphs, in all languages: sets that
// are translations of each other have their questions in one order.
func BenchmarkFit(b *testing.B) {
	folder := os.Getenv("TOLLGATE_DATA")
	if folder == "" {
		folder = "../../../../shared/data"
	}
	sets, err := labelled.Load(folder)
	if err != nil {
		b.Fatal(err)
	}
	if len(sets) == 0 {
		b.Skipf("there is no labelled data in %q", folder)
	}
	s := New(&tokens.Counter{})
	var samples []sample
	for i := range sets {
		paragraphs := map[string]int{}
		for j := range sets[i].Items {
			sm := sampleOf(b, s, &sets[i].Items[j], i)
			at, ok := paragraphs[sm.gold]
			if !ok {
				at = len(paragraphs)
				paragraphs[sm.gold] = at
			}
			sm.fold = at % folds
			samples = append(samples, sm)
		}
	}
	for b.Loop() {
		all := fit(samples, func(int) bool { return true })
		whole, cross, used := newFigures(len(sets)), newFigures(len(sets)), newFigures(len(sets))
		for i := range samples {
			whole.add(&samples[i], &all)
			used.add(&samples[i], &weights)
		}
		for fold := range folds {
			w := fit(samples, func(i int) bool { return samples[i].fold != fold })
			for i := range samples {
				if samples[i].fold == fold {
					cross.add(&samples[i], &w)
				}
			}
		}
		fmt.Printf("Fitted on %s\n%-14s  kept, %%, at a rate: by the fit, cross-validated, by what is in use\n", folder, "")
		for i, set := range sets {
			fmt.Printf("%-14s", set.Name)
			for r, rate := range fitRates {
				fmt.Printf("  %.2f: %5.1f %5.1f %5.1f", rate, whole.part(i, r), cross.part(i, r), used.part(i, r))
			}
			fmt.Println()
		}
		for i, w := range all {
			fmt.Printf("%d: %d (%d), ", i, w, weights[i])
		}
		fmt.Println()
	}
}

// folds is how many times the weights are fitted on what is not measured.
const folds = 5

var fitRates = []float64{0.5, 0.33, 0.2, 0.1}

// sample is a question with the measures of its segments.
type sample struct {
	sc       *scratch
	req      *Request
	item     *labelled.Item
	set      int
	fold     int
	gold     string // the document that holds the answer
	measures []measures
	answers  []bool // the segment holds an answer
	strays   []bool // it does so by chance
}

func sampleOf(tb testing.TB, s *Selector, it *labelled.Item, set int) sample {
	tb.Helper()
	req := &Request{Question: it.Question, Texts: []Text{{Text: it.Joined()}}, Encoding: tokens.O200k}
	sc := &scratch{lex: s.lex}
	ctx := context.Background()
	if err := sc.split(ctx, 0, &req.Texts[0]); err != nil {
		tb.Fatal(err)
	}
	if err := sc.count(ctx, s.counter, req); err != nil {
		tb.Fatal(err)
	}
	sc.groupPassages()
	sc.question.read(req.Question, sc.lang, s.lex, s.rarity)
	if err := sc.match(ctx, req); err != nil {
		tb.Fatal(err)
	}
	sc.weighTerms()
	sc.rankPassages()
	sm := sample{sc: sc, req: req, item: it, set: set, measures: make([]measures, len(sc.segments))}
	gold := ""
	for _, d := range it.Docs {
		if d.Gold {
			gold = d.Title + " " + d.Text
		}
	}
	sm.gold = gold
	e := sc.extremes()
	for i := range sc.segments {
		sc.measure(i, e, &sm.measures[i])
		part := req.Texts[0].Text[sc.segments[i].start:sc.segments[i].end]
		has, here := it.Answered(part), strings.Contains(gold, strings.TrimSpace(part)) || sc.segments[i].heading
		sm.answers = append(sm.answers, has && here)
		sm.strays = append(sm.strays, has && !here)
	}
	return sm
}

// figures count the answers that stay, by set and rate.
type figures struct {
	kept [][]int
	all  []int
}

func newFigures(sets int) *figures {
	f := &figures{all: make([]int, sets)}
	for range sets {
		f.kept = append(f.kept, make([]int, len(fitRates)))
	}
	return f
}

func (f *figures) part(set, rate int) float64 {
	return 100 * float64(f.kept[set][rate]) / float64(f.all[set])
}

func (f *figures) add(sm *sample, w *[features]int64) {
	sc := sm.sc
	for i := range sc.segments {
		sc.segments[i].score = scoreOf(w, &sm.measures[i])
	}
	sc.orderSegments()
	f.all[sm.set]++
	for r, rate := range fitRates {
		if err := sc.fitEstimate(context.Background(), int64(rate*float64(sc.total))); err != nil {
			panic(err)
		}
		left, _ := appendKept(nil, nil, sm.req.Texts[0].Text, sc.segments)
		if sm.item.Answered(string(left)) {
			f.kept[sm.set][r]++
		}
	}
}

// fit returns the weights that make the answers of some samples likeliest, by Adam (Kingma
// and Ba, 2015) on the whole gradient.
func fit(samples []sample, use func(int) bool) (out [features]int64) {
	const (
		epochs    = 250
		rate      = 0.05
		shrinkage = 0.002
	)
	var w, mean, square [features]float64
	for epoch := 1; epoch <= epochs; epoch++ {
		var gradient [features]float64
		n := 0.0
		for i := range samples {
			if use(i) && slope(&samples[i], &w, &gradient) {
				n++
			}
		}
		for j := range w {
			g := gradient[j]/max(n, 1) + shrinkage*w[j]
			mean[j] = 0.9*mean[j] + 0.1*g
			square[j] = 0.99*square[j] + 0.01*g*g
			step := mean[j] / (1 - math.Pow(0.9, float64(epoch)))
			w[j] -= rate * step / (math.Sqrt(square[j]/(1-math.Pow(0.99, float64(epoch)))) + 1e-8)
		}
	}
	for j := range w {
		out[j] = int64(math.Round(w[j] * one))
	}
	return out
}

// slope adds a sample's part of the gradient, if it has an answer.
func slope(sm *sample, w, gradient *[features]float64) bool {
	odds := make([]float64, len(sm.measures))
	all, good := 0.0, 0.0
	for i := range odds {
		if sm.strays[i] {
			continue
		}
		z := 0.0
		for j, x := range sm.measures[i] {
			z += w[j] * float64(x) / one
		}
		odds[i] = math.Exp(z)
		all += odds[i]
		if sm.answers[i] {
			good += odds[i]
		}
	}
	if good == 0 {
		return false
	}
	for i := range odds {
		if sm.strays[i] {
			continue
		}
		d := odds[i] / all
		if sm.answers[i] {
			d -= odds[i] / good
		}
		for j, x := range sm.measures[i] {
			gradient[j] += d * float64(x) / one
		}
	}
	return true
}
