// Package memory counts for several limiters of one process. It is also what the rules of
// [ratelimit.Shared] look like without a server, for tests to hold others against.
package memory

import (
	"context"
	"slices"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/edge/ratelimit"
)

// Options configure a [Store]. Zero fields take the default named beside them.
type Options struct {
	// Term is [ratelimit.StoreTerm].
	Term time.Duration
	// Clock is the system's.
	Clock clock.Clock
}

// Store counts in memory. It implements [ratelimit.Shared].
type Store struct {
	term  time.Duration
	clock clock.Clock

	mu       sync.Mutex
	accounts map[ratelimit.AccountID]map[string]*lease
	swept    time.Time
}

var _ ratelimit.Shared = (*Store)(nil)

// lost is the quantum of what a replica may have spent before its term passed.
const lost = -1

// lease is what one replica holds and has spent of one account.
type lease struct {
	seq              int64
	until            time.Time
	slots            int64
	requests, tokens kind
}

// kind is one kind of a lease.
type kind struct {
	held  int64
	spent []spent
}

type spent struct {
	quantum int64
	at      time.Time
	n       int64
}

// New returns a store that has counted nothing.
func New(opts Options) *Store {
	if opts.Term <= 0 {
		opts.Term = ratelimit.StoreTerm
	}
	if opts.Clock == nil {
		opts.Clock = clock.Real()
	}
	return &Store{term: opts.Term, clock: opts.Clock, accounts: make(map[ratelimit.AccountID]map[string]*lease)}
}

// Ping is [ratelimit.Shared]'s.
func (s *Store) Ping(ctx context.Context) error { return ctx.Err() }

// Sync is [ratelimit.Shared]'s.
func (s *Store) Sync(ctx context.Context, replica string, reports []ratelimit.Report) ([]ratelimit.Answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answers := make([]ratelimit.Answer, len(reports))
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	s.sweep(now)
	for i := range reports {
		answers[i] = s.sync(now, replica, &reports[i])
	}
	return answers, nil
}

// sweep drops the accounts that nobody has used for a while.
func (s *Store) sweep(now time.Time) {
	if now.Sub(s.swept) < ratelimit.Window {
		return
	}
	s.swept = now
	for id, leases := range s.accounts {
		if s.expire(leases, now); len(leases) == 0 {
			delete(s.accounts, id)
		}
	}
}

func (s *Store) sync(now time.Time, replica string, r *ratelimit.Report) ratelimit.Answer {
	leases := s.accounts[r.Account]
	if leases == nil {
		leases = make(map[string]*lease)
		s.accounts[r.Account] = leases
	}
	s.expire(leases, now)
	mine := leases[replica]
	if mine != nil && r.Seq <= mine.seq || !r.Full && (mine == nil || !mine.until.After(now)) {
		return ratelimit.Answer{}
	}
	if mine == nil {
		mine = &lease{}
		leases[replica] = mine
	}
	mine.seq, mine.until = r.Seq, now.Add(s.term)
	answer := ratelimit.Answer{Known: true}
	for _, l := range leases {
		if l.until.After(now) {
			answer.Replicas++
		}
	}
	answer.Requests = count(leases, mine, now, answer.Replicas, r.Full, &r.Requests, func(l *lease) *kind { return &l.requests })
	answer.Tokens = count(leases, mine, now, answer.Replicas, r.Full, &r.Tokens, func(l *lease) *kind { return &l.tokens })
	answer.Parallel = slots(leases, mine, answer.Replicas, &r.Parallel)
	return answer
}

// expire forgets what has left the window, and takes for spent what was held by whoever
// was not heard of for a term.
func (s *Store) expire(leases map[string]*lease, now time.Time) {
	for name, l := range leases {
		gone := !l.until.After(now)
		for _, k := range []*kind{&l.requests, &l.tokens} {
			if gone && k.held > 0 {
				k.spent = append(k.spent, spent{lost, l.until, k.held})
				k.held = 0
			}
			k.expire(now)
		}
		if gone {
			l.slots = 0
			if len(l.requests.spent)+len(l.tokens.spent) == 0 {
				delete(leases, name)
			}
		}
	}
}

func (k *kind) expire(now time.Time) {
	k.spent = slices.DeleteFunc(k.spent, func(s spent) bool { return s.n == 0 || !s.at.Add(ratelimit.Window).After(now) })
}

// tell takes a report's word for what was spent.
func (k *kind) tell(told []ratelimit.Spent, full bool, now time.Time) {
	if full {
		k.spent = k.spent[:0]
	}
	for _, t := range told {
		i := slices.IndexFunc(k.spent, func(s spent) bool { return s.quantum == t.Quantum })
		at := now.Add(-t.Age)
		if i < 0 {
			k.spent = append(k.spent, spent{t.Quantum, at, t.N})
			continue
		}
		s := &k.spent[i]
		if t.N > s.n && at.After(s.at) {
			s.at = at
		}
		s.n = t.N
	}
	k.expire(now)
}

func (k *kind) total() (n int64) {
	for _, s := range k.spent {
		n += s.n
	}
	return n
}

// count carries out one kind of a report.
func count(leases map[string]*lease, mine *lease, now time.Time, replicas int64, full bool, c *ratelimit.Counted, of func(*lease) *kind) (g ratelimit.Grant) {
	k := of(mine)
	if c.Limit == ratelimit.Unlimited {
		k.held = 0
		return g
	}
	k.tell(c.Spent, full, now)
	used := c.Keep
	for _, l := range leases {
		used += of(l).total()
		if l != mine {
			g.Others += of(l).held
		}
	}
	free := max(c.Limit-used-g.Others, 0)
	g.Granted = ratelimit.Slice(free, c.Need, c.Want, replicas)
	g.Free = free - g.Granted
	k.held = c.Keep + g.Granted
	if c.Need > free {
		for _, l := range leases {
			for _, s := range of(l).spent {
				g.Coming = append(g.Coming, ratelimit.Coming{N: s.n, In: s.at.Add(ratelimit.Window).Sub(now)})
			}
		}
		slices.SortFunc(g.Coming, func(a, b ratelimit.Coming) int { return int(min(max(a.In-b.In, -1), 1)) })
	}
	return g
}

// slots carries out a report's calls at one time.
func slots(leases map[string]*lease, mine *lease, replicas int64, p *ratelimit.Slots) (g ratelimit.Grant) {
	if p.Limit == ratelimit.Unlimited {
		mine.slots = 0
		return g
	}
	for _, l := range leases {
		if l != mine {
			g.Others += l.slots
		}
	}
	free := max(p.Limit-p.Keep-g.Others, 0)
	g.Granted = ratelimit.Slice(free, min(p.Want, 1), p.Want, replicas)
	g.Free = free - g.Granted
	mine.slots = p.Keep + g.Granted
	return g
}
