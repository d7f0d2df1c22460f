package cache_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/memory"
	"tollgate.dev/services/cache/storetest"
)

func TestWhatIsStoredIsFound(t *testing.T) {
	f := newFixture(t, nil, cache.Options{})
	if f.hits(t, "r") {
		t.Fatal("a hit in an empty cache")
	}
	entry := storetest.Entry("answer")
	sent, want := proto.CloneOf(entry), proto.CloneOf(entry)
	want.Last = cachev1.Tier_TIER_EXACT // there is no question
	if !f.store(t, &cachev1.StoreRequest{Fingerprint: fingerprint("r"), Entry: entry}) {
		t.Fatal("not stored")
	}
	got := f.lookup(t, &cachev1.LookupRequest{Fingerprint: fingerprint("r")})
	if !proto.Equal(got.GetEntry(), want) || !proto.Equal(entry, sent) {
		t.Errorf("got %v, want %v", got.GetEntry(), want)
	}
	if f.hits(t, "another") {
		t.Error("another request has the same answer")
	}
}

func TestNothingCrossesANamespace(t *testing.T) {
	f := newFixture(t, nil, cache.Options{})
	f.keep(t, "r")
	for name, change := range map[string]func(n *cachev1.Namespace){
		"tenant": func(n *cachev1.Namespace) { n.TenantId = "t2" }, "provider": func(n *cachev1.Namespace) { n.Provider = "*" },
		"model": func(n *cachev1.Namespace) { n.Model = "gpt-4o-mini" }, "partition": func(n *cachev1.Namespace) { n.Partition = "p" },
		"shifted": func(n *cachev1.Namespace) { n.TenantId, n.Provider = "t:openai", "gpt-4o" },
	} {
		n := namespace()
		change(n)
		if f.lookup(t, &cachev1.LookupRequest{Namespace: n, Fingerprint: fingerprint("r")}).GetEntry() != nil {
			t.Errorf("another %s finds it", name)
		}
	}
}

func TestLives(t *testing.T) {
	for name, tc := range map[string]struct {
		opts   cache.Options
		ttl    *durationpb.Duration
		stored bool
		want   time.Duration
	}{
		"an hour by default":       {stored: true, want: time.Hour},
		"the service's own":        {opts: cache.Options{TTL: time.Minute}, stored: true, want: time.Minute},
		"the request's own":        {ttl: durationpb.New(time.Second), stored: true, want: time.Second},
		"the shortest":             {ttl: durationpb.New(time.Millisecond), stored: true, want: time.Millisecond},
		"none":                     {ttl: durationpb.New(0)},
		"less than a millisecond":  {ttl: durationpb.New(time.Microsecond)},
		"above the longest":        {opts: cache.Options{MaxTTL: 2 * time.Hour}, ttl: durationpb.New(3 * time.Hour), stored: true, want: 2 * time.Hour},
		"more than fits":           {ttl: &durationpb.Duration{Seconds: 315_576_000_000}, stored: true, want: cache.DefaultMaxTTL},
		"the default is in bounds": {opts: cache.Options{TTL: 2 * time.Hour, MaxTTL: time.Hour}, stored: true, want: 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil, tc.opts)
			stored := f.store(t, &cachev1.StoreRequest{Fingerprint: fingerprint("r"), Entry: storetest.Entry("x"), Ttl: tc.ttl})
			if stored != tc.stored {
				t.Fatalf("stored %t", stored)
			}
			if !tc.stored {
				return
			}
			f.clock.Advance(tc.want - time.Millisecond)
			if !f.hits(t, "r") {
				t.Error("it ended early")
			}
			f.clock.Advance(time.Millisecond)
			if f.hits(t, "r") {
				t.Error("it is served expired")
			}
		})
	}
}

// A store whose clock stands still serves what has expired; the service does not.
func TestTheServicesClockDecides(t *testing.T) {
	f := newFixture(t, memory.New(memory.Options{Clock: clocktest.New()}), cache.Options{})
	f.keep(t, "r")
	f.clock.Advance(time.Hour - time.Millisecond)
	if !f.hits(t, "r") {
		t.Error("it ended early")
	}
	f.clock.Advance(time.Millisecond)
	if f.hits(t, "r") {
		t.Error("it is served expired")
	}
}

