package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// report is a finished run.
type report struct {
	Started time.Time `json:"started"`
	// Seconds is how long it took.
	Seconds  float64  `json:"seconds"`
	Machine  hardware `json:"machine"`
	Rounds   int      `json:"rounds"`
	Requests int      `json:"requests"`
	// CacheBytes bounds the gateway's cache; SpentDollars is what its ledger charged.
	CacheBytes   int64   `json:"cache_bytes"`
	SpentDollars float64 `json:"spent_dollars"`
	Results      []line  `json:"results"`
	// Services compares the gateway in six processes, added up, with the one in one process.
	Services []line `json:"services,omitempty"`
	Raw      []raw  `json:"raw"`
}

// hardware is where a run took place, and how busy others kept it: the load average
// over a minute, before and after.
type hardware struct {
	CPUs       int    `json:"cpus"`
	Go         string `json:"go"`
	Platform   string `json:"platform"`
	LoadBefore string `json:"load_before"`
	LoadAfter  string `json:"load_after"`
}

func machine(loadBefore string) hardware {
	return hardware{
		CPUs: runtime.NumCPU(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		LoadBefore: loadBefore, LoadAfter: loadAverage(),
	}
}

// loadAverage is the first number of proc_loadavg(5).
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	load, _, _ := strings.Cut(string(text), " ")
	return load
}

// line is one number of the main table.
type line struct {
	Row  string `json:"row"`
	What string `json:"what"`
	Unit string `json:"unit"`
	// Gateway and Proxy are medians; Proxy is absent where only the gateway counts.
	Gateway float64  `json:"gateway"`
	Proxy   *float64 `json:"proxy,omitempty"`
	// Compared is the ratio of the two, the difference, or the gateway's number alone.
	Compared summary `json:"compared"`
	Kind     kind    `json:"kind"`
	// Target is the goal for the median of Compared, absent where there is none.
	Target *float64 `json:"target,omitempty"`
	Met    *bool    `json:"met,omitempty"`
}

// kind is how the gateway's number is judged.
type kind string

const (
	ratio      kind = "ratio"
	difference kind = "difference"
	absolute   kind = "absolute"
)

// raw is what the rounds gave for one number of one target.
type raw struct {
	Row    string `json:"row"`
	Number string `json:"number"`
	Target string `json:"target"`
	summary
}

// number is a line of the main table before it is measured.
type number struct {
	key, what, unit string
	kind            kind
	// overDirect takes the direct call's value off both sides first.
	overDirect bool
	// target is the goal, 0 for none.
	target float64
}

// numbers are what a row shows. The targets are those that the project has set itself.
func (r row) numbers() []number {
	allocs := []number{
		{key: "mallocs", what: "allocations a request", kind: ratio},
		{key: "bytes", what: "bytes allocated a request", unit: "B", kind: ratio},
	}
	cpu := func(target float64) number {
		return number{key: "cpu", what: "CPU a request, 16 connections", unit: "µs", kind: ratio, target: target}
	}
	switch r.name {
	case "small", "large":
		return append([]number{cpu(2)}, allocs...)
	case "stream", "paced", "single":
		cost := cpu(1.5)
		if r.name == "single" {
			// Nothing queues here, so that the wait for the first byte is the gateway's own.
			cost.what = "CPU a request, one connection"
		}
		return append([]number{
			cost,
			{key: "first p50", what: "time to first byte, p50", unit: "µs", kind: difference, target: 500},
			{key: "first p99", what: "time to first byte, p99", unit: "µs", kind: difference, target: 3000},
		}, allocs...)
	case "latency":
		return []number{
			{key: "p50", what: "p50 over the direct call's", unit: "µs", kind: ratio, overDirect: true},
			{key: "p99", what: "p99 over the direct call's", unit: "µs", kind: ratio, overDirect: true, target: 2.5},
		}
	case "hit":
		return []number{
			{key: "cpu", what: "CPU a request, against the proxy's pass-through", unit: "µs", kind: ratio, target: 1},
			{key: "mallocs", what: "allocations a request", kind: ratio},
		}
	case "memory":
		return []number{
			{key: "idle", what: "RSS idle", unit: "MiB", kind: absolute, target: 40},
			{key: "after load", what: "RSS after load", unit: "MiB", kind: absolute, target: 64},
		}
	}
	return nil
}

// report puts the measured values together.
func (b *bench) report() report {
	out := report{Rounds: b.rounds, Requests: b.requests, CacheBytes: b.cacheBytes}
	for _, r := range b.rows {
		for _, n := range r.numbers() {
			out.Results = append(out.Results, b.line(r, n, b.gateway, b.proxy))
			if b.apart != nil && n.key != "bytes" {
				n.target, n.overDirect = 0, false
				if n.kind == absolute {
					n.kind = ratio
				}
				out.Services = append(out.Services, b.line(r, n, b.apart, b.gateway))
			}
		}
		for _, name := range []string{
			"cpu", "first p50", "first p99", "p50", "p99", "mallocs", "bytes", "rate", "simulator", "generator", "idle", "after load", "peak",
		} {
			for _, t := range b.all() {
				// The direct call has no process under test.
				if v := b.values[cell{r.name, name, t.name}]; len(v) > 0 && (len(t.procs) > 0 || summarize(v).Max > 0) {
					out.Raw = append(out.Raw, raw{r.name, name, t.name, summarize(v)})
				}
			}
		}
	}
	return out
}

