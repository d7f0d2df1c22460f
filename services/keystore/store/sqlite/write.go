package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"tollgate.dev/services/keystore"
)

// Apply is the interface's.
func (s *Store) Apply(ctx context.Context, batch []keystore.Mutation) (keystore.Applied, error) {
	w := writer{}
	err := s.db.Update(ctx, func(tx *sql.Tx) error {
		w = writer{tx: tx}
		for _, m := range batch {
			if err := w.apply(ctx, m); err != nil {
				return err
			}
		}
		return w.log(ctx)
	})
	if err != nil {
		return keystore.Applied{}, err
	}
	s.written.announce()
	return keystore.Applied{CascadedKeys: w.cascaded}, nil
}

// writer applies mutations within a transaction. SQLite has one writer at a time, so
// what it looks up stays true until the commit; the schema's constraints only guard
// against mistakes.
type writer struct {
	tx       *sql.Tx
	changes  []keystore.Change
	cascaded []string
}

func (w *writer) apply(ctx context.Context, m keystore.Mutation) error {
	switch m := m.(type) {
	case keystore.PutKey:
		return w.putKey(ctx, m.Record)
	case keystore.DropKey:
		w.changed(keystore.KeyChanged, m.ID)
		return w.one(ctx, keystore.ErrStale, "DELETE FROM keystore_keys WHERE id = ? AND version = ?", m.ID, m.Version)
	case keystore.PutTenant:
		return w.putTenant(ctx, m.Record)
	case keystore.DropTenant:
		return w.dropTenant(ctx, m)
	case keystore.PutCredential:
		if err := w.tenantExists(ctx, m.TenantID); err != nil {
			return err
		}
		return w.exec(ctx, `INSERT INTO keystore_credentials (tenant_id, provider, sealed) VALUES (?, ?, ?)
			ON CONFLICT (tenant_id, provider) DO UPDATE SET sealed = excluded.sealed`, m.TenantID, m.Provider, m.Sealed)
	case keystore.DropCredential:
		return w.one(ctx, keystore.ErrNoCredential, "DELETE FROM keystore_credentials WHERE tenant_id = ? AND provider = ?", m.TenantID, m.Provider)
	}
	return fmt.Errorf("unknown mutation %T", m)
}

func (w *writer) changed(kind keystore.ChangeKind, id string) {
	w.changes = append(w.changes, keystore.Change{Kind: kind, ID: id})
}

func (w *writer) putKey(ctx context.Context, rec keystore.KeyRecord) error {
	key := rec.Key
	body, err := proto.Marshal(key)
	if err != nil {
		return fmt.Errorf("encoding a key: %w", err)
	}
	if err := w.tenantExists(ctx, key.GetTenantId()); err != nil {
		return err
	}
	if err := w.free(ctx, keystore.UniqueAlias,
		"SELECT 1 FROM keystore_keys WHERE alias = ? AND alias <> '' AND coalesce(tenant_id, '') = ? AND id <> ?",
		key.GetAlias(), key.GetTenantId(), key.GetId()); err != nil {
		return err
	}
	tenantID := sql.NullString{String: key.GetTenantId(), Valid: key.GetTenantId() != ""}
	if rec.Version == 0 {
		if err := w.free(ctx, keystore.UniqueKeyID, "SELECT 1 FROM keystore_keys WHERE id = ?", key.GetId()); err != nil {
			return err
		}
		err = w.exec(ctx, `INSERT INTO keystore_keys (id, tenant_id, user_id, alias, created_millis, version, body)
			VALUES (?, ?, ?, ?, ?, 1, ?)`, key.GetId(), tenantID, key.GetUserId(), key.GetAlias(), key.GetCreatedMillis(), body)
	} else {
		err = w.one(ctx, keystore.ErrStale, `UPDATE keystore_keys SET tenant_id = ?, user_id = ?, alias = ?, version = version + 1, body = ?
			WHERE id = ? AND version = ?`, tenantID, key.GetUserId(), key.GetAlias(), body, key.GetId(), rec.Version)
	}
	if err != nil {
		return err
	}
	w.changed(keystore.KeyChanged, key.GetId())
	return w.putSecrets(ctx, rec)
}

