package spend

import (
	"hash/maphash"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
)

// scopeKey names a scope; tenant is empty but for users, whose ids are a tenant's own.
type scopeKey struct {
	kind       budgetv1.ScopeKind
	tenant, id string
}

func (k scopeKey) message() *budgetv1.Scope {
	id := k.id
	if k.kind == budgetv1.ScopeKind_SCOPE_KIND_USER {
		id = k.tenant + "/" + k.id
	}
	return &budgetv1.Scope{Kind: k.kind, Id: id}
}

// keys lists the scopes that apply, the most particular first: it is the one whose budget
// a refusal should name.
func (s *Scopes) keys(to *[4]scopeKey) []scopeKey {
	out := to[:0]
	if s.Key != "" {
		out = append(out, scopeKey{budgetv1.ScopeKind_SCOPE_KIND_KEY, "", s.Key})
	}
	if s.User != "" {
		out = append(out, scopeKey{budgetv1.ScopeKind_SCOPE_KIND_USER, s.Tenant, s.User})
	}
	if s.Tenant != "" {
		out = append(out, scopeKey{budgetv1.ScopeKind_SCOPE_KIND_TENANT, "", s.Tenant})
	}
	if s.Platform != "" {
		out = append(out, scopeKey{budgetv1.ScopeKind_SCOPE_KIND_PLATFORM, "", s.Platform})
	}
	return out
}

func (m *Meter) shard(key *scopeKey) (s *shard, hash uint64) {
	hash = maphash.String(m.seed, key.id)
	if key.tenant != "" {
		hash ^= maphash.String(m.seed, key.tenant) * 3
	}
	hash += uint64(key.kind) //nolint:gosec // a few kinds; a scope of the same name is another one
	return &m.shards[hash%shardCount], hash
}

func (m *Meter) find(key *scopeKey) *account {
	s, hash := m.shard(key)
	s.mu.RLock()
	a := s.find(hash, key)
	s.mu.RUnlock()
	return a
}

// account returns the scope's account, making it when it is new.
func (m *Meter) account(key *scopeKey, scopes *Scopes) *account {
	if a := m.find(key); a != nil {
		return a
	}
	s, hash := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.find(hash, key); a != nil {
		return a
	}
	a := &account{key: *key, tenant: scopes.Tenant, platform: scopes.Platform, next: s.accounts[hash]}
	if key.kind == budgetv1.ScopeKind_SCOPE_KIND_PLATFORM {
		a.tenant = "" // a platform's lease is no single tenant's
	}
	a.used.Store(m.now())
	s.accounts[hash] = a
	return a
}

// accounts finds the accounts of a call's scopes, the most particular first: it is the one
// whose budget a refusal should name.
func (m *Meter) accounts(scopes *Scopes, to *[4]*account) []*account {
	out := to[:0]
	if scopes.Key == "" {
		return m.lookUp(scopes, out)
	}
	key := m.account(&scopeKey{budgetv1.ScopeKind_SCOPE_KIND_KEY, "", scopes.Key}, scopes)
	key.mu.Lock()
	c := key.company
	key.mu.Unlock()
	if !c.is(scopes) {
		out = m.lookUp(scopes, out)
		c = company{}
		for _, a := range out {
			switch a.key.kind {
			case budgetv1.ScopeKind_SCOPE_KIND_USER:
				c.user = a
			case budgetv1.ScopeKind_SCOPE_KIND_TENANT:
				c.tenant = a
			case budgetv1.ScopeKind_SCOPE_KIND_PLATFORM:
				c.platform = a
			default:
			}
		}
		key.mu.Lock()
		key.company = c
		key.mu.Unlock()
		return out
	}
	out = append(out, key)
	for _, a := range [...]*account{c.user, c.tenant, c.platform} {
		if a != nil {
			out = append(out, a)
		}
	}
	return out
}

// lookUp finds the accounts in the maps, making those that are new.
func (m *Meter) lookUp(scopes *Scopes, out []*account) []*account {
	var buf [4]scopeKey
	for _, key := range scopes.keys(&buf) {
		out = append(out, m.account(&key, scopes))
	}
	return out
}

// is tells that these are the accounts of a call's scopes, and that they still count.
func (c *company) is(scopes *Scopes) bool {
	return (c.user == nil) == (scopes.User == "") && (c.tenant == nil) == (scopes.Tenant == "") &&
		(c.platform == nil) == (scopes.Platform == "") &&
		(c.user == nil || c.user.key.id == scopes.User && c.user.key.tenant == scopes.Tenant && !c.user.forgotten.Load()) &&
		(c.tenant == nil || c.tenant.key.id == scopes.Tenant && !c.tenant.forgotten.Load()) &&
		(c.platform == nil || c.platform.key.id == scopes.Platform && !c.platform.forgotten.Load())
}
