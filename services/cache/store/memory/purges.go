package memory

import (
	"maps"
	"sync"
	"time"

	"tollgate.dev/services/cache"
)

// maxPurges bounds how many purges are remembered by what they selected.
const maxPurges = 4096

// purges are the last ones, for as long as an answer to a call that was made before may come.
type purges struct {
	mu sync.RWMutex
	at map[cache.Selector]time.Time
	// all is when everything counts as purged: others found no room.
	all time.Time
}

// add remembers a purge of that time.
func (p *purges) add(sel cache.Selector, at, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.at) >= maxPurges {
		maps.DeleteFunc(p.at, func(_ cache.Selector, at time.Time) bool { return now.Sub(at) > cache.PurgeLife })
	}
	if len(p.at) >= maxPurges {
		clear(p.at)
		p.all = at // what is asked for just now is not kept, which is no harm
		return
	}
	if p.at == nil {
		p.at = make(map[cache.Selector]time.Time)
	}
	if at.After(p.at[sel]) {
		p.at[sel] = at
	}
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
	if len(p.at) == 0 {
		return false
	}
	for _, sel := range key.Purges() {
		if p.at[sel].After(asked) {
			return true
		}
	}
	return false
}
