// Package admission knows who calls and what they may do, from memory.
//
// A key's grant is fetched once, by the SHA-256 of the secret that was presented, and
// then followed: the keystore's watch names every key and tenant that changes. While
// there is no watch, grants are checked again each second; while the keystore is away
// altogether, known keys go on for a bounded time.
package admission

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret"
)

// Options configure [Keys].
type Options struct {
	// MasterKey may do everything; empty is none.
	MasterKey secret.String
	// PlatformID is whose budgets calls count against that have no tenant, or one that
	// names no platform.
	PlatformID string
	// Clock defaults to the real one, Log to none.
	Clock clock.Clock
	Log   *slog.Logger
	// MaxKeys is how many secrets are kept; default 1,000,000.
	MaxKeys int
	// NegativeTTL is how long an unknown secret is refused without asking again, if no
	// key changes in the meantime; default 1 s.
	NegativeTTL time.Duration
	// MaxLookups is how many secrets that are not known here are asked for at one time;
	// default 16. Others wait for a second at most.
	MaxLookups int
	// StaleFor is how long known keys go on when the keystore is away; default 10 min.
	StaleFor time.Duration
}

const (
	// recheck is how long a grant holds without a watch: a revoked key stops within a
	// second even then.
	recheck = time.Second
	// resolveTimeout bounds one question to the keystore; refreshTimeout one about a key
	// that could go on without the answer.
	resolveTimeout = 2 * time.Second
	refreshTimeout = 250 * time.Millisecond
	// maxSecret and maxTenant are the keystore's own bounds, in bytes.
	maxSecret = 256
	maxTenant = 128
)

// Keys admits callers. Its methods are safe for concurrent use. Run must run.
type Keys struct {
	client    keystorev1connect.KeystoreServiceClient
	opts      Options
	clock     clock.Clock
	log       *slog.Logger
	hasMaster bool
	master    handle
	root      *Principal

	grants  *grants
	lookups lookups
	tenants tenants
	changes changeLog
	current atomic.Pointer[generation]
	// away is until when the keystore is taken to be away, in Unix nanoseconds.
	away atomic.Int64
}