func TestAge(t *testing.T) {
	f := newFixture(t, nil, cache.Options{})
	start := f.clock.Now()
	for request, made := range map[string]int64{
		"made now": start.UnixMilli(), "made before": start.Add(-time.Minute).UnixMilli(),
		"made who knows when": 0, "made in the future": start.Add(time.Hour).UnixMilli(), "made long ago": -5,
	} {
		entry := &cachev1.Entry{Body: []byte("x"), Chunks: [][]byte{{1}}, CostNanos: 7, Provider: "p", UpstreamModel: "u", DeploymentId: "d", Simulated: true, CreatedMillis: made, DroppedParams: []string{"seed"}}
		sent := proto.CloneOf(entry)
		f.store(t, &cachev1.StoreRequest{Fingerprint: fingerprint(request), Entry: entry})
		if !proto.Equal(entry, sent) {
			t.Errorf("%s: the caller's entry was written to", request)
		}
		got := f.lookup(t, &cachev1.LookupRequest{Fingerprint: fingerprint(request)}).GetEntry()
		if sent.CreatedMillis = made; made <= 0 || made > start.UnixMilli() {
			sent.CreatedMillis = start.UnixMilli()
		}
		sent.Last = cachev1.Tier_TIER_EXACT // there is no question
		if !proto.Equal(got, sent) {
			t.Errorf("%s: got %v, want %v", request, got, sent)
		}
	}
	f.clock.Advance(30 * time.Second)
	for request, age := range map[string]time.Duration{
		"made now": 30 * time.Second, "made before": 90 * time.Second, "made who knows when": 30 * time.Second, "made in the future": 30 * time.Second,
	} {
		for limit, want := range map[time.Duration]bool{age - time.Millisecond: false, age: true, math.MaxInt64: true, 0: false} {
			got := f.lookup(t, &cachev1.LookupRequest{Fingerprint: fingerprint(request), MaxAge: durationpb.New(limit)})
			if (got.GetEntry() != nil) != want {
				t.Errorf("%s, at most %v old: %t", request, limit, !want)
			}
		}
	}
}

