package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache/threshold"
)

// exchange is the one who brings what learners know to [Evidence], and what other replicas know
// from there; without any, it only drops those that are too many.
type exchange struct {
	learners *learners
	evidence Evidence // nil for none
	claim    Claim
	every    time.Duration
	timeout  time.Duration // of one
	clock    clock.Clock
	log      *slog.Logger
	observer Observer

	// run's own:
	lease   *Lease // nil while there is none
	claimed time.Time
	failing bool // the last one failed
}

// newExchange of options that are complete.
func newExchange(l *learners, how Learning, opts Options) *exchange {
	return &exchange{
		learners: l, evidence: how.Evidence, every: how.ShareEvery, timeout: how.ShareTimeout,
		claim: Claim{Holder: rand.Text(), Name: how.Replica, Term: how.Lease, Sole: how.Sole},
		clock: opts.Clock, log: opts.Logger, observer: opts.Observer,
	}
}

// lastWrite bounds the writing when the process stops.
const lastWrite = 5 * time.Second

// run exchanges evidence until ctx ends, and then writes what is not written.
func (x *exchange) run(ctx context.Context) {
	ticks := x.clock.NewTicker(x.every)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
			defer cancel()
			x.shareAll(last)
			x.giveBack(last)
			return
		case at := <-x.learners.fresh:
			x.first(ctx, at)
		case <-ticks.C():
			x.round(ctx)
		}
	}
}

// round is what is done again and again.
func (x *exchange) round(ctx context.Context) {
	x.shareAll(ctx)
	x.logPhases(ctx)
	x.drop(ctx)
}

// holds a name of its own, which it claims, and claims again after a third of the term. Where that
// is another than before, or somebody else had it meanwhile, all begin anew with what is kept.
func (x *exchange) holds(ctx context.Context) bool {
	now := x.clock.Now()
	if x.lease != nil && now.Sub(x.claimed) < x.claim.Term/3 {
		return true
	}
	bounded, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	lease, err := x.evidence.Claim(bounded, x.claim)
	switch {
	case errors.Is(err, ErrTaken):
		x.lose()
		fallthrough
	case err != nil:
		x.fails(ctx, err)
		return x.lease != nil // what is kept under it is kept by its token
	case x.lease == nil || *x.lease != lease:
		x.lose()
		x.lease = &lease
	}
	x.claimed = now
	// The store counts the term from later on; the tenth is for clocks that go faster.
	end := now.Add(x.claim.Term - x.claim.Term/10)
	if x.claim.Sole {
		end = time.Time{}
	}
	x.learners.tenure.Store(&tenure{end: end})
	return true
}

// lose the name: nothing is decided under it any more, and what was learned since the last exchange
// is lost as if the process had died.
func (x *exchange) lose() {
	x.lease = nil
	x.learners.tenure.Store(nil)
	x.learners.forget()
}

// anew loses the name, and claims next as somebody else: where the store has forgotten the lease
// that ended this one, it would renew it with the token under which nothing is kept any more.
func (x *exchange) anew(ctx context.Context) {
	x.giveBack(ctx)
	x.lose()
	x.claim.Holder = rand.Text()
}

// giveBack the name, so that the next one needn't wait for the lease's end.
func (x *exchange) giveBack(ctx context.Context) {
	if x.lease == nil {
		return
	}
	x.learners.tenure.Store(nil)
	c := x.claim
	c.Term = 0
	if _, err := x.evidence.Claim(ctx, c); err != nil {
		x.fails(ctx, err) // the lease ends by itself
	}
}

// mostFailures is after how many failed exchanges a round is given up: the others wait for the
// next one, rather than each for its time limit.
const mostFailures = 3

const (
	// refreshRounds is after how many rounds it is read what others know of a namespace in use of which
	// this process has learned nothing new.
	refreshRounds = 5
	// atOnce is how many namespaces are exchanged at the same time, so that many don't wait for as many round
	// trips, and most of the store's connections are left to look-ups.
	atOnce = 8
)

// shareAll exchanges the evidence of those that have changed, and now and then of those that are in use.
func (x *exchange) shareAll(ctx context.Context) {
	round := x.learners.round.Add(1) - 1
	if x.evidence == nil || !x.holds(ctx) {
		return
	}
	var due []*learned
	x.learners.all(func(at *learned) bool {
		if !at.known.Load() || at.ahead() || at.used.Load() >= at.shared && round+1 >= at.shared+refreshRounds {
			due = append(due, at)
		}
		return true
	})
	held, failures := x.lease, 0
	for some := range slices.Chunk(due, atOnce) {
		if !x.goesOn(ctx, held) {
			return
		}
		if failures += x.share(ctx, some...); failures >= mostFailures || x.lease != held {
			return
		}
		x.fresh(ctx)
	}
}