func (w *writer) putSecrets(ctx context.Context, rec keystore.KeyRecord) error {
	id := rec.Key.GetId()
	if err := w.exec(ctx, "DELETE FROM keystore_secrets WHERE key_id = ?", id); err != nil {
		return err
	}
	if err := w.free(ctx, keystore.UniqueSecret, "SELECT 1 FROM keystore_secrets WHERE hash IN (?, ?)", rec.Secret, rec.Previous); err != nil {
		return err
	}
	const insert = "INSERT INTO keystore_secrets (hash, key_id, rank, until_millis) VALUES (?, ?, ?, ?)"
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
		return w.one(ctx, keystore.ErrStale, "UPDATE keystore_tenants SET version = version + 1, body = ? WHERE id = ? AND version = ?",
			body, id, rec.Version)
	}
	if err := w.free(ctx, keystore.UniqueTenantID, "SELECT 1 FROM keystore_tenants WHERE id = ?", id); err != nil {
		return err
	}
	return w.exec(ctx, "INSERT INTO keystore_tenants (id, version, body) VALUES (?, 1, ?)", id, body)
}

func (w *writer) dropTenant(ctx context.Context, m keystore.DropTenant) error {
	rows, err := w.tx.QueryContext(ctx, "SELECT id FROM keystore_keys WHERE tenant_id = ? ORDER BY created_millis, id", m.ID)
	if err != nil {
		return fmt.Errorf("finding a tenant's keys: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return fmt.Errorf("reading a tenant's key: %w", err)
		}
		w.cascaded = append(w.cascaded, id)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading a tenant's keys: %w", err)
	}
	w.changed(keystore.TenantChanged, m.ID)
	return w.one(ctx, keystore.ErrStale, "DELETE FROM keystore_tenants WHERE id = ? AND version = ?", m.ID, m.Version)
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

// log appends the changes to the log.
func (w *writer) log(ctx context.Context) error {
	if len(w.changes) == 0 {
		return nil
	}
	var seq, floor int64
	if err := w.tx.QueryRowContext(ctx, "SELECT seq, floor FROM keystore_head").Scan(&seq, &floor); err != nil {
		return fmt.Errorf("reading the log's head: %w", err)
	}
	for _, c := range w.changes {
		seq++
		if err := w.exec(ctx, "INSERT INTO keystore_changes (seq, kind, ref) VALUES (?, ?, ?)", seq, c.Kind, c.ID); err != nil {
			return err
		}
	}
	if seq-floor > keepChanges+cutChanges {
		floor = seq - keepChanges
		if err := w.exec(ctx, "DELETE FROM keystore_changes WHERE seq <= ?", floor); err != nil {
			return err
		}
	}
	return w.exec(ctx, "UPDATE keystore_head SET seq = ?, floor = ?", seq, floor)
}

func (w *writer) tenantExists(ctx context.Context, tenantID string) error {
	if tenantID == "" {
		return nil
	}
	found, err := w.found(ctx, "SELECT 1 FROM keystore_tenants WHERE id = ?", tenantID)
	if err == nil && !found {
		return keystore.ErrNoTenant
	}
	return err
}

// free fails when the query finds the name in use.
func (w *writer) free(ctx context.Context, name keystore.UniqueName, query string, args ...any) error {
	found, err := w.found(ctx, query, args...)
	if err == nil && found {
		return &keystore.TakenError{Name: name}
	}
	return err
}

func (w *writer) found(ctx context.Context, query string, args ...any) (bool, error) {
	var one int
	err := w.tx.QueryRowContext(ctx, query, args...).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking before a write: %w", err)
	}
	return true, nil
}

func (w *writer) exec(ctx context.Context, query string, args ...any) error {
	if _, err := w.tx.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// one runs a statement that must touch one row, and fails with none when it doesn't.
func (w *writer) one(ctx context.Context, none error, query string, args ...any) error {
	res, err := w.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("counting rows: %w", err)
	}
	if n == 0 {
		return none
	}
	return nil
}
