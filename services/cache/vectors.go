package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/cachetier"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/cache/embed"
)

// vectors are questions' embeddings, in the index's form. An embedder may be away, slow, and
// cost money: it has a time limit, is left alone for a while after failures, and is not asked
// again for what it said of one of the last texts.
type vectors struct {
	embedder embed.Embedder
	version  string
	paid     bool
	breaker  *breaker
	timeout  time.Duration
	clock    clock.Clock
	observer Observer
	buffers  sync.Pool // of *[]float32
	memo     [memoShards]memo
}

func newVectors(opts Options) (*vectors, error) {
	dim := opts.Embedder.Dim()
	if dim < 1 || dim > cachetier.MaxDimensions {
		return nil, fmt.Errorf("cache: an embedder's vectors have %d numbers, not 1 to %d", dim, cachetier.MaxDimensions)
	}
	if opts.Embedder.Version() == "" {
		return nil, errors.New("cache: an embedder without a version")
	}
	v := &vectors{
		embedder: opts.Embedder, version: opts.Embedder.Version(), paid: opts.EmbedderPaid, timeout: opts.EmbedTimeout, clock: opts.Clock, observer: opts.Observer,
		breaker: newBreaker("embedder", "embed", opts.Clock, opts.Logger),
	}
	v.buffers.New = func() any {
		b := make([]float32, dim)
		return &b
	}
	return v, nil
}

// of returns a text's vector, nil where there is none in time, and what was billed for it, as
// [Hit.Embedded] has it. Nobody writes to the vector. Tenants do not share what is paid for: neither who pays
// nor the time that it takes tells one of another's questions.
func (v *vectors) of(ctx context.Context, tenant, text string) (out []int8, billed *usagev1.Usage) {
	sum := v.key(tenant, text)
	m := &v.memo[sum[0]%memoShards]
	if known, ok := m.get(&sum); ok {
		return known, nil
	}
	v.breaker.do(ctx, v.timeout, func(ctx context.Context) error {
		start := v.clock.Now()
		vector, bill, err := v.embed(ctx, text)
		out, billed = vector, v.billed(text, bill)
		// Of a text that has no vector the embedder's state is the same as of others.
		none := errors.Is(err, embed.ErrNothing) || errors.Is(err, embed.ErrTooLong)
		v.observer.CacheEmbedded(v.clock.Now().Sub(start), bill.Tokens, err == nil || none)
		if none {
			err = nil
		}
		if err == nil {
			m.put(&sum, vector)
		}
		return err
	})
	return out, billed
}

// stored returns the vector of a question that is kept: the one that its look-up returned, where
// the embedder is paid, and nobody pays for another.
func (v *vectors) stored(ctx context.Context, k *Kept, known *cachev1.Embedding) []int8 {
	if !v.paid {
		vector, _ := v.of(ctx, k.Key.Namespace.Tenant, k.Question.Text)
		return vector
	}
	if known.GetEmbedder() != v.version || len(known.GetVector()) != v.embedder.Dim() {
		return nil
	}
	return numbersOf(known.GetVector())
}

// bytesOf is a vector as the contract has it, and numbersOf is back again.
func bytesOf(vector []int8) []byte {
	out := make([]byte, len(vector))
	for i, x := range vector {
		out[i] = byte(x) //nolint:gosec // the same bits
	}
	return out
}

func numbersOf(b []byte) []int8 {
	out := make([]int8, len(b))
	for i, x := range b {
		out[i] = int8(x) //nolint:gosec // the same bits
	}
	return out
}

// key is what the vector of a tenant's text is remembered by.
func (v *vectors) key(tenant, text string) [sha256.Size]byte {
	if !v.paid {
		return sha256.Sum256([]byte(text))
	}
	return sha256.Sum256([]byte(tenant + "\x00" + text)) // no tenant's id holds a zero
}

// MaxEmbeddingTokens is more than any embedder bills for a text of so many bytes: a token is a
// byte at least, and few stand around the text.
func MaxEmbeddingTokens(bytes int) int64 { return int64(bytes) + 8 }

// billed is a bill as the contract has it, where the embedder is paid.
func (v *vectors) billed(text string, b embed.Bill) *usagev1.Usage {
	switch {
	case !v.paid:
		return nil
	case b.Unknown:
		return &usagev1.Usage{Estimated: true}
	case b.Tokens > 0:
		return &usagev1.Usage{Input: min(b.Tokens, MaxEmbeddingTokens(len(text)))}
	default:
		return nil
	}
}

// embed asks the embedder, whose panic is an error like another.
func (v *vectors) embed(ctx context.Context, text string) (vector []int8, bill embed.Bill, err error) {
	buffer, _ := v.buffers.Get().(*[]float32)
	defer v.buffers.Put(buffer)
	defer func() {
		if p := recover(); p != nil {
			vector, bill, err = nil, embed.Bill{Unknown: true}, errPanic // what it says may quote the text
		}
	}()
	bill, err = v.embedder.Embed(ctx, text, *buffer)
	if err != nil {
		return nil, bill, unquoted(err)
	}
	if vector = quantised(*buffer); vector == nil {
		return nil, bill, errZero
	}
	return vector, bill, nil
}

// unquoted is an embedder's error as it may be logged. None should quote the text, and a model's or
// a library's might: but for what is known to say nothing of it, the type alone is told.
func unquoted(err error) error {
	if e, ok := errors.AsType[*errs.Error](err); ok {
		return e
	}
	for _, known := range [...]error{embed.ErrNothing, embed.ErrTooLong, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, known) {
			return known
		}
	}
	return fmt.Errorf("cache: the embedder failed with a %T", err)
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
