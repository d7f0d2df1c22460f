// Package idempotency lets a request with an `Idempotency-Key` happen once: a repeat
// gets the first answer, is sent to no provider and costs nothing. The header is that
// of https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/.
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/secret"
)

// Options tune a [Guard]. The zero value of each field means its default.
type Options struct {
	// TTL is how long a finished request's answer is kept; 24 h.
	TTL time.Duration
	// Term is how long a run goes on that cannot renew its hold on its key; 30 s.
	Term time.Duration
	// Grace is how long after that the key is still nobody else's; 15 s. It is for the run
	// to end, and for clocks that differ. A key whose process died is free after both.
	Grace time.Duration
	// ClaimTimeout is how long a request waits for the store to say whether its key is free; 3 s.
	// A claim that the store carries out after that is a run's that never was: its key is free
	// again after Term and Grace.
	ClaimTimeout time.Duration
	// MaxAnswerBytes is the largest answer that is kept; 32 MiB. A request with a larger
	// one is refused a repeat-safe answer: its key is free again.
	MaxAnswerBytes int
	// PurgeEvery is how often expired records are removed; 1 minute.
	PurgeEvery time.Duration
}

// Guard keeps the answers of requests with a key.
type Guard struct {
	store    Store
	envelope *secret.Envelope
	clock    clock.Clock
	log      *slog.Logger
	ids      *id.Generator
	opts     Options

	mu sync.Mutex
	// answered are the runs of this process whose answers are out and not kept yet. Each
	// channel is closed when its run has ended.
	answered map[Slot]chan struct{}
}

// New returns a guard. Answers lie in the store sealed by the envelope.
func New(store Store, envelope *secret.Envelope, clk clock.Clock, log *slog.Logger, opts Options) *Guard {
	if opts.TTL <= 0 {
		opts.TTL = 24 * time.Hour
	}
	if opts.Term <= 0 {
		opts.Term = 30 * time.Second
	}
	if opts.Grace <= 0 {
		opts.Grace = 15 * time.Second
	}
	if opts.ClaimTimeout <= 0 {
		opts.ClaimTimeout = 3 * time.Second
	}
	if opts.MaxAnswerBytes <= 0 {
		opts.MaxAnswerBytes = 32 << 20
	}
	if opts.PurgeEvery <= 0 {
		opts.PurgeEvery = time.Minute
	}
	return &Guard{store: store, envelope: envelope, clock: clk, log: log, ids: id.NewGenerator(clk), opts: opts, answered: make(map[Slot]chan struct{})}
}

// maxKey is the longest key, in characters.
const maxKey = 255

// Begin starts a request with a key. Exactly one of the results is set: the run, for
// a request that shall go ahead; the answer of a finished one; or an error:
// invalid_request for a key that is none, idempotency_mismatch for another body,
// idempotency_in_progress, or service_unavailable when the store is away or does not answer
// in time. A key
// belongs to the scope and the route that it was used in. Before an answer is opened,
// repeat says whether the caller may have it; its error is returned as it is.
func (g *Guard) Begin(ctx context.Context, scope, key, route string, digest [sha256.Size]byte, repeat func(context.Context) error) (*Run, *Answer, error) {
	if err := checkKey(key); err != nil {
		return nil, nil, err
	}
	now := g.clock.Now()
	rec := Record{
		Slot: slotOf(scope, key, route), Digest: digest, Owner: g.ids.NewString(),
		ExpiresMillis: g.expiry(now),
	}
	there, err := g.claim(ctx, rec)
	if err != nil {
		return nil, nil, errs.New(errs.ServiceUnavailable, "the Idempotency-Key could not be checked").WithCause(err)
	}
	if there == nil {
		return g.run(ctx, rec, now), nil, nil
	}
	if there.Digest != digest {
		return nil, nil, errs.New(errs.IdempotencyMismatch, "the Idempotency-Key was used for another request")
	}
	if there.Answer == nil {
		return nil, nil, errs.New(errs.IdempotencyInProgress, "the first request with this Idempotency-Key still runs").
			WithRetryAfter(time.Second)
	}
	if err := repeat(ctx); err != nil {
		return nil, nil, err
	}
	answer, err := g.open(there)
	if err != nil {
		return nil, nil, err
	}
	return nil, answer, nil
}

