package threshold

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
)

// Nothing is the threshold that no score reaches.
var Nothing = math.Inf(1)

// Policy is what the operator sets.
type Policy struct {
	// MaxWrongHitRate is the bound: wrong hits per hit, above 0 and at most 0.5.
	MaxWrongHitRate float64
	// Confidence that no threshold above the bound is ever in force while the world stays as it
	// is; from 0.5, below 1. The usual one is 0.95.
	Confidence float64
	// Sample is the least share of would-be hits that are compared rather than served; from
	// 1e-6, below 1. More are compared as long as the learner has little to lose.
	Sample float64
	// Floor is the least score of a would-be hit, from 0 to 1: nothing below it is served, nor compared.
	// No threshold below 0.5 is learned, whatever the floor.
	Floor float64
}

// leastSample keeps what a wrong answer costs, which grows as a comparison gets rarer, a number
// that can be told from others.
const leastSample = 1e-6

// Validate reports everything that can't be.
func (p Policy) Validate() error {
	var errs []error
	// Written so that what is no number fails.
	if !(p.MaxWrongHitRate > 0 && p.MaxWrongHitRate <= 0.5) {
		errs = append(errs, fmt.Errorf("max wrong hit rate %v is not above 0 and at most 0.5", p.MaxWrongHitRate))
	}
	if !(p.Confidence >= 0.5 && p.Confidence < 1) {
		errs = append(errs, fmt.Errorf("confidence %v is not from 0.5 and below 1", p.Confidence))
	}
	if !(p.Sample >= leastSample && p.Sample < 1) {
		errs = append(errs, fmt.Errorf("sample %v is not from %v and below 1", p.Sample, leastSample))
	}
	if !(p.Floor >= 0 && p.Floor <= 1) {
		errs = append(errs, fmt.Errorf("floor %v is not from 0 to 1", p.Floor))
	}
	return errors.Join(errs...)
}

// Verdict is what to do with a would-be hit.
type Verdict uint8

const (
	// Pass it to upstream; nothing is to be learned of the answer.
	Pass Verdict = iota
	// Compare it: ask upstream, answer with what comes from there, and tell [Learner.Observe]
	// whether the cached answer would have been wrong.
	Compare
	// Serve the cached answer.
	Serve
)

// Decision about a would-be hit.
type Decision struct {
	Verdict Verdict
	// Score of the would-be hit.
	Score float64
	// Threshold that was in force; [Nothing] if none was.
	Threshold float64
	// Rate is the probability with which this would-be hit was to be compared.
	Rate float64
	// First says that it is the first would-be hit of its entry: only such are evidence.
	First bool
	// Missed is the share of comparisons like this one that come too late to be made, as far as who makes
	// it can tell. The account pays for those as well. It does not travel with the decision.
	Missed float64

	window uint64
}

// Phase is what a learner is at.
type Phase uint8

// Phases.
const (
	// Learning: nothing is served, and each entry is compared once.
	Learning Phase = iota
	// Serving: a threshold is in force.
	Serving
	// Resting: nothing is served, nor could soon be, and a fifth of entries is compared, or the least share if that is more.
	Resting
)

// force is what is in force until something is learned.
type force struct {
	threshold float64
	rate      float64
	window    uint64
	phase     Phase
}

// Learner holds the threshold of one namespace. It may be used by many goroutines.
type Learner struct {
	replica string
	least   float64 // the lowest threshold there is
	inForce atomic.Pointer[force]
	hits    atomic.Int64

	mu       sync.Mutex // holds what stands below; never taken by Decide
	evidence *evidence
	sample   float64
	account  account
	earned   int64 // hits that the account has been paid for
	pending  uint64
	compared uint64
	begun    bool
	// reports that were counted in the window of that number
	reports, reportWindow uint64
}

// mostReports is how many reports of wrong answers count in a window: whoever sends them can delay
// serving for some thousand comparisons at a bound of 1 %, and not end it where most answers are right.
const mostReports = 12

// leastAtRest is the least share of would-be hits that is compared at rest. Where nothing is served a
// comparison costs no hit, only its own work, and by it alone can be seen that answers begin to agree.
const leastAtRest = 0.2

// mostMissed bounds what a wrong answer pays for those that were missed, so that none costs more than twice
// its part.
const mostMissed = 0.5

