package idempotency_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret"
	platform "tollgate.dev/platform/sqlite"
	"tollgate.dev/services/edge/idempotency"
	"tollgate.dev/services/edge/idempotency/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type world struct {
	*idempotency.Guard
	clock *clocktest.Fake
	spy
}

// spy tells of what the guard does in the background.
type spy struct {
	idempotency.Store
	away, hangs      *atomic.Bool
	purged, extended chan int
}

func (s spy) Claim(ctx context.Context, rec idempotency.Record, nowMillis int64) (*idempotency.Record, error) {
	if !s.hangs.Load() {
		return s.Store.Claim(ctx, rec, nowMillis)
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(20 * time.Second):
		return nil, errors.New("nobody ended the claim")
	}
}

func (s spy) Extend(ctx context.Context, slot idempotency.Slot, owner string, expiresMillis int64) (bool, error) {
	if s.away.Load() {
		return false, errors.New("away") // the log tells when the guard has weighed it
	}
	defer func() { s.extended <- 1 }()
	ok, err := s.Store.Extend(ctx, slot, owner, expiresMillis)
	return ok, err
}

func (s spy) Purge(ctx context.Context, nowMillis int64, limit int) (int, error) {
	n, err := s.Store.Purge(ctx, nowMillis, limit)
	if _, bound := ctx.Deadline(); !bound {
		n = -1 // a store that hangs would end the purging
	}
	s.purged <- n
	return n, err
}

// weighed tells of each extension that failed, once the guard has looked at the clock for it.
type weighed struct {
	slog.Handler

	extended chan int
}

func (weighed) Enabled(context.Context, slog.Level) bool { return true }

func (w weighed) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "could not be held") {
		w.extended <- 1
	}
	return nil
}

