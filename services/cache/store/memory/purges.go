package memory

import (
	"maps"
	"sync"
	"time"

	"tollgate.dev/services/cache"
)

// What bounds the purges that are remembered by what they selected: some 200 bytes each.
const (
	maxPurgesOfTenant = 512
	maxPurges         = 8192
)

// purges are the last ones, for as long as an answer to a call that was made before may come. Where
// there is no room for a tenant's, all of that tenant's counts as purged: what is asked for just
// now is not kept, which is no harm.
type purges struct {
	mu      sync.RWMutex
	tenants map[string]*purged
	count   int // of purges and tenants
	// all is when everything counts as purged: there were too many tenants.
	all time.Time
}

// purged is what was purged of one tenant.
type purged struct {
	at map[cache.Selector]time.Time
	// all is when all of it counts as purged; zero is never.
	all time.Time
}

// add remembers a purge of that time.
func (p *purges) add(sel cache.Selector, at, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.tenants[sel.Tenant]
	if of != nil {
		if old, there := of.at[sel]; there {
			of.at[sel] = later(old, at)
			return
		}
		if len(of.at) >= maxPurgesOfTenant {
			p.forget(sel.Tenant, now)
		}
		if len(of.at) >= maxPurgesOfTenant {
			p.merge(of)
			of.all = later(of.all, at)
			return
		}
	}
	if p.full() {
		p.makeRoom(now)
	}
	if p.tenants == nil {
		p.tenants = make(map[string]*purged)
	}
	if of = p.tenants[sel.Tenant]; of == nil {
		of = &purged{at: make(map[cache.Selector]time.Time, 1)}
		p.tenants[sel.Tenant] = of
		p.count++
	}
	of.at[sel] = at
	p.count++
}

// full tells whether there is no room for a purge and its tenant.
func (p *purges) full() bool { return p.count+2 > maxPurges }

// makeRoom forgets what no answer can come for any more; if that is not enough, the purges of the
// tenant that has most count as one of all of its own.
func (p *purges) makeRoom(now time.Time) {
	for tenant := range p.tenants {
		p.forget(tenant, now)
	}
	if !p.full() {
		return
	}
	var most *purged
	for _, of := range p.tenants {
		if most == nil || len(of.at) > len(most.at) {
			most = of
		}
	}
	if len(most.at) > 1 {
		p.merge(most)
		return
	}
	for _, of := range p.tenants {
		p.merge(of)
		p.all = later(p.all, of.all)
	}
	clear(p.tenants)
	p.count = 0
}

// merge has all of a tenant count as purged when the last of its purges was.
func (p *purges) merge(of *purged) {
	for _, at := range of.at {
		of.all = later(of.all, at)
	}
	p.count -= len(of.at)
	clear(of.at)
}

// forget what of a tenant's no answer can come for any more.
func (p *purges) forget(tenant string, now time.Time) {
	ended := func(at time.Time) bool { return now.Sub(at) > cache.PurgeLife }
	of := p.tenants[tenant]
	p.count -= len(of.at)
	maps.DeleteFunc(of.at, func(_ cache.Selector, at time.Time) bool { return ended(at) })
	p.count += len(of.at)
	if len(of.at) == 0 && ended(of.all) {
		delete(p.tenants, tenant)
		p.count--
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// since tells whether the entry under the key was purged after it was asked for.
func (p *purges) since(key *cache.Key, asked time.Time) bool {
	if asked.IsZero() {
		return false
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.all.After(asked) {
		return true
	}
	of := p.tenants[key.Namespace.Tenant]
	if of == nil {
		return false
	}
	if of.all.After(asked) {
		return true
	}
	for _, sel := range key.Purges() {
		if of.at[sel].After(asked) {
			return true
		}
	}
	return false
}
