// Package cache is the cache service: it keeps finished answers and finds them again.
//
// It asks its tiers one after the other, the strictest first: exact (exact.go) finds the answer
// to the same request; near (near.go) and semantic (semantic.go) find that to another request
// which asks the same. What these two share is in similar.go: a candidate is held against the
// veto and the threshold, and then read from the store by its own key. So the store alone says
// what may be served: what was purged or has expired is not, however late a process hears of it.
//
// What semantic may serve is learned: learners.go holds a threshold for each namespace, compare.go
// tells it what came of a comparison, and exchange.go shares and keeps what is known. The questions
// in memory are questions.go's; follow.go hears of those of other replicas, of purges, and of
// answers that users called wrong, which barred.go remembers and feedback.go takes in. beyond.go
// asks the shared store for what memory has no room for.
package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/cachetier"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/lexicon"
)

// What zero fields of [Options] mean.
const (
	DefaultTTL               = time.Hour
	DefaultMaxTTL            = 30 * 24 * time.Hour
	DefaultMaxEntryBytes     = 1 << 20
	DefaultTimeout           = 50 * time.Millisecond
	DefaultInvalidateTimeout = 5 * time.Second
	DefaultFloor             = cachetier.Floor
	DefaultEmbedTimeout      = 300 * time.Millisecond
	// DefaultIndexBytes is room for some 20,000 questions of ordinary length with vectors, and
	// half as many more without; for a quarter less where each has a context of its own. An index takes no more than its questions need.
	DefaultIndexBytes = 16 << 20
)

// Options are the rules of a [Service]. Zero fields take the default of their name.
type Options struct {
	// TTL is how long an entry lives whose request names no time.
	TTL time.Duration
	// MaxTTL is the longest life: a request for more gets this.
	MaxTTL time.Duration
	// MaxEntryBytes is the largest entry that is kept, in bytes of its binary encoding.
	MaxEntryBytes int
	// Timeout is how long a look-up or a store may wait for the [Store], in all; then it is a miss,
	// or not stored. Negative sets no limit, and saves its cost of about a microsecond a
	// call, for a store that never waits, as that in memory.
	Timeout time.Duration
	// InvalidateTimeout bounds an invalidation, which may visit many entries, and a report of a wrong answer.
	InvalidateTimeout time.Duration
	// Last is the last tier: a request may name an earlier one, and gets this for a later one.
	// By default it is semantic where there is an embedder, without which there is none, and
	// near else.
	Last cachev1.Tier
	// Embedder finds the candidates of the semantic tier, by vectors of at most 512 numbers.
	Embedder embed.Embedder
	// EmbedderPaid says that the embedder is paid for each text. Look-ups tell then what they
	// cost, and an answer is stored with the vector that its look-up returned, or without. Of look-ups
	// that ask for the same at the same time one has it asked, and pays.
	EmbedderPaid bool
	// EmbedTimeout is how long a look-up or a store may wait for the embedder, besides Timeout; then it
	// goes on without. Negative sets no limit, as for one that computes in the process. A call to one that is
	// paid may take as long when nobody waits for it any more: it is paid for, and remembered.
	EmbedTimeout time.Duration
	// Floor is the least cosine, from 0 to 1, that makes a question a candidate of the semantic
	// tier. A lower threshold lowers it.
	Floor float64
	// Threshold, from 0 to 1, is the least score of an answer to another request. A request may
	// name a larger one; nil leaves it to the request and to what was learned.
	Threshold *float64
	// Learning is how thresholds are learned where none is fixed.
	Learning Learning
	// IndexBytes is the most memory that the questions take by which answers are found. Of what it
	// has no room for the exact tier finds all, and the semantic one what Vectors takes.
	IndexBytes int64
	// Feed tells of what other replicas keep and forget; nil where the store is this process's.
	Feed Feed
	// Vectors takes what IndexBytes have no room for, and finds it again; nil where nothing does.
	Vectors Vectors
	// Tidier removes what purges left; nil where they leave nothing.
	Tidier Tidier
	// Observer is told of what happens; nobody when nil.
	Observer Observer
	// Clock is the system's when nil.
	Clock clock.Clock
	// Logger takes the changes of the store's state; nobody when nil.
	Logger *slog.Logger
}

