package tokens

// Byte-pair encoding: the two neighbours whose bytes together have the lowest rank become
// one, the leftmost of equals first, until no neighbours are a token together.

// scanned is the longest piece whose lowest pair is looked for one by one, in bytes: that
// takes quadratic time, and no memory.
const scanned = 96

// mergeScan returns how many tokens a short piece has.
func (v *vocabulary) mergeScan(piece string) int {
	var (
		starts [scanned + 1]uint8 // of the parts, and the end
		ranks  [scanned]uint32    // of a part with the next
	)
	n := len(piece) // parts
	for i := range n {
		starts[i], ranks[i] = uint8(i), unranked
		if i+2 <= n {
			ranks[i] = v.pair(piece, i)
		}
	}
	starts[n] = uint8(n) //nolint:gosec // at most scanned
	for n > 1 {
		best, at := unranked, 0
		for i, rank := range ranks[:n-1] {
			if rank < best {
				best, at = rank, i
			}
		}
		if best == unranked {
			break
		}
		copy(starts[at+1:n], starts[at+2:n+1])
		copy(ranks[at+1:n-1], ranks[at+2:n])
		n--
		ranks[at] = unranked
		if at+2 <= n {
			ranks[at] = v.rank(piece[starts[at]:starts[at+2]])
		}
		if at > 0 {
			ranks[at-1] = v.rank(piece[starts[at-1]:starts[at+1]])
		}
	}
	return n
}

// part is one of a long piece's parts, found by its first byte.
type part struct {
	before, end int    // where the part before it begins, and where the next one does
	rank        uint32 // of the two together, it and the next
}

// merger is the memory that merging a long piece takes.
type merger struct {
	parts []part
	pairs []pair // a heap; some are of the past
}

// pair is the rank of a part and the next, by the first byte.
type pair struct {
	rank uint32
	at   int
}

// less orders by rank, then from left to right.
func (p pair) less(q pair) bool { return p.rank < q.rank || p.rank == q.rank && p.at < q.at }

// mergeHeap takes n log n time.
func (m *merger) mergeHeap(v *vocabulary, piece string) int {
	n := len(piece)
	m.parts, m.pairs = m.parts[:0], m.pairs[:0]
	for i := range n {
		p := part{before: i - 1, end: i + 1, rank: unranked}
		if i+2 <= n {
			p.rank = v.pair(piece, i)
		}
		m.parts = append(m.parts, p)
		if p.rank != unranked {
			m.pairs = append(m.pairs, pair{p.rank, i})
		}
	}
	for i := len(m.pairs)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	left := n
	for len(m.pairs) > 0 {
		least := m.pop()
		at, first := least.at, &m.parts[least.at]
		if first.rank != least.rank { // it was merged, or its neighbour was
			continue
		}
		gone := &m.parts[first.end]
		first.end, gone.rank = gone.end, unranked
		left--
		m.again(v, piece, at)
		if first.end < n {
			m.parts[first.end].before = at
		}
		if first.before >= 0 {
			m.again(v, piece, first.before)
		}
	}
	return left
}

// again finds the rank of a part with the next one.
func (m *merger) again(v *vocabulary, piece string, at int) {
	p := &m.parts[at]
	p.rank = unranked
	if p.end == len(piece) {
		return
	}
	if p.rank = v.rank(piece[at:m.parts[p.end].end]); p.rank != unranked {
		m.push(pair{p.rank, at})
	}
}

func (m *merger) push(p pair) {
	m.pairs = append(m.pairs, p)
	h := m.pairs
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[up].less(h[i]) {
			return
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
}

func (m *merger) pop() pair {
	least, last := m.pairs[0], len(m.pairs)-1
	m.pairs[0] = m.pairs[last]
	m.pairs = m.pairs[:last]
	m.down(0)
	return least
}

func (m *merger) down(i int) {
	h := m.pairs
	for {
		low := 2*i + 1
		if low >= len(h) {
			return
		}
		if low+1 < len(h) && h[low+1].less(h[low]) {
			low++
		}
		if h[i].less(h[low]) {
			return
		}
		h[i], h[low] = h[low], h[i]
		i = low
	}
}
