package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"google.golang.org/protobuf/proto"

	"tollgate.dev/platform/postgres"
	"tollgate.dev/services/keystore"
)

// Apply is the interface's. Batches of all replicas follow one upon the other: each
// begins by locking the log's head. So none deadlocks with another, and the log's
// order is that of the commits.
func (s *Store) Apply(ctx context.Context, batch []keystore.Mutation) (keystore.Applied, error) {
	var w writer
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		w = writer{tx: tx}
		if err := tx.QueryRow(ctx, "SELECT seq, floor FROM keystore_head FOR UPDATE").Scan(&w.seq, &w.floor); err != nil {
			return fmt.Errorf("locking the log: %w", err)
		}
		for _, m := range batch {
			if err := w.apply(ctx, m); err != nil {
				return err
			}
		}
		return w.log(ctx)
	})
	if err != nil {
		return keystore.Applied{}, refusal(err)
	}
	return keystore.Applied{CascadedKeys: w.cascaded}, nil
}

// refusal finds the domain's reason in a broken constraint.
func refusal(err error) error {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	if postgres.IsRetryable(err) {
		return fmt.Errorf("%w: %w", keystore.ErrStale, err)
	}
	switch pe.ConstraintName {
	case "keystore_keys_id":
		return &keystore.TakenError{Name: keystore.UniqueKeyID}
	case "keystore_keys_alias":
		return &keystore.TakenError{Name: keystore.UniqueAlias}
	case "keystore_secrets_hash":
		return &keystore.TakenError{Name: keystore.UniqueSecret}
	case "keystore_tenants_id":
		return &keystore.TakenError{Name: keystore.UniqueTenantID}
	case "keystore_keys_tenant_exists", "keystore_credentials_tenant_exists":
		return keystore.ErrNoTenant
	}
	return err
}

// writer applies mutations within a transaction.
type writer struct {
	tx         pgx.Tx
	seq, floor int64 // of the log's head
	kinds      []int16
	refs       []string
	cascaded   []string
}

func (w *writer) apply(ctx context.Context, m keystore.Mutation) error {
	switch m := m.(type) {
	case keystore.PutKey:
		return w.putKey(ctx, m.Record)
	case keystore.DropKey:
		w.changed(keystore.KeyChanged, m.ID)
		return w.one(ctx, keystore.ErrStale, "DELETE FROM keystore_keys WHERE id = $1 AND version = $2", m.ID, m.Version)
	case keystore.PutTenant:
		return w.putTenant(ctx, m.Record)
	case keystore.DropTenant:
		return w.dropTenant(ctx, m)
	case keystore.PutCredential:
		return w.exec(ctx, `INSERT INTO keystore_credentials (tenant_id, provider, sealed) VALUES ($1, $2, $3)
			ON CONFLICT (tenant_id, provider) DO UPDATE SET sealed = excluded.sealed`, m.TenantID, m.Provider, m.Sealed)
	case keystore.DropCredential:
		return w.one(ctx, keystore.ErrNoCredential, "DELETE FROM keystore_credentials WHERE tenant_id = $1 AND provider = $2", m.TenantID, m.Provider)
	}
	return fmt.Errorf("unknown mutation %T", m)
}

func (w *writer) changed(kind keystore.ChangeKind, id string) {
	w.kinds = append(w.kinds, int16(kind)) //nolint:gosec // 1 or 2
	w.refs = append(w.refs, id)
}

func (w *writer) putKey(ctx context.Context, rec keystore.KeyRecord) error {
	key := rec.Key
	body, err := proto.Marshal(key)
	if err != nil {
		return fmt.Errorf("encoding a key: %w", err)
	}
	var tenantID *string
	if key.GetTenantId() != "" {
		tenantID = &key.TenantId
	}
	if rec.Version == 0 {
		err = w.exec(ctx, `INSERT INTO keystore_keys (id, tenant_id, user_id, alias, created_millis, version, body)
			VALUES ($1, $2, $3, $4, $5, 1, $6)`, key.GetId(), tenantID, key.GetUserId(), key.GetAlias(), key.GetCreatedMillis(), body)
	} else {
		err = w.one(ctx, keystore.ErrStale, `UPDATE keystore_keys SET tenant_id = $1, user_id = $2, alias = $3, version = version + 1, body = $4
			WHERE id = $5 AND version = $6`, tenantID, key.GetUserId(), key.GetAlias(), body, key.GetId(), rec.Version)
	}
	if err != nil {
		return err
	}
	w.changed(keystore.KeyChanged, key.GetId())
	return w.putSecrets(ctx, rec)
}

