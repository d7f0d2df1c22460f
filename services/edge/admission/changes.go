package admission

import (
	"sync"
	"sync/atomic"
)

// generation is a time through which the keystore told of every change. What was
// learned in it holds for as long as it lasts.
type generation struct {
	// ended is when it ended, in Unix nanoseconds; 0 while it lasts.
	ended atomic.Int64
}

func (g *generation) live() bool { return g.ended.Load() == 0 }

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
