package cache

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache/agree"
	"tollgate.dev/services/cache/threshold"
)

// What zero fields of [Learning] mean.
const (
	DefaultMaxWrongHitRate = 0.01
	DefaultConfidence      = 0.95
	DefaultSample          = 0.05
	DefaultNamespaces      = 2048
	DefaultShareEvery      = 2 * time.Second
	DefaultShareTimeout    = time.Second
)

// Learning is how the semantic tier learns from which score on it may serve, for each tenant,
// provider and model. Zero fields take the default of their name.
type Learning struct {
	// MaxWrongHitRate is the bound on wrong hits per hit; above 0 and at most 0.5. What the
	// comparison of answers may miss is taken off it (package agree).
	MaxWrongHitRate float64
	// Confidence that no threshold above the bound is in force; from 0.5, below 1.
	Confidence float64
	// Sample is the least share of would-be hits that are compared rather than served; from
	// 1e-6, below 1.
	Sample float64
	// Namespaces is how many thresholds a process holds, each of a few kilobytes. Above it those
	// that were not used for longest go; Evidence has what they had learned.
	Namespaces int
	// Evidence keeps what was learned, and shares it with other replicas. Without, it ends with
	// the process.
	Evidence Evidence
	// Replica is this process's name among those that share Evidence, of 1 to 128 bytes: no
	// other one's, and best the same after a restart. A random one when empty.
	Replica string
	// ShareEvery is how often evidence is exchanged.
	ShareEvery time.Duration
	// ShareTimeout bounds one exchange.
	ShareTimeout time.Duration
	// Coin returns numbers that are uniform in [0, 1) and that nobody can foresee; it decides
	// what is compared. A random one when nil.
	Coin func() float64
}

func (o Learning) policy() threshold.Policy {
	return threshold.Policy{
		// Of the wrong answers among those compared, agree finds at least the share
		// 1 − MissedAtMost: if this smaller share of all is within the smaller bound, all are
		// within the operator's.
		MaxWrongHitRate: o.MaxWrongHitRate * (1 - agree.MissedAtMost),
		Confidence:      o.Confidence,
		Sample:          o.Sample,
	}
}

// complete the zero fields, and report everything that can't be.
func (o Learning) complete() (Learning, error) {
	o.MaxWrongHitRate = cmp.Or(o.MaxWrongHitRate, DefaultMaxWrongHitRate)
	o.Confidence = cmp.Or(o.Confidence, DefaultConfidence)
	o.Sample = cmp.Or(o.Sample, DefaultSample)
	o.Namespaces = cmp.Or(o.Namespaces, DefaultNamespaces)
	o.ShareEvery = cmp.Or(o.ShareEvery, DefaultShareEvery)
	o.ShareTimeout = cmp.Or(o.ShareTimeout, DefaultShareTimeout)
	o.Replica = cmp.Or(o.Replica, rand.Text())
	if o.Coin == nil {
		o.Coin = mathrand.Float64 // seeded by the system, and no secret: it only draws a sample
	}
	var wrong []error
	if !(o.MaxWrongHitRate > 0 && o.MaxWrongHitRate <= 0.5) {
		wrong = append(wrong, fmt.Errorf("max wrong hit rate %v is not above 0 and at most 0.5", o.MaxWrongHitRate))
		o.MaxWrongHitRate = DefaultMaxWrongHitRate // told; what else is wrong is told as well
	}
	if o.Namespaces < 1 || o.ShareEvery < 0 || o.ShareTimeout < 0 {
		wrong = append(wrong, errors.New("namespaces, share every and share timeout must be positive"))
	}
	if _, err := threshold.New(o.policy(), o.Replica); err != nil {
		wrong = append(wrong, err)
	}
	return o, errors.Join(wrong...)
}

// learners are the thresholds that are learned, one for each tenant, provider and model: the
// caller's partition doesn't count. They are made when they are first asked for. One serves and
// compares nothing until what Evidence has of it is known; from then on it goes on whether
// Evidence is there or not.
type learners struct {
	opts     Learning
	policy   threshold.Policy
	clock    clock.Clock
	log      *slog.Logger
	observer Observer

	held  sync.Map // Namespace without partition → *learned
	count atomic.Int64
	round atomic.Uint64 // of exchanges
	// fresh are those whose evidence is yet to be read; one that finds no room waits for the
	// next round.
	fresh chan *learned

	failing bool // an exchange failed, and none went well since; run's own
}