func (w *writer) putSecrets(ctx context.Context, rec keystore.KeyRecord) error {
	id := rec.Key.GetId()
	if rec.Version > 0 {
		if err := w.exec(ctx, "DELETE FROM keystore_secrets WHERE key_id = $1", id); err != nil {
			return err
		}
	}
	const insert = "INSERT INTO keystore_secrets (hash, key_id, rank, until_millis) VALUES ($1, $2, $3, $4)"
	if err := w.exec(ctx, insert, rec.Secret, id, 0, 0); err != nil {
		return err
	}
	if rec.Previous == "" {
		return nil
	}
	return w.exec(ctx, insert, rec.Previous, id, 1, rec.PreviousUntil)
}

func (w *writer) putTenant(ctx context.Context, rec keystore.TenantRecord) error {
	id := rec.Tenant.GetId()
	body, err := proto.Marshal(rec.Tenant)
	if err != nil {
		return fmt.Errorf("encoding a tenant: %w", err)
	}
	w.changed(keystore.TenantChanged, id)
	if rec.Version > 0 {
		return w.one(ctx, keystore.ErrStale, "UPDATE keystore_tenants SET version = version + 1, body = $1 WHERE id = $2 AND version = $3",
			body, id, rec.Version)
	}
	return w.exec(ctx, "INSERT INTO keystore_tenants (id, version, body) VALUES ($1, 1, $2)", id, body)
}

func (w *writer) dropTenant(ctx context.Context, m keystore.DropTenant) error {
	rows, err := w.tx.Query(ctx, "SELECT id FROM keystore_keys WHERE tenant_id = $1 ORDER BY created_millis, id", m.ID)
	if err != nil {
		return fmt.Errorf("finding a tenant's keys: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("reading a tenant's keys: %w", err)
	}
	w.cascaded = append(w.cascaded, ids...)
	w.changed(keystore.TenantChanged, m.ID)
	return w.one(ctx, keystore.ErrStale, "DELETE FROM keystore_tenants WHERE id = $1 AND version = $2", m.ID, m.Version)
}

const (
	// maxChanges is how many changes are read at once.
	maxChanges = 1000
	// keepChanges is how many changes the log keeps; a reader that is further behind
	// is reset.
	keepChanges = 4096
	// cutChanges is how many more gather before the log is cut.
	cutChanges = 512
)

// log appends the changes to the log, and announces them for when the batch commits.
func (w *writer) log(ctx context.Context) error {
	if len(w.refs) == 0 {
		return nil
	}
	if err := w.exec(ctx, `INSERT INTO keystore_changes (seq, kind, ref)
		SELECT $1 + n, kind, ref FROM unnest($2::smallint[], $3::text[]) WITH ORDINALITY AS c (kind, ref, n)`,
		w.seq, w.kinds, w.refs); err != nil {
		return err
	}
	seq, floor := w.seq+int64(len(w.refs)), w.floor
	if seq-floor > keepChanges+cutChanges {
		floor = seq - keepChanges
		if err := w.exec(ctx, "DELETE FROM keystore_changes WHERE seq <= $1", floor); err != nil {
			return err
		}
	}
	return w.exec(ctx, "WITH head AS (UPDATE keystore_head SET seq = $1, floor = $2) SELECT pg_notify($3, '')", seq, floor, channel)
}

func (w *writer) exec(ctx context.Context, statement string, args ...any) error {
	if _, err := w.tx.Exec(ctx, statement, args...); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// one runs a statement that must touch one row, and fails with none when it doesn't.
func (w *writer) one(ctx context.Context, none error, statement string, args ...any) error {
	tag, err := w.tx.Exec(ctx, statement, args...)
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return none
	}
	return nil
}
