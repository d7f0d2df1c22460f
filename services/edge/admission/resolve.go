package admission

import (
	"context"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
)

// resolve asks the keystore for a secret's grant. Known is what was known before; it
// goes on if the keystore does not answer and it is not too old.
func (k *Keys) resolve(ctx context.Context, h handle, known *entry) (*entry, error) {
	fallback := known != nil && k.usable(known.stamp, known.tenant)
	if fallback && k.now() < k.away.Load() {
		return known, nil
	}
	if known == nil && k.grants.isUnknown(&h, k.now(), k.changes.seq.Load()) {
		return nil, unknownKey()
	}
	e, err := k.grants.shard(&h).flights.do(ctx, h, func() result[*entry] {
		// Another caller may have asked, and heard, since this one looked.
		if e := k.grants.get(&h); e != nil && k.fresh(e.stamp, e.tenant, k.now()) {
			return result[*entry]{value: e}
		}
		if known == nil {
			if err := k.lookups.enter(); err != nil {
				return result[*entry]{err: err}
			}
			defer k.lookups.leave()
		}
		return k.askKey(ctx, h, fallback)
	})
	if err != nil && fallback && k.isAway(err) {
		return known, nil
	}
	return e, err
}

func (k *Keys) askKey(ctx context.Context, h handle, fallback bool) result[*entry] {
	seq, at := k.changes.seq.Load(), k.stamp()
	ctx, cancel := askContext(ctx, fallback)
	defer cancel()
	resp, err := k.client.ResolveKey(ctx, &keystorev1.ResolveKeyRequest{SecretSha256: h[:]})
	if err != nil {
		err = k.judge(ctx, err, unknownKey)
		if errs.Is(err, errs.InvalidAPIKey) {
			if old := k.grants.get(&h); old != nil {
				k.grants.remove(old)
			}
			k.grants.setUnknown(&h, negative{at.at + int64(k.opts.NegativeTTL), seq})
		}
		return result[*entry]{err: err, outdated: !k.isAway(err) && k.changes.seq.Load() != seq}
	}
	k.away.Store(0)
	e := k.newEntry(h, resp.GetGrant(), at, seq)
	kept := k.grants.put(e, func() bool { return !k.changes.touched(seq, e.principal.KeyID, e.principal.TenantID) })
	return result[*entry]{value: e, outdated: !kept}
}

// resolveTenant asks the keystore for a tenant, as resolve does for a key.
func (k *Keys) resolveTenant(ctx context.Context, id string, known *tenantState) (*tenantState, error) {
	fallback := known != nil && k.usable(*known.stamp.Load(), known)
	if fallback && k.now() < k.away.Load() {
		return known, nil
	}
	t, err := k.tenants.flights.do(ctx, id, func() result[*tenantState] {
		if t := k.tenants.get(id); t != nil && k.fresh(*t.stamp.Load(), t, k.now()) {
			return result[*tenantState]{value: t}
		}
		return k.askTenant(ctx, id, fallback)
	})
	if err != nil && fallback && k.isAway(err) {
		return known, nil
	}
	return t, err
}

func (k *Keys) askTenant(ctx context.Context, id string, fallback bool) result[*tenantState] {
	seq, at := k.changes.seq.Load(), k.stamp()
	ctx, cancel := askContext(ctx, fallback)
	defer cancel()
	resp, err := k.client.GetTenant(ctx, &keystorev1.GetTenantRequest{Id: id})
	if err != nil {
		err = k.judge(ctx, err, unknownTenant)
		if errs.Is(err, errs.NotFound) {
			k.tenants.remove(id)
		}
		return result[*tenantState]{err: err, outdated: !k.isAway(err) && k.changes.seq.Load() != seq}
	}
	k.away.Store(0)
	t := k.tenants.intern(resp.GetTenant(), at, func() bool { return !k.changes.touched(seq, "", id) })
	return result[*tenantState]{value: t, outdated: t.gone.Load()}
}

func (k *Keys) stamp() stamp { return stamp{k.current.Load(), k.now()} }

// askContext outlives the caller, for whose answer others may wait, but not for long.
func askContext(ctx context.Context, fallback bool) (context.Context, context.CancelFunc) {
	timeout := resolveTimeout
	if fallback {
		timeout = refreshTimeout
	}
	return context.WithTimeout(context.WithoutCancel(ctx), timeout)
}

// judge tells the keystore's verdict, which unknown words, from its absence, which
// becomes service_unavailable and is remembered for a second.
func (k *Keys) judge(ctx context.Context, err error, unknown func() error) error {
	switch errs.Of(err).Reason {
	case errs.InvalidAPIKey, errs.NotFound, errs.InvalidRequest:
		return unknown()
	case errs.KeyExpired, errs.KeyBlocked:
		return err
	default:
	}
	if k.away.Swap(k.now()+int64(recheck)) == 0 {
		k.log.WarnContext(ctx, "the keystore does not answer; known keys go on", "for", k.opts.StaleFor, "error", err)
	}
	return errs.New(errs.ServiceUnavailable, "the API key cannot be checked at present").
		WithCause(err).WithRetryAfter(time.Second)
}

func (k *Keys) isAway(err error) bool { return errs.Is(err, errs.ServiceUnavailable) }