// learned is a threshold, and how far Evidence has it.
type learned struct {
	ns      Namespace
	learner *threshold.Learner
	known   atomic.Bool   // what Evidence has is merged
	changed atomic.Bool   // there is more than Evidence has
	used    atomic.Uint64 // the last round in which it was asked for

	mu      sync.Mutex
	waiting []func(*threshold.Learner) // for it to be known
}

// mostWaiting bounds what is to be learned of a namespace whose evidence is not known yet.
const mostWaiting = 256

func newLearners(opts Options) (*learners, error) {
	how, err := opts.Learning.complete()
	if err != nil {
		return nil, err
	}
	return &learners{
		opts: how, policy: how.policy(), clock: opts.Clock, log: opts.Logger, observer: opts.Observer,
		fresh: make(chan *learned, 64),
	}, nil
}

// toss is [judge]'s.
func (l *learners) toss() float64 { return l.opts.Coin() }

// decide is [judge]'s.
func (l *learners) decide(ns Namespace, score, coin float64) threshold.Decision {
	at := l.of(ns)
	if at == nil || !at.known.Load() || !(score >= 0) {
		return threshold.Decision{Verdict: threshold.Pass}
	}
	// A cosine may exceed 1 by the error of its last digit.
	return at.learner.Decide(min(score, 1), coin)
}

// served is [judge]'s.
func (l *learners) served(ns Namespace) {
	if at := l.of(ns); at != nil {
		at.learner.Served()
	}
}

// observe what came of a comparison.
func (l *learners) observe(ns Namespace, d threshold.Decision, wrong bool) {
	l.tell(ns, func(to *threshold.Learner) { to.Observe(d, wrong) })
}

// reportWrong tells that a served answer of that score was called wrong.
func (l *learners) reportWrong(ns Namespace, score float64) {
	l.tell(ns, func(to *threshold.Learner) { to.ReportWrong(score) })
}

func (l *learners) tell(ns Namespace, what func(*threshold.Learner)) {
	at := l.of(ns)
	if at == nil {
		l.observer.CacheComparisonsDropped(1)
		return
	}
	if !at.known.Load() {
		if waits, dropped := at.wait(what); waits || dropped {
			if dropped {
				l.observer.CacheComparisonsDropped(1)
			}
			return
		}
	}
	what(at.learner)
	at.changed.Store(true)
}

// wait until it is known. What finds no room is dropped; neither is true when it is known by now.
func (at *learned) wait(what func(*threshold.Learner)) (waits, dropped bool) {
	at.mu.Lock()
	defer at.mu.Unlock()
	switch {
	case at.known.Load():
		return false, false
	case len(at.waiting) == mostWaiting:
		return false, true
	}
	at.waiting = append(at.waiting, what)
	return true, false
}

// waits counts what is to be learned once it is known.
func (at *learned) waits() int {
	at.mu.Lock()
	defer at.mu.Unlock()
	return len(at.waiting)
}

// meet: what Evidence has is merged.
func (at *learned) meet() {
	at.mu.Lock()
	defer at.mu.Unlock()
	for _, what := range at.waiting {
		what(at.learner)
		at.changed.Store(true)
	}
	at.waiting = nil
	at.known.Store(true)
}

// of a namespace; nil when there are too many.
func (l *learners) of(ns Namespace) *learned {
	ns.Partition = ""
	round := l.round.Load()
	if v, ok := l.held.Load(ns); ok {
		at := v.(*learned) //nolint:errcheck,forcetypeassert // nothing else is held
		if at.used.Load() != round {
			at.used.Store(round)
		}
		return at
	}
	// Those that are too many go in the next round; so many between two is no use that
	// learns anything.
	if l.count.Load() >= 2*int64(l.opts.Namespaces) {
		return nil
	}
	learner, err := threshold.New(l.policy, l.opts.Replica)
	if err != nil { // the same was made when the options were read
		return nil
	}
	at := &learned{ns: ns, learner: learner}
	at.used.Store(round)
	at.known.Store(l.opts.Evidence == nil)
	if v, other := l.held.LoadOrStore(ns, at); other {
		return v.(*learned) //nolint:errcheck,forcetypeassert // nothing else is held
	}
	l.count.Add(1)
	if l.opts.Evidence != nil {
		select {
		case l.fresh <- at:
		default:
		}
	}
	return at
}

