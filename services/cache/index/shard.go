package index

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
)

// record is what no search needs of an entry.
type record struct {
	charge   int64   // bytes
	priority float64 // see weigh
	segment  uint32
	row      uint32
	cell     uint32 // the first of its cells: the id's, then the keys'
}

// shard holds all of its groups. Look-ups by key hold its lock for reading for a microsecond,
// searches only to find their group.
type shard struct {
	mu       sync.RWMutex
	groups   map[Group]*group
	tenants  map[uint64]*group // the first of a tenant's, whose others follow it
	segments []*segment        // by number
	numbers  []uint32          // that are free
	records  slab[record]
	table    table

	live atomic.Int64 // records.n, for those who draw a victim
}

// What a hash is of.
const (
	ofID  = 0
	ofKey = 1
)

// hash of a group and an id or key, which must be found by nothing else.
func hash(seed maphash.Seed, of byte, g *Group, k [16]byte) uint64 {
	var b [33]byte
	copy(b[:], g[:])
	copy(b[16:], k[:])
	b[32] = of
	return maphash.Bytes(seed, b[:])
}

func (sh *shard) rowOf(slot uint32) (*segment, *row) {
	r := sh.records.at(slot)
	s := sh.segments[r.segment]
	return s, &s.rows[r.row]
}

// find returns the entry's slot.
func (sh *shard) find(hash uint64, g *Group, id *ID) (slot uint32, ok bool) {
	for c := sh.table.first(hash); c != none; {
		x := sh.table.cells.at(c)
		if x.hash == hash {
			if s, r := sh.rowOf(x.slot); r.id == *id && s.group.key == *g {
				return x.slot, true
			}
		}
		c = x.next
	}
	return 0, false
}

// insert adds an entry that isn't there. hashes are of its id and of its keys.
func (sh *shard) insert(g *group, e *Entry, c *code, r row, rec record, hashes []uint64) {
	s := g.room(sh)
	r.slot = sh.records.n
	rec.segment, rec.row, rec.cell = s.number, uint32(s.n), none //nolint:gosec // below mostRows
	for i := len(hashes) - 1; i >= 0; i-- {
		rec.cell = sh.table.insert(hashes[i], r.slot, rec.cell)
	}
	sh.records.push(rec)
	sh.live.Add(1)
	g.rows++
	s.mu.Lock()
	s.put(s.n, c, e.Vector, r)
	s.n++
	s.mu.Unlock()
}

// remove takes an entry out, and its group when it was the last, and returns the bytes that it
// had been charged and its handle.
func (sh *shard) remove(slot uint32) (freed int64, handle uint64) {
	rec := sh.records.at(slot)
	for rec.cell != none {
		c := rec.cell
		rec.cell = sh.table.cells.at(c).sibling
		sh.table.unlink(c)
		if moved, from := sh.table.fill(c); moved != nil {
			p := &sh.records.at(moved.slot).cell
			for *p != from {
				p = &sh.table.cells.at(*p).sibling
			}
			*p = c
		}
		sh.table.shrink()
	}

	s, r := sh.rowOf(slot)
	g := s.group
	freed, handle = rec.charge, r.handle
	g.drop(sh, s, int(rec.row))

	if last := sh.records.n - 1; slot != last {
		*rec = *sh.records.at(last)
		sh.segments[rec.segment].rows[rec.row].slot = slot
		for c := rec.cell; c != none; c = sh.table.cells.at(c).sibling {
			sh.table.cells.at(c).slot = slot
		}
	}
	sh.records.pop()
	sh.live.Add(-1)

	if g.rows == 0 {
		freed += groupBytes
		if sh.groups[g.key] == g {
			sh.forget(g)
		}
	}
	return freed, handle
}

// know a group that is new.
func (sh *shard) know(g *group) {
	sh.groups[g.key] = g
	if g.next = sh.tenants[g.tenant]; g.next != nil {
		g.next.prev = g
	}
	sh.tenants[g.tenant] = g
}

// forget a group that has no entries any more.
func (sh *shard) forget(g *group) {
	delete(sh.groups, g.key)
	if g.next != nil {
		g.next.prev = g.prev
	}
	switch {
	case g.prev != nil:
		g.prev.next = g.next
	case g.next != nil:
		sh.tenants[g.tenant] = g.next
	default:
		delete(sh.tenants, g.tenant)
	}
}

// weigh returns the priority of an entry: the logarithm of the savings per byte that it is
// expected to bring, halved for each half-life since its last use. Halving all of them at once
// changes no order, so priorities of different times compare without looking at a clock again.
func weigh(value, bytes int64, age float64) float64 {
	return math.Log2(float64(max(value, 1))/float64(bytes)) + age
}

// reweigh returns the priority of an entry that saved something at this age.
func reweigh(priority float64, saved, bytes int64, age float64) float64 {
	left := math.Exp2(priority-age) * float64(bytes)
	return math.Log2((left+float64(max(saved, 0)))/float64(bytes)) + age
}
