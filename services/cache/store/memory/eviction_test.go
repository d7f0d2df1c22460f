package memory_test

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/memory"
)

// trace is a seeded sequence of requests, each of which has one answer.
type trace struct {
	name string
	// exponent of the Zipf distribution of requests over answers.
	exponent float64
	// once is the share of requests that nobody ever repeats.
	once float64
	// drift is after how many requests other answers become popular; 0 is never.
	drift int
	// alike has all answers cost the same.
	alike bool
	seed  uint64
}

// answer of a request, with its cost in nano-dollars and the length of its body.
type answer struct {
	id, cost int64
	body     int
}

const answers = 20_000 // that are asked for more than once

// requests are drawn anew from the seed: models of four prices, bodies around 1 KB.
func (tr trace) requests(n int) []answer {
	r := rand.New(rand.NewPCG(tr.seed, 1)) //nolint:gosec // the same trace each time
	popular := rand.NewZipf(r, tr.exponent, 8, answers-1)
	prices := []float64{0.2e6, 1e6, 4e6, 30e6}
	known := map[int64]answer{}
	out := make([]answer, n)
	for i := range out {
		id := int64(answers + i)
		if r.Float64() >= tr.once {
			id = int64(popular.Uint64())
			if tr.drift > 0 {
				id = (id + int64(i/tr.drift*97)) % answers
			}
			id = id * 7919 % answers // neighbours have nothing in common
		}
		a, ok := known[id]
		if !ok {
			a = answer{id: id, body: int(math.Exp(r.NormFloat64()*0.9 + 7)), cost: 1e6}
			if !tr.alike {
				a.cost = int64(prices[r.IntN(len(prices))] * math.Exp(r.NormFloat64()*0.6))
			}
			known[id] = a
		}
		out[i] = a
	}
	return out
}

// What eviction is for: more of the money that answers cost is saved than by SIEVE, which
// looks at use alone, in the same bytes. Where all cost the same, use alone is as good.
func TestEvictionSavesMoreThanSieve(t *testing.T) {
	const n, capacity = 30_000, 4 << 20 // of about 50 MB
	for _, tr := range []trace{
		{name: "steady", exponent: 1.1, seed: 1},
		{name: "steady, once 40 %", exponent: 1.1, once: 0.4, seed: 2},
		{name: "drift", exponent: 1.3, once: 0.2, drift: 2000, seed: 3},
		{name: "fast drift", exponent: 1.3, once: 0.3, drift: 300, seed: 4},
		{name: "costs alike", exponent: 1.1, once: 0.3, drift: 5000, alike: true, seed: 5},
	} {
		t.Run(tr.name, func(t *testing.T) {
			requests := tr.requests(n)
			c := clocktest.New()
			s := memory.New(memory.Options{Clock: c, MaxBytes: capacity})
			body := make([]byte, 1<<20)
			ours := saved(requests, func(a answer) bool {
				key := cache.Key{Namespace: cache.Namespace{Tenant: "t"}, Fingerprint: sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(a.id)))}
				if has(t, s, key) {
					return true
				}
				entry := &cachev1.Entry{Body: body[:a.body:a.body], CostNanos: a.cost}
				if _, err := s.Put(t.Context(), key, cache.Record{Entry: entry, Expires: c.Now().Add(time.Hour)}); err != nil {
					t.Fatal(err)
				}
				return false
			})
			q := newSieve(capacity)
			sieve := saved(requests, q.ask)
			t.Logf("saved %.1f %% of the cost, SIEVE %.1f %%", 100*ours, 100*sieve)
			least := sieve
			if tr.alike {
				least -= 0.02
			}
			if ours < least {
				t.Errorf("saved %.3f of the cost, SIEVE %.3f", ours, sieve)
			}
		})
	}
}

// saved is the share of the cost that hits save, once a fifth of the requests have filled
// the cache.
func saved(requests []answer, ask func(answer) (hit bool)) float64 {
	var all, saved float64
	for i, a := range requests {
		hit := ask(a)
		if i < len(requests)/5 {
			continue
		}
		all += float64(a.cost)
		if hit {
			saved += float64(a.cost)
		}
	}
	return saved / all
}

// sieve is what eviction is compared with (Zhang et al., "SIEVE is Simpler than LRU", NSDI
// 2024).
type sieve struct {
	room  int
	items map[int64]*list.Element
	queue *list.List // the newest first
	hand  *list.Element
}

type sieved struct {
	answer
	size    int
	visited bool
}

func newSieve(bytes int) *sieve {
	return &sieve{room: bytes, items: map[int64]*list.Element{}, queue: list.New()}
}

func (s *sieve) ask(a answer) bool {
	if e := s.items[a.id]; e != nil {
		e.Value.(*sieved).visited = true
		return true
	}
	// As the store counts it: an overhead, the tenant's name, and the body with what the
	// allocator adds.
	size := 1024 + 2 + a.body + a.body/8
	for s.room < size {
		s.evict()
	}
	s.room -= size
	s.items[a.id] = s.queue.PushFront(&sieved{answer: a, size: size})
	return false
}

func (s *sieve) evict() {
	e := s.hand
	for {
		if e == nil {
			e = s.queue.Back()
		}
		it := e.Value.(*sieved)
		if !it.visited {
			s.hand = e.Prev()
			s.queue.Remove(e)
			delete(s.items, it.id)
			s.room += it.size
			return
		}
		it.visited = false
		e = e.Prev()
	}
}

// An answer that cost nothing is kept by its use, and goes before one that cost something.
func TestWhatCostNothingGoesFirst(t *testing.T) {
	c := clocktest.New()
	s := memory.New(memory.Options{Clock: c, MaxBytes: 1 << 20})
	key := func(i int) cache.Key {
		return cache.Key{Namespace: cache.Namespace{Tenant: "t"}, Fingerprint: sha256.Sum256(fmt.Append(nil, i))}
	}
	const dear = 100
	for i := range 3000 {
		entry := &cachev1.Entry{Body: make([]byte, 1000)}
		if i < dear {
			entry.CostNanos = 50_000_000
		}
		if ok, err := s.Put(t.Context(), key(i), cache.Record{Entry: entry, Expires: c.Now().Add(time.Hour)}); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	for i := range dear {
		if !has(t, s, key(i)) {
			t.Fatalf("entry %d went before those that cost nothing", i)
		}
	}
}
