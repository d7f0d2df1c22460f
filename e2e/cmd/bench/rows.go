package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// row is one kind of load and the numbers that it gives.
type row struct {
	name, what string
	// load is what runs at each target, nil for the rows that do otherwise.
	load *job
	// measure runs one round and notes its values.
	measure func(ctx context.Context, b *bench, r row, round int) error
}

// rowNames are the rows in the order they run in.
var rowNames = []string{"small", "large", "stream", "paced", "single", "latency", "hit", "memory"}

// Shares of --requests that the rows make, so that each takes a few seconds.
const (
	largeShare   = 2
	streamShare  = 6
	pacedShare   = 16
	latencyShare = 4
)

// connections of the rows that keep the processes busy.
const connections = 16

// plan is the rows to run with n requests as the measure.
func plan(n int, only []string) ([]row, error) {
	load := func(p prompt, calls int) *job {
		return &job{prompt: p, conns: connections, calls: max(calls, connections)}
	}
	paced := load(streamPrompt, n/pacedShare)
	paced.paced = true
	single := load(streamPrompt, n/streamShare)
	single.conns = 1
	hit := load(smallPrompt, n)
	hit.same = true
	one := load(smallPrompt, n/latencyShare)
	one.conns = 1
	all := []row{
		{name: "small", what: "uncached, 600 B prompt", load: load(smallPrompt, n), measure: measureCPU},
		{name: "large", what: "uncached, 20 KB prompt", load: load(largePrompt, n/largeShare), measure: measureCPU},
		{name: "stream", what: fmt.Sprintf("stream of %d chunks at once", streamChunks), load: load(streamPrompt, n/streamShare), measure: measureCPU},
		{name: "paced", what: fmt.Sprintf("stream of %d chunks, %s apart", streamChunks, pace), load: paced, measure: measureCPU},
		{name: "single", what: "stream of chunks at once, one connection", load: single, measure: measureCPU},
		{name: "latency", what: "added latency, one connection", load: one, measure: measureLatency},
		{name: "hit", what: "exact cache hit", load: hit, measure: measureHit},
		{name: "memory", what: "resident memory", measure: measureMemory},
	}
	if len(only) == 0 {
		return all, nil
	}
	for _, name := range only {
		if !slices.Contains(rowNames, name) {
			return nil, fmt.Errorf("there is no row %q: one of %v", name, rowNames)
		}
	}
	return slices.DeleteFunc(all, func(r row) bool { return !slices.Contains(only, r.name) }), nil
}

// targets are whom a round calls, in an order that changes with the round: whoever comes
// second finds warmer caches and a hotter machine.
func (b *bench) targets(round int) []*target {
	t := b.all()
	if round%2 == 1 {
		slices.Reverse(t)
	}
	return t
}

// measureCPU loads each target in turn.
func measureCPU(ctx context.Context, b *bench, r row, round int) error {
	for _, t := range b.targets(round) {
		s, err := b.load.run(ctx, t, *r.load)
		if err != nil {
			return err
		}
		b.note(r, "cpu", t, perRequest(s.cpu, s.calls))
		b.note(r, "mallocs", t, s.mallocs/float64(s.calls))
		b.note(r, "bytes", t, s.allocBytes/float64(s.calls))
		b.note(r, "rate", t, float64(s.calls)/s.wall.Seconds())
		b.note(r, "simulator", t, perRequest(s.simulatorCPU, s.calls))
		b.note(r, "generator", t, perRequest(s.generatorCPU, s.calls))
		if r.load.prompt.stream {
			b.note(r, "first p50", t, micros(quantile(s.first, 0.5)))
			b.note(r, "first p99", t, micros(quantile(s.first, 0.99)))
		}
	}
	return nil
}

// measureLatency calls the targets alternately over one connection each.
func measureLatency(ctx context.Context, b *bench, r row, round int) error {
	targets := b.targets(round)
	times, err := b.load.alternate(ctx, targets, *r.load)
	if err != nil {
		return err
	}
	for i, t := range targets {
		b.note(r, "p50", t, micros(quantile(times[i], 0.5)))
		b.note(r, "p99", t, micros(quantile(times[i], 0.99)))
	}
	return nil
}

// measureHit lets the gateway answer from its cache what the proxy passes through.
func measureHit(ctx context.Context, b *bench, r row, round int) error {
	through := *r.load
	through.same = false
	jobs := map[*target]job{b.proxy: through, b.gateway: *r.load, b.apart: *r.load}
	for _, t := range b.targets(round) {
		j, ok := jobs[t]
		if !ok {
			continue
		}
		s, err := b.load.run(ctx, t, j)
		if err != nil {
			return err
		}
		b.note(r, "cpu", t, perRequest(s.cpu, s.calls))
		b.note(r, "mallocs", t, s.mallocs/float64(s.calls))
		b.note(r, "p50", t, micros(quantile(s.whole, 0.5)))
		b.note(r, "p99", t, micros(quantile(s.whole, 0.99)))
	}
	return nil
}

// measureMemory looks at the processes right after a load.
func measureMemory(ctx context.Context, b *bench, r row, round int) error {
	for _, t := range b.targets(round) {
		if len(t.procs) == 0 {
			continue
		}
		for _, p := range []prompt{largePrompt, streamPrompt, smallPrompt} {
			calls := max(b.requests/streamShare, connections)
			if err := b.load.warm(ctx, t, job{prompt: p, conns: connections, calls: calls}); err != nil {
				return err
			}
		}
		m, err := t.procs.memory()
		if err != nil {
			return err
		}
		b.note(r, "after load", t, mebibytes(m.resident))
		b.note(r, "peak", t, mebibytes(m.peak))
	}
	return nil
}

func mebibytes(bytes uint64) float64 { return float64(bytes) / (1 << 20) }

// idle notes what the processes hold before the first load.
func (b *bench) idle(ctx context.Context) error {
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	for _, r := range b.rows {
		if r.name != "memory" {
			continue
		}
		for _, t := range b.tested() {
			m, err := t.procs.memory()
			if err != nil {
				return err
			}
			b.note(r, "idle", t, mebibytes(m.resident))
		}
	}
	return nil
}

// warm sends every row's load once, shortened, so that the first round meets code and
// pools in the state of the others.
func (b *bench) warm(ctx context.Context) error {
	for _, r := range b.rows {
		if r.load == nil {
			continue
		}
		j := *r.load
		j.calls = min(max(j.calls/5, 2*connections), 1000)
		for _, t := range b.targets(0) {
			if j.same = r.load.same && t.miss != ""; r.load.same && t == b.direct {
				continue
			}
			if err := b.load.warm(ctx, t, j); err != nil {
				return fmt.Errorf("row %s: %w", r.name, err)
			}
		}
	}
	for _, t := range b.tested() {
		if _, err := t.procs.settled(ctx); err != nil {
			return err
		}
	}
	return nil
}
