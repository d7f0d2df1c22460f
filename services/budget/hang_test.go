package budget_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/services/budget"
)

// deafStore is a store behind a connection that hangs: what is asked of it is answered by the
// caller's deadline alone.
type deafStore struct {
	budget.Store
	mu    sync.Mutex
	asked map[string]int
	rest  chan struct{} // closed when everything was asked twice
}

func (s *deafStore) hang(ctx context.Context, what string) error {
	s.mu.Lock()
	s.asked[what]++
	enough := true
	for _, what := range []string{"changes", "heads", "hearing", "windows"} {
		enough = enough && s.asked[what] > 1
	}
	if enough && s.rest != nil {
		close(s.rest)
		s.rest = nil
	}
	s.mu.Unlock()
	<-ctx.Done()
	return context.Cause(ctx)
}

func (s *deafStore) Changes(ctx context.Context, _ int64) ([]budget.Scope, int64, error) {
	return nil, 0, s.hang(ctx, "changes")
}

func (s *deafStore) Heads(ctx context.Context, tenants []string) (map[string]int64, error) {
	if tenants != nil {
		return map[string]int64{}, nil // of the watch
	}
	return nil, s.hang(ctx, "heads")
}

func (s *deafStore) Update(ctx context.Context, f budget.Footprint, _ func(*budget.Snapshot) (*budget.Mutation, error)) error {
	if f.EndedWindows > 0 {
		return s.hang(ctx, "windows")
	}
	return s.hang(ctx, "hearing")
}

// A database that takes questions and answers none holds up each step for its time, and not
// the others for ever.
func TestStepsEndWithoutAnAnswer(t *testing.T) {
	asked := make(chan struct{})
	store := &deafStore{asked: map[string]int{}, rest: asked}
	var lines bytes.Buffer
	s := budget.New(store, budget.Options{
		CommitTimeout: 10 * time.Millisecond, PollEvery: time.Millisecond, ExpireEvery: time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&lines, nil)),
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	// Heads are looked at while somebody watches.
	running.Go(func() {
		if err := s.WatchUsage(ctx, budget.UsageWatch{TenantID: "t"}, func([]*eventv1.UsageRecord) error { return nil }); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	patience := clock.Real().NewTimer(time.Minute)
	defer patience.Stop()
	select {
	case <-asked:
	case <-patience.C():
		store.mu.Lock()
		t.Errorf("only these steps were done: %v", store.asked)
		store.mu.Unlock()
	}
	cancel()
	running.Wait()
	for _, work := range []string{
		"reading changes of other processes", "reading what other processes settled", "charging lost leases", "telling of windows that ended",
	} {
		if !strings.Contains(lines.String(), `work="`+work+`" error="`) || !strings.Contains(lines.String(), context.DeadlineExceeded.Error()) {
			t.Errorf("the log does not say that %s failed:\n%s", work, &lines)
		}
	}
}
