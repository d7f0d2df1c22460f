package index

import "math/bits"

// none is the end of a chain.
const none = ^uint32(0)

// cell binds the hash of a group and a key to an entry.
type cell struct {
	hash    uint64
	slot    uint32
	next    uint32 // in its bucket, newest first
	prev    uint32
	sibling uint32 // the next cell of the same entry
}

// table finds cells by hash: chains in buckets of which there are as many as cells. Buckets
// come and go one at a time (linear hashing, Litwin 1980), so that no insertion ever waits
// for a table of millions to be built anew.
type table struct {
	cells   slab[cell]
	buckets slab[uint32]
}

// bucket returns the hash's bucket; there is at least one.
func (t *table) bucket(hash uint64) *uint32 {
	n := t.buckets.n
	high := uint32(1) << (bits.Len32(n) - 1)
	b := uint32(hash) & (2*high - 1) //nolint:gosec // the low bits are meant
	if b >= n {
		b &= high - 1
	}
	return t.buckets.at(b)
}

// first returns the first cell of the hash's bucket, whose others may have other hashes.
func (t *table) first(hash uint64) uint32 {
	if t.buckets.n == 0 {
		return none
	}
	return *t.bucket(hash)
}

func (t *table) insert(hash uint64, slot, sibling uint32) uint32 {
	t.grow()
	head := t.bucket(hash)
	c := t.cells.push(cell{hash: hash, slot: slot, next: *head, prev: none, sibling: sibling})
	if *head != none {
		t.cells.at(*head).prev = c
	}
	*head = c
	return c
}

// unlink takes cell c out of its bucket.
func (t *table) unlink(c uint32) {
	x := t.cells.at(c)
	if x.prev == none {
		*t.bucket(x.hash) = x.next
	} else {
		t.cells.at(x.prev).next = x.next
	}
	if x.next != none {
		t.cells.at(x.next).prev = x.prev
	}
}

// fill moves the last cell to c, whose own is unlinked, and returns it and where it was; nil if c was the last.
func (t *table) fill(c uint32) (moved *cell, from uint32) {
	from = t.cells.n - 1
	if from == c {
		t.cells.pop()
		return nil, from
	}
	x := t.cells.at(c)
	*x = *t.cells.at(from)
	if x.prev == none {
		*t.bucket(x.hash) = c
	} else {
		t.cells.at(x.prev).next = c
	}
	if x.next != none {
		t.cells.at(x.next).prev = c
	}
	t.cells.pop()
	return x, from
}

// grow adds a bucket, and moves to it what belongs there of its twin, in the same order.
func (t *table) grow() {
	n := t.buckets.n
	if n > t.cells.n {
		return
	}
	added := t.buckets.push(none)
	if n == 0 {
		return
	}
	high := uint32(1) << (bits.Len32(n) - 1)
	last := none
	for c := *t.buckets.at(n - high); c != none; {
		x := t.cells.at(c)
		next := x.next
		if head := t.bucket(x.hash); head == t.buckets.at(added) {
			t.unlinkFrom(n-high, c)
			x.prev, x.next = last, none
			if last == none {
				*head = c
			} else {
				t.cells.at(last).next = c
			}
			last = c
		}
		c = next
	}
}

// unlinkFrom is unlink for a cell that still stands in the bucket of which its hash was.
func (t *table) unlinkFrom(bucket, c uint32) {
	x := t.cells.at(c)
	if x.prev == none {
		*t.buckets.at(bucket) = x.next
	} else {
		t.cells.at(x.prev).next = x.next
	}
	if x.next != none {
		t.cells.at(x.next).prev = x.prev
	}
}

// shrink takes the last bucket away when there are twice as many as cells, and puts its
// chain behind that of its twin.
func (t *table) shrink() {
	n := t.buckets.n
	if n < 2*t.cells.n+2 {
		return
	}
	moved := *t.buckets.at(n - 1)
	t.buckets.pop()
	if n == 1 || moved == none {
		return
	}
	twin := t.buckets.at(n - 1 - uint32(1)<<(bits.Len32(n-1)-1))
	if *twin == none {
		*twin = moved
		return
	}
	last := *twin
	for t.cells.at(last).next != none {
		last = t.cells.at(last).next
	}
	t.cells.at(last).next, t.cells.at(moved).prev = moved, last
}
