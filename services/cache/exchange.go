package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
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

// shareAll exchanges the evidence of those that have changed, or that were used since the last
// round.
func (x *exchange) shareAll(ctx context.Context) {
	round := x.learners.round.Add(1) - 1
	if x.evidence == nil || !x.holds(ctx) {
		return
	}
	held := x.lease
	failures := 0
	x.learners.all(func(at *learned) bool {
		if at.known.Load() && !at.ahead() && at.used.Load() < round {
			return true
		}
		if !x.goesOn(ctx, held) {
			return false
		}
		if !x.share(ctx, at) {
			failures++
		}
		select {
		case other := <-x.learners.fresh: // whose callers needn't wait for the round's end
			x.first(ctx, other)
		default:
		}
		return failures < mostFailures && x.lease == held
	})
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

// share evidence of one with the other replicas: the first time it is only read.
func (x *exchange) share(ctx context.Context, at *learned) (ok bool) {
	bounded, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	known := at.known.Load()
	var state []byte
	if known {
		state = at.state()
	}
	states, err := x.evidence.Exchange(bounded, at.ns, *x.lease, state)
	if err != nil {
		if known {
			at.unkept()
		}
		x.fails(ctx, err)
		if errors.Is(err, ErrLost) {
			x.anew(bounded)
		}
		return false
	}
	learner := at.learner
	if !known {
		if learner, err = threshold.New(x.learners.policy, x.lease.Name); err != nil {
			x.fails(ctx, err)
			return false
		}
	}
	// A state that can't be read is another version's, or broken; the others count.
	if err := learner.Merge(states...); err != nil {
		x.fails(ctx, err)
	} else {
		x.works(ctx)
	}
	if !known {
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
			if !x.goesOn(ctx, held) || !x.share(ctx, at) {
				failures++
				break
			}
		}
		if x.learners.drop(at) {
			many--
		}
	}
}
