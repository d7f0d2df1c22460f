package keystore

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret"
)

// MaxGrace is the longest time that a rotated secret goes on working.
const MaxGrace = 90 * 24 * time.Hour

// Issue makes a key. A zero chosen secret has one made. The secret that comes back is
// in no other place: it cannot be read again.
//
// Errors: invalid_request; not_found for a tenant that does not exist; conflict for an
// alias that is in use within the tenant and for a secret that belongs to a key, was a
// key's first one, or is the master key.
func (s *Service) Issue(ctx context.Context, wanted *keystorev1.Key, chosen secret.String) (*keystorev1.Key, secret.String, error) {
	if err := checkNewKey(wanted, s.now()); err != nil {
		return nil, secret.String{}, err
	}
	value, hash, err := s.newSecret(chosen)
	if err != nil {
		return nil, secret.String{}, err
	}
	key := proto.CloneOf(wanted)
	if key == nil {
		key = new(keystorev1.Key)
	}
	key.Id = hash
	key.Display = secret.DisplayName(value)
	key.CreatedMillis = s.now()
	key.UpdatedMillis = key.CreatedMillis
	if key.GetUpdatedBy() == "" {
		key.UpdatedBy = key.GetCreatedBy()
	}
	_, err = s.write(ctx, func(context.Context) ([]Mutation, error) {
		return []Mutation{PutKey{KeyRecord{Key: key, Secret: hash}}}, nil
	})
	if err != nil {
		return nil, secret.String{}, err
	}
	return key, value, nil
}

// newSecret is the caller's secret when there is one, else a new one, with its hash. The
// master key is taken.
func (s *Service) newSecret(chosen secret.String) (value secret.String, hash string, err error) {
	value = chosen
	if chosen.IsZero() {
		value = secret.GenerateKey()
	} else if err := checkSecret(chosen); err != nil {
		return secret.String{}, "", err
	}
	handle := Handle(value)
	if hash = s.hash(handle[:]); hash == s.master {
		return secret.String{}, "", secretTaken()
	}
	return value, hash, nil
}

// Key reads a key. A name that fits none is not_found.
func (s *Service) Key(ctx context.Context, ref *keystorev1.KeyRef) (*keystorev1.Key, error) {
	rec, err := s.key(ctx, ref, "ref")
	if err != nil {
		return nil, err
	}
	return s.view(rec), nil
}

// view is a key as callers see it now. A record may be shared, so it is cloned where
// it needs a change.
func (s *Service) view(rec KeyRecord) *keystorev1.Key {
	if rec.Previous == "" || rec.PreviousUntil <= s.now() {
		return rec.Key
	}
	key := proto.CloneOf(rec.Key)
	key.GraceUntilMillis = rec.PreviousUntil
	return key
}

// Update changes the named fields of a key to their values in values, which are zero
// for what a nil or shorter message leaves out; other fields stay, but for updated_by, which
// is always the values'. No fields and no values change nothing; updated_by alone says that
// the key was changed elsewhere.
//
// Errors: invalid_request, for a field that is unknown or not for callers to set, too;
// not_found for the key or its new tenant; conflict for an alias that is in use.
func (s *Service) Update(ctx context.Context, ref *keystorev1.KeyRef, values *keystorev1.Key, fields []string) (*keystorev1.Key, error) {
	if len(fields) == 0 && proto.Size(values) > 0 {
		return nil, invalid("fields", "name the fields that change")
	}
	return s.change(ctx, ref, func(key *keystorev1.Key) (bool, error) {
		if err := setKeyFields(key, values, fields); err != nil {
			return false, err
		}
		key.UpdatedBy = values.GetUpdatedBy()
		return len(fields) > 0, checkKeyChange(key, fields, s.now())
	})
}

// SetBlocked blocks a key or lets it go, and notes by whom; to do so twice changes nothing.
func (s *Service) SetBlocked(ctx context.Context, ref *keystorev1.KeyRef, blocked bool, by string) (*keystorev1.Key, error) {
	return s.change(ctx, ref, func(key *keystorev1.Key) (bool, error) {
		differs := key.GetBlocked() != blocked
		key.Blocked, key.UpdatedBy = blocked, by
		return differs, checkKey(key)
	})
}

// change commits what edit makes of a key, if edit says that there is something to commit.
func (s *Service) change(ctx context.Context, ref *keystorev1.KeyRef, edit func(*keystorev1.Key) (bool, error)) (*keystorev1.Key, error) {
	var rec KeyRecord
	_, err := s.write(ctx, func(ctx context.Context) ([]Mutation, error) {
		var err error
		if rec, err = s.key(ctx, ref, "ref"); err != nil {
			return nil, err
		}
		key := proto.CloneOf(rec.Key)
		changed, err := edit(key)
		if err != nil || !changed {
			return nil, err
		}
		now := s.now()
		key.UpdatedMillis = now
		rec.Key = key
		rec.dropEndedGrace(now)
		return []Mutation{PutKey{rec}}, nil
	})
	if err != nil {
		return nil, err
	}
	return s.view(rec), nil
}

// dropEndedGrace forgets a previous secret that does not work any more.
func (r *KeyRecord) dropEndedGrace(now int64) {
	if r.PreviousUntil <= now {
		r.Previous, r.PreviousUntil = "", 0
	}
}

