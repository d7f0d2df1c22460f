package index

import (
	"math"
	"runtime"
)

// batch is how many entries are looked at or removed under a shard's lock at a time.
const batch = 256

// Groups returns those of a tenant's groups of which selected, given the handle of any entry, says so. It goes through
// the tenant's groups and nothing else, a shard's under its lock: selected must not use the index.
func (ix *Index) Groups(tenant uint64, selected func(handle uint64) bool) (groups []Group) {
	for i := range ix.shards {
		sh := &ix.shards[i]
		sh.mu.RLock()
		for g := sh.tenants[tenant]; g != nil; g = g.next {
			if selected(g.list()[0].rows[0].handle) {
				groups = append(groups, g.key)
			}
		}
		sh.mu.RUnlock()
	}
	return groups
}

// DeleteGroup takes out all entries of a group, and returns how many. When it returns, no search
// finds any of them that were there when it began; a search that began before may still. It holds the
// shard's lock for 256 entries at a time.
func (ix *Index) DeleteGroup(key Group) (count int) {
	var handles [batch]uint64
	sh := ix.shard(&key)
	for more := true; more; {
		n, freed := 0, int64(0)
		sh.mu.Lock()
		g := sh.groups[key]
		for g != nil && g.rows > 0 && n < batch {
			list := g.list()
			s := list[len(list)-1]
			f, h := sh.remove(s.rows[s.n-1].slot)
			freed += f
			handles[n] = h
			n++
		}
		more = g != nil && g.rows > 0
		sh.mu.Unlock()
		count += n
		ix.dropped(freed, handles[:n])
	}
	return count
}

// Expire takes out what has expired, and returns how many. It is never found anyhow, and goes first when room
// is needed.
//
// It goes down the records of each shard, and holds its lock for 256 at a time. What another removes meanwhile is
// replaced by the last record, which was seen already, or not yet and comes to a lower place: none is missed.
func (ix *Index) Expire() (count int) {
	now, _ := ix.now()
	var handles [batch]uint64
	for i := range ix.shards {
		sh := &ix.shards[i]
		for at, more := uint32(math.MaxUint32), true; more; {
			n, freed := 0, int64(0)
			sh.mu.Lock()
			at = min(at, sh.records.n)
			for range min(at, batch) {
				at--
				if _, r := sh.rowOf(at); r.expires <= now {
					f, h := sh.remove(at)
					freed += f
					handles[n] = h
					n++
				}
			}
			more = at > 0
			sh.mu.Unlock()
			count += n
			ix.dropped(freed, handles[:n])
		}
	}
	return count
}

func (ix *Index) dropped(freed int64, handles []uint64) {
	if len(handles) == 0 {
		return
	}
	ix.bytes.Add(-freed)
	for _, h := range handles {
		ix.options.Dropped(h)
	}
}

// reserve charges bytes before they are used, so that the bound always holds.
func (ix *Index) reserve(bytes int64) bool {
	if bytes > ix.options.MaxBytes {
		return false
	}
	for tries := 0; tries < 100; {
		switch now := ix.bytes.Load(); {
		case now+bytes <= ix.options.MaxBytes:
			if ix.bytes.CompareAndSwap(now, now+bytes) {
				return true
			}
		case !ix.evict():
			// All room is promised to others, who are about to fill it.
			tries++
			runtime.Gosched()
		}
	}
	return false
}

// take reserves bytes where there is room for them, and takes no other's.
func (ix *Index) take(bytes int64) bool {
	for {
		now := ix.bytes.Load()
		if now+bytes > ix.options.MaxBytes {
			return false
		}
		if ix.bytes.CompareAndSwap(now, now+bytes) {
			return true
		}
	}
}

// draws is how many entries the one to go is chosen of. With 16, what goes is among the worst
// eighth nine times of ten.
const draws = 16

// evict takes out one entry. There is none to take when it returns false.
func (ix *Index) evict() bool {
	now, _ := ix.now()
	var worst drawn
	least := math.Inf(1)
	found := false
	for range draws {
		if d, priority, ok := ix.draw(now); ok && (!found || priority < least) {
			worst, least, found = d, priority, true
		}
	}
	if !found {
		return false
	}
	if least > math.Inf(-1) {
		ix.options.Evicted(worst.handle)
	}
	if !ix.Delete(worst.group, worst.id) {
		runtime.Gosched() // another is about to
	}
	return true
}

// drawn is an entry that may have to go.
type drawn struct {
	id     ID
	group  Group
	handle uint64
}

// draw returns any entry, each with the same chance, and its priority: negative infinity for one
// that has expired.
func (ix *Index) draw(now int64) (d drawn, priority float64, ok bool) {
	total := int64(0)
	for i := range ix.shards {
		total += ix.shards[i].live.Load()
	}
	if total == 0 {
		return d, 0, false
	}
	state := ix.draws.Add(0x9e3779b97f4a7c15)
	nth := int64(splitmix(&state) % uint64(total)) //nolint:gosec // neither is negative
	for i := range ix.shards {
		sh := &ix.shards[i]
		if n := sh.live.Load(); nth >= n {
			nth -= n
			continue
		}
		sh.mu.RLock()
		defer sh.mu.RUnlock()
		if nth >= int64(sh.records.n) {
			break // some went meanwhile
		}
		slot := uint32(nth) //nolint:gosec // below records.n
		s, r := sh.rowOf(slot)
		priority = sh.records.at(slot).priority
		if r.expires <= now {
			priority = math.Inf(-1)
		}
		return drawn{id: r.id, group: s.group.key, handle: r.handle}, priority, true
	}
	return d, 0, false
}
