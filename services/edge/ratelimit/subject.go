package ratelimit

import (
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
)

// Scope is whose limit it is.
type Scope uint8

// The scopes, in the order in which their accounts are locked.
const (
	ScopeKey Scope = iota
	ScopeTenant
)

// String is the scope as error details name it: `key` or `tenant`.
func (s Scope) String() string {
	if s == ScopeTenant {
		return "tenant"
	}
	return "key"
}

// Subject is who is limited: a key and its tenant, with their limits. It is immutable;
// what was counted belongs to the ids, so a new subject with other limits goes on where
// the old one stopped.
type Subject struct {
	parties []party
	// keyRequests and keyTokens are the key's own limits, for LiteLLM's headers.
	keyRequests, keyTokens int64
}

// party is a key's or a tenant's share of a subject.
type party struct {
	scope  Scope
	id     string
	own    limits
	models map[string]limits
}

// limits are per [Window], parallel at one time.
type limits struct{ requests, tokens, parallel int64 }

func (l limits) any() bool { return l != limits{Unlimited, Unlimited, Unlimited} }

// NewSubject returns the subject of a key and its tenant; either's limits may be nil.
// Without a limit to keep it returns nil, which [Limiter.Acquire] passes at no cost.
func NewSubject(keyID string, key *keystorev1.Limits, tenantID string, tenant *keystorev1.Limits) *Subject {
	s := &Subject{keyRequests: Unlimited, keyTokens: Unlimited}
	if p := newParty(ScopeKey, keyID, key); keyID != "" && p.any() {
		s.parties = append(s.parties, p)
		s.keyRequests, s.keyTokens = p.own.requests, p.own.tokens
	}
	if p := newParty(ScopeTenant, tenantID, tenant); tenantID != "" && p.any() {
		s.parties = append(s.parties, p)
	}
	if len(s.parties) == 0 {
		return nil
	}
	return s
}

func newParty(scope Scope, id string, l *keystorev1.Limits) party {
	p := party{scope: scope, id: id, own: limits{Unlimited, Unlimited, Unlimited}}
	if l == nil {
		return p
	}
	optional := func(v *int64) int64 {
		if v == nil {
			return Unlimited
		}
		return max(*v, 0)
	}
	p.own = limits{optional(l.RequestsPerMinute), optional(l.TokensPerMinute), optional(l.ParallelRequests)}
	models := make(map[string]limits, len(l.GetModelRequestsPerMinute())+len(l.GetModelTokensPerMinute()))
	for model, v := range l.GetModelRequestsPerMinute() {
		models[model] = limits{max(v, 0), Unlimited, Unlimited}
	}
	for model, v := range l.GetModelTokensPerMinute() {
		m, ok := models[model]
		if !ok {
			m = limits{Unlimited, Unlimited, Unlimited}
		}
		m.tokens = max(v, 0)
		models[model] = m
	}
	if len(models) > 0 {
		p.models = models
	}
	return p
}

func (p *party) any() bool { return p.own.any() || len(p.models) > 0 }

// maxRules is key, key and model, tenant, tenant and model.
const maxRules = 4

// rule is one account that a call counts in, with its limits.
type rule struct {
	account AccountID
	limits
	// requestOnly says that the call counts as a request alone.
	requestOnly bool
}

func (r *rule) countsTokens() bool { return r.tokens != Unlimited && !r.requestOnly }

func (r *rule) countsParallel() bool { return r.parallel != Unlimited && !r.requestOnly }

// rules lists what applies to a call of the model, in the order of locking.
func (s *Subject) rules(model string, into *[maxRules]rule) []rule {
	out := into[:0]
	for i := range s.parties {
		p := &s.parties[i]
		if p.own.any() {
			out = append(out, rule{account: AccountID{p.scope, p.id, ""}, limits: p.own})
		}
		if m, ok := p.models[model]; ok && model != "" {
			out = append(out, rule{account: AccountID{p.scope, p.id, model}, limits: m})
		}
	}
	return out
}
