// Package memory bounds what a process holds in memory of something, all together.
package memory

import "sync/atomic"

// Bound is a number of bytes of which everybody who keeps some takes a part. Its methods are
// safe for concurrent use; a nil Bound bounds nothing.
type Bound struct {
	limit int64
	held  atomic.Int64
}

// NewBound returns a bound of limit bytes.
func NewBound(limit int64) *Bound { return &Bound{limit: limit} }

// Hold takes n bytes, and reports whether there was room for them.
func (b *Bound) Hold(n int64) bool {
	if b == nil || b.held.Add(n) <= b.limit {
		return true
	}
	b.held.Add(-n)
	return false
}

// Add takes n bytes that are in memory already, also beyond the limit.
func (b *Bound) Add(n int64) {
	if b != nil {
		b.held.Add(n)
	}
}

// Release gives n bytes back.
func (b *Bound) Release(n int64) { b.Add(-n) }

// Held is how many bytes are taken.
func (b *Bound) Held() int64 {
	if b == nil {
		return 0
	}
	return b.held.Load()
}

// Full reports whether nothing more can be taken.
func (b *Bound) Full() bool { return b != nil && b.held.Load() >= b.limit }
