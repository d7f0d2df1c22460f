package index

import (
	"bytes"
	"context"
	"math/bits"
	"slices"
	"time"
)

// Candidate is an entry that was found.
type Candidate struct {
	ID     ID
	Handle uint64
	// Cosine of the entry's vector and the one that was searched for; 0 from Lookup.
	Cosine float64
}

// Lookup returns entries of the group that have one of the keys, at most limit, each once:
// those of the first key first, and of one key those that were added last. It looks at no more
// than 4·limit entries of a key, live or not.
func (ix *Index) Lookup(g Group, keys []Key, limit int) []Candidate {
	if limit <= 0 || len(keys) == 0 {
		return nil
	}
	now, _ := ix.now()
	var found []Candidate
	sh := ix.shard(&g)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	for _, k := range keys {
		h := hash(ix.seed, ofKey, &g, k)
		for c, seen := sh.table.first(h), 0; c != none && seen < 4*limit; {
			x := sh.table.cells.at(c)
			c = x.next
			if x.hash != h {
				continue
			}
			seen++
			s, r := sh.rowOf(x.slot)
			if r.expires <= now || s.group.key != g ||
				slices.ContainsFunc(found, func(c Candidate) bool { return c.ID == r.id }) {
				continue
			}
			if found == nil {
				found = make([]Candidate, 0, min(limit, 16))
			}
			found = append(found, Candidate{ID: r.id, Handle: r.handle})
			if len(found) == limit {
				return found
			}
		}
	}
	return found
}

// flatRows is up to how many rows a vector's code isn't worth its making.
const flatRows = 64

// Search returns the at most k entries of the group with the highest cosine that is at least
// floor, best first, of equals the one with the lower id. Cosines are exact; that an entry is
// missed has the small chance that the package's documentation gives. The error is the
// context's, or ErrVector; what was found up to then comes with it. An entry that is replaced
// during the search may be found as it was, as it is, or not at all.
func (ix *Index) Search(ctx context.Context, g Group, vector []int8, k int, floor float64) ([]Candidate, error) {
	square := squareOf(vector)
	if square == 0 {
		return nil, ErrVector
	}
	sh := ix.shard(&g)
	sh.mu.RLock()
	gr := sh.groups[g]
	sh.mu.RUnlock()
	if gr == nil || k <= 0 {
		return nil, nil
	}
	if gr.dims != len(vector) {
		return nil, ErrVector
	}

	now, _ := ix.now()
	list := gr.list()
	q := query{dims: gr.dims, square: square, now: now, k: k, floor: floor}
	for i, a := range vector {
		q.vector[i] = int32(a)
	}
	flat := len(list) == 1 && len(list[0].rows) <= flatRows
	if !flat {
		q.code = encode(vector)
		q.tighten()
	}
	deadline, bounded := ctx.Deadline()
	for scanned := 0; ; {
		for len(list) > 0 && scanned < 2*mostRows {
			scanned += list[0].scan(&q, flat)
			list = list[1:]
		}
		if len(list) == 0 {
			return q.found, nil
		}
		scanned = 0
		// A context's timer may fire late while all processors are busy with searches.
		if err := ctx.Err(); err != nil {
			return q.found, err
		}
		if bounded && ix.past(deadline) {
			return q.found, context.DeadlineExceeded
		}
	}
}

func (ix *Index) past(t time.Time) bool { return !ix.options.Clock.Now().Before(t) }

// query is one search.
type query struct {
	vector [codeBits]int32
	dims   int
	square int32
	code   code
	limits limits
	now    int64
	k      int
	floor  float64
	found  []Candidate // best first
}

// tighten sets the limits for what may still be found.
func (q *query) tighten() { q.limits = limitsOf(q.floor) }

// scan looks at all rows and returns how many there are.
func (s *segment) scan(q *query, flat bool) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if flat {
		for i := range s.n {
			s.rank(q, i)
		}
		return s.n
	}
	var sieve [mostRows]hit
	for _, h := range sieve[:s.sift(q, &sieve)] {
		if h.distance() <= q.limits[2] {
			s.rank(q, h.row())
		}
	}
	return s.n
}

// hit is a row that may be near, above the 16 bits of how far off its code is.
type hit uint32

// further is the hit with d more bits that differ.
func (h hit) further(d int) hit { return h + hit(d) } //nolint:gosec // at most codeBits

func (h hit) row() int      { return int(h >> 16) }
func (h hit) distance() int { return int(h & 0xffff) }

// sift writes down the rows within the limits and returns how many they are. It goes through
// all rows for the first bits, then through what is left for the next, so that loads of the
// others' bits wait neither for each other nor for branches that were guessed wrong.
func (s *segment) sift(q *query, sieve *[mostRows]hit) int {
	q0, q1 := q.code.lead[0], q.code.lead[1]
	left, limit := 0, q.limits[0]
	lead := s.lead[:s.n*leadWords]
	for i := hit(0); len(lead) >= leadWords; i += 1 << 16 {
		d := bits.OnesCount64(lead[0]^q0) + bits.OnesCount64(lead[1]^q1)
		lead = lead[leadWords:]
		if d <= limit {
			sieve[left&(mostRows-1)] = i.further(d)
			left++
		}
	}
	r := &q.code.rest
	count := left
	left, limit = 0, q.limits[1]
	for _, h := range sieve[:count] {
		w := s.rest[h.row()*restWords:][:2]
		h = h.further(bits.OnesCount64(r[0]^w[0]) + bits.OnesCount64(r[1]^w[1]))
		sieve[left] = h
		left += within(h.distance(), limit)
	}
	count = left
	left, limit = 0, q.limits[2]
	for _, h := range sieve[:count] {
		w := s.rest[h.row()*restWords:][:restWords]
		h = h.further(bits.OnesCount64(r[2]^w[2]) + bits.OnesCount64(r[3]^w[3]) +
			bits.OnesCount64(r[4]^w[4]) + bits.OnesCount64(r[5]^w[5]))
		sieve[left] = h
		left += within(h.distance(), limit)
	}
	return left
}

// within is 1 if d is at most limit, else 0.
func within(d, limit int) int { return int(uint(d-limit-1) >> 63) }

// rank takes row i up among the best if it is one.
func (s *segment) rank(q *query, i int) {
	r := &s.rows[i]
	if r.expires <= q.now {
		return
	}
	c := Candidate{ID: r.id, Handle: r.handle}
	c.Cosine = cosine(dot(q.vector[:q.dims], s.vector(i)), q.square, r.square)
	if c.Cosine < q.floor {
		return
	}
	at := len(q.found)
	for at > 0 && better(&c, &q.found[at-1]) {
		at--
	}
	if at == q.k {
		return
	}
	// An entry that was added again during the search may be met twice.
	if slices.ContainsFunc(q.found, func(f Candidate) bool { return f.ID == c.ID }) {
		return
	}
	if q.found == nil {
		q.found = make([]Candidate, 0, min(q.k, 128))
	}
	if len(q.found) == q.k {
		q.found = q.found[:q.k-1]
	}
	q.found = slices.Insert(q.found, at, c)
	if len(q.found) == q.k {
		if worst := q.found[q.k-1].Cosine; worst > q.floor {
			q.floor = worst
			q.tighten()
		}
	}
}

func better(a, b *Candidate) bool {
	if a.Cosine != b.Cosine {
		return a.Cosine > b.Cosine
	}
	return bytes.Compare(a.ID[:], b.ID[:]) < 0
}
