package admission

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// generation is a time through which the keystore told of every change. What was
// learned in it holds for as long as it lasts.
type generation struct {
	// until is when its word is over, unless the watch is heard again, and ended is when it
	// ended, 0 while it lasts; both in Unix nanoseconds.
	until, ended atomic.Int64
}

// live reports whether it lasts at a time, in Unix nanoseconds. It compares the time itself: in
// a process that was stopped, callers may come before whoever would end it.
func (g *generation) live(now int64) bool { return g.ended.Load() == 0 && now < g.until.Load() }

// extend lets it last until a time; zero is for as long as its watch is open.
func (g *generation) extend(until time.Time) {
	if until.IsZero() {
		g.until.Store(math.MaxInt64)
		return
	}
	g.until.Store(until.UnixNano())
}

// end ends it, if it lasts.
func (g *generation) end(now int64) { g.ended.CompareAndSwap(0, max(g.vouched(now), 1)) }

// vouched is until when what was learned in it is known to have held, in Unix nanoseconds.
func (g *generation) vouched(now int64) int64 {
	if ended := g.ended.Load(); ended != 0 {
		return ended
	}
	return min(now, g.until.Load())
}

// changeLog remembers the latest changes, so that an answer of the keystore that was
// under way when a change arrived is not kept as if it were newer.
type changeLog struct {
	seq  atomic.Uint64 // how many changes there were
	mu   sync.Mutex
	ring [4096]change
}

type changeKind uint8

const (
	keyChanged changeKind = iota
	tenantChanged
	allChanged
)

type change struct {
	kind changeKind
	id   string
}

func (l *changeLog) add(c change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq := l.seq.Load()
	l.ring[seq%uint64(len(l.ring))] = c
	l.seq.Store(seq + 1)
}

// touched reports whether the key or the tenant may have changed after seq.
func (l *changeLog) touched(seq uint64, keyID, tenantID string) bool {
	if l.seq.Load() == seq {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.seq.Load()
	if now-seq > uint64(len(l.ring)) {
		return true
	}
	for ; seq < now; seq++ {
		switch c := &l.ring[seq%uint64(len(l.ring))]; c.kind {
		case keyChanged:
			if c.id == keyID {
				return true
			}
		case tenantChanged:
			if c.id == tenantID {
				return true
			}
		case allChanged:
			return true
		}
	}
	return false
}