// Rotate gives a key a new secret. Its id stays. The secret before it works until
// grace is over, and no longer than the key; one that was in its grace already stops
// at once, as does the secret before it when grace is 0. A zero chosen secret has one
// made. by is who rotates it.
//
// Errors: invalid_request; not_found; conflict for a secret that is in use, by a key or as
// the master key.
func (s *Service) Rotate(ctx context.Context, ref *keystorev1.KeyRef, grace time.Duration, chosen secret.String, by string) (*keystorev1.Key, secret.String, error) {
	if grace < 0 || grace > MaxGrace {
		return nil, secret.String{}, invalid("grace_millis", "a grace period lasts from 0 to %d days", MaxGrace/(24*time.Hour))
	}
	value, hash, err := s.newSecret(chosen)
	if err != nil {
		return nil, secret.String{}, err
	}
	var rec KeyRecord
	_, err = s.write(ctx, func(ctx context.Context) ([]Mutation, error) {
		var err error
		if rec, err = s.key(ctx, ref, "ref"); err != nil {
			return nil, err
		}
		// A key's id is the hash of its first secret: no other key may come to use that
		// one, and a key does not go back to a secret that was taken from it.
		named, err := s.store.Keys(ctx, KeyQuery{ID: hash, Limit: 1})
		if err != nil {
			return nil, fault(ctx, "checking a new secret", err)
		}
		if len(named.Records) > 0 || hash == rec.Secret || hash == rec.Previous {
			return nil, refusal(ctx, &TakenError{Name: UniqueSecret})
		}
		now := s.now()
		rec.Previous, rec.PreviousUntil = rec.Secret, now+grace.Milliseconds()
		rec.dropEndedGrace(now)
		rec.Secret = hash
		rec.Key = proto.CloneOf(rec.Key)
		rec.Key.Display = secret.DisplayName(value)
		rec.Key.UpdatedMillis, rec.Key.UpdatedBy = now, by
		return []Mutation{PutKey{rec}}, checkKey(rec.Key)
	})
	if err != nil {
		return nil, secret.String{}, err
	}
	return s.view(rec), value, nil
}

// Delete removes keys, all of them or, when a name fits none, nothing: then the error
// is not_found and its param names the one. It returns the ids, in the order of the
// names; a key that is named twice comes once.
func (s *Service) Delete(ctx context.Context, refs []*keystorev1.KeyRef) ([]string, error) {
	if len(refs) == 0 || len(refs) > maxList {
		return nil, invalid("refs", "name 1 to %d keys", maxList)
	}
	var ids []string
	_, err := s.write(ctx, func(ctx context.Context) ([]Mutation, error) {
		ids = nil
		batch := make([]Mutation, 0, len(refs))
		seen := make(map[string]bool, len(refs))
		for i, ref := range refs {
			rec, err := s.key(ctx, ref, fmt.Sprintf("refs[%d]", i))
			if err != nil {
				return nil, err
			}
			keyID := rec.Key.GetId()
			if seen[keyID] {
				continue
			}
			seen[keyID] = true
			ids = append(ids, keyID)
			batch = append(batch, DropKey{ID: keyID, Version: rec.Version})
		}
		return batch, nil
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// Resolve finds what the secret behind a handle may do. A handle that fits no secret,
// or a superseded one whose grace is over, is invalid_api_key.
//
// The grant of a key that is expired or blocked, or whose tenant is, comes back all
// the same: the edge keeps grants in memory and judges them at each call, which it
// could not do with an error. Whoever asks must look at blocked, at the tenant's
// blocked and at secret_expires_millis.
func (s *Service) Resolve(ctx context.Context, handle []byte) (*keystorev1.Grant, error) {
	if len(handle) != sha256.Size {
		return nil, invalid("secret_sha256", "a SHA-256 has %d bytes", sha256.Size)
	}
	unknown := func() error { return errs.New(errs.InvalidAPIKey, "the API key is not known") }
	hash := s.hash(handle)
	page, err := s.store.Keys(ctx, KeyQuery{Secret: hash, Limit: 1})
	if err != nil {
		return nil, fault(ctx, "resolving a key", err)
	}
	if len(page.Records) == 0 {
		return nil, unknown()
	}
	rec := page.Records[0]
	grant := &keystorev1.Grant{Key: s.view(rec), SecretExpiresMillis: rec.Key.GetExpiresMillis()}
	if hash != rec.Secret {
		if rec.PreviousUntil <= s.now() {
			return nil, unknown()
		}
		if e := grant.GetSecretExpiresMillis(); e == 0 || rec.PreviousUntil < e {
			grant.SecretExpiresMillis = rec.PreviousUntil
		}
	}
	if tenantID := rec.Key.GetTenantId(); tenantID != "" {
		found, err := s.store.Tenants(ctx, TenantQuery{ID: tenantID, Limit: 1})
		if err != nil {
			return nil, fault(ctx, "resolving a tenant", err)
		}
		if len(found) == 0 { // it went, with the key, between the two reads
			return nil, unknown()
		}
		grant.Tenant = found[0].Tenant
	}
	return grant, nil
}
