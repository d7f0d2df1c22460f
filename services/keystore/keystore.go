// Package keystore issues and checks virtual keys, and keeps the tenants that own them
// and the provider credentials that tenants bring.
//
// A secret never enters the store. The edge hashes what a caller presents (SHA-256:
// the handle), and the service hashes the handle again under a pepper that is not in
// the database (HMAC-SHA256); only that is kept and looked up. Provider credentials
// are envelope-encrypted, bound to their tenant and provider.
//
// The data types are those of the contract, tollgate.keystore.v1. The service never
// writes to a message that it was given, and its callers never write to one they got.
package keystore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/secret"
)

// Options are what a [Service] needs besides its store.
type Options struct {
	// Hasher hashes handles under the pepper. Every replica has the same pepper, and
	// another pepper makes every stored key unknown. Required.
	Hasher *secret.Hasher
	// Envelope seals provider credentials. Required.
	Envelope *secret.Envelope
	// Master is the master key, which no key may have as its secret: such a key's limits
	// would hold nobody. Zero is none.
	Master secret.String
	// Clock tells the time; nil is the real one.
	Clock clock.Clock
	// Logger takes what no caller hears of; nil discards it.
	Logger *slog.Logger
}

// Service holds the rules. It is safe for concurrent use, and any number of services,
// in any number of processes, may work on one store.
type Service struct {
	store    Store
	hasher   *secret.Hasher
	envelope *secret.Envelope
	// master is the hash of the master key; empty without one.
	master   string
	clock    clock.Clock
	log      *slog.Logger
	ids      *id.Generator
	watchers hub
	// writing admits one writer at a time. Writers of one process would otherwise
	// contest each other's record versions; the store's own lock serialises their
	// commits anyway.
	writing chan struct{}
}

// New returns a service over a store. [Service.Run] must run for watchers to hear of
// changes; all else works without it.
func New(store Store, opts Options) (*Service, error) {
	switch {
	case store == nil:
		return nil, errors.New("keystore: a store is needed")
	case opts.Hasher == nil:
		return nil, errors.New("keystore: a hasher is needed")
	case opts.Envelope == nil:
		return nil, errors.New("keystore: an envelope is needed")
	}
	if opts.Clock == nil {
		opts.Clock = clock.Real()
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		store:    store,
		hasher:   opts.Hasher,
		envelope: opts.Envelope,
		clock:    opts.Clock,
		log:      opts.Logger,
		ids:      id.NewGenerator(opts.Clock),
		writing:  make(chan struct{}, 1),
	}
	if !opts.Master.IsZero() {
		handle := Handle(opts.Master)
		s.master = s.hash(handle[:])
	}
	return s, nil
}

// Handle is what the edge sends in place of a secret: its SHA-256.
func Handle(s secret.String) [sha256.Size]byte { return sha256.Sum256([]byte(s.Reveal())) }

// hash is what the store keeps in place of a secret.
func (s *Service) hash(handle []byte) string { return s.hasher.SumString(string(handle)).Hex() }

func (s *Service) now() int64 { return s.clock.Now().UnixMilli() }

// maxAttempts bounds how often a write starts again because another replica was
// faster. Each time is a write of that replica's that succeeded.
const maxAttempts = 64

// write plans a batch from what the store holds and commits it; when another replica
// changed a record meanwhile, it plans again. An empty batch is nothing to do.
func (s *Service) write(ctx context.Context, plan func(context.Context) ([]Mutation, error)) (Applied, error) {
	select {
	case s.writing <- struct{}{}:
	case <-ctx.Done():
		return Applied{}, ctx.Err()
	}
	defer func() { <-s.writing }()
	for range maxAttempts {
		batch, err := plan(ctx)
		if err != nil || len(batch) == 0 {
			return Applied{}, err
		}
		applied, err := s.store.Apply(ctx, batch)
		if err == nil {
			return applied, nil
		}
		if !errors.Is(err, ErrStale) {
			return Applied{}, refusal(ctx, err)
		}
	}
	return Applied{}, errs.New(errs.Conflict, "the record is being changed by others; try again").
		WithRetryAfter(time.Second)
}

