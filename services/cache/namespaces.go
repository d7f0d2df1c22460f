package cache

import (
	"sync"

	"tollgate.dev/services/cache/index"
)

// namespaces are those of the questions that are held. Each is kept, and charged, once, however many
// questions it has.
type namespaces struct {
	index *index.Index // which counts what they take

	mu sync.Mutex
	m  map[Namespace]*heldNamespace
}

// heldNamespace is kept as long as it has questions.
type heldNamespace struct {
	Namespace

	questions int // guarded by namespaces.mu
}

// namespaceBytes is what a [heldNamespace] takes beside its strings, with its place in the map.
const namespaceBytes = 200

func (h *heldNamespace) bytes() int64 {
	return namespaceBytes + int64(len(h.Tenant)+len(h.Provider)+len(h.Model)+len(h.Partition))
}

// hold a namespace for a question more; nil where there is no room.
func (n *namespaces) hold(ns Namespace) *heldNamespace {
	if known := n.more(ns); known != nil {
		return known
	}
	added := &heldNamespace{Namespace: ns.clone(), questions: 1}
	if !n.index.Hold(added.bytes()) { // without the lock, which who makes room needs
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if known := n.m[ns]; known != nil { // another was first
		n.index.Release(added.bytes())
		known.questions++
		return known
	}
	n.m[added.Namespace] = added
	return added
}

func (n *namespaces) more(ns Namespace) *heldNamespace {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.m[ns]
	if known != nil {
		known.questions++
	}
	return known
}

// release a namespace for a question less.
func (n *namespaces) release(held *heldNamespace) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if held.questions--; held.questions == 0 {
		delete(n.m, held.Namespace)
		n.index.Release(held.bytes())
	}
}
