package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/cachetier"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/index"
)

// embeddings are the vectors that the embedder makes of questions, in the index's form. It may be away, slow, and
// cost money: it has a time limit, is left alone for a while after failures, and is not asked
// again for what it said of one of a tenant's last texts. One that is paid is asked once for all who ask
// for the same at the same time.
type embeddings struct {
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

func newEmbeddings(opts Options) (*embeddings, error) {
	dim := opts.Embedder.Dim()
	if dim < 1 || dim > cachetier.MaxDimensions {
		return nil, fmt.Errorf("cache: an embedder's vectors have %d numbers, not 1 to %d", dim, cachetier.MaxDimensions)
	}
	if opts.Embedder.Version() == "" {
		return nil, errors.New("cache: an embedder without a version")
	}
	e := &embeddings{
		embedder: opts.Embedder, version: opts.Embedder.Version(), paid: opts.EmbedderPaid, timeout: opts.EmbedTimeout, clock: opts.Clock, observer: opts.Observer,
		breaker: newBreaker("embedder", "embed", opts.Clock, opts.Logger),
	}
	e.buffers.New = func() any {
		b := make([]float32, dim)
		return &b
	}
	return e, nil
}

// of returns a text's vector, nil where there is none in time, and what was billed for it, as
// [Hit.Embedded] has it. Nobody writes to the vector. Tenants do not share what is remembered: neither who pays
// nor the time that it takes tells one of another's questions.
func (e *embeddings) of(ctx context.Context, tenant, text string) (out []int8, billed *usagev1.Usage) {
	sum := memoKey(tenant, text)
	m := &e.memo[sum[0]%memoShards]
	if e.paid {
		return e.shared(ctx, m, &sum, text)
	}
	if known, ok := m.get(&sum); ok {
		return known, nil
	}
	r := e.ask(ctx, text)
	if r.known {
		m.put(&sum, r.vector)
	}
	return r.vector, r.billed
}

// shared is of for an embedder that is paid. Who comes first has it asked, and is billed; the others
// wait for the same answer, each within its own time, and are billed nothing. The call belongs to
// none of them: it goes on when the first one leaves, whose bill is unknown then.
func (e *embeddings) shared(ctx context.Context, m *memo, sum *[sha256.Size]byte, text string) ([]int8, *usagev1.Usage) {
	if ctx.Err() != nil {
		return nil, nil // who is gone would pay, and have nothing of it
	}
	known, f, first := m.join(ctx, sum)
	switch {
	case f == nil:
		return known, nil
	case first:
		go e.fly(m, sum, f, text)
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		select {
		case <-f.done: // both came, and its bill is known
		default:
			if first {
				return nil, e.billed(text, embed.Bill{Unknown: true})
			}
			return nil, nil
		}
	}
	if first {
		return f.got.vector, f.got.billed
	}
	return f.got.vector, nil
}

// fly makes the call of a flight, and lands it.
func (e *embeddings) fly(m *memo, sum *[sha256.Size]byte, f *flight, text string) {
	got := reply{billed: e.billed(text, embed.Bill{Unknown: true})} // after a panic
	defer func() { m.land(sum, f, got) }()
	got = e.ask(f.ctx, text)
}

// run waits for the end of ctx, breaks off the calls that are under way, and waits for them; from then on
// an embedder that is paid is asked nothing.
func (e *embeddings) run(ctx context.Context) {
	<-ctx.Done()
	for i := range e.memo {
		e.memo[i].close()
	}
	for i := range e.memo {
		e.memo[i].flying.Wait()
	}
}

// reply is what came of a call.
type reply struct {
	vector []int8 // nil for none
	billed *usagev1.Usage
	known  bool // the embedder would say the same again
}

// ask the embedder, unless it is left alone.
func (e *embeddings) ask(ctx context.Context, text string) (r reply) {
	e.breaker.do(ctx, e.timeout, func(ctx context.Context) error {
		start := e.clock.Now()
		vector, bill, err := e.embed(ctx, text)
		// Of a text that has no vector the embedder's state is the same as of others.
		none := embed.Vectorless(err)
		e.observer.CacheEmbedded(e.clock.Now().Sub(start), bill.Tokens, err == nil || none)
		if none {
			err = nil
		}
		r = reply{vector: vector, billed: e.billed(text, bill), known: err == nil}
		return err
	})
	return r
}

// stored returns the vector of a question that is kept: the one that its look-up returned, where
// the embedder is paid, and nobody pays for another.
func (e *embeddings) stored(ctx context.Context, k *Kept, known *cachev1.Embedding) []int8 {
	if !e.paid {
		vector, _ := e.of(ctx, k.Key.Namespace.Tenant, k.Question.Text)
		return vector
	}
	if known.GetEmbedder() != e.version || len(known.GetVector()) != e.embedder.Dim() {
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

// memoKey is what the vector of a tenant's text is remembered by.
func memoKey(tenant, text string) [sha256.Size]byte {
	return sha256.Sum256([]byte(tenant + "\x00" + text)) // no tenant's id holds a zero
}

// MaxEmbeddingTokens is more than any embedder bills for a text of so many bytes: a token is a
// byte at least, and few stand around the text.
func MaxEmbeddingTokens(bytes int) int64 { return int64(bytes) + 8 }

// billed is a bill as the contract has it, where the embedder is paid.
func (e *embeddings) billed(text string, b embed.Bill) *usagev1.Usage {
	switch {
	case !e.paid:
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
func (e *embeddings) embed(ctx context.Context, text string) (vector []int8, bill embed.Bill, err error) {
	buffer, _ := e.buffers.Get().(*[]float32)
	defer e.buffers.Put(buffer)
	defer func() {
		if p := recover(); p != nil {
			vector, bill, err = nil, embed.Bill{Unknown: true}, errPanic // what it says may quote the text
		}
	}()
	bill, err = e.embedder.Embed(ctx, text, *buffer)
	if err != nil {
		return nil, bill, unquoted(err)
	}
	if vector = index.Quantise(*buffer); vector == nil {
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
	for _, known := range [...]error{embed.ErrNothing, embed.ErrTooLong, embed.ErrRefused, context.DeadlineExceeded, context.Canceled} {
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

const (
	memoShards = 16
	// memoEntries are the vectors that a shard remembers: of 256 numbers, all shards' take some
	// 400 KB.
	memoEntries = 64
)

// memo remembers the vectors of the last texts, by the texts' hashes, and knows which are being
// asked for.
type memo struct {
	mu     sync.Mutex
	known  map[[sha256.Size]byte][]int8
	order  [memoEntries][sha256.Size]byte // a ring
	next   int
	asked  map[[sha256.Size]byte]*flight
	closed bool           // no flight begins any more
	flying sync.WaitGroup // flights
}

// flight is a call that all wait for who ask for the same.
type flight struct {
	ctx    context.Context //nolint:containedctx // the call's own, which it shares with none who waits
	cancel context.CancelFunc
	done   chan struct{} // closed once got is there
	got    reply
}

func (m *memo) get(sum *[sha256.Size]byte) (vector []int8, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	vector, ok = m.known[*sum]
	return vector, ok
}

// join returns what is known, or the flight to wait for, and whether that is a new one, which the
// caller makes the call of; its context has the values of the caller's. Where there is no flight, and none may
// begin, nothing is known.
func (m *memo) join(ctx context.Context, sum *[sha256.Size]byte) (known []int8, f *flight, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if vector, ok := m.known[*sum]; ok || m.closed {
		return vector, nil, false
	}
	if f, ok := m.asked[*sum]; ok {
		return nil, f, false
	}
	f = &flight{done: make(chan struct{})}
	f.ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if m.asked == nil {
		m.asked = map[[sha256.Size]byte]*flight{}
	}
	m.asked[*sum] = f
	m.flying.Add(1)
	return nil, f, true
}

// land a flight: those who wait hear what came of it, and who comes later finds what is known.
func (m *memo) land(sum *[sha256.Size]byte, f *flight, got reply) {
	defer m.flying.Done()
	m.mu.Lock()
	if got.known {
		m.remember(sum, got.vector)
	}
	delete(m.asked, *sum)
	m.mu.Unlock()
	f.got = got
	close(f.done)
	f.cancel()
}

// close lets no flight begin any more, and breaks off those that are under way.
func (m *memo) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	for _, f := range m.asked {
		f.cancel()
	}
}

func (m *memo) put(sum *[sha256.Size]byte, vector []int8) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remember(sum, vector)
}

// remember a text's vector; mu is held.
func (m *memo) remember(sum *[sha256.Size]byte, vector []int8) {
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
