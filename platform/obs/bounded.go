package obs

import (
	"sync"
	"sync/atomic"
)

// Other is the label value of everything that is not among the configured ones.
const Other = "other"

// Bounded lets only configured values become label values, so that no caller can
// make up time series. It is safe for concurrent use and allocates nothing.
type Bounded struct{ values map[string]string }

// NewBounded returns a guard that lets the values through. Empty ones are left out.
func NewBounded(values ...string) *Bounded {
	m := make(map[string]string, len(values))
	for _, v := range values {
		if v != "" {
			m[v] = v
		}
	}
	return &Bounded{m}
}

// Label returns the value when it is among the configured ones, [Other] when it is
// not, and "" for "". What it returns shares no memory with a request.
func (b *Bounded) Label(value string) string {
	if value == "" {
		return ""
	}
	if v, ok := b.values[value]; ok {
		return v
	}
	return Other
}

// lookup caches what is dear to make, by key. Reads take no lock and allocate nothing;
// a miss copies the map, so it is for keys that are few and stay.
type lookup[K comparable, V any] struct {
	entries atomic.Pointer[map[K]V]
	mu      sync.Mutex
}

func (l *lookup[K, V]) get(key K, build func(K) V) V {
	if m := l.entries.Load(); m != nil {
		if v, ok := (*m)[key]; ok {
			return v
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.entries.Load()
	next := make(map[K]V)
	if old != nil {
		if v, ok := (*old)[key]; ok {
			return v
		}
		for k, v := range *old {
			next[k] = v
		}
	}
	v := build(key)
	next[key] = v
	l.entries.Store(&next)
	return v
}