// refusal turns a store's reason into the caller's.
func refusal(ctx context.Context, err error) error {
	if taken, ok := errors.AsType[*TakenError](err); ok {
		switch taken.Name {
		case UniqueAlias:
			return errs.New(errs.Conflict, "the tenant has another key with this alias").WithParam("key.alias")
		case UniqueTenantID:
			return errs.New(errs.Conflict, "a tenant with this id exists").WithParam("tenant.id")
		case UniqueSecret, UniqueKeyID:
			// A key's id is the hash of its first secret, so this secret was in use
			// once, whether or not it still is.
			return secretTaken()
		}
	}
	switch {
	case errors.Is(err, ErrNoTenant):
		return errs.New(errs.NotFound, "there is no such tenant").WithParam("key.tenant_id")
	case errors.Is(err, ErrNoCredential):
		return errs.New(errs.NotFound, "the tenant has no credential for this provider").WithParam("provider")
	}
	return fault(ctx, "writing", err)
}

func secretTaken() error {
	return errs.New(errs.Conflict, "this secret belongs to a key already").WithParam("secret")
}

// fault is what the caller hears when the store fails: that the service is away, or,
// when it was the caller who did not wait, that.
func fault(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("keystore: %s: %w", doing, ctx.Err())
	}
	return errs.New(errs.ServiceUnavailable, "the keystore's database does not answer").
		WithRetryAfter(time.Second).WithCause(fmt.Errorf("keystore: %s: %w", doing, err))
}

// key finds the one key that ref names; param blames the request's field.
func (s *Service) key(ctx context.Context, ref *keystorev1.KeyRef, param string) (KeyRecord, error) {
	q := KeyQuery{TenantID: ref.GetTenantId(), Limit: 2}
	switch r := ref.GetRef().(type) {
	case *keystorev1.KeyRef_Id:
		q.ID = r.Id
	case *keystorev1.KeyRef_SecretSha256:
		if len(r.SecretSha256) != sha256.Size {
			return KeyRecord{}, invalid(param+".secret_sha256", "a SHA-256 has %d bytes", sha256.Size)
		}
		q.Secret = s.hash(r.SecretSha256)
	case *keystorev1.KeyRef_Alias:
		q.Alias = r.Alias
	}
	if q.ID == "" && q.Secret == "" && q.Alias == "" {
		return KeyRecord{}, invalid(param, "name the key by its id, its secret's hash or its alias")
	}
	missing := errs.New(errs.NotFound, "there is no such key").WithParam(param)
	if !wellFormed(q.ID) || !wellFormed(q.Alias) || !wellFormed(q.TenantID) {
		return KeyRecord{}, missing // and not for every database to look for
	}
	page, err := s.store.Keys(ctx, q)
	if err != nil {
		return KeyRecord{}, fault(ctx, "finding a key", err)
	}
	switch len(page.Records) {
	case 0:
		return KeyRecord{}, missing
	case 1:
		rec := page.Records[0]
		if q.Secret != "" && q.Secret != rec.Secret && rec.PreviousUntil <= s.now() {
			return KeyRecord{}, missing
		}
		return rec, nil
	}
	return KeyRecord{}, errs.New(errs.Conflict, "several tenants have a key with this alias; name the tenant").
		WithParam(param + ".tenant_id")
}

// tenant finds a tenant by id.
func (s *Service) tenant(ctx context.Context, tenantID, param string) (TenantRecord, error) {
	if tenantID == "" {
		return TenantRecord{}, invalid(param, "name the tenant by its id")
	}
	missing := errs.New(errs.NotFound, "there is no such tenant").WithParam(param)
	if !wellFormed(tenantID) {
		return TenantRecord{}, missing
	}
	found, err := s.store.Tenants(ctx, TenantQuery{ID: tenantID, Limit: 1})
	if err != nil {
		return TenantRecord{}, fault(ctx, "finding a tenant", err)
	}
	if len(found) == 0 {
		return TenantRecord{}, missing
	}
	return found[0], nil
}