// New learner that has seen nothing and serves nothing. The replica's name, 1 to 128 bytes, is
// unique among those whose states are merged, and best the same after a restart.
func New(p Policy, replica string) (*Learner, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if replica == "" || len(replica) > maxName {
		return nil, fmt.Errorf("a replica's name has 1 to %d bytes, not %d", maxName, len(replica))
	}
	first := lowestFrom(p.Floor)
	l := &Learner{
		replica:  replica,
		least:    level(first),
		evidence: newEvidence(p.MaxWrongHitRate, 1-p.Confidence, first),
		sample:   p.Sample,
		account:  newAccount(p.MaxWrongHitRate, p.Sample),
	}
	l.refresh()
	return l, nil
}

// Threshold in force, or [Nothing]. It takes no lock.
func (l *Learner) Threshold() float64 { return l.inForce.Load().threshold }

// Rate is the share of would-be hits, of whatever score they have, that are compared at present. It takes
// no lock.
func (l *Learner) Rate() float64 { return l.inForce.Load().rate }

// Phase it is at. It takes no lock.
func (l *Learner) Phase() Phase { return l.inForce.Load().phase }

// Decide about a would-be hit: an entry that every other rule would let pass. The coin is
// uniform in [0, 1) and independent of all else. One rate holds for all scores, so that what is
// compared is a fair sample at each level; what reaches no level is passed, for nothing could be learned
// of it. first says that the entry had no would-be hit before: those after it share its fate, so they are
// no evidence, and are compared only where they would be served, for the account. It changes nothing, and
// takes no lock: who serves tells [Learner.Served].
func (l *Learner) Decide(score, coin float64, first bool) Decision {
	f := l.inForce.Load()
	d := Decision{Score: score, Threshold: f.threshold, Rate: f.rate, First: first, window: f.window}
	switch {
	case !(score >= l.least):
	case coin < f.rate:
		if first || score >= f.threshold {
			d.Verdict = Compare
		}
	case score >= f.threshold:
		d.Verdict = Serve
	}
	return d
}

// Served tells of an answer that was decided to be served, and was: only such earn what wrong ones
// may cost. Of those that are told, let a share d not reach whom they are for: then the wrong ones are
// at most b/(1 - d) of those that do, instead of b (docs/02-Architecture.md). It takes no lock.
func (l *Learner) Served() { l.hits.Add(1) }

// Observe what came of a comparison: for the account whichever it is, as evidence the first of its entry.
// A comparison that could not be made is to be told as wrong: if hard ones were left out, what is left
// would look better than it is. Other decisions than [Compare] are ignored.
func (l *Learner) Observe(d Decision, wrong bool) {
	if d.Verdict != Compare {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begin()
	if d.First {
		l.evidence.count(l.replica, d.window, d.Score, wrong)
	}
	l.pending++
	wouldServe := d.Score >= d.Threshold
	if wrong && wouldServe {
		l.account.pay(charge(d.Rate) / (1 - min(max(d.Missed, 0), mostMissed)))
	}
	// A wrong answer in what is served acts at once. The rest can only make the learner bolder,
	// and waits until there is enough of it to be worth the work.
	if (wrong && d.Score >= l.Threshold()) || l.pending > l.compared/32 {
		l.refresh()
	}
}

// ReportWrong tells that a user called a served answer wrong. There is no such call for right
// ones: users tell of wrong answers more readily, so a sample of reports is none of hits, and
// right answers count only where a comparison drew them. At most 12 count in a window, and none makes
// evidence be forgotten: anybody may send them, and each start takes a part of the error probability
// for ever. The account pays for wrong hits by what comparisons find, whoever reports them.
func (l *Learner) ReportWrong(score float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reportWindow != l.evidence.window {
		l.reports, l.reportWindow = 0, l.evidence.window
	}
	if l.reports >= mostReports {
		return
	}
	l.reports++
	l.begin()
	l.evidence.count(l.replica, l.evidence.window, score, true)
	l.refresh()
}

// begin pays the account for the hits since the last time.
func (l *Learner) begin() {
	l.begun = true
	hits := l.hits.Load()
	l.account.earn(hits - l.earned)
	l.earned = hits
}

// refresh puts in force what is known.
func (l *Learner) refresh() {
	if l.account.overdrawn() {
		l.evidence.restart()
		l.account.restart()
	}
	l.evidence.rotate()
	f := &force{window: l.evidence.window, rate: 1}
	f.threshold, l.compared = l.evidence.lowest()
	l.pending = 0
	switch {
	case f.threshold <= 1:
		f.rate, f.phase = l.account.rate(), Serving
	case l.evidence.rests():
		f.rate, f.phase = max(l.sample, leastAtRest), Resting
	default:
		f.phase = Learning // where nothing is served, a comparison costs no hit
	}
	l.inForce.Store(f)
}
