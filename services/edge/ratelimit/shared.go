package ratelimit

import (
	"context"
	"time"
)

// Shared is where replicas count together. A replica reports what it let through and
// is granted an allowance of what is left, which it spends by itself: for each account
// and kind
//
//	counted within the last [Window] + Σ allowances of all replicas ≤ limit
//
// holds at every grant. A report moves what was spent from the allowance to what is
// counted, at the time when it was spent, and every other step lowers the sum. So in no
// span of one [Window] do all replicas together let more pass than the limit. Beyond it
// leads only what a replica reports beyond its allowance: calls that turned out longer
// than estimated, and those that it let through while it could not reach the store.
//
// The store tells the time: replicas report ages, which need no common clock. An
// allowance that is not reported on for a term is counted as spent at the term's end:
// until then its replica may have spent it.
//
// Reports say how things stand and not what changed, so one that arrives twice counts
// once. Implementations are safe for concurrent use; storetest is what they must pass.
type Shared interface {
	// Sync carries out the reports of a replica, each by itself and in one step, and
	// answers each in its place. Accounts must differ. After an error any of them may
	// have been carried out.
	Sync(ctx context.Context, replica string, reports []Report) ([]Answer, error)
	// Ping reports whether the store answers.
	Ping(ctx context.Context) error
}

// Unlimited stands for an absent limit.
const Unlimited = -1

// Report is how an account stands at a replica, and what it asks for.
type Report struct {
	Account AccountID
	// Seq rises with each report of a replica; an older one that arrives late is ignored.
	Seq int64
	// Full says that the report tells of everything within the last window: what the
	// store believed before of this replica is void.
	Full             bool
	Requests, Tokens Counted
	Parallel         Slots
}

// Counted is one kind that is counted over a [Window].
type Counted struct {
	// Limit is [Unlimited] for none: then the rest means nothing.
	Limit int64
	// Keep is what the replica keeps of its allowance; the rest goes back.
	Keep int64
	// Need is the least that is of use, on top of Keep; Want is what could be used now.
	// Without a Want nothing is granted.
	Need, Want int64
	// Spent is what was let through, as far as it changed since the last report that was
	// answered; with Full all of the last window.
	Spent []Spent
}

// Spent is what a replica let through in one quantum of its own time.
type Spent struct {
	// Quantum is its name at the replica; never negative.
	Quantum int64
	// Age is how long ago the last of it was spent.
	Age time.Duration
	// N is all of it: what an earlier report said of the quantum is replaced.
	N int64
}

// Slots are calls at one time.
type Slots struct {
	// Limit is [Unlimited] for none.
	Limit int64
	// Keep is how many slots the replica keeps, those in use among them.
	Keep int64
	// Want is how many more it could use now.
	Want int64
}

// Answer is what a report has led to.
type Answer struct {
	// Known is false when the store holds nothing of this replica's account, because the
	// term passed or the store lost its memory, and the report is not Full. Nothing was
	// done then, and the allowance is void.
	Known bool
	// Replicas is how many replicas use the account, this one among them.
	Replicas int64
	// Requests and Tokens may be spent, and Parallel be used, until a term from the
	// sending of the report.
	Requests, Tokens, Parallel Grant
}

// Grant is the answer for one kind.
type Grant struct {
	// Granted is what comes to the allowance: 0, or at least the need.
	Granted int64
	// Free is what is neither counted nor allowed to anybody.
	Free int64
	// Others is what other replicas hold and have not spent.
	Others int64
	// Coming is what gets free again, soonest first; only when the need could not be met.
	Coming []Coming
}

// Coming is an amount that leaves the window.
type Coming struct {
	N  int64
	In time.Duration
}

// share is how many parts of what is free one grant leaves for each replica: slices are
// large while a limit is far, and small near it.
const share = 8

// Slice is how much of what is free is granted: what is needed at least, what is wanted
// as far as one replica may have it, and else a part. It is 0 when the need cannot be
// met, or nothing is wanted. All stores grant by it.
func Slice(free, need, want, replicas int64) int64 {
	replicas = max(replicas, 1)
	if want <= 0 || need > free {
		return 0
	}
	return min(free, max(need, free/(share*replicas), min(want, free/replicas)))
}
