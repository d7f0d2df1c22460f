package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/compressor/bench/bill"
	"tollgate.dev/services/compressor/bench/labelled"
	"tollgate.dev/services/compressor/bench/trace"
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

// The service leaves a prompt whole whose question wants every word, keeps answers where it shortens,
// and an answer that stands in the question alone is none.
func TestServed(t *testing.T) {
	own, err := labelled.Own()
	if err != nil {
		t.Fatal(err)
	}
	set := labelled.Set{Name: "some", Items: slices.Clone(own[slices.IndexFunc(own, func(s labelled.Set) bool { return s.Name == "en" })].Items[:3])}
	set.Items[1].Question = "Translate all of it into German."
	set.Items[2].Question, set.Items[2].Answers = "What is a zanzibar?", []string{"zanzibar"}
	var out strings.Builder
	b := bench{out: &out}
	for _, f := range forms {
		s, err := b.serve(t.Context(), set, f, 0.33)
		if err != nil {
			t.Fatal(err)
		}
		if s.prompts != 3 || s.whole != 1 || s.kept != 1 || s.compressed >= s.original || s.keptShare() != 50 {
			t.Errorf("%s: %+v", f.name, s)
		}
	}
	if err := b.served(t.Context(), []labelled.Set{set}); err != nil {
		t.Fatal(err)
	}
	if rows := strings.Count(out.String(), "33.3 %"); rows != 2*len(rates) {
		t.Errorf("%d rows:\n%s", rows, out.String())
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

// Aims stand beside what was measured and what the blind ways keep, and are met or not by that.
func TestAims(t *testing.T) {
	item := &labelled.Item{}
	keeps := func(percent int, least, most float64) figures {
		return figures{questions: 100, lost: slices.Repeat([]*labelled.Item{item}, 100-percent), least: least, most: most}
	}
	same := func(f figures) []figures { return []figures{f, f, f} }
	good, blind := same(keeps(98, 0.98, 1)), same(keeps(30, 0.7, 1.2))
	models := []bill.Model{{Name: "free"}, {Name: "held", Breakpoints: trace.Moving}}
	traces := []*trace.Trace{{Name: "coding"}, {Name: "chat"}}
	for name, tc := range map[string]struct {
		note func(*aims)
		want []string
	}{
		"kept": {
			func(a *aims) { a.kept(&labelled.Set{Name: "nq20.dev"}, [][]figures{good, good, good, blind, blind}) },
			[]string{
				"nq20.dev, answers kept at 0.50 98.0 % or more 98.0 % yes head 30.0 %, random sentences 30.0 %",
				"nq20.dev, answers kept at 0.33 97.5 % or more 98.0 % yes head", "nq20.dev, answers kept at 0.20 94.0 % or more 98.0 % yes head",
				"nq20.dev, tokens of the budget 0.970 to 1.000 0.980 to 1.000 yes",
			},
		},
		"lost": {
			func(a *aims) {
				a.kept(&labelled.Set{Name: "xquad20.de"}, [][]figures{same(keeps(95, 0.98, 1)), good, same(keeps(98, 0.96, 1.001)), blind, blind})
			},
			[]string{"xquad20.de, answers kept at 0.33 96.0 % or more 95.0 % no head", "xquad20.de, tokens of the budget 0.970 to 1.000 0.960 to 1.001 no"},
		},
		"languages": {
			func(a *aims) { a.languages(14, 90, 30, 60) },
			[]string{"own sets, 14 languages, answers kept at 0.33, the least 96.0 % or more 90.0 % no head 30.0 %, random sentences 60.0 %"},
		},
		"times": {
			func(a *aims) {
				a.times("en", []time.Duration{90 * time.Microsecond}, []time.Duration{21 * time.Millisecond})
			},
			[]string{"en, selecting, a thousand tokens, p50 at most 120µs 90µs yes", "en, selecting, 100,000 tokens, p99 at most 20ms 21ms no"},
		},
		"JSON":  {func(a *aims) { a.toolResults(40.44, 14, 16) }, []string{"tokens left of each at most 50 % 14 of 16; together 40.4 % no"}},
		"bills": {func(a *aims) { a.bills(models, traces, [][]float64{{0.79, 0.9}, {1, 1}}) }, []string{"the dearest at most 1.000 1.000 yes", "mostly tool results at most 0.800 0.790 yes"}},
		"dear":  {func(a *aims) { a.bills(models, traces, [][]float64{{0.81, 1.01}, {1, 1}}) }, []string{"the dearest at most 1.000 1.010 no", "mostly tool results at most 0.800 0.810 no"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			b := bench{out: &out}
			tc.note(&b.aims)
			if err := b.aimed(); err != nil {
				t.Fatal(err)
			}
			table := regexp.MustCompile(` +`).ReplaceAllString(out.String(), " ")
			for _, want := range tc.want {
				if !strings.Contains(table, want) {
					t.Errorf("there is no %q in\n%s", want, table)
				}
			}
		})
	}
}
