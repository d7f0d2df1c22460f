package main

import (
	"slices"
	"testing"
	"time"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rounds           []float64
		median, low, top float64
	}{
		"one":   {[]float64{7}, 7, 7, 7},
		"three": {[]float64{9, 1, 5}, 5, 1, 9},
		"even":  {[]float64{4, 1, 3, 2}, 2.5, 1, 4},
	} {
		before := slices.Clone(c.rounds)
		s := summarize(c.rounds)
		if s.Median != c.median || s.Min != c.low || s.Max != c.top {
			t.Errorf("%s: %+v, want median %v of %v to %v", name, s, c.median, c.low, c.top)
		}
		if !slices.Equal(s.Rounds, before) {
			t.Errorf("%s: the rounds are %v, want them in the order of %v", name, s.Rounds, before)
		}
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	for name, c := range map[string]struct {
		values []time.Duration
		q      float64
		want   time.Duration
	}{
		"none":       {nil, 0.5, 0},
		"one":        {[]time.Duration{3}, 0.99, 3},
		"median":     {hundred, 0.5, 50},
		"p99":        {hundred, 0.99, 99},
		"greatest":   {hundred, 1, 100},
		"least":      {hundred, 0, 1},
		"odd median": {[]time.Duration{30, 10, 20}, 0.5, 20},
	} {
		if got := quantile(c.values, c.q); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// Rounds are compared with their own neighbour: a machine that is slow in one round
// slows both.
func TestLineComparesWithinTheRound(t *testing.T) {
	t.Parallel()
	b := &bench{
		direct: &target{name: "direct"}, proxy: &target{name: "proxy"}, gateway: &target{name: "gateway"},
		values: map[cell][]float64{
			{"small", "cpu", "proxy"}: {100, 300, 100}, {"small", "cpu", "gateway"}: {190, 600, 210},
			{"latency", "p99", "direct"}: {50, 50, 50}, {"latency", "p99", "proxy"}: {100, 150, 60},
			{"latency", "p99", "gateway"}: {150, 350, 90},
			{"hit", "cpu", "proxy"}:       {100}, {"hit", "cpu", "gateway"}: {100},
			{"memory", "idle", "proxy"}: {9}, {"memory", "idle", "gateway"}: {41},
		},
	}
	for name, c := range map[string]struct {
		row  string
		n    number
		want float64
		met  bool
	}{
		"ratio":                    {"small", number{key: "cpu", kind: ratio, target: 2}, 2, true},
		"ratio over the direct":    {"latency", number{key: "p99", kind: ratio, overDirect: true, target: 2.5}, 3, false},
		"a hit has to be below":    {"hit", number{key: "cpu", kind: ratio, target: 1}, 1, false},
		"difference":               {"small", number{key: "cpu", kind: difference, target: 100}, 110, false},
		"the gateway's own number": {"memory", number{key: "idle", kind: absolute, target: 40}, 41, false},
	} {
		l := b.line(row{name: c.row}, c.n, b.gateway, b.proxy)
		if l.Compared.Median != c.want || l.Met == nil || *l.Met != c.met {
			t.Errorf("%s: %v, met %v, want %v, met %v", name, l.Compared.Median, l.Met, c.want, c.met)
		}
	}
}

func TestOverNothingIsNoInfinity(t *testing.T) {
	t.Parallel()
	if got := over(1, -5); got != 1000 {
		t.Errorf("1 over a negative difference is %v, want 1 over the least", got)
	}
}