// claim takes the slot, or returns the record that has it. A run of this process whose
// answer is out by now is waited for: its caller may know the answer before the store does.
func (g *Guard) claim(ctx context.Context, rec Record) (*Record, error) {
	for {
		g.mu.Lock()
		kept := g.answered[rec.Slot]
		g.mu.Unlock()
		there, err := g.claimOnce(ctx, rec)
		if err != nil || there == nil || there.Answer != nil || there.Digest != rec.Digest || kept == nil {
			return there, err
		}
		select {
		case <-kept:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// claimOnce asks the store, within its time.
func (g *Guard) claimOnce(ctx context.Context, rec Record) (*Record, error) {
	ctx, cancel := context.WithTimeout(ctx, g.opts.ClaimTimeout)
	defer cancel()
	return g.store.Claim(ctx, rec, g.clock.Now().UnixMilli())
}

// expiry is when a slot that is held from now on is free for others, in Unix milliseconds.
func (g *Guard) expiry(now time.Time) int64 { return now.Add(g.opts.Term + g.opts.Grace).UnixMilli() }

// purgeTimeout bounds one removal of expired records.
const purgeTimeout = 10 * time.Second

// Run removes expired records until ctx ends.
func (g *Guard) Run(ctx context.Context) error {
	const batch = 500
	purge := func() (int, error) {
		ctx, cancel := context.WithTimeout(ctx, purgeTimeout)
		defer cancel()
		return g.store.Purge(ctx, g.clock.Now().UnixMilli(), batch)
	}
	ticker := g.clock.NewTicker(g.opts.PurgeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
		for {
			n, err := purge()
			if err != nil && ctx.Err() == nil {
				g.log.WarnContext(ctx, "expired idempotency records could not be removed", "error", err)
			}
			if n < batch || err != nil {
				break
			}
		}
	}
}

// Run is a request that goes ahead. It ends with Finish or Abandon.
type Run struct {
	guard *Guard
	rec   Record
	stop  context.CancelFunc
	done  sync.WaitGroup
	once  sync.Once
	// answered is set by Answered, and closed at the run's end.
	answered chan struct{}

	mu sync.Mutex
	// lost says that the key is the run's no more; cancel ends what works under it.
	lost   bool
	cancel context.CancelCauseFunc
}

// run holds the slot, claimed at a time, while the request is under way.
func (g *Guard) run(ctx context.Context, rec Record, claimed time.Time) *Run {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &Run{guard: g, rec: rec, stop: stop}
	r.done.Go(func() { r.hold(ctx, claimed) })
	return r
}

// errRunLost is what a request is told whose key may be another's soon.
var errRunLost = errs.New(errs.ServiceUnavailable, "the Idempotency-Key could not be held while the request ran")

// Within returns a context that also ends when the run has lost its key, before another run
// can have it: with service_unavailable as its cause. It is asked for once.
func (r *Run) Within(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cancel = cancel
	if r.lost {
		cancel(errRunLost)
	}
	return ctx
}

// lose ends what works under the key.
func (r *Run) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = true
	if r.cancel != nil {
		r.cancel(errRunLost)
	}
}

// hold renews the hold on the slot. A run that could not for a whole term has lost it, and
// so has one whose slot is another's; one that is late takes its own slot again.
func (r *Run) hold(ctx context.Context, renewed time.Time) {
	g := r.guard
	ticker := g.clock.NewTicker(g.opts.Term / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
		now := g.clock.Now()
		held, err := r.extend(ctx, now)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && held:
			renewed = now
			continue
		case err == nil:
			g.log.WarnContext(ctx, "an Idempotency-Key is not its request's any more; the request ends")
		case g.clock.Now().Sub(renewed) < g.opts.Term:
			g.log.WarnContext(ctx, "an Idempotency-Key could not be held", "error", err)
			continue
		default:
			g.log.WarnContext(ctx, "an Idempotency-Key could not be held for its term; the request ends", "error", err)
		}
		r.lose()
		return
	}
}

// extend renews the hold once, in no more time than there is until the next time.
func (r *Run) extend(ctx context.Context, now time.Time) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, r.guard.opts.Term/3)
	defer cancel()
	return r.guard.store.Extend(ctx, r.rec.Slot, r.rec.Owner, r.guard.expiry(now))
}