func TestSize(t *testing.T) {
	f := newFixture(t, nil, cache.Options{MaxEntryBytes: 1000})
	// The encoding adds a tag and two bytes of length.
	for size, want := range map[int]bool{900: true, 997: true, 998: false, 1 << 20: false} {
		entry := &cachev1.Entry{Body: make([]byte, size)}
		if got := f.store(t, &cachev1.StoreRequest{Fingerprint: fingerprint("r"), Entry: entry}); got != want {
			t.Errorf("%d bytes: stored %t", proto.Size(entry), got)
		}
	}
	f = newFixture(t, nil, cache.Options{})
	if f.store(t, &cachev1.StoreRequest{Fingerprint: fingerprint("r"), Entry: &cachev1.Entry{Chunks: [][]byte{make([]byte, 1<<20)}}}) {
		t.Error("more than a megabyte is stored by default")
	}
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	f := newFixture(t, nil, cache.Options{})
	long := strings.Repeat("x", cache.MaxComponentBytes+1)
	minus := durationpb.New(-1)
	broken := &durationpb.Duration{Seconds: 1, Nanos: -1}
	entry := storetest.Entry("x")
	ok := fingerprint("r")
	for name, call := range map[string]func(ctx context.Context) error{
		"no namespace": func(ctx context.Context) error {
			_, err := f.Lookup(ctx, &cachev1.LookupRequest{Fingerprint: ok})
			return err
		},
		"no tenant": func(ctx context.Context) error {
			_, err := f.Lookup(ctx, &cachev1.LookupRequest{Namespace: &cachev1.Namespace{Provider: "p", Model: "m"}, Fingerprint: ok})
			return err
		},
		"no provider": func(ctx context.Context) error {
			_, err := f.Store(ctx, &cachev1.StoreRequest{Namespace: &cachev1.Namespace{TenantId: "t", Model: "m"}, Fingerprint: ok, Entry: entry})
			return err
		},
		"no model": func(ctx context.Context) error {
			_, err := f.Store(ctx, &cachev1.StoreRequest{Namespace: &cachev1.Namespace{TenantId: "t", Provider: "p"}, Fingerprint: ok, Entry: entry})
			return err
		},
		"a long partition": func(ctx context.Context) error {
			n := namespace()
			n.Partition = long
			_, err := f.Lookup(ctx, &cachev1.LookupRequest{Namespace: n, Fingerprint: ok})
			return err
		},
		"a short fingerprint": func(ctx context.Context) error {
			_, err := f.Lookup(ctx, &cachev1.LookupRequest{Namespace: namespace(), Fingerprint: ok[1:]})
			return err
		},
		"a negative age": func(ctx context.Context) error {
			_, err := f.Lookup(ctx, &cachev1.LookupRequest{Namespace: namespace(), Fingerprint: ok, MaxAge: minus})
			return err
		},
		"no entry": func(ctx context.Context) error {
			_, err := f.Store(ctx, &cachev1.StoreRequest{Namespace: namespace(), Fingerprint: ok})
			return err
		},
		"an entry without an answer": func(ctx context.Context) error {
			_, err := f.Store(ctx, &cachev1.StoreRequest{Namespace: namespace(), Fingerprint: ok, Entry: &cachev1.Entry{CostNanos: 1}})
			return err
		},
		"a broken life": func(ctx context.Context) error {
			_, err := f.Store(ctx, &cachev1.StoreRequest{Namespace: namespace(), Fingerprint: ok, Entry: entry, Ttl: broken})
			return err
		},
		"a purge of no tenant": func(ctx context.Context) error {
			_, err := f.Invalidate(ctx, &cachev1.InvalidateRequest{Provider: "p"})
			return err
		},
		"a purge with a long model": func(ctx context.Context) error {
			_, err := f.Invalidate(ctx, &cachev1.InvalidateRequest{TenantId: "t", Model: long})
			return err
		},
		"a negative life": func(ctx context.Context) error {
			_, err := f.Invalidate(ctx, &cachev1.InvalidateRequest{TenantId: "t", TtlOverride: minus})
			return err
		},
	} {
		if err := call(t.Context()); !errs.Is(errs.FromConnect(err), errs.InvalidRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInvalidate(t *testing.T) {
	f := newFixture(t, nil, cache.Options{})
	purge := func(req *cachev1.InvalidateRequest, want int64) {
		t.Helper()
		got, err := f.Invalidate(t.Context(), req)
		if err != nil || got.GetEntries() != want {
			t.Errorf("%v: %d, %v; want %d", req, got.GetEntries(), err, want)
		}
	}
	f.keep(t, "a")
	f.keep(t, "b")
	purge(&cachev1.InvalidateRequest{TenantId: "t", Model: "gpt-4"}, 0)
	purge(&cachev1.InvalidateRequest{TenantId: "t", TtlOverride: durationpb.New(time.Minute)}, 2)
	purge(&cachev1.InvalidateRequest{TenantId: "t", TtlOverride: durationpb.New(2 * time.Hour)}, 0)
	f.clock.Advance(time.Minute - time.Millisecond)
	if !f.hits(t, "a") {
		t.Error("its life was shortened too much")
	}
	f.clock.Advance(time.Millisecond)
	if f.hits(t, "a") {
		t.Error("its life was not shortened")
	}
	f.keep(t, "a")
	f.keep(t, "b")
	purge(&cachev1.InvalidateRequest{TenantId: "t", Provider: "openai", Model: "gpt-4o", TtlOverride: durationpb.New(0)}, 2)
	f.keep(t, "a")
	purge(&cachev1.InvalidateRequest{TenantId: "t"}, 1)
	if f.hits(t, "a") || f.hits(t, "b") {
		t.Error("it is found after a purge")
	}
}

// Who purges must know that it did not happen.
func TestInvalidateFailsWithItsStore(t *testing.T) {
	store := newFakeStore()
	f := newFixture(t, store, cache.Options{InvalidateTimeout: 10 * time.Millisecond})
	store.set(errors.New("broken"), false)
	_, err := f.Invalidate(t.Context(), &cachev1.InvalidateRequest{TenantId: "t"})
	if !errs.Is(errs.FromConnect(err), errs.ServiceUnavailable) {
		t.Errorf("a broken store: %v", err)
	}
	store.set(nil, true)
	_, err = f.Invalidate(t.Context(), &cachev1.InvalidateRequest{TenantId: "t"})
	if !errs.Is(errs.FromConnect(err), errs.ServiceUnavailable) {
		t.Errorf("a slow store: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = f.Invalidate(ctx, &cachev1.InvalidateRequest{TenantId: "t"}); err == nil || errs.Is(errs.FromConnect(err), errs.ServiceUnavailable) {
		t.Errorf("a caller that went away: %v", err)
	}
}

func TestNewNeedsAStore(t *testing.T) {
	if _, err := cache.New(nil, cache.Options{}); err == nil {
		t.Error("it works without a store")
	}
}
