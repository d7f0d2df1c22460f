// Package cache is the cache service: it keeps finished answers and finds them again.
//
// It has one tier, the exact one: the same request in the same namespace gets the same
// answer (exact.go). A further tier is a further file, asked by [Service.Lookup] after the
// stricter ones.
package cache

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
)

// What zero fields of [Options] mean.
const (
	DefaultTTL               = time.Hour
	DefaultMaxTTL            = 30 * 24 * time.Hour
	DefaultMaxEntryBytes     = 1 << 20
	DefaultTimeout           = 50 * time.Millisecond
	DefaultInvalidateTimeout = 5 * time.Second
)

// Options are the rules of a [Service]. Zero fields take the default of their name.
type Options struct {
	// TTL is how long an entry lives whose request names no time.
	TTL time.Duration
	// MaxTTL is the longest life: a request for more gets this.
	MaxTTL time.Duration
	// MaxEntryBytes is the largest entry that is kept, in bytes of its binary encoding.
	MaxEntryBytes int
	// Timeout is how long a look-up or a store may wait for the [Store]; then it is a miss,
	// or not stored. Negative sets no limit, and saves its cost of about a microsecond a
	// call, for a store that never waits, as that in memory.
	Timeout time.Duration
	// InvalidateTimeout bounds an invalidation, which may visit many entries.
	InvalidateTimeout time.Duration
	// Clock is the system's when nil.
	Clock clock.Clock
	// Logger takes the changes of the store's state; nobody when nil.
	Logger *slog.Logger
}

// Service answers look-ups from a [Store].
type Service struct {
	store Store
	exact *exact
	opts  Options
}

// New returns a service over a store.
func New(store Store, opts Options) (*Service, error) {
	if store == nil {
		return nil, errors.New("cache: no store")
	}
	opts.TTL = cmp.Or(opts.TTL, DefaultTTL)
	opts.MaxTTL = max(cmp.Or(opts.MaxTTL, DefaultMaxTTL), opts.TTL)
	opts.MaxEntryBytes = cmp.Or(opts.MaxEntryBytes, DefaultMaxEntryBytes)
	opts.InvalidateTimeout = cmp.Or(opts.InvalidateTimeout, DefaultInvalidateTimeout)
	if opts.Timeout == 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.Clock == nil {
		opts.Clock = clock.Real()
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{store: store, exact: newExact(store, opts), opts: opts}, nil
}

// AnyAge as a maximal age takes every entry that still lives.
const AnyAge time.Duration = -1

// Lookup finds the answer to a request. maxAge is [AnyAge], or the age above which an
// entry is not wanted. A miss is the zero Hit. There is no error: a store that is away or
// slow is a miss.
func (s *Service) Lookup(ctx context.Context, key Key, maxAge time.Duration) Hit {
	if entry := s.exact.find(ctx, key, maxAge); entry != nil {
		return Hit{Kind: cachev1.HitKind_HIT_KIND_EXACT, Entry: entry}
	}
	return Hit{}
}

// Hit is what a look-up found.
type Hit struct {
	// Kind says how; unspecified for a miss.
	Kind cachev1.HitKind
	// Entry is the answer, nil for a miss. It is shared: nobody writes to it.
	Entry *cachev1.Entry
}

// ServiceTTL as a time to live takes the service's own.
const ServiceTTL time.Duration = -1

// Store keeps a finished answer for ttl, or for [ServiceTTL]. It is not stored, without an
// error, when it is too large, when ttl is 0, and when the store is away or slow. An entry
// that says of no time, or of one to come, that it was made then, was made now. The entry
// must not be written to any more, by anybody. Its errors are [errs.InvalidRequest].
func (s *Service) Store(ctx context.Context, key Key, entry *cachev1.Entry, ttl time.Duration) (stored bool, err error) {
	if len(entry.GetBody()) == 0 && len(entry.GetChunks()) == 0 {
		return false, errs.New(errs.InvalidRequest, "the entry holds no answer").WithParam("entry")
	}
	if ttl == ServiceTTL {
		ttl = s.opts.TTL
	}
	return s.exact.keep(ctx, key, entry, min(ttl, s.opts.MaxTTL)), nil
}

// Invalidate forgets the selected entries when life is 0, and else shortens their
// remaining lives to it; it returns how many. Unlike the other calls it fails when the
// store does, with [errs.ServiceUnavailable]: who purges has to know.
func (s *Service) Invalidate(ctx context.Context, sel Selector, life time.Duration) (entries int64, err error) {
	bounded, cancel := context.WithTimeout(ctx, s.opts.InvalidateTimeout)
	defer cancel()
	entries, err = s.store.Invalidate(bounded, sel, s.opts.Clock.Now().Add(life))
	if err != nil {
		if ctx.Err() != nil {
			return entries, ctx.Err()
		}
		return entries, errs.New(errs.ServiceUnavailable, "the cache's store did not answer; some entries may remain").WithCause(err)
	}
	return entries, nil
}