// lastWrite bounds the writing when the process stops.
const lastWrite = 5 * time.Second

// run exchanges evidence until ctx ends, and then writes what is not written.
func (l *learners) run(ctx context.Context) {
	ticks := l.clock.NewTicker(l.opts.ShareEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
			defer cancel()
			l.shareAll(last)
			return
		case at := <-l.fresh:
			if !at.known.Load() {
				l.share(ctx, at)
			}
		case <-ticks.C():
			l.shareAll(ctx)
			l.drop(ctx)
		}
	}
}

// mostFailures is after how many failed exchanges a round is given up: the others wait for the
// next one, rather than each for its time limit.
const mostFailures = 3

// shareAll exchanges the evidence of those that have changed, or that were used since the last
// round.
func (l *learners) shareAll(ctx context.Context) {
	round := l.round.Add(1) - 1
	if l.opts.Evidence == nil {
		return
	}
	failures := 0
	l.held.Range(func(_, v any) bool {
		at := v.(*learned) //nolint:errcheck,forcetypeassert // nothing else is held
		if at.known.Load() && !at.changed.Load() && at.used.Load() < round {
			return true
		}
		if !l.share(ctx, at) {
			failures++
		}
		return failures < mostFailures
	})
}

// share evidence of one with the other replicas: the first time it is only read.
func (l *learners) share(ctx context.Context, at *learned) (ok bool) {
	bounded, cancel := context.WithTimeout(ctx, l.opts.ShareTimeout)
	defer cancel()
	known := at.known.Load()
	var state []byte
	if known {
		at.changed.Store(false)
		state = at.learner.OwnState()
	}
	states, err := l.opts.Evidence.Exchange(bounded, at.ns, l.opts.Replica, state)
	if err != nil {
		if known {
			at.changed.Store(true)
		}
		l.fails(ctx, err)
		return false
	}
	// A state that can't be read is another version's, or broken; the others count.
	if err := at.learner.Merge(states...); err != nil {
		l.fails(ctx, err)
	} else {
		l.works(ctx)
	}
	if !known {
		at.meet()
	}
	return true
}

// fails is logged once until an exchange goes well again.
func (l *learners) fails(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	l.observer.CacheLearns(false)
	if !l.failing {
		l.failing = true
		l.log.WarnContext(ctx, "what the cache's thresholds are learned from can't be exchanged; they are learned by this process alone", "error", err)
	}
}

func (l *learners) works(ctx context.Context) {
	l.observer.CacheLearns(true)
	if l.failing {
		l.failing = false
		l.log.InfoContext(ctx, "what the cache's thresholds are learned from is exchanged again")
	}
}

// drop those that are too many, what was not used for longest first. What Evidence doesn't have
// stays.
func (l *learners) drop(ctx context.Context) {
	many := int(l.count.Load()) - l.opts.Namespaces
	if many <= 0 {
		return
	}
	var all []*learned
	l.held.Range(func(_, v any) bool {
		all = append(all, v.(*learned)) //nolint:errcheck,forcetypeassert // nothing else is held
		return true
	})
	slices.SortFunc(all, func(a, b *learned) int { return cmp.Compare(a.used.Load(), b.used.Load()) })
	failures := 0
	for _, at := range all {
		if many == 0 || failures == mostFailures {
			return
		}
		if l.opts.Evidence != nil && at.changed.Load() && !l.share(ctx, at) {
			failures++
			continue
		}
		if l.held.CompareAndDelete(at.ns, at) {
			l.count.Add(-1)
			many--
			if n := at.waits(); n > 0 { // its evidence was never read
				l.observer.CacheComparisonsDropped(n)
			}
		}
	}
}
