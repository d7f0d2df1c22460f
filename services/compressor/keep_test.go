package compressor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	compressorv1 "tollgate.dev/gen/tollgate/compressor/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/store/memory"
)

// leaveOut is a stage that leaves the second half of each text out.
var leaveOut = fake{"leave_out", func(_ context.Context, draft *prompt.Draft) error {
	for _, t := range draft.Texts {
		if t.Locked {
			continue
		}
		half := len(t.Original) / 2
		t.Replace(t.Original[:half] + "[" + t.Omit(t.Original[half:]) + "]")
	}
	return nil
}}

// counts is an observer.
type counts struct{ kept, dropped atomic.Int64 }

func (c *counts) PartsKept(n int)    { c.kept.Add(int64(n)) }
func (c *counts) PartsDropped(n int) { c.dropped.Add(int64(n)) }

func (c *counts) want(t *testing.T, kept, dropped int64) {
	t.Helper()
	if c.kept.Load() != kept || c.dropped.Load() != dropped {
		t.Errorf("%d parts kept and %d dropped, want %d and %d", c.kept.Load(), c.dropped.Load(), kept, dropped)
	}
}

// lines is where a logger writes.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// slow is a store whose writes wait until they may go on.
type slow struct {
	compressor.Store
	gate  chan struct{} // nil lets all through
	fails atomic.Pointer[error]
	began chan struct{}
}

func (s *slow) Put(ctx context.Context, tenant string, parts []prompt.Omission, until time.Time) (int, error) {
	if s.began != nil {
		s.began <- struct{}{}
	}
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	if err := s.fails.Load(); err != nil {
		return 0, *err
	}
	return s.Store.Put(ctx, tenant, parts, until)
}

func (s *slow) Get(ctx context.Context, tenant, name string) (string, bool, error) {
	if err := s.fails.Load(); err != nil {
		return "", false, *err
	}
	return s.Store.Get(ctx, tenant, name)
}

