package index

import (
	"math"
	"runtime"
)

// batch is how many entries are looked at or removed under a shard's lock at a time.
const batch = 256

// Member names an entry to a purge.
type Member struct {
	ID     ID
	Group  Group
	Tenant uint64
	Handle uint64
}

// Purge takes out all entries that match, and returns how many. When it returns, no search
// finds any of them that were there when it began; a search that began before may still.
// It holds a shard's lock for 256 entries at a time, and match is called under it: it must
// not use the index.
func (ix *Index) Purge(match func(Member) bool) int {
	return ix.sweep(func(sh *shard, slot uint32) bool {
		s, r := sh.rowOf(slot)
		return match(Member{ID: r.id, Group: s.group.key, Tenant: sh.records.at(slot).tenant, Handle: r.handle})
	})
}

// Expire takes out what has expired, as Purge does. It is never found anyhow, and goes first
// when room is needed.
func (ix *Index) Expire() int {
	now, _ := ix.now()
	return ix.sweep(func(sh *shard, slot uint32) bool {
		_, r := sh.rowOf(slot)
		return r.expires <= now
	})
}

// sweep goes down the records of each shard. What another removes meanwhile is replaced by the
// last record, which was seen already, or not yet and comes to a lower place: none is missed.
func (ix *Index) sweep(match func(*shard, uint32) bool) (count int) {
	var handles [batch]uint64
	for i := range ix.shards {
		sh := &ix.shards[i]
		for at, more := uint32(math.MaxUint32), true; more; {
			n, freed := 0, int64(0)
			sh.mu.Lock()
			at = min(at, sh.records.n)
			for range min(at, batch) {
				at--
				if match(sh, at) {
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

// draws is how many entries the one to go is chosen of. With 16, what goes is among the worst
// eighth nine times of ten.
const drawn = 16

// evict takes out one entry. There is none to take when it returns false.
func (ix *Index) evict() bool {
	now, _ := ix.now()
	var worst Member
	least := math.Inf(1)
	found := false
	for range drawn {
		if m, priority, ok := ix.draw(now); ok && (!found || priority < least) {
			worst, least, found = m, priority, true
		}
	}
	if !found {
		return false
	}
	if least > math.Inf(-1) {
		ix.options.Evicted(worst.Handle)
	}
	if !ix.Delete(worst.Group, worst.ID) {
		runtime.Gosched() // another is about to
	}
	return true
}

// draw returns any entry, each with the same chance, and its priority: negative infinity for one
// that has expired.
func (ix *Index) draw(now int64) (m Member, priority float64, ok bool) {
	total := int64(0)
	for i := range ix.shards {
		total += ix.shards[i].live.Load()
	}
	if total == 0 {
		return m, 0, false
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
		return Member{ID: r.id, Group: s.group.key, Tenant: sh.records.at(slot).tenant, Handle: r.handle}, priority, true
	}
	return m, 0, false
}