// fresh reads what is known of those that are asked for the first time while a round goes on: their callers
// needn't wait for its end.
func (x *exchange) fresh(ctx context.Context) {
	var some []*learned
	for range min(atOnce, len(x.learners.fresh)) { // nobody else takes from it
		if at := <-x.learners.fresh; !at.known.Load() {
			some = append(some, at)
		}
	}
	if len(some) > 0 && x.holds(ctx) {
		x.share(ctx, some...)
	}
}

// first reads what is known of a namespace that is asked for the first time.
func (x *exchange) first(ctx context.Context, at *learned) {
	if !at.known.Load() && x.holds(ctx) {
		x.share(ctx, at)
	}
}

// goesOn tells whether the name is still held under a lease, which a long round outlives unless it claims
// the name again on the way. Under another lease all have begun anew.
func (x *exchange) goesOn(ctx context.Context, held *Lease) bool {
	return x.lease == held && x.holds(ctx) && x.lease == held
}

// exchanged is what came of one exchange.
type exchanged struct {
	known  bool // before
	states [][]byte
	err    error
}

// share evidence of some, at most [atOnce], with the other replicas, all at the same time: the first time it is only
// read. It returns how many failed.
func (x *exchange) share(ctx context.Context, some ...*learned) (failures int) {
	held, lease, got := x.lease, *x.lease, make([]exchanged, len(some))
	var wg sync.WaitGroup
	for i, at := range some[1:] {
		wg.Go(func() { got[i+1] = x.ask(ctx, at, lease) })
	}
	got[0] = x.ask(ctx, some[0], lease)
	wg.Wait()
	for i, at := range some {
		if x.lease != held {
			return failures + 1 // all have begun anew
		}
		if !x.hear(ctx, at, got[i]) {
			failures++
		}
	}
	return failures
}

// ask keeps the state of one, and reads the others'.
func (x *exchange) ask(ctx context.Context, at *learned, lease Lease) (got exchanged) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	var state []byte
	if got.known = at.known.Load(); got.known {
		state = at.state()
	}
	got.states, got.err = x.evidence.Exchange(ctx, at.ns, lease, state)
	return got
}

// hear what an exchange brought, and report whether it went well.
func (x *exchange) hear(ctx context.Context, at *learned, got exchanged) (ok bool) {
	if got.err != nil {
		if got.known {
			at.unkept()
		}
		x.fails(ctx, got.err)
		if errors.Is(got.err, ErrLost) {
			bounded, cancel := context.WithTimeout(ctx, x.timeout)
			defer cancel()
			x.anew(bounded)
		}
		return false
	}
	at.shared = x.learners.round.Load()
	learner := at.learner
	if !got.known {
		var err error
		if learner, err = threshold.New(x.learners.policy, x.lease.Name); err != nil {
			x.fails(ctx, err)
			return false
		}
	}
	// A state that can't be read is another version's, or broken; the others count.
	if err := learner.Merge(got.states...); err != nil {
		x.fails(ctx, err)
	} else {
		x.works(ctx)
	}
	if !got.known {
		at.meet(learner)
	}
	return true
}

// logPhases tells whose phase is another than in the last round, so that a log says since when a
// namespace is served; one is held from learning on.
func (x *exchange) logPhases(ctx context.Context) {
	x.learners.all(func(at *learned) bool {
		if !at.known.Load() {
			return true
		}
		if phase := at.learner.Phase(); phase != at.logged {
			x.log.InfoContext(ctx, "the phase of a threshold that is learned changed", "tenant_id", at.ns.Tenant, "provider", at.ns.Provider,
				"model", at.ns.Model, "phase", phaseName(phase), "before", phaseName(at.logged))
			at.logged = phase
		}
		return true
	})
}

// fails is logged once until an exchange goes well again.
func (x *exchange) fails(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	x.observer.CacheLearns(false)
	if !x.failing {
		x.failing = true
		x.log.WarnContext(ctx, "what the cache's thresholds are learned from can't be exchanged; this process goes on alone until the lease of its name ends", "error", err)
	}
}

func (x *exchange) works(ctx context.Context) {
	x.observer.CacheLearns(true)
	if x.failing {
		x.failing = false
		x.log.InfoContext(ctx, "what the cache's thresholds are learned from is exchanged again")
	}
}

// drop those that are too many, what was not used for longest first. One that is ahead of what is
// kept stays until that has it.
func (x *exchange) drop(ctx context.Context) {
	oldest, many := x.learners.excess()
	held, failures := x.lease, 0
	for _, at := range oldest {
		if many == 0 || failures == mostFailures || x.evidence != nil && x.lease == nil {
			return
		}
		// One that was told something before it was read is read first, and then kept.
		for range 2 {
			if x.evidence == nil || !at.ahead() {
				break
			}
			if !x.goesOn(ctx, held) || x.share(ctx, at) > 0 {
				failures++
				break
			}
		}
		if x.learners.drop(at) {
			many--
		}
	}
}
