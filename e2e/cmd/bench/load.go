package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// target is one way to the simulator: direct, by the proxy, or by the gateway.
type target struct {
	name string
	addr string
	// path and model are for answers at once, the paced ones for streams with a pause
	// between the chunks.
	path, model           string
	pacedPath, pacedModel string
	key                   string
	// procs are under test, none for the direct call.
	procs processes
	// counters reads what they have allocated since their start.
	counters func(context.Context) (counters, error)
	// miss is what X-Cache says of an answer that a provider gave.
	miss string
}

// counters are sums since the start of a process.
type counters struct {
	Mallocs    float64 `json:"mallocs"`
	AllocBytes float64 `json:"alloc_bytes"`
}

// job is a number of calls in a closed loop.
type job struct {
	prompt prompt
	paced  bool
	conns  int
	calls  int
	// same sends one prompt again and again, for which the answer must be a cache hit.
	same bool
}

// sample is what one job measured.
type sample struct {
	calls int
	wall  time.Duration
	// cpu is that of the processes under test, 0 for the direct call.
	cpu, simulatorCPU, generatorCPU time.Duration
	first, whole                    []time.Duration
	mallocs, allocBytes             float64
}

// generator makes load.
type generator struct {
	simulator *child
	serial    atomic.Uint64
}

// sameSerial is the number of the prompt that is sent again and again.
const sameSerial = 0

func (g *generator) next(j job) uint64 {
	if j.same {
		return sameSerial
	}
	return g.serial.Add(1)
}

// dialAll opens the connections and makes as many calls that do not count: dials and the
// first fill of pools are not what is measured.
func (g *generator) dialAll(ctx context.Context, t *target, j job) (clients []*client, err error) {
	defer func() {
		if err != nil {
			closeAll(clients)
			clients = nil
		}
	}()
	req, err := j.prompt.render(t, j.paced)
	if err != nil {
		return nil, err
	}
	for range j.conns {
		c, err := dial(ctx, t.addr, req, "")
		if err != nil {
			return clients, err
		}
		clients = append(clients, c)
	}
	first := j
	first.calls = j.conns
	if _, _, err := g.loop(ctx, clients, first); err != nil {
		return clients, err
	}
	for _, c := range clients {
		if c.cache = t.miss; j.same {
			c.cache = "hit"
		}
	}
	return clients, nil
}

func closeAll(clients []*client) {
	for _, c := range clients {
		c.close()
	}
}

// run does a job at a target.
func (g *generator) run(ctx context.Context, t *target, j job) (s sample, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", t.name, err)
			if len(t.procs) > 0 {
				err = fmt.Errorf("%w\n%s", err, t.procs.tail())
			}
		}
	}()
	clients, err := g.dialAll(ctx, t, j)
	if err != nil {
		return s, err
	}
	defer closeAll(clients)
	runtime.GC() // our own garbage, not in the middle of a measurement
	m, err := g.begin(ctx, t)
	if err != nil {
		return s, err
	}
	start := time.Now()
	first, whole, err := g.loop(ctx, clients, j)
	if err != nil {
		return s, err
	}
	s = sample{calls: j.calls, wall: time.Since(start), first: first, whole: whole}
	err = m.end(ctx, &s)
	return s, err
}

// warm does a job without measuring it.
func (g *generator) warm(ctx context.Context, t *target, j job) error {
	clients, err := g.dialAll(ctx, t, j)
	if err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	defer closeAll(clients)
	if _, _, err = g.loop(ctx, clients, j); err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	return nil
}

// loop lets each client call until all calls are made, and returns their times. The
// first failure ends it.
func (g *generator) loop(ctx context.Context, clients []*client, j job) (first, whole []time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var taken atomic.Int64
	var workers sync.WaitGroup
	times := make([][]timing, len(clients))
	for i, c := range clients {
		times[i] = make([]timing, 0, 2*j.calls/len(clients)+1)
		workers.Go(func() {
			for taken.Add(1) <= int64(j.calls) && ctx.Err() == nil {
				t, err := c.call(g.next(j))
				if err != nil {
					cancel(err)
					return
				}
				times[i] = append(times[i], t)
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	for _, of := range times {
		for _, t := range of {
			first, whole = append(first, t.first), append(whole, t.whole)
		}
	}
	return first, whole, nil
}

// meter holds the readings from before a job.
type meter struct {
	g                         *generator
	t                         *target
	cpu, simulator, generator time.Duration
	before                    counters
	scrape                    counters // what one reading of the counters costs itself
}

func (g *generator) begin(ctx context.Context, t *target) (*meter, error) {
	m := &meter{g: g, t: t}
	if len(t.procs) > 0 {
		first, err := t.counters(ctx)
		if err != nil {
			return nil, err
		}
		if m.before, err = t.counters(ctx); err != nil {
			return nil, err
		}
		m.scrape = counters{m.before.Mallocs - first.Mallocs, m.before.AllocBytes - first.AllocBytes}
		if m.cpu, err = t.procs.cpuTime(); err != nil {
			return nil, err
		}
	}
	var err error
	if m.simulator, err = cpuTime(g.simulator.pid()); err != nil {
		return nil, err
	}
	m.generator, err = ownCPU()
	return m, err
}

func (m *meter) end(ctx context.Context, s *sample) error {
	now, err := ownCPU()
	if err != nil {
		return err
	}
	s.generatorCPU = now - m.generator
	if now, err = cpuTime(m.g.simulator.pid()); err != nil {
		return err
	}
	s.simulatorCPU = now - m.simulator
	if len(m.t.procs) == 0 {
		return nil
	}
	if now, err = m.t.procs.settled(ctx); err != nil {
		return err
	}
	s.cpu = now - m.cpu
	after, err := m.t.counters(ctx)
	s.mallocs = max(after.Mallocs-m.before.Mallocs-m.scrape.Mallocs, 0)
	s.allocBytes = max(after.AllocBytes-m.before.AllocBytes-m.scrape.AllocBytes, 0)
	return err
}

// alternate calls the targets over one connection each, in turns of a few calls, so
// that a disturbance of the machine meets all of them, and returns each one's times.
func (g *generator) alternate(ctx context.Context, targets []*target, j job) ([][]time.Duration, error) {
	const turn = 25
	j.conns = 1
	times := make([][]time.Duration, len(targets))
	clients := make([]*client, 0, len(targets))
	defer func() { closeAll(clients) }()
	for _, t := range targets {
		c, err := g.dialAll(ctx, t, j)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		clients = append(clients, c...)
	}
	runtime.GC()
	for done := 0; done < j.calls; done += turn {
		for i, c := range clients {
			for range min(turn, j.calls-done) {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				t, err := c.call(g.next(j))
				if err != nil {
					return nil, fmt.Errorf("%s: %w", targets[i].name, err)
				}
				times[i] = append(times[i], t.whole)
			}
		}
	}
	return times, nil
}
