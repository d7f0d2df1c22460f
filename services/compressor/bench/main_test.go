package main

import (
	"strings"
	"testing"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/compressor/bench/labelled"
	"tollgate.dev/services/compressor/extract"
)

// On the project's own questions answers stay at each rate, in each way of giving documents,
// and within the budget.
func TestAnswersStay(t *testing.T) {
	sets, err := labelled.Own()
	if err != nil {
		t.Fatal(err)
	}
	b := bench{clock: clock.Real()}
	b.selector = extract.New(&b.counter)
	for _, w := range ways[:3] {
		for _, rate := range rates {
			kept, all := 0, 0
			for _, set := range sets {
				for i := range set.Items {
					it := &set.Items[i]
					texts := w.texts(it)
					size, err := b.count(texts...)
					if err != nil {
						t.Fatal(err)
					}
					budget := int64(rate * float64(size))
					out, err := w.choose(&b, t.Context(), it.Question, texts, budget)
					if err != nil {
						t.Fatal(err)
					}
					if n, err := b.count(out...); err != nil || n > budget {
						t.Errorf("%s, %q: %d tokens of %d, %v", w.name, it.Question, n, budget, err)
					}
					all++
					if it.Answered(out...) {
						kept++
					} else {
						t.Logf("%s at %.2f: lost %q", w.name, rate, it.Question)
					}
				}
			}
			if kept*100 < all*96 {
				t.Errorf("%s at %.2f: %d of %d answers stay", w.name, rate, kept, all)
			}
		}
	}
}

// Both times are measured for each set, also where its questions are few.
func TestTimes(t *testing.T) {
	sets, err := labelled.Own()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	b := bench{clock: clock.Real(), out: &out, runs: 2}
	b.selector = extract.New(&b.counter)
	if err := b.speed(t.Context(), sets[:1]); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{sets[0].Name, "select", "compress"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %s in\n%s", want, out.String())
		}
	}
}

// Tool results are printed one by one and together, and each decodes to what it was.
func TestToolResults(t *testing.T) {
	var out strings.Builder
	b := bench{clock: clock.Real(), out: &out}
	if err := b.toolResults(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Log(out.String())
	for _, want := range []string{"issues", "orders", "all decode to equal JSON"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q in\n%s", want, out.String())
		}
	}
}
