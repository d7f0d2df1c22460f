package cache

import (
	"context"
	"log/slog"
	"time"

	"tollgate.dev/platform/clock"
)

// Evidence keeps what thresholds are learned from, across restarts and for all replicas.
// Implementations are safe for concurrent use.
type Evidence interface {
	// Exchange keeps this replica's state for a namespace, unless it is empty, and returns
	// the last state that each replica kept, its own included, in no order. States that were
	// kept longer than [EvidenceLife] ago are forgotten, and of more than [MaxEvidence] the
	// oldest.
	Exchange(ctx context.Context, ns Namespace, replica string, state []byte) (states [][]byte, err error)
}

const (
	// EvidenceLife is how long the state is kept of a replica that keeps no newer one.
	EvidenceLife = 90 * 24 * time.Hour
	// MaxEvidence is of how many replicas states are kept for a namespace.
	MaxEvidence = 64
)

// exchange is the one who brings what learners know to [Evidence], and what other replicas know
// from there; without any, it only drops those that are too many.
type exchange struct {
	learners *learners
	evidence Evidence // nil for none
	replica  string
	every    time.Duration
	timeout  time.Duration // of one
	clock    clock.Clock
	log      *slog.Logger
	observer Observer

	failing bool // the last one failed; run's own
}

// newExchange of options that are complete.
func newExchange(l *learners, how Learning, opts Options) *exchange {
	return &exchange{
		learners: l, evidence: how.Evidence, replica: how.Replica, every: how.ShareEvery, timeout: how.ShareTimeout,
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
			return
		case at := <-x.learners.fresh:
			if !at.known.Load() {
				x.share(ctx, at)
			}
		case <-ticks.C():
			x.shareAll(ctx)
			x.drop(ctx)
		}
	}
}

// mostFailures is after how many failed exchanges a round is given up: the others wait for the
// next one, rather than each for its time limit.
const mostFailures = 3

// shareAll exchanges the evidence of those that have changed, or that were used since the last
// round.
func (x *exchange) shareAll(ctx context.Context) {
	round := x.learners.round.Add(1) - 1
	if x.evidence == nil {
		return
	}
	failures := 0
	x.learners.all(func(at *learned) bool {
		if at.known.Load() && !at.ahead() && at.used.Load() < round {
			return true
		}
		if !x.share(ctx, at) {
			failures++
		}
		return failures < mostFailures
	})
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
	states, err := x.evidence.Exchange(bounded, at.ns, x.replica, state)
	if err != nil {
		if known {
			at.unkept()
		}
		x.fails(ctx, err)
		return false
	}
	// A state that can't be read is another version's, or broken; the others count.
	if err := at.learner.Merge(states...); err != nil {
		x.fails(ctx, err)
	} else {
		x.works(ctx)
	}
	if !known {
		at.meet()
	}
	return true
}

// fails is logged once until an exchange goes well again.
func (x *exchange) fails(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	x.observer.CacheLearns(false)
	if !x.failing {
		x.failing = true
		x.log.WarnContext(ctx, "what the cache's thresholds are learned from can't be exchanged; they are learned by this process alone", "error", err)
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
	failures := 0
	for _, at := range oldest {
		if many == 0 || failures == mostFailures {
			return
		}
		// One that was told something before it was read is read first, and then kept.
		for range 2 {
			if x.evidence == nil || !at.ahead() {
				break
			}
			if !x.share(ctx, at) {
				failures++
				break
			}
		}
		if x.learners.drop(at) {
			many--
		}
	}
}