// Answered says that the last of the answer is about to go out: a repeat in this process
// waits for the run's end, which is near. It is called by whoever ends the run.
func (r *Run) Answered() {
	if r.answered != nil {
		return
	}
	r.answered = make(chan struct{})
	r.guard.mu.Lock()
	defer r.guard.mu.Unlock()
	r.guard.answered[r.rec.Slot] = r.answered
}

// Finish keeps the answer for repeats. An answer that is too large, or that could not
// be kept, frees the key.
func (r *Run) Finish(ctx context.Context, answer Answer) {
	r.end(func() {
		if err := r.guard.keep(ctx, r.rec, answer); err != nil {
			r.guard.log.WarnContext(ctx, "an answer could not be kept for repeats", "error", err)
			r.remove(ctx)
		}
	})
}

// Abandon frees the key of a request that failed: a repeat goes ahead.
func (r *Run) Abandon(ctx context.Context) { r.end(func() { r.remove(ctx) }) }

func (r *Run) end(f func()) {
	r.once.Do(func() {
		r.stop()
		r.done.Wait()
		defer r.ended()
		f()
	})
}

// ended lets go of those who wait for an answer that is out.
func (r *Run) ended() {
	if r.answered == nil {
		return
	}
	r.guard.mu.Lock()
	delete(r.guard.answered, r.rec.Slot)
	r.guard.mu.Unlock()
	close(r.answered)
}

func (r *Run) remove(ctx context.Context) {
	if err := r.guard.store.Remove(ctx, r.rec.Slot, r.rec.Owner); err != nil {
		r.guard.log.WarnContext(ctx, "an Idempotency-Key could not be freed; it is after its term", "error", err)
	}
}

var (
	errTooLarge = errors.New("the answer is too large")
	errLost     = errors.New("the key's term was over")
)

func (g *Guard) keep(ctx context.Context, rec Record, answer Answer) error {
	if answer.truncated {
		return errTooLarge
	}
	plain, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	sealed, err := g.envelope.Seal(plain, rec.Slot[:])
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	held, err := g.store.Finish(ctx, rec.Slot, rec.Owner, g.clock.Now().Add(g.opts.TTL).UnixMilli(), sealed)
	if err == nil && !held {
		err = errLost
	}
	return err
}

func (g *Guard) open(rec *Record) (*Answer, error) {
	plain, err := g.envelope.Open(rec.Answer, rec.Slot[:])
	if err != nil {
		return nil, fmt.Errorf("open a kept answer: %w", err)
	}
	var answer Answer
	if err := json.Unmarshal(plain, &answer); err != nil {
		return nil, fmt.Errorf("decode a kept answer: %w", err)
	}
	return &answer, nil
}

func checkKey(key string) error {
	bad := len(key) == 0 || len(key) > maxKey
	for i := range len(key) {
		bad = bad || key[i] < '!' || key[i] > '~'
	}
	if bad {
		return errs.Newf(errs.InvalidRequest, "Idempotency-Key must be 1 to %d visible ASCII characters", maxKey).
			WithParam("Idempotency-Key")
	}
	return nil
}

// slotOf hashes the parts with their lengths, so that none runs into another.
func slotOf(parts ...string) Slot {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return Slot(h.Sum(nil))
}