// Service answers look-ups from a [Store].
type Service struct {
	records  *records
	exact    exact
	similar  *similar
	learners *learners
	exchange *exchange
	opts     Options
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
	opts.Timeout = cmp.Or(opts.Timeout, DefaultTimeout)
	if opts.Last == cachev1.Tier_TIER_UNSPECIFIED {
		opts.Last = cachev1.Tier_TIER_NEAR
		if opts.Embedder != nil {
			opts.Last = cachev1.Tier_TIER_SEMANTIC
		}
	}
	opts.Floor = cmp.Or(opts.Floor, DefaultFloor)
	opts.EmbedTimeout = cmp.Or(opts.EmbedTimeout, DefaultEmbedTimeout)
	opts.IndexBytes = cmp.Or(opts.IndexBytes, DefaultIndexBytes)
	if opts.Observer == nil {
		opts.Observer = noObserver{}
	}
	if opts.Clock == nil {
		opts.Clock = clock.Real()
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if !(opts.Floor >= 0 && opts.Floor <= 1) {
		return nil, fmt.Errorf("cache: a floor of %v is not from 0 to 1", opts.Floor)
	}
	if t := opts.Threshold; t != nil && !(*t >= 0 && *t <= 1) {
		return nil, fmt.Errorf("cache: a threshold of %v is not from 0 to 1", *t)
	}
	s := &Service{records: newRecords(store, opts), opts: opts}
	s.exact = exact{s.records}
	learning, err := opts.Learning.complete()
	if err != nil {
		return nil, fmt.Errorf("cache: learning: %w", err)
	}
	s.learners = newLearners(learning, opts)
	s.exchange = newExchange(s.learners, learning, opts)
	if s.similar, err = newSimilar(s.records, s.learners, opts); err != nil {
		return nil, err
	}
	opts.Observer.CacheIndex(func() (questions int, bytes int64) {
		st := s.similar.questions.index.Stats()
		return st.Entries, st.Bytes
	})
	opts.Observer.CacheThresholds(s.learners.phases)
	if opts.Last > cachev1.Tier_TIER_EXACT {
		lexicon.Load() // which else the first request would wait for
	}
	return s, nil
}

// AnyAge as a maximal age takes every entry that still lives.
const AnyAge time.Duration = -1

// Request is what a look-up asks for.
type Request struct {
	Key Key
	// MaxAge is [AnyAge], or the age above which an entry is not wanted.
	MaxAge time.Duration
	// Question is what another request must have asked for its answer to serve; nil looks for
	// the same request alone.
	Question *Question
	// Last is the last tier to ask; unspecified is the service's own, and so is a later one.
	Last cachev1.Tier
	// Threshold, from 0 to 1, is the least score of an answer to another request, as it was
	// fixed for who asks; nil is the service's own, and so is a smaller one. At 0 every
	// candidate is served that the veto lets pass, at 1 only one with the full score.
	Threshold *float64
	// LeastScore, from 0 to 1, is what an answer to another request must have beside the
	// threshold that holds, be it fixed or learned; 0 asks for nothing.
	LeastScore float64
	// Incomparable says that what a provider answers will not come to Compare. No learned
	// threshold serves the request: its hits would be ones that no sample is taken of.
	Incomparable bool

	wait *wait // what is left of the time for the store
}

// Hit is what a look-up found.
type Hit struct {
	// Kind says how; unspecified for a miss.
	Kind cachev1.HitKind
	// Entry is the answer, nil for a miss. It is shared: nobody writes to it.
	Entry *cachev1.Entry
	// Score is how near the question is to the one that was answered, from 0 to 1.
	Score float64
	// ID is the fingerprint of the request that was answered.
	ID Fingerprint
	// Last is the tier that was asked last; unspecified is the exact one.
	Last cachev1.Tier
	// Comparison, with a miss, is what to hand to Compare with the provider's answer; nil where
	// nothing is to be compared.
	Comparison []byte
	// Embedding, with a miss, is the question's where the embedder is paid; nil for none.
	Embedding *cachev1.Embedding
	// Embedded is what the embedder bills for the look-up; nil for nothing. It is estimated, and
	// without tokens, where the question went out and nobody said what that costs.
	Embedded *usagev1.Usage
}

// Lookup finds the answer to a request. There is no error: a store or an embedder that is away
// or slow is a miss. It waits for them no longer than [Options.Timeout] and [Options.EmbedTimeout] together,
// and no longer than ctx.
func (s *Service) Lookup(ctx context.Context, r Request) Hit {
	r.wait = s.records.wait()
	hit, state := s.exact.find(ctx, r)
	if state == present || state == away || r.Question == nil {
		return hit
	}
	last := s.last(r.Last)
	if last <= cachev1.Tier_TIER_EXACT {
		return Hit{}
	}
	return s.similar.find(ctx, r, last)
}

// last is the last tier for a request that named one, or none.
func (s *Service) last(named cachev1.Tier) cachev1.Tier {
	return min(cmp.Or(named, s.opts.Last), s.opts.Last)
}

// ServiceTTL as a time to live takes the service's own.
const ServiceTTL time.Duration = -1

// Answer is what is to be kept.
type Answer struct {
	Key Key
	// Entry must not be written to any more, by anybody. One that says of no time, or of one to
	// come, that it was made then, was made now.
	Entry *cachev1.Entry
	// TTL is how long it lives, or [ServiceTTL].
	TTL time.Duration
	// Question is what it answers, where it may serve other requests as well.
	Question *Question
	// Last is the last tier that is to find it; unspecified is the service's own, and so is a
	// later one.
	Last cachev1.Tier
	// Embedding is the question's, as the look-up returned it; nil is not known.
	Embedding *cachev1.Embedding
	// Asked is when the call was made that it answers; zero is not known.
	Asked time.Time
}

// Store keeps a finished answer. It is not stored, without an error, when it is too large, when
// its TTL is 0, when it was purged after it was asked for, and when the store is away or slow.
// Its errors are [errs.InvalidRequest].
func (s *Service) Store(ctx context.Context, a Answer) (stored bool, err error) {
	if len(a.Entry.GetBody()) == 0 && len(a.Entry.GetChunks()) == 0 {
		return false, errs.New(errs.InvalidRequest, "the entry holds no answer").WithParam("entry")
	}
	ttl := a.TTL
	if ttl == ServiceTTL {
		ttl = s.opts.TTL
	}
	ttl = min(ttl, s.opts.MaxTTL)
	if ttl < time.Millisecond || proto.Size(a.Entry) > s.opts.MaxEntryBytes {
		return false, nil
	}
	now := s.opts.Clock.Now()
	if !a.Asked.IsZero() && now.Sub(a.Asked) > PurgeLife {
		return false, nil
	}
	rec := Record{Entry: a.Entry, Asked: a.Asked, Expires: time.UnixMilli(now.Add(ttl).UnixMilli())}
	last := s.last(a.Last)
	if a.Question == nil {
		last = cachev1.Tier_TIER_EXACT
	}
	made := a.Entry.GetCreatedMillis()
	if made <= 0 || made > now.UnixMilli() {
		made = now.UnixMilli()
	}
	rec.Entry = noted(a.Entry, made, last)
	if last <= cachev1.Tier_TIER_EXACT {
		return s.records.put(ctx, a.Key, rec), nil
	}
	kept := &Kept{Key: a.Key, Question: *a.Question, Expires: rec.Expires, Value: money.Nano(a.Entry.GetCostNanos())}
	question := s.similar.announce(ctx, kept, last, a.Embedding)
	if question != nil {
		rec.Announce = kept
	}
	stored = s.records.put(ctx, a.Key, rec)
	if stored && question != nil {
		s.similar.add(kept, question)
	}
	return stored, nil
}

// noted is the entry as made at a time, in Unix ms, to be found by the tiers up to the last one: a question
// that the index has of an earlier answer under its key says nothing of this one. The entry itself belongs
// to its sender as well, so the message is another one; what it refers to is shared.
func noted(entry *cachev1.Entry, made int64, last cachev1.Tier) *cachev1.Entry {
	return &cachev1.Entry{
		Body: entry.GetBody(), Chunks: entry.GetChunks(), Usage: entry.GetUsage(), CostNanos: entry.GetCostNanos(),
		Provider: entry.GetProvider(), UpstreamModel: entry.GetUpstreamModel(), DeploymentId: entry.GetDeploymentId(),
		Simulated: entry.GetSimulated(), CreatedMillis: made, DroppedParams: entry.GetDroppedParams(), Last: last,
	}
}

// Invalidate forgets the selected entries when life is 0, and else shortens their
// remaining lives to it; it returns how many. Unlike the other calls it fails when the
// store does, with [errs.ServiceUnavailable]: who purges has to know.
func (s *Service) Invalidate(ctx context.Context, sel Selector, life time.Duration) (entries int64, err error) {
	bounded, cancel := context.WithTimeout(ctx, s.opts.InvalidateTimeout)
	defer cancel()
	if entries, err = s.shorten(bounded, sel, life); err != nil {
		return entries, unanswered(ctx, err)
	}
	return entries, nil
}

// shorten lives in the store; what ends at once is not found here any more.
func (s *Service) shorten(ctx context.Context, sel Selector, life time.Duration) (entries int64, err error) {
	entries, err = s.records.store.Invalidate(ctx, sel, s.opts.Clock.Now().Add(life))
	if err == nil && life <= 0 {
		s.similar.questions.purge(sel, s.similar.embedder())
	}
	return entries, err
}

// unanswered is how a call fails that has to reach the store, and did not.
func unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errs.New(errs.ServiceUnavailable, "the cache's store did not answer; some entries may remain").WithCause(err)
}
