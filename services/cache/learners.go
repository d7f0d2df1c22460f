package cache

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/cachetier"
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
	DefaultLease           = 30 * time.Second
)

// MaxReplica is how long a replica's name may be, in bytes.
const MaxReplica = cachetier.MaxReplicaBytes

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
	// Replica is this process's name among those that share Evidence, of at most [MaxReplica]
	// bytes: no other one's, and the same after a restart. It waits while another process has it. When
	// empty, it takes one that a process had which is gone, or a new one.
	Replica string
	// Sole says that no other process that lives uses Evidence: nothing is to be waited for, and
	// the name is this one's for ever.
	Sole bool
	// Lease is how long after it was last renewed the name is this process's. Then nothing is served or
	// compared until it is again, and others may take it.
	Lease time.Duration
	// ShareEvery is how often evidence is exchanged: each time that of namespaces of which something was learned, and
	// of those that are in use every fifth time.
	ShareEvery time.Duration
	// ShareTimeout bounds one exchange.
	ShareTimeout time.Duration
	// Coin returns numbers that are uniform in [0, 1) and that nobody can foresee; it decides
	// what is compared. A random one when nil.
	Coin func() float64
}

// policy of learning for hits from that floor on.
func (o Learning) policy(floor float64) threshold.Policy {
	return threshold.Policy{
		// Of the wrong answers among those compared, agree finds at least the share
		// 1 − MissedAtMost: if this smaller share of all is within the smaller bound, all are
		// within the operator's.
		MaxWrongHitRate: o.MaxWrongHitRate * (1 - agree.MissedAtMost),
		Confidence:      o.Confidence,
		Sample:          o.Sample,
		Floor:           floor,
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
	o.Lease = cmp.Or(o.Lease, DefaultLease)
	if o.Coin == nil {
		o.Coin = rand.Float64 // seeded by the system, and no secret: it only draws a sample
	}
	var wrong []error
	if !(o.MaxWrongHitRate > 0 && o.MaxWrongHitRate <= 0.5) {
		wrong = append(wrong, fmt.Errorf("max wrong hit rate %v is not above 0 and at most 0.5", o.MaxWrongHitRate))
		o.MaxWrongHitRate = DefaultMaxWrongHitRate // told; what else is wrong is told as well
	}
	if o.Namespaces < 1 || o.ShareEvery < 0 || o.ShareTimeout < 0 || o.Lease < 0 {
		wrong = append(wrong, errors.New("namespaces, share every, share timeout and lease must be positive"))
	}
	if len(o.Replica) > MaxReplica || strings.HasPrefix(o.Replica, AnyName) {
		wrong = append(wrong, fmt.Errorf("a replica's name has at most %d bytes and does not begin with %s", MaxReplica, AnyName))
	}
	if err := o.policy(0).Validate(); err != nil {
		wrong = append(wrong, err)
	}
	return o, errors.Join(wrong...)
}

// learners are the thresholds that are learned, one for each tenant, provider and model: the
// caller's partition doesn't count. They are made when they are first asked for. One serves and
// compares nothing until it is known what is kept of it, which [exchange] sees to; from then on it
// goes on by itself.
type learners struct {
	policy   threshold.Policy
	clock    clock.Clock
	coin     func() float64
	most     int  // of them, but for those that came since the last round
	alone    bool // nothing is kept
	observer Observer

	tenure atomic.Pointer[tenure] // nil while nothing may be decided

	held  sync.Map // Namespace without partition → *learned
	count atomic.Int64
	round atomic.Uint64 // of exchanges
	// fresh are those of which it is yet to be read what is kept; one that finds no room waits
	// for the next round.
	fresh chan *learned
}

// tenure is how long decisions may be made under the replica's name.
type tenure struct{ end time.Time } // zero for ever

func (t *tenure) over(c clock.Clock) bool {
	return t == nil || !t.end.IsZero() && !c.Now().Before(t.end)
}

// learned is the threshold of a namespace.
type learned struct {
	ns      Namespace
	used    atomic.Uint64      // the last round in which it was asked for
	known   atomic.Bool        // what is kept of it is merged; set with mu held
	learner *threshold.Learner // nil until then, and not changed after
	logged  threshold.Phase    // the last one that was logged; [exchange]'s own
	shared  uint64             // the round in which it was exchanged last; [exchange]'s own

	mu      sync.Mutex
	changed bool                       // there is more than is kept
	closed  bool                       // it is held no longer, and nothing may be told to it
	waiting []func(*threshold.Learner) // for it to be known
}

// mostWaiting bounds what is to be learned of a namespace that is not known yet.
const mostWaiting = 256

// newLearners of options that are complete.
func newLearners(how Learning, opts Options) *learners {
	l := &learners{
		policy: how.policy(opts.Floor), clock: opts.Clock, coin: how.Coin, most: how.Namespaces, alone: how.Evidence == nil,
		observer: opts.Observer, fresh: make(chan *learned, 64),
	}
	if l.alone {
		l.tenure.Store(&tenure{})
	}
	return l
}

// toss is [judge]'s.
func (l *learners) toss() float64 { return l.coin() }

// decide is [judge]'s.
func (l *learners) decide(ns Namespace, q *answered, score, coin float64) threshold.Decision {
	at := l.of(ns)
	if at == nil || !at.known.Load() || l.tenure.Load().over(l.clock) || !(score >= 0) {
		return threshold.Decision{Verdict: threshold.Pass}
	}
	// A cosine may exceed 1 by the error of its last digit.
	return at.learner.Decide(min(score, 1), coin, q.meet())
}

// served is [judge]'s.
func (l *learners) served(ns Namespace) {
	if at := l.of(ns); at != nil && at.known.Load() {
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
	for at := l.of(ns); at != nil; at = l.of(ns) {
		switch at.tell(what) {
		case told:
			return
		case noRoom:
			l.observer.CacheComparisonsDropped(1)
			return
		case closed:
			l.remove(at) // so that the next one is another
		}
	}
	l.observer.CacheComparisonsDropped(1)
}

// hearing is what becomes of what one is told.
type hearing uint8

const (
	told   hearing = iota // it counts, or will once it is known what is kept
	noRoom                // too much waits for that
	closed                // the threshold is held no longer
)

func (at *learned) tell(what func(*threshold.Learner)) hearing {
	at.mu.Lock()
	defer at.mu.Unlock()
	switch {
	case at.closed:
		return closed
	case at.known.Load():
		what(at.learner)
		at.changed = true
		return told
	case len(at.waiting) == mostWaiting:
		return noRoom
	}
	at.waiting = append(at.waiting, what)
	return told
}

// meet the learner in which what is kept is merged.
func (at *learned) meet(learner *threshold.Learner) {
	at.mu.Lock()
	defer at.mu.Unlock()
	at.learner = learner
	for _, what := range at.waiting {
		what(at.learner)
		at.changed = true
	}
	at.waiting = nil
	at.known.Store(true)
}

// state to be kept; what is told from now on is not in it.
func (at *learned) state() []byte {
	at.mu.Lock()
	defer at.mu.Unlock()
	at.changed = false
	return at.learner.OwnState()
}

// unkept: the last state was not kept.
func (at *learned) unkept() {
	at.mu.Lock()
	defer at.mu.Unlock()
	at.changed = true
}

// ahead tells whether it was told more than is kept.
func (at *learned) ahead() bool {
	at.mu.Lock()
	defer at.mu.Unlock()
	return at.changed || len(at.waiting) > 0
}

// close it, so that nothing more is told to it; not where it is ahead of what is to be kept. What is
// closed stays so: it is held no longer, whatever it was told last.
func (at *learned) close(keeps bool) (closed bool) {
	at.mu.Lock()
	defer at.mu.Unlock()
	at.closed = at.closed || !keeps || !at.changed && len(at.waiting) == 0
	return at.closed
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
	if l.count.Load() >= 2*int64(l.most) {
		return nil
	}
	at := &learned{ns: ns}
	at.used.Store(round)
	if l.alone {
		learner, err := threshold.New(l.policy, AnyName)
		if err != nil { // the policy was valid when the options were read
			return nil
		}
		at.meet(learner)
	}
	if v, other := l.held.LoadOrStore(ns, at); other {
		return v.(*learned) //nolint:errcheck,forcetypeassert // nothing else is held
	}
	l.count.Add(1)
	if !l.alone {
		select {
		case l.fresh <- at:
		default:
		}
	}
	return at
}

// all that are held, until the function returns false.
func (l *learners) all(visit func(*learned) bool) {
	l.held.Range(func(_, v any) bool {
		return visit(v.(*learned)) //nolint:errcheck,forcetypeassert // nothing else is held
	})
}

// phaseName is the phase's in metrics and logs.
func phaseName(p threshold.Phase) string {
	return [...]string{threshold.Learning: phaseLearning, threshold.Serving: phaseServing, threshold.Resting: phaseResting}[p]
}

// phases counts those that are known by what they are at.
func (l *learners) phases() map[string]int {
	count := map[string]int{}
	l.all(func(at *learned) bool {
		if at.known.Load() {
			count[phaseName(at.learner.Phase())]++
		}
		return true
	})
	return count
}

// excess returns, of those that are held, the ones that were not used for longest, and how many of
// them are too many.
func (l *learners) excess() (oldest []*learned, many int) {
	many = int(l.count.Load()) - l.most
	if many <= 0 {
		return nil, 0
	}
	l.all(func(at *learned) bool {
		oldest = append(oldest, at)
		return true
	})
	slices.SortFunc(oldest, func(a, b *learned) int { return cmp.Compare(a.used.Load(), b.used.Load()) })
	return oldest, many
}

// forget all that are known, whatever they were told.
func (l *learners) forget() {
	l.all(func(at *learned) bool {
		if at.known.Load() && at.close(false) {
			l.remove(at)
		}
		return true
	})
}

// drop one, unless it is ahead of what is kept.
func (l *learners) drop(at *learned) (dropped bool) {
	if !at.close(!l.alone) {
		return false
	}
	l.remove(at)
	return true
}

// remove one that is closed. Who comes to it before may do so first.
func (l *learners) remove(at *learned) {
	if l.held.CompareAndDelete(at.ns, at) {
		l.count.Add(-1)
	}
}
