package main

import (
	"strings"
	"testing"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/compressor/bench/labelled"
	"tollgate.dev/services/compressor/extract"
)

// On the project's own questions answers stay in every language, at each rate and in each way of
// giving documents, and within the budget.
func TestAnswersStay(t *testing.T) {
	sets, err := labelled.Own()
	if err != nil {
		t.Fatal(err)
	}
	b := bench{clock: clock.Real()}
	b.selector = extract.New(&b.counter)
	for _, set := range sets {
		for _, w := range ways[:3] {
			for _, rate := range rates {
				f, err := b.quality(t.Context(), set, w, rate)
				if err != nil {
					t.Fatal(err)
				}
				if f.most > 1 {
					t.Errorf("%s, %s at %.2f: %.3f of a budget", set.Name, w.name, rate, f.most)
				}
				for _, lost := range f.lost {
					t.Errorf("%s, %s at %.2f: the answer to %q is lost", set.Name, w.name, rate, lost.Question)
				}
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