// New returns Keys that know no key yet.
func New(client keystorev1connect.KeystoreServiceClient, opts Options) *Keys {
	if opts.Clock == nil {
		opts.Clock = clock.Real()
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.MaxKeys <= 0 {
		opts.MaxKeys = 1_000_000
	}
	if opts.NegativeTTL <= 0 {
		opts.NegativeTTL = time.Second
	}
	if opts.MaxLookups <= 0 {
		opts.MaxLookups = 16
	}
	if opts.StaleFor <= 0 {
		opts.StaleFor = 10 * time.Minute
	}
	k := &Keys{
		client: client, opts: opts, clock: opts.Clock, log: opts.Log,
		hasMaster: !opts.MasterKey.IsZero(), master: sum(opts.MasterKey.Reveal()),
		root: newMaster(opts.PlatformID), grants: newGrants(int64(opts.MaxKeys)),
		lookups: lookups{clock: opts.Clock, slots: make(chan struct{}, opts.MaxLookups)},
	}
	k.opts.MasterKey = secret.String{} // its hash is all that is needed
	unwatched := &generation{}
	unwatched.extend(k.clock.Now())
	unwatched.end(k.now())
	k.current.Store(unwatched)
	return k
}

// sum does not allocate for secrets of the usual length.
func sum(s string) handle {
	var buf [maxSecret]byte
	if len(s) <= len(buf) {
		return sha256.Sum256(buf[:copy(buf[:], s)])
	}
	return sha256.Sum256([]byte(s))
}

func (k *Keys) now() int64 { return k.clock.Now().UnixNano() }

// Admit finds who presents a secret at a time, which is now, or when the call came. It fails with invalid_api_key for one that is
// missing or unknown, key_expired for a key or a secret whose time is over,
// key_blocked for a key that is blocked or whose tenant is, and service_unavailable
// when a key that is not known here cannot be looked up, or too many are.
func (k *Keys) Admit(ctx context.Context, presented string, at time.Time) (*Principal, error) {
	if presented == "" {
		return nil, errs.New(errs.InvalidAPIKey,
			"no API key was presented: send it as `Authorization: Bearer sk-…` or in the x-api-key header")
	}
	h := sum(presented)
	if subtle.ConstantTimeCompare(h[:], k.master[:]) == 1 && k.hasMaster {
		return k.root, nil
	}
	e := k.grants.get(&h)
	if e == nil || !k.fresh(e.stamp, e.tenant, at.UnixNano()) {
		// What the keystore would never issue is not worth a question.
		if !strings.HasPrefix(presented, "sk-") || len(presented) > maxSecret {
			return nil, unknownKey()
		}
		var err error
		if e, err = k.resolve(ctx, h, e); err != nil {
			return nil, err
		}
	}
	if e.refusal != nil {
		return nil, e.refusal
	}
	if e.expires != 0 && at.UnixMilli() >= e.expires {
		return nil, errs.New(errs.KeyExpired, "the API key has expired")
	}
	return &e.principal, nil
}

func unknownKey() error { return errs.New(errs.InvalidAPIKey, "the API key is not known") }

// fresh reports whether something learned is known to hold still at a time, in Unix nanoseconds.
func (k *Keys) fresh(s stamp, t *tenantState, now int64) bool {
	if t != nil && t.gone.Load() {
		return false
	}
	if s.generation.live(now) {
		return true
	}
	return !k.current.Load().live(now) && now-s.at < int64(recheck)
}

// usable reports whether something learned may be used while the keystore is away.
func (k *Keys) usable(s stamp, t *tenantState) bool {
	now := k.now()
	return (t == nil || !t.gone.Load()) && now-s.verified(now) <= int64(k.opts.StaleFor)
}

// ForTenant returns the principal that p is for the tenant that a header names, at a time as
// Admit's: p itself for p's own tenant. Another tenant takes the act_as_tenant scope or the
// master key, else it fails with tenant_mismatch. It fails with not_found for an
// unknown tenant, and with key_blocked for a blocked one.
func (k *Keys) ForTenant(ctx context.Context, p *Principal, tenant string, at time.Time) (*Principal, error) {
	if tenant == "" || tenant == p.TenantID {
		return p, nil
	}
	if !p.ActAsTenant {
		return nil, errs.New(errs.TenantMismatch, "the API key does not belong to the tenant that X-Tenant-Id names")
	}
	if len(tenant) > maxTenant {
		return nil, unknownTenant()
	}
	t := k.tenants.get(tenant)
	if t == nil || !k.fresh(*t.stamp.Load(), t, at.UnixNano()) {
		var err error
		if t, err = k.resolveTenant(ctx, tenant, t); err != nil {
			return nil, err
		}
	}
	if t.tenant.GetBlocked() {
		return nil, errs.New(errs.KeyBlocked, "the tenant is blocked")
	}
	return t.actingFor(p, k.opts.PlatformID), nil
}

func unknownTenant() error {
	return errs.New(errs.NotFound, "the tenant that X-Tenant-Id names does not exist")
}

// newEntry works out what a grant means that was read after seq changes.
func (k *Keys) newEntry(h handle, g *keystorev1.Grant, at stamp, seq uint64) *entry {
	e := &entry{handle: h, expires: g.GetSecretExpiresMillis(), stamp: at}
	key, tenant := g.GetKey(), g.GetTenant()
	if tenant != nil {
		id := tenant.GetId()
		e.tenant = k.tenants.intern(tenant, at, func() bool { return !k.changes.touched(seq, "", id) })
		tenant = e.tenant.tenant
	}
	if x := key.GetExpiresMillis(); x != 0 && (e.expires == 0 || x < e.expires) {
		e.expires = x
	}
	e.principal = newPrincipal(key, tenant, k.opts.PlatformID)
	switch {
	case key.GetBlocked():
		e.refusal = errs.New(errs.KeyBlocked, "the API key is blocked")
	case tenant.GetBlocked():
		e.refusal = errs.New(errs.KeyBlocked, "the API key's tenant is blocked")
	}
	return e
}
