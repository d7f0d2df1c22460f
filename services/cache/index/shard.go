package index

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
)

// record is what no search needs of an entry.
type record struct {
	charge   int64   // bytes, without the row
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
	held     int64 // bytes of groups and segments

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

// bind an entry's hashes, of its id and of its keys, to its slot, and return the first cell.
func (sh *shard) bind(slot uint32, hashes []uint64) (cell uint32) {
	cell = none
	for i := len(hashes) - 1; i >= 0; i-- {
		cell = sh.table.insert(hashes[i], slot, cell)
	}
	return cell
}

// unbind is bind undone.
func (sh *shard) unbind(rec *record) {
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
}

// insert adds an entry that isn't there to a segment that has room.
func (sh *shard) insert(g *group, s *segment, e *Entry, c *code, r row, rec record, hashes []uint64) {
	r.slot = sh.records.n
	rec.segment, rec.row, rec.cell = s.number, uint32(s.n), sh.bind(r.slot, hashes) //nolint:gosec // below mostRows
	sh.records.push(rec)
	sh.live.Add(1)
	g.rows++
	s.mu.Lock()
	s.put(s.n, c, e.Vector, r)
	s.n++
	s.mu.Unlock()
}

// overwrite puts an entry in the place of the one with its group and id, and returns the bytes that that
// one had been charged and its handle.
func (sh *shard) overwrite(slot uint32, e *Entry, c *code, r row, rec record, hashes []uint64) (freed int64, handle uint64) {
	old := sh.records.at(slot)
	s, was := sh.rowOf(slot)
	freed, handle = old.charge, was.handle
	sh.unbind(old)
	r.slot = slot
	rec.segment, rec.row, rec.cell = old.segment, old.row, sh.bind(slot, hashes)
	*old = rec
	s.mu.Lock()
	s.put(int(rec.row), c, e.Vector, r)
	s.mu.Unlock()
	return freed, handle
}

// remove takes an entry out, and its group when it was the last, and returns the bytes that are
// no longer charged and its handle.
func (sh *shard) remove(slot uint32) (freed int64, handle uint64) {
	rec := sh.records.at(slot)
	sh.unbind(rec)

	s, r := sh.rowOf(slot)
	g := s.group
	freed, handle = rec.charge+sh.held, r.handle
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
		sh.forget(g)
	}
	return freed - sh.held, handle
}

// know a group that is new.
func (sh *shard) know(g *group) {
	sh.groups[g.key] = g
	sh.held += groupBytes
	if g.next = sh.tenants[g.tenant]; g.next != nil {
		g.next.prev = g
	} else {
		sh.held += tenantBytes
	}
	sh.tenants[g.tenant] = g
}

// forget a group that has no entries any more.
func (sh *shard) forget(g *group) {
	delete(sh.groups, g.key)
	sh.held -= groupBytes
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
		sh.held -= tenantBytes
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
