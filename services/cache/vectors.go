package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache/embed"
)

// vectors are questions' embeddings, in the index's form. An embedder may be away, slow, and
// cost money: it has a time limit, is left alone for a while after failures, and is not asked
// again for what it said of one of the last texts.
type vectors struct {
	embedder embed.Embedder
	version  string
	breaker  *breaker
	timeout  time.Duration
	clock    clock.Clock
	observer Observer
	buffers  sync.Pool // of *[]float32
	memo     [memoShards]memo
}

// maxDim is how many numbers a vector may have in the index.
const maxDim = 512

func newVectors(opts Options) (*vectors, error) {
	dim := opts.Embedder.Dim()
	if dim < 1 || dim > maxDim {
		return nil, fmt.Errorf("cache: an embedder's vectors have %d numbers, not 1 to %d", dim, maxDim)
	}
	if opts.Embedder.Version() == "" {
		return nil, errors.New("cache: an embedder without a version")
	}
	v := &vectors{
		embedder: opts.Embedder, version: opts.Embedder.Version(), timeout: opts.EmbedTimeout, clock: opts.Clock, observer: opts.Observer,
		breaker: newBreaker("embedder", "embed", opts.Clock, opts.Logger),
	}
	v.buffers.New = func() any {
		b := make([]float32, dim)
		return &b
	}
	return v, nil
}

// of returns a text's vector; nil where there is none in time. Nobody writes to it.
func (v *vectors) of(ctx context.Context, text string) []int8 {
	sum := sha256.Sum256([]byte(text))
	m := &v.memo[sum[0]%memoShards]
	if known, ok := m.get(&sum); ok {
		return known
	}
	var out []int8
	v.breaker.do(ctx, v.timeout, func(ctx context.Context) error {
		start := v.clock.Now()
		vector, billed, err := v.embed(ctx, text)
		out = vector
		// Of a text that has no vector the embedder's state is the same as of others.
		none := errors.Is(err, embed.ErrNothing) || errors.Is(err, embed.ErrTooLong)
		v.observer.CacheEmbedded(v.clock.Now().Sub(start), billed, err == nil || none)
		if none {
			err = nil
		}
		if err == nil {
			m.put(&sum, vector)
		}
		return err
	})
	return out
}

// embed asks the embedder, whose panic is an error like another.
func (v *vectors) embed(ctx context.Context, text string) (vector []int8, billed int64, err error) {
	buffer, _ := v.buffers.Get().(*[]float32)
	defer v.buffers.Put(buffer)
	defer func() {
		if p := recover(); p != nil {
			vector, err = nil, errPanic // what it says may quote the text
		}
	}()
	billed, err = v.embedder.Embed(ctx, text, *buffer)
	if err != nil {
		return nil, billed, err
	}
	if vector = quantised(*buffer); vector == nil {
		return nil, billed, errZero
	}
	return vector, billed, nil
}

var (
	errPanic = errors.New("cache: the embedder panicked")
	errZero  = errors.New("cache: the embedder's vector is zero or no vector")
)

// quantised returns the vector in numbers of eight bits, of which the largest is ±127; nil if
// it has no direction.
func quantised(v []float32) []int8 {
	largest := 0.0
	for _, x := range v {
		largest = max(largest, math.Abs(float64(x))) // NaN if one of them is
	}
	if !(largest > 0) || math.IsInf(largest, 0) {
		return nil
	}
	q := make([]int8, len(v))
	for i, x := range v {
		q[i] = int8(math.Round(float64(x) * 127 / largest))
	}
	return q
}

const (
	memoShards = 16
	// memoEntries are the vectors that a shard remembers: of 256 numbers, all shards' take some
	// 400 KB.
	memoEntries = 64
)

// memo remembers the vectors of the last texts, by the texts' hashes.
type memo struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte][]int8
	order [memoEntries][sha256.Size]byte // a ring
	next  int
}

func (m *memo) get(sum *[sha256.Size]byte) (vector []int8, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	vector, ok = m.known[*sum]
	return vector, ok
}

func (m *memo) put(sum *[sha256.Size]byte, vector []int8) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = make(map[[sha256.Size]byte][]int8, memoEntries)
	}
	if _, ok := m.known[*sum]; ok {
		return
	}
	if len(m.known) == memoEntries {
		delete(m.known, m.order[m.next])
	}
	m.known[*sum], m.order[m.next] = vector, *sum
	m.next = (m.next + 1) % memoEntries
}
