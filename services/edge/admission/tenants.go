package admission

import (
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
)

// tenantState is a tenant as it was last read. It is shared by the entries of all of
// its keys, so that one flag outdates them.
type tenantState struct {
	tenant *keystorev1.Tenant
	// gone says that the tenant has changed since.
	gone  atomic.Bool
	stamp atomic.Pointer[stamp]

	mu sync.Mutex
	// acting are principals of others that call in the tenant's name, by key id.
	acting map[string]actor
}

// actor is a principal and whom it was made from.
type actor struct{ from, as *Principal }

// maxActing bounds the principals that one tenant keeps.
const maxActing = 256

// actingFor returns the principal that p becomes in the tenant's name.
func (t *tenantState) actingFor(p *Principal, defaultPlatform string) *Principal {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, ok := t.acting[p.KeyID]
	if ok && a.from == p {
		return a.as
	}
	if t.acting == nil {
		t.acting = make(map[string]actor)
	}
	if !ok && len(t.acting) >= maxActing {
		clear(t.acting)
	}
	as := p.actingFor(t.tenant, defaultPlatform)
	t.acting[p.KeyID] = actor{p, as}
	return as
}

// tenants are the tenants of all entries and those that callers acted for. There are
// at most as many as the keystore has.
type tenants struct {
	mu      sync.RWMutex
	states  map[string]*tenantState
	flights flights[string, *tenantState]
}

func (t *tenants) get(id string) *tenantState {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.states[id]
}

// intern returns the state of a tenant that was read just now: the one there is, if it
// says the same. One that does not hold any more is gone from the start, and not kept: a
// change either finds what is kept, or is found by holds.
func (t *tenants) intern(tenant *keystorev1.Tenant, at stamp, holds func() bool) *tenantState {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !holds() {
		s := &tenantState{tenant: tenant}
		s.stamp.Store(&at)
		s.gone.Store(true)
		return s
	}
	old := t.states[tenant.GetId()]
	if old != nil && !old.gone.Load() && proto.Equal(old.tenant, tenant) {
		old.stamp.Store(&at)
		return old
	}
	if old != nil {
		old.gone.Store(true)
	}
	s := &tenantState{tenant: tenant}
	s.stamp.Store(&at)
	if t.states == nil {
		t.states = make(map[string]*tenantState)
	}
	t.states[tenant.GetId()] = s
	return s
}

// remove outdates a tenant and all that was learned with it.
func (t *tenants) remove(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.states[id]; s != nil {
		s.gone.Store(true)
		delete(t.states, id)
	}
}
