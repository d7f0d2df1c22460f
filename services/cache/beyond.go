package cache

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
)

// Vectors finds questions by their vectors where a store keeps more of them than a process has
// room for. Implementations are safe for concurrent use.
type Vectors interface {
	// Keep lets Near find the questions of some records, which the store keeps with their
	// vectors; those that are gone, or have none, are passed over. Where the store has no such
	// search it does nothing.
	Keep(ctx context.Context, keys []Key) error
	// Near returns records with questions of the scope whose vectors have at least that cosine
	// with the vector: at most k, the best first, with their vectors. It may miss some. Where
	// the store has no such search it returns none. They may be gone: the store has the word.
	Near(ctx context.Context, scope Scope, vector []int8, k int, floor float64) ([]*Kept, error)
}

// beyond is where questions go for which the index has no room, and from where they come back: a
// store that finds them by their vectors.
type beyond struct {
	vectors  Vectors
	embedder string
	searches *breaker
	keeps    *breaker
	patience time.Duration // of keeping, for which nobody does
	clock    clock.Clock

	// leaving are those that went and are not kept yet. Of more than there is room for, some are
	// not found by likeness until they are asked anew.
	leaving chan Key
	// met are those that went after a threshold that learns had decided about them.
	met metBeyond
	// until is when the last of those ends that went, in Unix ms.
	until atomic.Int64
}

const (
	// mostLeaving are some seconds' worth of what a process lets go at once when it starts.
	mostLeaving = 4096
	// keptAtOnce are handed to the store in one call.
	keptAtOnce = 64
)

// newBeyond returns nil where no store has vectors.
func newBeyond(opts Options) *beyond {
	if opts.Vectors == nil || opts.Embedder == nil {
		return nil
	}
	return &beyond{
		vectors: opts.Vectors, embedder: opts.Embedder.Version(), patience: opts.InvalidateTimeout, clock: opts.Clock,
		searches: newBreaker("store", "search", opts.Clock, opts.Logger), keeps: newBreaker("store", "keep vectors", opts.Clock, opts.Logger),
		met:     metBeyond{seed: maphash.MakeSeed()},
		leaving: make(chan Key, mostLeaving),
	}
}

// evicted takes a question that makes room for another in the index. It does not wait.
func (b *beyond) evicted(a *answered) {
	if b == nil || a == nil {
		return
	}
	for last := b.until.Load(); a.expires > last && !b.until.CompareAndSwap(last, a.expires); last = b.until.Load() {
	}
	if a.met.Load() {
		b.met.add(a.namespace.Namespace, a.fingerprint, a.expires)
	}
	if a.beyond {
		return // it is there
	}
	select {
	case b.leaving <- Key{Namespace: a.namespace.Namespace, Fingerprint: a.fingerprint}:
	default:
	}
}

// run keeps what leaves until ctx ends.
func (b *beyond) run(ctx context.Context) {
	keys := make([]Key, 0, keptAtOnce)
	for {
		select {
		case <-ctx.Done():
			return
		case key := <-b.leaving:
			keys = append(keys[:0], key)
		}
		for more := true; more && len(keys) < keptAtOnce; {
			select {
			case key := <-b.leaving:
				keys = append(keys, key)
			default:
				more = false
			}
		}
		// What isn't kept is not found by likeness, and nothing else follows.
		b.keeps.do(ctx, b.patience, func(ctx context.Context) error { return b.vectors.Keep(ctx, keys) })
	}
}

// recall looks for what is near a request's vector, and reports whether it put any into the
// index. It asks nobody while the index has room for all, and nothing lives that went.
func (b *beyond) recall(ctx context.Context, to *questions, r *Request, vector []int8, floor float64) bool {
	if b == nil || !to.index.Full() && b.clock.Now().UnixMilli() >= b.until.Load() {
		return false
	}
	scope := Scope{Namespace: r.Key.Namespace, Context: r.Question.Context, Embedder: b.embedder}
	var found []*Kept
	r.wait.ask(ctx, b.searches, func(ctx context.Context) (err error) {
		found, err = b.vectors.Near(ctx, scope, vector, semanticCandidates, floor)
		return err
	})
	// The nearest comes last, so that it does not have to make room for others.
	for _, k := range slices.Backward(found) {
		k.beyond, k.met = true, b.met.has(k.Key.Namespace, k.Key.Fingerprint, k.Expires.UnixMilli())
		_ = to.add(k, read(k.Question.Text, k.Question.Bare), b.embedder) // one that doesn't fit in is not found
	}
	return len(found) > 0
}

// metBeyond remembers of which entries beyond the index a first would-be hit was decided about: of the last
// ones, and of the others that they may have another first one.
type metBeyond struct {
	seed maphash.Seed

	mu          sync.Mutex
	newer, last map[uint64]struct{}
}

// mostMet is half of how many are remembered; together they take about 2 MB.
const mostMet = 32 << 10

func (m *metBeyond) hash(ns Namespace, f Fingerprint, expires int64) uint64 {
	return maphash.Comparable(m.seed, struct {
		Key

		expires int64
	}{Key{ns, f}, expires})
}

func (m *metBeyond) add(ns Namespace, f Fingerprint, expires int64) {
	h := m.hash(ns, f, expires)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.newer == nil || len(m.newer) == mostMet {
		m.newer, m.last = make(map[uint64]struct{}), m.newer
	}
	m.newer[h] = struct{}{}
}

func (m *metBeyond) has(ns Namespace, f Fingerprint, expires int64) bool {
	h := m.hash(ns, f, expires)
	m.mu.Lock()
	defer m.mu.Unlock()
	_, newer := m.newer[h]
	_, last := m.last[h]
	return newer || last
}
