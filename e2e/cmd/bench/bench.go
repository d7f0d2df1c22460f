package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// bench is one run: the processes, and what the rounds have measured.
type bench struct {
	options
	rows []row
	load *generator
	// whole is the gateway in one process, services the one that runs each service in its own.
	whole, services *gateway
	// apart is the target of services, nil when they are not measured.
	direct, proxy, gateway, apart *target
	values                        map[cell][]float64
	log                           io.Writer
}

// cell is one number of one target in one row.
type cell struct{ row, number, target string }

func (b *bench) note(r row, number string, t *target, v float64) {
	at := cell{r.name, number, t.name}
	b.values[at] = append(b.values[at], v)
}

// run starts the processes, measures, and ends them.
func run(ctx context.Context, o options, out, log io.Writer) (err error) {
	rows, err := plan(o.requests, o.only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tollgate-bench-")
	if err != nil {
		return fmt.Errorf("working folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{options: o, rows: rows, values: make(map[cell][]float64), log: log}
	defer func() { err = errors.Join(err, b.stop()) }()
	if err := b.start(ctx, dir); err != nil {
		return err
	}
	began, before := time.Now(), loadAverage()
	if err := b.measure(ctx); err != nil {
		return err
	}
	spend, err := b.whole.charged(ctx)
	if err != nil {
		return err
	}
	r := b.report()
	r.Machine = machine(before)
	r.Started, r.Seconds, r.SpentDollars = began.UTC().Truncate(time.Second), time.Since(began).Seconds(), spend
	if err := r.markdown(out); err != nil {
		return err
	}
	if o.json != "" {
		if err := r.save(o.json); err != nil {
			return err
		}
	}
	if o.profiles != "" {
		b.progress("profiles")
		if err := b.profile(ctx, o.profiles); err != nil {
			b.progress("no profiles: %v", err)
		}
	}
	return nil
}

func (b *bench) progress(format string, args ...any) {
	_, _ = fmt.Fprintf(b.log, "bench: "+format+"\n", args...) // progress only
}

// start starts the simulator, the proxy and the gateway, each a process of its own.
func (b *bench) start(ctx context.Context, dir string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("own binary: %w", err)
	}
	binary := b.binary
	if binary == "" {
		b.progress("building the gateway")
		if binary, err = buildGateway(ctx, dir); err != nil {
			return err
		}
	}
	sub := func(args ...string) (*child, error) {
		cmd := exec.Command(self, args...) //nolint:gosec,noctx // this program itself; stop ends it in order
		cmd.Env = environment()
		return startChild(ctx, args[0], listening, filepath.Join(dir, args[0]+".log"), cmd)
	}
	b.load = &generator{}
	if b.load.simulator, err = sub("simulator"); err != nil {
		return err
	}
	provider := b.load.simulator.addr
	plain := target{
		name: "direct", addr: provider, path: openAIBase + chatPath, pacedPath: pacedBase + chatPath,
		model: "gpt-4o-mini", pacedModel: "gpt-4o-mini", key: "sk-simulated",
	}
	b.direct = &plain
	through := plain
	through.name = "proxy"
	proxy, err := sub("proxy", "http://"+provider)
	if err != nil {
		return err
	}
	b.proxy, through.procs, through.addr, through.counters = &through, processes{proxy}, proxy.addr, proxyCounters(proxy.addr)
	opts := gatewayOptions{
		binary: binary, dir: filepath.Join(dir, "gateway"), simulator: provider, cacheBytes: b.cacheBytes, profiles: b.profiles != "",
	}
	if b.whole, err = startGateway(ctx, opts); err != nil {
		return err
	}
	b.gateway = b.whole.target("gateway")
	if b.oneProcess {
		return nil
	}
	opts.dir, opts.apart = filepath.Join(dir, "services"), true
	if b.services, err = startGateway(ctx, opts); err != nil {
		return err
	}
	b.apart = b.services.target("services")
	return nil
}

// all are whom a round calls.
func (b *bench) all() []*target {
	return append([]*target{b.direct}, b.tested()...)
}

// tested are the targets that are measured, and not only called.
func (b *bench) tested() []*target {
	t := []*target{b.proxy, b.gateway}
	if b.apart != nil {
		t = append(t, b.apart)
	}
	return t
}

// stop ends what start has started, in the other order.
func (b *bench) stop() error {
	var errs []error
	for _, g := range []*gateway{b.services, b.whole} {
		if g != nil {
			errs = append(errs, g.stop())
		}
	}
	if b.proxy != nil {
		errs = append(errs, b.proxy.procs.stop())
	}
	if b.load != nil && b.load.simulator != nil {
		errs = append(errs, b.load.simulator.stop())
	}
	return errors.Join(errs...)
}

// measure runs all rounds of all rows. Within a round the targets follow each other, so
// that gateway and proxy alternate over the whole run.
func (b *bench) measure(ctx context.Context) error {
	if err := b.idle(ctx); err != nil {
		return err
	}
	b.progress("warming up")
	if err := b.warm(ctx); err != nil {
		return err
	}
	for round := range b.rounds {
		for _, r := range b.rows {
			b.progress("round %d of %d: %s", round+1, b.rounds, r.name)
			if err := r.measure(ctx, b, r, round); err != nil {
				return fmt.Errorf("row %s, round %d: %w", r.name, round+1, err)
			}
		}
	}
	return nil
}

// proxyCounters asks the proxy what it has allocated.
func proxyCounters(addr string) func(context.Context) (counters, error) {
	client := &http.Client{Timeout: answerTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	return func(ctx context.Context) (c counters, err error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+statsPath, nil)
		if err != nil {
			return c, err
		}
		err = fetch(client, req, func(r io.Reader) error { return json.NewDecoder(r).Decode(&c) })
		return c, err
	}
}
