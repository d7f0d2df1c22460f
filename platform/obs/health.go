package obs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
)

// Check asks one dependency how it is.
type Check struct {
	// Name is what the result is listed under; unique within a checker.
	Name string
	// Timeout bounds one run; 2 s when 0.
	Timeout time.Duration
	// Required says that the process is not ready without the dependency.
	Required bool
	// Run returns nil when all is well. It should end with its context.
	Run func(context.Context) error
	// Behind, when set, is how things are that the dependency itself depends on. It returns at
	// once.
	Behind func() []Result
}

// Result is how one dependency was.
type Result struct {
	Name     string        `json:"name"`
	Healthy  bool          `json:"healthy"`
	Required bool          `json:"required"`
	Error    string        `json:"error,omitempty"` // scrubbed
	Latency  time.Duration `json:"latencyNs"`
	// Through is the dependency that this one is behind; empty for one of this process.
	Through string `json:"through,omitempty"`
}

// Report is how all dependencies were.
type Report struct {
	// Healthy says that every dependency is well, Ready that every required one is and that
	// the process is not about to stop, Draining that it is.
	Healthy  bool `json:"healthy"`
	Ready    bool `json:"ready"`
	Draining bool `json:"draining,omitempty"`
	// Results stand in the order in which the checks were given. Those that are behind others
	// follow, unless there is a check of that name.
	Results []Result `json:"results"`
}

// ErrCheckTimeout says that a dependency did not answer within its check's timeout.
var ErrCheckTimeout = errors.New("no answer in time")

// Checker runs checks in parallel. Callers that come while a check runs share its
// result, so that a flood of probes is no flood of checks, and one that hangs is
// started no second time. Close it when done.
type Checker struct {
	clock  clock.Clock
	ctx    context.Context //nolint:containedctx // checks are shared, so they outlive any caller
	cancel context.CancelFunc
	wg     sync.WaitGroup
	checks []*runner
	// drain is closed when the process takes no new calls soon.
	drain     chan struct{}
	drainOnce sync.Once
}

type runner struct {
	Check
	mu      sync.Mutex
	current *attempt
}

// attempt is one run. Its fields are written before done is closed.
type attempt struct {
	done    chan struct{}
	err     error
	latency time.Duration
}

// NewChecker returns a checker. A check without a name or function, and a name given
// twice, are errors.
func NewChecker(c clock.Clock, checks ...Check) (*Checker, error) {
	ctx, cancel := context.WithCancel(context.Background())
	out := &Checker{clock: c, ctx: ctx, cancel: cancel, drain: make(chan struct{})}
	seen := make(map[string]bool, len(checks))
	for _, check := range checks {
		if check.Name == "" || check.Run == nil || seen[check.Name] {
			cancel()
			return nil, fmt.Errorf("obs: health check %q has no name, no function, or a name given twice", check.Name)
		}
		seen[check.Name] = true
		if check.Timeout <= 0 {
			check.Timeout = 2 * time.Second
		}
		out.checks = append(out.checks, &runner{Check: check})
	}
	return out, nil
}

// Run asks all dependencies. It returns once each answered, its timeout passed, or ctx
// ended.
func (c *Checker) Run(ctx context.Context) Report {
	attempts := make([]*attempt, len(c.checks))
	for i, r := range c.checks {
		attempts[i] = c.start(r) //nolint:contextcheck // a check is shared, so it outlives its first caller
	}
	began := c.clock.Now()
	draining := c.Draining()
	report := Report{Healthy: true, Ready: !draining, Draining: draining, Results: make([]Result, len(c.checks))}
	for i, r := range c.checks {
		res := c.await(ctx, r, attempts[i], began)
		report.Results[i] = res
		report.Healthy = report.Healthy && res.Healthy
		report.Ready = report.Ready && (res.Healthy || !res.Required)
	}
	c.behind(&report)
	return report
}

// behind adds what the dependencies depend on, each once: away if any of them says so. The process
// is ready without.
func (c *Checker) behind(report *Report) {
	own := len(report.Results)
	for _, r := range c.checks {
		if r.Behind == nil {
			continue
		}
		for _, res := range r.Behind() {
			res.Required, res.Through, res.Error = false, r.Name, Scrub(res.Error)
			report.Healthy = report.Healthy && res.Healthy
			switch i := slices.IndexFunc(report.Results, func(other Result) bool { return other.Name == res.Name }); {
			case i < 0:
				report.Results = append(report.Results, res)
			case i >= own && report.Results[i].Healthy:
				report.Results[i] = res
			}
		}
	}
}

// Drain has every further report say that the process is not ready, because it is about to
// stop.
func (c *Checker) Drain() { c.drainOnce.Do(func() { close(c.drain) }) }

// Draining reports whether Drain was called.
func (c *Checker) Draining() bool {
	select {
	case <-c.drain:
		return true
	default:
		return false
	}
}

// Drained is closed by Drain.
func (c *Checker) Drained() <-chan struct{} { return c.drain }

// Close ends running checks and waits for them.
func (c *Checker) Close() {
	c.cancel()
	c.wg.Wait()
}

// start returns the check's running attempt, or a new one.
func (c *Checker) start(r *runner) *attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current != nil {
		return r.current
	}
	a := &attempt{done: make(chan struct{})}
	r.current = a
	c.wg.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, r.Timeout)
		defer cancel()
		began := c.clock.Now()
		a.err = guard(ctx, r.Run)
		a.latency = c.clock.Now().Sub(began)
		r.mu.Lock()
		r.current = nil
		r.mu.Unlock()
		close(a.done)
	})
	return a
}

func (c *Checker) await(ctx context.Context, r *runner, a *attempt, began time.Time) Result {
	res := Result{Name: r.Name, Required: r.Required}
	timer := c.clock.NewTimer(r.Timeout - c.clock.Now().Sub(began))
	defer timer.Stop()
	select {
	case <-a.done:
	default:
		select {
		case <-a.done:
		case <-timer.C():
			res.Error, res.Latency = ErrCheckTimeout.Error(), c.clock.Now().Sub(began)
			return res
		case <-ctx.Done():
			res.Error, res.Latency = ctx.Err().Error(), c.clock.Now().Sub(began)
			return res
		}
	}
	res.Latency = a.latency
	switch {
	case a.err == nil:
		res.Healthy = true
	case errors.Is(a.err, context.DeadlineExceeded):
		res.Error = ErrCheckTimeout.Error()
	default:
		res.Error = Scrub(a.err.Error())
	}
	return res
}

// guard keeps a panic in one check from ending the process.
func guard(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the check panicked")
		}
	}()
	return run(ctx)
}