func newKeeper(t *testing.T, store compressor.Store, opts compressor.KeeperOptions) *compressor.Keeper {
	t.Helper()
	k, err := compressor.NewKeeper(store, opts)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// keeping is a service that leaves out what a keeper keeps.
func keeping(t *testing.T, k *compressor.Keeper) *compressor.Service {
	t.Helper()
	return newService(t, compressor.Options{Stages: []compressor.Stage{leaveOut}, Keeper: k})
}

// leaves compresses a prompt with a text, and returns what was left out of it.
func leaves(t *testing.T, s *compressor.Service, tenant, text string) prompt.Omission {
	t.Helper()
	got := compress(t, s, compressor.Request{Body: conversation(text), Tenant: tenant})
	if len(got.Omitted) != 1 || !strings.Contains(string(got.Body), got.Omitted[0].Name) {
		t.Fatalf("%d parts were left out", len(got.Omitted))
	}
	return got.Omitted[0]
}

func mustFind(t *testing.T, s *compressor.Service, tenant string, p prompt.Omission) {
	t.Helper()
	if text, err := s.Omitted(t.Context(), tenant, p.Name); err != nil || text != p.Text {
		t.Errorf("%q has %d bytes, %v; want %d", tenant, len(text), err, len(p.Text))
	}
}

const notThere = "nothing of that name was left out, or it is there no more"

func mustNotFind(t *testing.T, s *compressor.Service, tenant, name string) {
	t.Helper()
	text, err := s.Omitted(t.Context(), tenant, name)
	if e := errs.Of(err); text != "" || err == nil || e.Reason != errs.NotFound || e.Message != notThere {
		t.Errorf("%q finds %q: %d bytes, %v", tenant, name, len(text), err)
	}
}

func longText(of string) string { return strings.Repeat(of+" and more of the same. ", 300) }

func TestWhatIsLeftOutIsFound(t *testing.T) {
	clk, seen := clocktest.New(), &counts{}
	s := keeping(t, newKeeper(t, memory.New(memory.Options{Clock: clk}), compressor.KeeperOptions{
		For: time.Hour, Timeout: compressor.AtOnce, Clock: clk, Observer: seen,
	}))
	part := leaves(t, s, "acme", longText("a document"))
	mustFind(t, s, "acme", part)
	for _, name := range []string{"", "0", "0123456789abcdef", strings.ToUpper(part.Name), part.Name + "0", "../" + part.Name[3:], "é" + part.Name[2:]} {
		if name != part.Name {
			mustNotFind(t, s, "acme", name)
		}
	}
	for _, tenant := range []string{"", "globex", "ACME", "acme "} {
		mustNotFind(t, s, tenant, part.Name)
	}
	// What nobody's is, is not kept.
	alone := leaves(t, s, "", longText("a document of nobody"))
	mustNotFind(t, s, "", alone.Name)
	mustNotFind(t, s, "acme", alone.Name)
	seen.want(t, 1, 0)
	clk.Advance(time.Hour)
	mustNotFind(t, s, "acme", part.Name)
}

func TestNothingIsKeptWhereNobodyWantsIt(t *testing.T) {
	seen := &counts{}
	for name, k := range map[string]*compressor.Keeper{
		"no keeper": nil,
		"no time":   newKeeper(t, memory.New(memory.Options{}), compressor.KeeperOptions{Timeout: compressor.AtOnce, Observer: seen}),
	} {
		t.Run(name, func(t *testing.T) {
			s := keeping(t, k)
			mustNotFind(t, s, "acme", leaves(t, s, "acme", longText("a document")).Name)
		})
	}
	t.Run("a request that forgets", func(t *testing.T) {
		s := keeping(t, newKeeper(t, memory.New(memory.Options{}), compressor.KeeperOptions{For: time.Hour, Timeout: compressor.AtOnce, Observer: seen}))
		resp, err := compressor.NewHandler(s).Compress(t.Context(), &compressorv1.CompressRequest{
			Body: conversation(longText("a document")), TenantId: "acme", ForgetOmitted: true,
		})
		if err != nil || len(resp.GetBody()) == 0 || resp.GetOmitted() != nil {
			t.Fatalf("%v, parts are named: %v", err, resp.GetOmitted())
		}
		mark := regexp.MustCompile(`[0-9a-f]{16}`).FindString(string(resp.GetBody()))
		mustNotFind(t, s, "acme", mark)
	})
	seen.want(t, 0, 0)
	if _, err := compressor.NewKeeper(nil, compressor.KeeperOptions{}); err == nil {
		t.Error("a keeper without a store")
	}
}

// What a compression left out that is not used is in the prompt, and not kept.
func TestWhatIsNotUsedIsNotKept(t *testing.T) {
	text := strings.Repeat("a document of some length. ", 250)
	noGain := fake{"no_gain", func(_ context.Context, draft *prompt.Draft) error {
		for _, t := range draft.Texts {
			t.Replace(t.Original + t.Omit(t.Original))
		}
		return nil
	}}
	fails := fake{"fails", func(context.Context, *prompt.Draft) error { return errors.New("no") }}
	for name, opts := range map[string]compressor.Options{
		"no net saving": {Stages: []compressor.Stage{noGain}},
		"a failure":     {Stages: []compressor.Stage{leaveOut, fails}},
		// The provider's cache keeps the prompt as it is, and would not keep half of it.
		"restored": {Stages: []compressor.Stage{leaveOut}, Prices: shipped(t)},
	} {
		t.Run(name, func(t *testing.T) {
			seen := &counts{}
			opts.Keeper = newKeeper(t, memory.New(memory.Options{}), compressor.KeeperOptions{For: time.Hour, Timeout: compressor.AtOnce, Observer: seen})
			s := newService(t, opts)
			if got := compress(t, s, compressor.Request{Body: conversation(text), Tenant: "acme", Provider: "openai", Model: "gpt-5"}); got.Body != nil {
				t.Fatalf("%d to %d tokens", got.Original, got.Compressed)
			}
			for _, part := range []string{text, text[len(text)/2:]} {
				mustNotFind(t, s, "acme", prompt.NameOf(part))
			}
			seen.want(t, 0, 0)
		})
	}
}

// run runs a keeper until the returned function is called.
func run(t *testing.T, k *compressor.Keeper) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A call does not wait for a store that does, and what waits for it is written at the end.
func TestASlowStoreHoldsNobodyUp(t *testing.T) {
	seen := &counts{}
	store := &slow{Store: memory.New(memory.Options{}), gate: make(chan struct{}), began: make(chan struct{}, 100)}
	k := newKeeper(t, store, compressor.KeeperOptions{For: time.Hour, Timeout: time.Minute, Observer: seen})
	s := keeping(t, k)
	stop := run(t, k)
	var parts []prompt.Omission
	for i := range 5 {
		parts = append(parts, leaves(t, s, "acme", longText(fmt.Sprint("document ", i))))
	}
	<-store.began // and hangs
	mustNotFind(t, s, "acme", parts[0].Name)
	store.gate <- struct{}{}
	<-store.began // the first one is there, the second one hangs
	mustFind(t, s, "acme", parts[0])
	close(store.gate)
	stop()
	if err := k.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		mustFind(t, s, "acme", p)
	}
	seen.want(t, 5, 0)
}

