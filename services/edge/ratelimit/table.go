package ratelimit

import (
	"hash/maphash"
	"maps"
	"slices"
	"sync"
)

// AccountID names what is counted together: a key, a tenant, or one of them with a model.
type AccountID struct {
	Scope Scope
	// ID is the key's or the tenant's.
	ID string
	// Model is empty for all models together.
	Model string
}

// account is the counts of one subject.
type account struct {
	id AccountID
	// lease is the account's part of what replicas share; nil where there is nothing shared.
	lease *lease

	mu       sync.Mutex
	requests window
	tokens   window
	// inFlight is how many permits are out, limited or not: an account that somebody
	// will come back to is never evicted.
	inFlight int64
	// dead says that the table has dropped the account; who finds it so looks again.
	dead bool
}

const shardCount = 256

// table holds the accounts. Each shard drops its idle accounts once a [Window], on
// the way of a caller, so that it needs no goroutine.
type table struct {
	seed   maphash.Seed
	shared bool
	shards [shardCount]shard
}

type shard struct {
	mu       sync.RWMutex
	accounts map[AccountID]*account
	// next is when the shard is swept again.
	next int64
	_    [64]byte // keeps neighbours' locks off this cache line
}

func newTable(shared bool) *table {
	t := &table{seed: maphash.MakeSeed(), shared: shared}
	for i := range t.shards {
		t.shards[i].accounts = make(map[AccountID]*account)
	}
	return t
}

// get returns the account, new when there is none.
func (t *table) get(id AccountID, now int64) *account {
	s := &t.shards[maphash.String(t.seed, id.ID)%shardCount]
	s.mu.RLock()
	a, due := s.accounts[id], now >= s.next
	s.mu.RUnlock()
	if a != nil && !due {
		return a
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now >= s.next {
		s.sweep(now)
	}
	if a = s.accounts[id]; a == nil {
		a = &account{id: id}
		if t.shared {
			a.lease = &lease{}
		}
		s.accounts[id] = a
	}
	return a
}

// sweep drops what is idle. The caller holds mu, and no account's lock.
func (s *shard) sweep(now int64) {
	s.next = now + int64(Window)
	for id, a := range s.accounts {
		a.mu.Lock()
		a.requests.expire(now)
		a.tokens.expire(now)
		if a.inFlight == 0 && (a.lease == nil || !a.lease.listed) && len(a.requests.slots) == 0 && len(a.tokens.slots) == 0 {
			a.dead = true
			delete(s.accounts, id)
		}
		a.mu.Unlock()
	}
	if len(s.accounts) == 0 {
		s.accounts = make(map[AccountID]*account) // a map does not shrink by itself
	}
}

// each visits every account, locked.
func (t *table) each(visit func(*account)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		accounts := slices.Collect(maps.Values(s.accounts))
		s.mu.RUnlock()
		for _, a := range accounts {
			a.mu.Lock()
			if !a.dead {
				visit(a)
			}
			a.mu.Unlock()
		}
	}
}
