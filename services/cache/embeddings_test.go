package cache_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/store/memory"
)

// billing is an embedder with a bill and an error of its own.
type billing struct {
	embed.Embedder

	bill embed.Bill
	err  error
}

func (b *billing) Embed(ctx context.Context, text string, to []float32) (embed.Bill, error) {
	if b.err != nil {
		return b.bill, b.err
	}
	_, err := b.Embedder.Embed(ctx, text, to)
	return b.bill, err
}

// A look-up says what its embedder bills: nothing where nobody was asked, the tokens where they
// are known, whatever became of the vector, and that they are not where they aren't.
func TestWhatALookUpIsBilled(t *testing.T) {
	failed := errors.New("failed")
	for name, tc := range map[string]struct {
		bill embed.Bill
		err  error
		want *usagev1.Usage
	}{
		"answered":                    {embed.Bill{Tokens: 7}, nil, &usagev1.Usage{Input: 7}},
		"answered, and of no use":     {embed.Bill{Tokens: 7}, failed, &usagev1.Usage{Input: 7}},
		"more than the text can have": {embed.Bill{Tokens: 1 << 40}, nil, &usagev1.Usage{Input: cache.MaxEmbeddingTokens(len(guitar))}},
		"answered without usage":      {embed.Bill{Unknown: true}, nil, &usagev1.Usage{Estimated: true}},
		"no answer":                   {embed.Bill{Unknown: true}, failed, &usagev1.Usage{Estimated: true}},
		"not asked, or refused":       {embed.Bill{}, failed, nil},
		"free":                        {embed.Bill{}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := &billing{staticEmbedder(t), tc.bill, tc.err}
			f := newFixture(t, nil, cache.Options{Embedder: e, EmbedderPaid: true, Threshold: &half})
			got := f.ask(t, guitar, upToSemantic, nil)
			if !proto.Equal(got.GetEmbedded(), tc.want) || (got.GetEmbedding() != nil) != (tc.err == nil) {
				t.Errorf("billed is %v, and a vector came: %t", got.GetEmbedded(), got.GetEmbedding() != nil)
			}
			// Where nobody is paid, nobody is billed.
			f = newFixture(t, nil, cache.Options{Embedder: e, Threshold: &half})
			if got := f.ask(t, guitar, upToSemantic, nil); got.GetEmbedded() != nil {
				t.Errorf("billed is %v, and nobody is paid", got.GetEmbedded())
			}
		})
	}
}

// An embedder that is left alone is not asked, and one that panics may have been.
func TestWhatFailuresAreBilled(t *testing.T) {
	e := &fakeEmbedder{Embedder: staticEmbedder(t)}
	f := newFixture(t, nil, cache.Options{Embedder: e, EmbedderPaid: true, EmbedTimeout: 10 * time.Millisecond, Threshold: &half})
	e.set("panicking")
	for i := range 3 {
		if got := f.ask(t, guitar, upToSemantic, nil); !got.GetEmbedded().GetEstimated() {
			t.Errorf("after %d panics it is billed %v", i+1, got.GetEmbedded())
		}
	}
	if got := f.ask(t, guitar, upToSemantic, nil); got.GetEmbedded() != nil || e.called() != 3 {
		t.Errorf("left alone it is called %d times, and billed %v", e.called(), got.GetEmbedded())
	}
}

// held is an embedder that answers once it is let go, and bills 7 tokens a call.
type held struct {
	embed.Embedder

	letGo chan struct{}
	calls atomic.Int32
}

func (h *held) Embed(ctx context.Context, text string, to []float32) (embed.Bill, error) {
	h.calls.Add(1)
	select {
	case <-h.letGo:
		_, err := h.Embedder.Embed(ctx, text, to)
		return embed.Bill{Tokens: 7}, err
	case <-ctx.Done():
		return embed.Bill{Unknown: true}, ctx.Err()
	}
}

// embedded is what a look-up said of its question's embedding, and how long it took.
type embedded struct {
	billed *usagev1.Usage
	vector bool
	took   time.Duration
}

// crowd are look-ups of questions that go on at the same time.
type crowd struct {
	service *cache.Service
	wg      sync.WaitGroup
	mu      sync.Mutex
	got     []embedded
}

// newCrowd is one at a service with a paid embedder, which may be waited for as long as by default. It
// belongs into a bubble of synctest, in which a look-up takes as long as it waits.
func newCrowd(t *testing.T, e embed.Embedder) *crowd {
	t.Helper()
	service, err := cache.New(memory.New(memory.Options{}), cache.Options{Embedder: e, EmbedderPaid: true, Threshold: &half, Timeout: -1})
	if err != nil {
		t.Fatal(err)
	}
	return &crowd{service: service}
}

// asks a tenant's question, and returns once the look-up waits for something.
func (c *crowd) asks(ctx context.Context, t *testing.T, tenant, text string) {
	t.Helper()
	q, err := cache.NewQuestion(question("c", text))
	if err != nil {
		t.Fatal(err)
	}
	key := cache.Key{Namespace: cache.Namespace{Tenant: tenant, Provider: "openai", Model: "gpt-4o"}}
	c.wg.Go(func() {
		start := clock.Real().Now()
		hit := c.service.Lookup(ctx, cache.Request{Key: key, Question: q, MaxAge: cache.AnyAge})
		c.mu.Lock()
		defer c.mu.Unlock()
		c.got = append(c.got, embedded{hit.Embedded, hit.Embedding != nil, clock.Real().Now().Sub(start)})
	})
	synctest.Wait()
}

