package index

import (
	"slices"
	"sync"
	"sync/atomic"
)

// mostRows are a segment's: a search holds the segment's lock for the time of a scan, some
// microseconds, and a writer waits no longer.
const mostRows = 2048

// row is what a search needs of an entry beside its vector.
type row struct {
	id      ID
	handle  uint64
	expires int64 // Unix time, ns
	square  int32 // of the vector's length
	slot    uint32
}

// segment holds rows of one group, densely: the last row takes the place of one that goes.
// Writers hold the shard's lock and mu; searches hold mu alone.
type segment struct {
	group  *group
	number uint32 // in the shard
	open   bool   // stands in group.open

	mu   sync.RWMutex
	n    int
	lead []uint64 // leadWords a row
	rest []uint64 // restWords a row
	vecs []int8   // group.dims a row
	rows []row
}

func newSegment(g *group, capacity int) *segment {
	return &segment{
		group: g,
		lead:  make([]uint64, capacity*leadWords),
		rest:  make([]uint64, capacity*restWords),
		vecs:  make([]int8, capacity*g.dims),
		rows:  make([]row, capacity),
	}
}

func (s *segment) bytes() int64 { return bytesOfSegment(s.group.dims, len(s.rows)) }

func (s *segment) full() bool { return s.n == len(s.rows) }

func (s *segment) vector(i int) []int8 { return s.vecs[i*s.group.dims:][:s.group.dims] }

// put writes row i, which is s.n or below. The caller holds mu.
func (s *segment) put(i int, c *code, v []int8, r row) {
	copy(s.lead[i*leadWords:], c.lead[:])
	copy(s.rest[i*restWords:], c.rest[:])
	copy(s.vector(i), v)
	s.rows[i] = r
}

// take puts row j of another segment at i.
func (s *segment) take(i int, from *segment, j int) {
	copy(s.lead[i*leadWords:][:leadWords], from.lead[j*leadWords:])
	copy(s.rest[i*restWords:][:restWords], from.rest[j*restWords:])
	copy(s.vector(i), from.vector(j))
	s.rows[i] = from.rows[j]
}

// group is all entries that may answer each other.
type group struct {
	key    Group
	tenant uint64
	dims   int

	// Searches read the list without a lock. A list is never changed, and a segment that is
	// in none any more is never written again: who still reads it sees what was.
	segments atomic.Pointer[[]*segment]

	// Under the shard's lock.
	rows  int
	spare []*segment // what may have room

	next, prev *group // of the tenant's in the shard
}

func (g *group) list() []*segment {
	if l := g.segments.Load(); l != nil {
		return *l
	}
	return nil
}

// replace publishes the list without the old segments and with the new, if any.
func (g *group) replace(sh *shard, added *segment, old ...*segment) {
	list := make([]*segment, 0, len(g.list())+1)
	for _, s := range g.list() {
		if !slices.Contains(old, s) {
			list = append(list, s)
		}
	}
	for _, s := range old {
		sh.held -= s.bytes()
		sh.segments[s.number] = nil
		sh.numbers = append(sh.numbers, s.number)
		if s.open {
			g.spare = slices.DeleteFunc(g.spare, func(t *segment) bool { return t == s })
		}
	}
	if added != nil {
		sh.held += added.bytes()
		list = append(list, added)
		if n := len(sh.numbers); n > 0 {
			added.number = sh.numbers[n-1]
			sh.numbers = sh.numbers[:n-1]
			sh.segments[added.number] = added
		} else {
			added.number = uint32(len(sh.segments)) //nolint:gosec // below the number of rows
			sh.segments = append(sh.segments, added)
		}
		for i := range added.n {
			r := sh.records.at(added.rows[i].slot)
			r.segment, r.row = added.number, uint32(i)
		}
		g.offer(added)
	}
	g.segments.Store(&list)
}

// offer remembers a segment that has room.
func (g *group) offer(s *segment) {
	if !s.open && !s.full() {
		s.open = true
		g.spare = append(g.spare, s)
	}
}

// free returns a segment with a free row; nil where there is none.
func (g *group) free() *segment {
	for n := len(g.spare); n > 0; n = len(g.spare) {
		if s := g.spare[n-1]; !s.full() {
			return s
		}
		g.spare[n-1].open = false
		g.spare = g.spare[:n-1]
	}
	return nil
}

// extension tells how a group grows that has no free row: a segment of so many rows takes the old one's
// place, if there is one, or comes to the others. The first begins with one row and grows by half, so that
// small groups are small; then segments are added, an eighth of the group each. Where the index has no
// room for that it is the least, which still keeps segments few.
func (g *group) extension() (old *segment, least, most int) {
	switch list := g.list(); {
	case len(list) == 0:
		return nil, 1, 1
	case len(list) == 1 && list[0].n < 256:
		n := list[0].n
		return list[0], n + 1, n + max(n/2, 1)
	}
	least = min(max(g.rows/64, 4), mostRows)
	return nil, least, min(max(g.rows/8, least), mostRows)
}

// growth is how many bytes an entry more takes at least.
func (g *group) growth() int64 {
	if g.free() != nil {
		return 0
	}
	old, least, _ := g.extension()
	bytes := bytesOfSegment(g.dims, least)
	if old != nil {
		bytes -= old.bytes()
	}
	return bytes
}

// room returns a segment with a free row, and how many bytes it has taken of the index because there was
// room for more than [group.growth].
func (g *group) room(sh *shard, ix *Index) (s *segment, taken int64) {
	if s := g.free(); s != nil {
		return s, 0
	}
	old, rows, most := g.extension()
	if more := bytesOfSegment(g.dims, most) - bytesOfSegment(g.dims, rows); more > 0 && ix.take(more) {
		rows, taken = most, more
	}
	if old != nil {
		g.rebuild(sh, rows, old)
	} else {
		g.replace(sh, newSegment(g, rows))
	}
	return g.spare[len(g.spare)-1], taken
}

// rebuild copies the rows of old segments into one of the given capacity.
func (g *group) rebuild(sh *shard, capacity int, old ...*segment) {
	s := newSegment(g, capacity)
	for _, o := range old {
		for i := range o.n {
			s.take(s.n, o, i)
			s.n++
		}
	}
	g.replace(sh, s, old...)
}

// drop takes row i out, and gives memory back when half of the segment is free.
func (g *group) drop(sh *shard, s *segment, i int) {
	s.mu.Lock()
	s.n--
	if i != s.n {
		s.take(i, s, s.n)
		sh.records.at(s.rows[i].slot).row = uint32(i) //nolint:gosec // below mostRows
	}
	s.rows[s.n] = row{}
	s.mu.Unlock()
	g.rows--
	g.offer(s)

	switch {
	case s.n == 0:
		g.replace(sh, nil, s)
	case s.n <= len(s.rows)/2:
		// Together with another that is as small, so that a group never ends as many crumbs.
		n, had, old := s.n, len(s.rows), []*segment{s}
		for _, t := range g.spare {
			if t != s && n+t.n <= mostRows/2 {
				n, had, old = n+t.n, had+len(t.rows), append(old, t)
				break
			}
		}
		g.rebuild(sh, min(n+n/4, had), old...)
	}
}
