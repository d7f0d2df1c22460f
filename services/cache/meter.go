package cache

import (
	"time"

	"tollgate.dev/services/cache/agree"
	"tollgate.dev/services/cache/veto"
)

// Observer counts what happens in the service. Its methods return at once and are safe for
// concurrent use. Nothing that they are given is a caller's.
type Observer interface {
	// CacheCandidate counts an entry that was found for another request, by the tier that
	// found it and what became of it, one of [Outcomes].
	CacheCandidate(tier, outcome string)
	// CacheVeto counts a rule, one of [VetoRules], that held two questions apart, or kept one
	// from being compared with others.
	CacheVeto(rule string)
	// CacheEmbedded counts a call of the embedder: what it took, how many tokens were billed,
	// and whether it went well.
	CacheEmbedded(took time.Duration, billed int64, ok bool)
	// CacheFollows notes whether the changes that other replicas make to the store arrive, and
	// CacheFollowed counts one that came while they do, and how long ago it was made.
	CacheFollows(follows bool)
	CacheFollowed(lag time.Duration)
	// CacheIndex is told once what to ask for the size of the index: how many questions are in
	// it, and how many bytes they take.
	CacheIndex(size func() (questions int, bytes int64))
	// CacheThresholds is told once what to ask for how many namespaces this process learns a threshold,
	// by [ThresholdPhases].
	CacheThresholds(count func() map[string]int)
	// CacheCompared counts a comparison by what came of it, one of [ComparisonOutcomes], and
	// why, one of [ComparisonReasons].
	CacheCompared(outcome, reason string)
	// CacheComparisonsDropped counts comparisons and reports of wrong answers of which nothing was
	// learned, because too much waits to be.
	CacheComparisonsDropped(n int)
	// CacheFeedback counts what callers say of answers.
	CacheFeedback(wrong bool)
	// CacheLearns notes whether what thresholds are learned from can be exchanged.
	CacheLearns(learns bool)
}

// What becomes of a candidate.
const (
	served        = "served"
	compared      = "compared"
	passed        = "passed" // below the threshold, or nothing is to be learned of it
	vetoed        = "vetoed"
	barredOutcome = "barred" // its answer was called wrong for another question
	lost          = "gone"   // the store does not have it any more, or it is older than wanted
)

// What comes of a comparison, and reasons beside package agree's.
const (
	right     = "right"
	wrong     = "wrong"
	unknown   = "unknown"    // nothing is learned
	storeAway = "store_away" // so that nothing is known of the answer that was held back
	noAnswer  = "no_answer"  // from the provider
	ended     = "ended"      // the answer that was held back has reached its end meanwhile
)

// ComparisonOutcomes are what may come of a comparison.
func ComparisonOutcomes() []string { return []string{right, wrong, unknown} }

// ComparisonReasons are why.
func ComparisonReasons() []string {
	reasons := []string{lost, storeAway, noAnswer, ended}
	for _, r := range agree.Reasons() {
		reasons = append(reasons, string(r))
	}
	return reasons
}

// Phases of a threshold that is learned.
const (
	phaseLearning = "learning" // nothing is served, and each entry is compared once
	phaseServing  = "serving"
	phaseResting  = "resting" // nothing is served, nor could soon be, and a fifth is compared at least
)

// ThresholdPhases are what a threshold that is learned is at.
func ThresholdPhases() []string { return []string{phaseLearning, phaseServing, phaseResting} }

// Outcomes are what becomes of candidates.
func Outcomes() []string { return []string{served, compared, passed, vetoed, barredOutcome, lost} }

// VetoRules are the names of the rules that keep answers from being served.
func VetoRules() []string { return append(veto.Rules(), "blank", "personal", "time") }

type noObserver struct{}

func (noObserver) CacheCandidate(string, string)            {}
func (noObserver) CacheVeto(string)                         {}
func (noObserver) CacheEmbedded(time.Duration, int64, bool) {}
func (noObserver) CacheFollows(bool)                        {}
func (noObserver) CacheFollowed(time.Duration)              {}
func (noObserver) CacheIndex(func() (int, int64))           {}
func (noObserver) CacheCompared(string, string)             {}
func (noObserver) CacheComparisonsDropped(int)              {}
func (noObserver) CacheFeedback(bool)                       {}
func (noObserver) CacheThresholds(func() map[string]int)    {}
func (noObserver) CacheLearns(bool)                         {}
