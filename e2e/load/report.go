package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what load brought.
type Report struct {
	// Whole and Streams are how many calls of each kind were answered properly.
	Whole, Streams int
	// Faults are the others, by what was wrong with them.
	Faults map[string]int
	// WholeTimes are of whole answers, FirstTimes of streams' beginnings.
	WholeTimes, FirstTimes Quantiles
	// LongestGap is the longest wait between two pieces of any stream.
	LongestGap time.Duration
}

// Quantiles are times that so many calls did not take.
type Quantiles struct{ P50, P95, P99, Most time.Duration }

// Failed is how many calls had no proper answer.
func (r Report) Failed() (n int) {
	for _, count := range r.Faults {
		n += count
	}
	return n
}

// String is the report for a person, a line for each kind.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "whole answers  %d, took %s\nstreams        %d, began after %s, longest gap %s\n",
		r.Whole, r.WholeTimes, r.Streams, r.FirstTimes, r.LongestGap.Round(time.Millisecond))
	for _, fault := range slices.Sorted(maps.Keys(r.Faults)) {
		fmt.Fprintf(&b, "failed         %d: %s\n", r.Faults[fault], fault)
	}
	return b.String()
}

// String is the quantiles for a person.
func (q Quantiles) String() string {
	return fmt.Sprintf("%s (p50) %s (p95) %s (p99) %s (most)", q.P50.Round(time.Millisecond), q.P95.Round(time.Millisecond),
		q.P99.Round(time.Millisecond), q.Most.Round(time.Millisecond))
}

// tally is what a report is made of.
type tally struct {
	whole, first []time.Duration
	faults       map[string]int
	gap          time.Duration
}

func newTally() tally { return tally{faults: map[string]int{}} }

func (t *tally) add(c Call) {
	switch {
	case c.Fault != "":
		t.faults[c.Fault]++
	case c.Streamed:
		t.first = append(t.first, c.First)
		t.gap = max(t.gap, c.Gap)
	default:
		t.whole = append(t.whole, c.Whole)
	}
}

func (t *tally) report() Report {
	return Report{
		Whole: len(t.whole), Streams: len(t.first), Faults: maps.Clone(t.faults),
		WholeTimes: quantiles(t.whole), FirstTimes: quantiles(t.first), LongestGap: t.gap,
	}
}

func quantiles(times []time.Duration) Quantiles {
	if len(times) == 0 {
		return Quantiles{}
	}
	sorted := slices.Sorted(slices.Values(times))
	at := func(percent int) time.Duration { return sorted[(len(sorted)-1)*percent/100] }
	return Quantiles{at(50), at(95), at(99), sorted[len(sorted)-1]}
}