// answered returns what came of the look-ups that have ended since the last time.
func (c *crowd) answered() []embedded {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	got := c.got
	c.got = nil
	return got
}

func (c *crowd) wait() []embedded {
	c.wg.Wait()
	return c.answered()
}

// A question that many ask at the same time is embedded once, and one of them pays. Another tenant's is
// another question.
func TestEmbeddingIsPaidOnceByManyAtOnce(t *testing.T) {
	static := staticEmbedder(t)
	synctest.Test(t, func(t *testing.T) {
		e := &held{Embedder: static, letGo: make(chan struct{})}
		c := newCrowd(t, e)
		for range 32 {
			c.asks(t.Context(), t, "a", guitar)
		}
		c.asks(t.Context(), t, "b", guitar)
		close(e.letGo)
		got := c.wait()
		c.asks(t.Context(), t, "a", guitar)
		got = append(got, c.wait()...)
		tokens := int64(0)
		for _, g := range got {
			if !g.vector || g.billed.GetEstimated() {
				t.Errorf("a look-up got %+v", g)
			}
			tokens += g.billed.GetInput()
		}
		if len(got) != 34 || e.calls.Load() != 2 || tokens != 14 {
			t.Errorf("%d look-ups made %d calls, billed with %d tokens", len(got), e.calls.Load(), tokens)
		}
	})
}

// Who began a call and leaves pays by estimate, and those who wait for it have its vector for nothing.
func TestEmbeddingOutlivesWhoBeganIt(t *testing.T) {
	static := staticEmbedder(t)
	for name, leave := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"hangs up": context.WithCancel,
		"has no more time": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
			return ctx, func() { <-ctx.Done(); cancel() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &held{Embedder: static, letGo: make(chan struct{})}
				c := newCrowd(t, e)
				first, end := leave(t.Context())
				c.asks(first, t, "a", guitar)
				c.asks(t.Context(), t, "a", guitar)
				c.asks(t.Context(), t, "a", guitar)
				end()
				if got := c.answered(); len(got) != 1 || got[0].vector || !proto.Equal(got[0].billed, &usagev1.Usage{Estimated: true}) {
					t.Fatalf("who left got %+v", got)
				}
				// Who is gone before he asks has nothing asked.
				c.asks(first, t, "a", lute)
				if got := c.answered(); len(got) != 1 || got[0].billed != nil {
					t.Errorf("who was gone got %+v", got)
				}
				close(e.letGo)
				c.asks(t.Context(), t, "a", guitar)
				got := c.wait()
				for _, g := range got {
					if !g.vector || g.billed != nil {
						t.Errorf("who stayed got %+v", g)
					}
				}
				if len(got) != 3 || e.calls.Load() != 1 {
					t.Errorf("%d look-ups after %d calls", len(got), e.calls.Load())
				}
			})
		})
	}
}

// Nobody waits for an embedder that does not answer for longer than it may take, or he has
// himself. The next one asks anew.
func TestEmbeddingThatFailsIsEverybodysMiss(t *testing.T) {
	static := staticEmbedder(t)
	synctest.Test(t, func(t *testing.T) {
		e := &held{Embedder: static, letGo: make(chan struct{})}
		c := newCrowd(t, e)
		hurried, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		c.asks(t.Context(), t, "a", guitar)
		c.asks(hurried, t, "a", guitar)
		c.asks(t.Context(), t, "a", guitar)
		got, bills := c.wait(), 0
		for i, want := range []time.Duration{20 * time.Millisecond, cache.DefaultEmbedTimeout, cache.DefaultEmbedTimeout} {
			if got[i].vector || got[i].took != want {
				t.Errorf("after %v: %+v", want, got[i])
			}
			if got[i].billed.GetEstimated() {
				bills++
			}
		}
		if e.calls.Load() != 1 || bills != 1 {
			t.Errorf("%d calls, and %d bills", e.calls.Load(), bills)
		}
		close(e.letGo)
		c.asks(t.Context(), t, "a", guitar)
		if got := c.wait(); !got[0].vector || got[0].billed.GetInput() != 7 || e.calls.Load() != 2 {
			t.Errorf("after the failure: %+v", got)
		}
	})
}

// The service ends with its embeddings: none is under way when Run has returned, and none begins.
func TestEmbeddingEndsWithRun(t *testing.T) {
	static := staticEmbedder(t)
	synctest.Test(t, func(t *testing.T) {
		e := &held{Embedder: static, letGo: make(chan struct{})}
		c := newCrowd(t, e)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.service.Run(ctx) }()
		c.asks(t.Context(), t, "a", guitar)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if got := c.wait(); got[0].vector || !got[0].billed.GetEstimated() || got[0].took != 0 {
			t.Errorf("what was under way ended as %+v", got[0])
		}
		c.asks(t.Context(), t, "a", lute)
		if got := c.wait(); got[0].vector || got[0].billed != nil || e.calls.Load() != 1 {
			t.Errorf("afterwards a look-up got %+v", got[0])
		}
	})
}
