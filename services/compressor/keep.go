package compressor

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/compressor/loglimit"
	"tollgate.dev/services/compressor/prompt"
)

// What zero fields of [KeeperOptions] mean.
const (
	DefaultStoreTimeout = 500 * time.Millisecond
	DefaultQueueBytes   = 64 << 20
)

// AtOnce as a [KeeperOptions.Timeout] is for a store that never waits, as that in memory.
const AtOnce time.Duration = -1

// KeeperOptions are the rules of a [Keeper].
type KeeperOptions struct {
	// For is how long a part is kept; 0 keeps nothing.
	For time.Duration
	// Timeout is how long one exchange with the store may take; [DefaultStoreTimeout] when
	// 0. A store that may wait is written to beside the calls. [AtOnce] has parts go to it
	// within them.
	Timeout time.Duration
	// QueueBytes bounds the memory of what waits for a store that may wait, in bytes;
	// [DefaultQueueBytes] when not positive. What finds no room is dropped.
	QueueBytes int64
	// Clock tells ends of lives, and when a line may be logged again; the system's when nil.
	Clock clock.Clock
	// Logger takes failures, without a word of a prompt; nobody when nil.
	Logger *slog.Logger
	// Observer counts; nobody when nil.
	Observer Observer
}

// Observer counts the parts of prompts that are kept for a while, and those that should be
// and are not. Its methods return at once.
type Observer interface {
	PartsKept(n int)
	PartsDropped(n int)
}

type noObserver struct{}

func (noObserver) PartsKept(int)    {}
func (noObserver) PartsDropped(int) {}

// Keeper keeps what was left out of prompts, for its tenants alone and for a while. No call
// waits for a store that may wait: parts go to it by a queue, which Run must take from, and
// Flush empties at the end. A nil one keeps nothing.
type Keeper struct {
	store Store
	opts  KeeperOptions
	queue chan batch // nil where parts go to the store at once
	bytes atomic.Int64

	lines    *loglimit.Limit
	unlogged atomic.Int64 // parts that were dropped since the last line
}

// batch is what was left out of one prompt.
type batch struct {
	tenant string
	parts  []prompt.Omission
	until  time.Time
	size   int64
}

const (
	// maxQueued is how many prompts' parts wait at most.
	maxQueued = 1024
	// partOverhead is what a waiting part takes beside its text, in bytes.
	partOverhead = 64
	// sayAgain is how long nothing is logged after a line was: a store may be away for long.
	sayAgain = 10 * time.Second
)

// NewKeeper returns a keeper over a store.
func NewKeeper(store Store, opts KeeperOptions) (*Keeper, error) {
	if store == nil {
		return nil, errors.New("compressor: no store for what is left out")
	}
	opts.Timeout = cmp.Or(opts.Timeout, DefaultStoreTimeout)
	if opts.QueueBytes <= 0 {
		opts.QueueBytes = DefaultQueueBytes
	}
	if opts.Clock == nil {
		opts.Clock = clock.Real()
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Observer == nil {
		opts.Observer = noObserver{}
	}
	k := &Keeper{store: store, opts: opts, lines: loglimit.New(opts.Clock, sayAgain)}
	if opts.Timeout > 0 {
		k.queue = make(chan batch, maxQueued)
	}
	return k, nil
}

// keep keeps parts for a tenant; nothing for none.
func (k *Keeper) keep(ctx context.Context, tenant string, parts []prompt.Omission) {
	if k == nil || k.opts.For <= 0 || tenant == "" || len(parts) == 0 {
		return
	}
	b := batch{tenant: tenant, parts: parts, until: k.opts.Clock.Now().Add(k.opts.For)}
	if k.queue == nil {
		_ = k.put(ctx, b) // it has been told
		return
	}
	for _, p := range parts {
		b.size += int64(len(p.Text)) + partOverhead
	}
	if k.bytes.Add(b.size) > k.opts.QueueBytes {
		k.bytes.Add(-b.size)
		k.drop(ctx, len(parts), errFull)
		return
	}
	// Pieces of the request's text would keep all of it in memory.
	b.tenant, b.parts = strings.Clone(tenant), make([]prompt.Omission, len(parts))
	for i, p := range parts {
		b.parts[i] = prompt.Omission{Name: p.Name, Text: strings.Clone(p.Text)}
	}
	select {
	case k.queue <- b:
	default:
		k.bytes.Add(-b.size)
		k.drop(ctx, len(parts), errFull)
	}
}

var (
	errFull  = errors.New("too much waits for the store")
	errLarge = errors.New("the store did not take a part: it is too large, or its time was over")
	errEnd   = errors.New("the process stops")
)

// Run writes what waits to the store, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case b := <-k.queue:
			_ = k.write(context.WithoutCancel(ctx), b) // it has been told, and what comes next may fare better
		}
	}
}

// Flush writes what still waits after Run has ended, and drops it where the store fails or
// ctx ends. Nothing may be kept any more.
func (k *Keeper) Flush(ctx context.Context) error {
	var failed error
	for {
		select {
		case b := <-k.queue:
			if failed == nil {
				failed = k.write(ctx, b)
				continue
			}
			k.bytes.Add(-b.size)
			k.drop(ctx, len(b.parts), errEnd)
		default:
			k.say(ctx, failed)
			return nil // what a stop could not keep is no failure of it
		}
	}
}

// write puts what has waited into the store, in its time.
func (k *Keeper) write(ctx context.Context, b batch) error {
	defer k.bytes.Add(-b.size)
	ctx, cancel := context.WithTimeout(ctx, k.opts.Timeout)
	defer cancel()
	return k.put(ctx, b)
}

func (k *Keeper) put(ctx context.Context, b batch) error {
	kept, err := k.store.Put(ctx, b.tenant, b.parts, b.until)
	k.opts.Observer.PartsKept(kept)
	if lost := len(b.parts) - kept; lost > 0 {
		k.drop(ctx, lost, cmp.Or(err, errLarge))
	}
	return err
}

// drop counts parts that are not kept, and says so once in a while.
func (k *Keeper) drop(ctx context.Context, n int, why error) {
	k.opts.Observer.PartsDropped(n)
	k.unlogged.Add(int64(n))
	if k.lines.Allow() {
		k.say(ctx, why)
	}
}

// say logs what was dropped since the last line.
func (k *Keeper) say(ctx context.Context, why error) {
	if n := k.unlogged.Swap(0); n > 0 {
		k.opts.Logger.WarnContext(ctx, "what was left out of prompts was not kept", "parts", n, "error", why)
	}
}

// find returns what was left out of a prompt of a tenant's. It fails with [errs.NotFound],
// in the same words whatever the reason, and with [errs.ServiceUnavailable] when the store
// does not answer.
func (k *Keeper) find(ctx context.Context, tenant, name string) (string, error) {
	if k == nil || k.opts.For <= 0 || tenant == "" || !prompt.IsName(name) {
		return "", errNoPart()
	}
	bounded := ctx
	if k.opts.Timeout > 0 {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, k.opts.Timeout)
		defer cancel()
	}
	text, ok, err := k.store.Get(bounded, tenant, name)
	switch {
	case err != nil && ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", errs.New(errs.ServiceUnavailable, "the store of what was left out did not answer").WithCause(err)
	case !ok:
		return "", errNoPart()
	}
	return text, nil
}

func errNoPart() error {
	return errs.New(errs.NotFound, "nothing of that name was left out, or it is there no more")
}