// A stop does not wait for a store that is away for longer than it may.
func TestAStopEnds(t *testing.T) {
	seen, out := &counts{}, &lines{}
	store := &slow{Store: memory.New(memory.Options{}), gate: make(chan struct{})} // nobody opens it
	k := newKeeper(t, store, compressor.KeeperOptions{
		For: time.Hour, Timeout: time.Hour, Observer: seen, Logger: slog.New(slog.NewTextHandler(out, nil)),
	})
	s := keeping(t, k)
	for i := range 5 {
		leaves(t, s, "acme", longText(fmt.Sprint("secret document ", i)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := k.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	seen.want(t, 0, 5)
	if got := out.String(); strings.Contains(got, "secret") || strings.Count(got, "parts=1 ")+strings.Count(got, "parts=4 ") != 2 {
		t.Errorf("logged %s", got)
	}
}

// What finds no room in the queue, and what the store refuses, is dropped, counted, and
// told of once in a while without a word of it.
func TestWhatIsDroppedIsTold(t *testing.T) {
	t.Run("a full queue", func(t *testing.T) {
		clk, seen, out := clocktest.New(), &counts{}, &lines{}
		store := &slow{Store: memory.New(memory.Options{Clock: clk})}
		k := newKeeper(t, store, compressor.KeeperOptions{
			For: time.Hour, QueueBytes: 10_000, Clock: clk, Observer: seen, Logger: slog.New(slog.NewTextHandler(out, nil)),
		})
		s := keeping(t, k)
		first := leaves(t, s, "acme", longText("secret document 0"))
		if 2*len(first.Text) < 10_000 || len(first.Text) > 9_000 {
			t.Fatalf("%d bytes are no use", len(first.Text))
		}
		for i := range 3 {
			leaves(t, s, "acme", longText(fmt.Sprint("secret document ", 1+i)))
		}
		seen.want(t, 0, 3)
		clk.Advance(time.Minute)
		leaves(t, s, "acme", longText("secret document 9"))
		if err := k.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustFind(t, s, "acme", first)
		seen.want(t, 1, 4)
		// There is room again.
		again := leaves(t, s, "acme", longText("secret document 10"))
		if err := k.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustFind(t, s, "acme", again)
		got := out.String()
		if strings.Contains(got, "secret") || strings.Count(got, "\n") != 2 || !strings.Contains(got, "parts=1 ") || !strings.Contains(got, "parts=3 ") {
			t.Errorf("logged %s", got)
		}
	})
	t.Run("a store that fails", func(t *testing.T) {
		clk, seen, out := clocktest.New(), &counts{}, &lines{}
		store := &slow{Store: memory.New(memory.Options{Clock: clk}), began: make(chan struct{}, 100)}
		failure := errors.New("away")
		store.fails.Store(&failure)
		k := newKeeper(t, store, compressor.KeeperOptions{For: time.Hour, Clock: clk, Observer: seen, Logger: slog.New(slog.NewTextHandler(out, nil))})
		s := keeping(t, k)
		stop := run(t, k)
		part := leaves(t, s, "acme", longText("secret document"))
		leaves(t, s, "acme", longText("secret document 2"))
		<-store.began
		<-store.began
		if _, err := s.Omitted(t.Context(), "acme", part.Name); !errs.Is(err, errs.ServiceUnavailable) || !errors.Is(err, failure) {
			t.Errorf("a look at a store that is away: %v", err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Omitted(ended, "acme", part.Name); !errors.Is(err, context.Canceled) {
			t.Errorf("whose caller is gone: %v", err)
		}
		stop()
		seen.want(t, 0, 2)
		if got := out.String(); strings.Contains(got, "secret") || strings.Count(got, "\n") != 1 || !strings.Contains(got, "error=away") {
			t.Errorf("logged %s", got)
		}
	})
	t.Run("a part that is too large", func(t *testing.T) {
		seen := &counts{}
		k := newKeeper(t, memory.New(memory.Options{MaxBytes: 100}), compressor.KeeperOptions{For: time.Hour, Timeout: compressor.AtOnce, Observer: seen})
		s := keeping(t, k)
		mustNotFind(t, s, "acme", leaves(t, s, "acme", longText("a document")).Name)
		seen.want(t, 0, 1)
	})
}

func TestNames(t *testing.T) {
	if name := prompt.NameOf("x"); !prompt.IsName(name) {
		t.Errorf("%q is none", name)
	}
	if got := slices.DeleteFunc([]string{"", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeF", "0123456789abcde/", "0123456789abcdeg"},
		func(s string) bool { return !prompt.IsName(s) }); len(got) > 0 {
		t.Errorf("%q are names", got)
	}
}