// line compares one target with another round by round, since a round's measurements are
// neighbours in time, and takes the median of the comparisons.
func (b *bench) line(r row, n number, one, other *target) line {
	of := func(t *target) []float64 { return b.values[cell{r.name, n.key, t.name}] }
	mine, theirs := of(one), of(other)
	if n.overDirect {
		mine, theirs = pairs(mine, of(b.direct), minus), pairs(theirs, of(b.direct), minus)
	}
	l := line{Row: r.name, What: r.what + ": " + n.what, Unit: n.unit, Kind: n.kind, Gateway: summarize(mine).Median}
	compared := mine
	switch n.kind {
	case ratio:
		compared = pairs(mine, theirs, over)
	case difference:
		compared = pairs(mine, theirs, minus)
	case absolute:
	}
	l.Compared = summarize(compared)
	if len(theirs) > 0 {
		l.Proxy = new(summarize(theirs).Median)
	}
	if n.target > 0 {
		met := l.Compared.Median <= n.target
		if r.name == "hit" {
			met = l.Compared.Median < n.target
		}
		l.Target, l.Met = new(n.target), new(met)
	}
	return l
}

func minus(a, b float64) float64 { return a - b }

// over is a ratio. Noise can bring a difference of two latencies to nothing or below,
// where a ratio means nothing; the smallest that a clock tells apart stands for it.
func over(a, b float64) float64 { return a / max(b, 0.001) }

func pairs(a, b []float64, f func(a, b float64) float64) []float64 {
	out := make([]float64, min(len(a), len(b)))
	for i := range out {
		out[i] = f(a[i], b[i])
	}
	return out
}

// markdown writes the tables.
func (r report) markdown(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s, %d CPUs (shared by generator, simulator, and proxy or gateway), %s, %s. Load average %s before, %s after.\n",
		r.Started.Format(time.RFC3339), r.Machine.CPUs, r.Machine.Go, r.Machine.Platform, r.Machine.LoadBefore, r.Machine.LoadAfter)
	fmt.Fprintf(&b, "%d rounds, alternating; %d requests a round in the small row; %.0f s. Gateway with key check, limits and strict budgets of key and team, "+
		"SQLite ledger ($%.4f charged), exact cache of %s MiB, metrics.\n\n", r.Rounds, r.Requests, r.Seconds, r.SpentDollars, digits(float64(r.CacheBytes)/(1<<20)))
	b.WriteString("| row | gateway | proxy | compared (min–max) | target | met |\n| --- | ---: | ---: | ---: | ---: | --- |\n")
	for _, l := range r.Results {
		proxy, goal, met := "", "", ""
		if l.Proxy != nil {
			proxy = digits(*l.Proxy)
		}
		if l.Target != nil {
			sign, unit := "≤ ", l.Unit
			if l.Row == "hit" {
				sign = "< "
			}
			if l.Kind == ratio {
				unit = "×"
			}
			goal, met = sign+digits(*l.Target)+space(unit), "**no**"
			if *l.Met {
				met = "yes"
			}
		}
		fmt.Fprintf(&b, "| %s%s | %s | %s | %s | %s | %s |\n", l.What, inUnit(l.Unit), digits(l.Gateway), proxy, l.compared(), goal, met)
	}
	if len(r.Services) > 0 {
		b.WriteString("\nEach service in a process of its own (six, added up), beside one process:\n\n" +
			"| row | six processes | one process | compared (min–max) |\n| --- | ---: | ---: | ---: |\n")
		for _, l := range r.Services {
			what, _, _ := strings.Cut(l.What, ", against the proxy")
			what, _, _ = strings.Cut(what, " over the direct")
			fmt.Fprintf(&b, "| %s%s | %s | %s | %s |\n", what, inUnit(l.Unit), digits(l.Gateway), digits(*l.Proxy), l.compared())
		}
	}
	b.WriteString("\nRaw values: medians of the rounds, min–max.\n\n| row | number | target | median | min–max |\n| --- | --- | --- | ---: | ---: |\n")
	for _, v := range r.Raw {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s–%s |\n", v.Row, rawNames[v.Number], v.Target, digits(v.Median), digits(v.Min), digits(v.Max))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// rawNames say what the raw numbers are.
var rawNames = map[string]string{
	"cpu": "CPU a request, µs", "first p50": "first byte p50, µs", "first p99": "first byte p99, µs",
	"p50": "answer p50, µs", "p99": "answer p99, µs", "mallocs": "allocations a request", "bytes": "bytes allocated a request",
	"rate": "requests a second", "simulator": "simulator's CPU a request, µs", "generator": "generator's CPU a request, µs",
	"idle": "RSS idle, MiB", "after load": "RSS after load, MiB", "peak": "RSS peak so far, MiB",
}

// compared is the judged value with its spread.
func (l line) compared() string {
	c := l.Compared
	switch l.Kind {
	case ratio:
		return fmt.Sprintf("%.2f× (%.2f–%.2f)", c.Median, c.Min, c.Max)
	case difference:
		return fmt.Sprintf("%+.0f (%+.0f–%+.0f) %s", c.Median, c.Min, c.Max, l.Unit)
	case absolute:
		return fmt.Sprintf("%s (%s–%s)", digits(c.Median), digits(c.Min), digits(c.Max))
	}
	return ""
}

func inUnit(unit string) string {
	if unit == "" {
		return ""
	}
	return ", " + unit
}

func space(unit string) string {
	if unit == "" || unit == "×" {
		return unit
	}
	return " " + unit
}

// digits shows three digits or so.
func digits(v float64) string {
	switch {
	case v == float64(int64(v)):
		return strconv.FormatInt(int64(v), 10)
	case v >= 100 || v <= -100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10 || v <= -10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// save writes the report as JSON.
func (r report) save(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