func newWorld(t *testing.T, opts idempotency.Options) world {
	t.Helper()
	db, err := platform.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), platform.Options{Synchronous: platform.Normal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	store, err := sqlite.New(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := secret.NewEnvelope(secret.KEK{ID: 1, Key: [secret.KeySize]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	clk := clocktest.New()
	watched := spy{store, new(atomic.Bool), new(atomic.Bool), make(chan int, 1), make(chan int, 1)}
	log := slog.New(weighed{slog.DiscardHandler, watched.extended})
	return world{idempotency.New(watched, envelope, clk, log, opts), clk, watched}
}

// anyone may have a kept answer.
func anyone(context.Context) error { return nil }

// TestRepeatsMayBeRefused asks before a kept answer is given, and only then.
func TestRepeatsMayBeRefused(t *testing.T) {
	w := newWorld(t, idempotency.Options{})
	refusal := errs.New(errs.RateLimitExceeded, "as the test wants it")
	begin := func() (*idempotency.Run, *idempotency.Answer, error) {
		return w.Begin(t.Context(), "s", "k", "/r", [32]byte{}, func(context.Context) error { return refusal })
	}
	run, _, err := begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := begin(); !errs.Is(err, errs.IdempotencyInProgress) {
		t.Errorf("while it runs: %v", err)
	}
	run.Finish(t.Context(), idempotency.Answer{Status: http.StatusOK})
	if _, answer, err := begin(); !errors.Is(err, refusal) || answer != nil {
		t.Errorf("the repeat: %v", err)
	}
}

func (w world) begin(t *testing.T, scope, key, body string) (*idempotency.Run, *idempotency.Answer, error) {
	t.Helper()
	return w.Begin(t.Context(), scope, key, "/v1/chat/completions", sha256.Sum256([]byte(body)), anyone)
}

func (w world) run(t *testing.T, scope, key, body string) *idempotency.Run {
	t.Helper()
	run, answer, err := w.begin(t, scope, key, body)
	if run == nil || answer != nil || err != nil {
		t.Fatalf("the request may not run: %v %v", answer, err)
	}
	return run
}

func TestARepeatGetsTheFirstAnswer(t *testing.T) {
	w := newWorld(t, idempotency.Options{})
	run := w.run(t, "tenant/key", "k1", "body")

	if _, _, err := w.begin(t, "tenant/key", "k1", "body"); !errs.Is(err, errs.IdempotencyInProgress) {
		t.Errorf("a repeat while the first runs: %v", err)
	}
	recorder := w.Record(httptest.NewRecorder(), nil)
	recorder.Header().Set("X-Cache", "miss")
	recorder.Header().Set("X-Request-Id", "first")
	recorder.WriteHeader(http.StatusOK)
	for _, part := range []string{"data: 1\n\n", "data: [DONE]\n\n"} {
		if _, err := recorder.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	run.Finish(t.Context(), recorder.Answer())

	_, answer, err := w.begin(t, "tenant/key", "k1", "body")
	if err != nil || answer == nil {
		t.Fatalf("no answer: %v", err)
	}
	replay := httptest.NewRecorder()
	answer.WriteTo(replay)
	if replay.Body.String() != "data: 1\n\ndata: [DONE]\n\n" || replay.Header().Get("X-Cache") != "miss" ||
		replay.Header().Get("Idempotent-Replayed") != "true" || replay.Header().Get("X-Request-Id") != "" {
		t.Errorf("replayed %q %v", replay.Body, replay.Header())
	}
	if _, _, err := w.begin(t, "tenant/key", "k1", "other body"); !errs.Is(err, errs.IdempotencyMismatch) {
		t.Errorf("another body: %v", err)
	}
	// Nobody gets another's answer.
	w.run(t, "tenant/other-key", "k1", "body").Abandon(t.Context())

	w.clock.Advance(24*time.Hour - time.Second)
	if _, answer, _ := w.begin(t, "tenant/key", "k1", "body"); answer == nil {
		t.Error("the answer is gone before its time")
	}
	w.clock.Advance(time.Second)
	w.run(t, "tenant/key", "k1", "body").Abandon(t.Context())
}

func TestAFailedRequestFreesItsKey(t *testing.T) {
	w := newWorld(t, idempotency.Options{MaxAnswerBytes: 4})
	w.run(t, "s", "k", "b").Abandon(t.Context())
	run := w.run(t, "s", "k", "b")
	recorder := w.Record(httptest.NewRecorder(), nil)
	if _, err := recorder.Write([]byte("too large")); err != nil {
		t.Fatal(err)
	}
	run.Finish(t.Context(), recorder.Answer())
	run.Finish(t.Context(), recorder.Answer()) // ending twice is harmless
	w.run(t, "s", "k", "b").Abandon(t.Context())
}

func TestARunHoldsItsKeyWhileItLives(t *testing.T) {
	w := newWorld(t, idempotency.Options{Term: 30 * time.Second})
	run := w.run(t, "s", "k", "b")
	for range 12 {
		w.clock.WaitForTimers(t, 1)
		w.clock.Advance(10 * time.Second)
		<-w.extended
	}
	if _, _, err := w.begin(t, "s", "k", "b"); !errs.Is(err, errs.IdempotencyInProgress) {
		t.Errorf("the key was lost after two minutes: %v", err)
	}
	run.Abandon(t.Context())
}

// tick lets a third of the default term pass, and waits until a run has renewed its hold, or
// has given up on it for now.
func (w world) tick(t *testing.T) {
	t.Helper()
	w.clock.WaitForTimers(t, 1)
	w.clock.Advance(10 * time.Second)
	<-w.extended
}

// A run that cannot hold its key for a term ends before another may have the key.
func TestARunThatCannotHoldItsKeyEnds(t *testing.T) {
	w := newWorld(t, idempotency.Options{})
	run := w.run(t, "s", "k", "b")
	ctx := run.Within(t.Context())
	w.away.Store(true)
	w.tick(t)
	w.tick(t)
	w.away.Store(false)
	w.tick(t) // it takes its slot again
	w.away.Store(true)
	w.tick(t)
	w.tick(t)
	if ctx.Err() != nil {
		t.Fatal("the run ended within its term")
	}
	w.tick(t)
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the run goes on without its key")
	}
	if err := context.Cause(ctx); !errs.Is(err, errs.ServiceUnavailable) {
		t.Errorf("it is told %v", err)
	}
	w.away.Store(false)
	w.clock.Advance(15*time.Second - time.Millisecond)
	if _, _, err := w.begin(t, "s", "k", "b"); !errs.Is(err, errs.IdempotencyInProgress) {
		t.Errorf("within the grace: %v", err)
	}
	w.clock.Advance(time.Millisecond)
	w.run(t, "s", "k", "b").Abandon(t.Context())
	run.Abandon(t.Context())
}

// A run whose slot is another's ends at once, also when it is asked about later.
func TestARunWhoseKeyIsAnothersEnds(t *testing.T) {
	w := newWorld(t, idempotency.Options{})
	run := w.run(t, "s", "k", "b")
	if n, err := w.Store.Purge(t.Context(), w.clock.Now().Add(time.Hour).UnixMilli(), 1); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	ctx := run.Within(t.Context())
	w.tick(t)
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the run goes on without its key")
	}
	run.Abandon(t.Context())
	if late := run.Within(t.Context()); !errs.Is(context.Cause(late), errs.ServiceUnavailable) {
		t.Errorf("asked later, it is told %v", context.Cause(late))
	}
}

func TestOfManyOneRuns(t *testing.T) {
	w := newWorld(t, idempotency.Options{})
	var runs atomic.Int32
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			run, _, err := w.Begin(t.Context(), "s", "k", "/r", [32]byte{}, anyone)
			switch {
			case run != nil:
				runs.Add(1)
				t.Cleanup(func() { run.Abandon(t.Context()) })
			case !errs.Is(err, errs.IdempotencyInProgress):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if runs.Load() != 1 {
		t.Errorf("%d ran", runs.Load())
	}
}

func TestKeys(t *testing.T) {
	w := newWorld(t, idempotency.Options{})
	for name, key := range map[string]string{
		"empty": "", "long": strings.Repeat("a", 256), "space": "a b", "control": "a\x00", "not ASCII": "ä",
	} {
		if _, _, err := w.begin(t, "s", key, "b"); !errs.Is(err, errs.InvalidRequest) || errs.Of(err).Param != "Idempotency-Key" {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.run(t, "s", strings.Repeat("a", 255), "b").Abandon(t.Context())
	// Parts do not run into each other.
	w.run(t, "s", "kx", "b").Abandon(t.Context())
	w.run(t, "sk", "x", "b").Abandon(t.Context())
}

// A store that hangs is one that is away: nobody waits for it as long as it likes, and what waits
// for nothing else is told so. It is asked again when it is back.
func TestAStoreThatHangs(t *testing.T) {
	w := newWorld(t, idempotency.Options{ClaimTimeout: 50 * time.Millisecond})
	w.hangs.Store(true)
	if run, answer, err := w.begin(t, "s", "k", "b"); run != nil || answer != nil ||
		!errs.Is(err, errs.ServiceUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it is told %v", err)
	}
	w.hangs.Store(false)
	w.run(t, "s", "k", "b").Abandon(t.Context())
}

func TestExpiredRecordsArePurged(t *testing.T) {
	w := newWorld(t, idempotency.Options{PurgeEvery: time.Minute})
	run := w.run(t, "s", "k", "b")
	recorder := w.Record(httptest.NewRecorder(), nil)
	recorder.WriteHeader(http.StatusOK)
	run.Finish(t.Context(), recorder.Answer())
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- w.Run(ctx) }()
	w.clock.WaitForTimers(t, 1)
	w.clock.Advance(25 * time.Hour)
	if n := <-w.purged; n != 1 {
		t.Errorf("purged %d records, want 1", n)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A repeat that comes when the answer is out waits until it is kept; where it could not be
// kept, the repeat goes ahead. One that comes earlier is refused.
func TestRepeatsWaitForAnAnswerThatIsOut(t *testing.T) {
	for name, kept := range map[string]bool{"kept": true, "not kept": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, idempotency.Options{})
			run, _, err := w.begin(t, "t", "a", "body")
			if err != nil {
				t.Fatal(err)
			}
			defer run.Abandon(t.Context())
			if _, _, err := w.begin(t, "t", "a", "body"); !errs.Is(err, errs.IdempotencyInProgress) {
				t.Errorf("too early: %v", err)
			}
			run.Answered()
			if _, _, err := w.begin(t, "t", "a", "other"); !errs.Is(err, errs.IdempotencyMismatch) {
				t.Errorf("another body: %v", err)
			}
			gone, leave := context.WithCancel(t.Context())
			leave()
			if _, _, err := w.Begin(gone, "t", "a", "/v1/chat/completions", sha256.Sum256([]byte("body")), anyone); !errors.Is(err, context.Canceled) {
				t.Errorf("who has left: %v", err)
			}
			var repeats sync.WaitGroup
			var replayed, ahead atomic.Int64
			for range 4 {
				repeats.Go(func() {
					again, answer, err := w.begin(t, "t", "a", "body")
					switch {
					case answer != nil && string(answer.Body) == "answer":
						replayed.Add(1)
					case again != nil:
						ahead.Add(1)
						again.Answered()
						again.Finish(t.Context(), idempotency.Answer{Status: 200, Body: []byte("answer")})
					case !errs.Is(err, errs.IdempotencyInProgress): // who comes before the second Answered
						t.Errorf("a repeat: %v, %v", answer, err)
					}
				})
			}
			if kept {
				run.Finish(t.Context(), idempotency.Answer{Status: 200, Body: []byte("answer")})
			} else {
				run.Abandon(t.Context())
			}
			repeats.Wait()
			if kept && (replayed.Load() != 4 || ahead.Load() != 0) || !kept && ahead.Load() != 1 {
				t.Errorf("%d were given the answer, %d went ahead", replayed.Load(), ahead.Load())
			}
		})
	}
}
