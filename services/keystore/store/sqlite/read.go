package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/services/keystore"
)

// where gathers the conditions of a query.
type where struct {
	terms []string
	args  []any
}

func (w *where) add(term string, args ...any) {
	w.terms = append(w.terms, term)
	w.args = append(w.args, args...)
}

// equal adds a condition for a filter that is set.
func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column+" = ?", value)
	}
}

func (w *where) String() string {
	if len(w.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.terms, " AND ")
}

const countKeys = "SELECT count(*) FROM keystore_keys k"

// Keys is the interface's.
func (s *Store) Keys(ctx context.Context, q keystore.KeyQuery) (keystore.KeyPage, error) {
	var w where
	w.equal("k.id", q.ID)
	if q.Secret != "" {
		w.add("k.id = (SELECT key_id FROM keystore_secrets WHERE hash = ?)", q.Secret)
	}
	w.equal("k.tenant_id", q.TenantID)
	w.equal("k.user_id", q.UserID)
	w.equal("k.alias", q.Alias)
	var page keystore.KeyPage
	if q.Count {
		if err := s.db.Read.QueryRowContext(ctx, countKeys+w.String(), w.args...).Scan(&page.Total); err != nil {
			return page, fmt.Errorf("counting keys: %w", err)
		}
	}
	if q.After != (keystore.KeyPosition{}) {
		w.add("(k.created_millis, k.id) < (?, ?)", q.After.CreatedMillis, q.After.ID)
	}
	rows, err := s.query(ctx, `
		SELECT k.body, k.version, c.hash, p.hash, p.until_millis
		FROM keystore_keys k
		JOIN keystore_secrets c ON c.key_id = k.id AND c.rank = 0
		LEFT JOIN keystore_secrets p ON p.key_id = k.id AND p.rank = 1`+
		w.String()+" ORDER BY k.created_millis DESC, k.id DESC LIMIT ? OFFSET ?", append(w.args, q.Limit, q.Offset)...)
	if err != nil {
		return page, fmt.Errorf("finding keys: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	for rows.Next() {
		var (
			rec      = keystore.KeyRecord{Key: new(keystorev1.Key)}
			body     sql.RawBytes
			previous sql.NullString
			until    sql.NullInt64
		)
		if err := rows.Scan(&body, &rec.Version, &rec.Secret, &previous, &until); err != nil {
			return page, fmt.Errorf("reading a key: %w", err)
		}
		if err := proto.Unmarshal(body, rec.Key); err != nil {
			return page, fmt.Errorf("decoding a key: %w", err)
		}
		rec.Previous, rec.PreviousUntil = previous.String, until.Int64
		page.Records = append(page.Records, rec)
	}
	if err := rows.Err(); err != nil {
		return page, fmt.Errorf("reading keys: %w", err)
	}
	return page, nil
}

// Tenants is the interface's.
func (s *Store) Tenants(ctx context.Context, q keystore.TenantQuery) ([]keystore.TenantRecord, error) {
	var w where
	w.equal("id", q.ID)
	if q.After != "" {
		w.add("id > ?", q.After)
	}
	rows, err := s.query(ctx, "SELECT body, version FROM keystore_tenants"+w.String()+" ORDER BY id LIMIT ?",
		append(w.args, q.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("finding tenants: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	var found []keystore.TenantRecord
	for rows.Next() {
		rec := keystore.TenantRecord{Tenant: new(keystorev1.Tenant)}
		var body sql.RawBytes
		if err := rows.Scan(&body, &rec.Version); err != nil {
			return nil, fmt.Errorf("reading a tenant: %w", err)
		}
		if err := proto.Unmarshal(body, rec.Tenant); err != nil {
			return nil, fmt.Errorf("decoding a tenant: %w", err)
		}
		found = append(found, rec)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading tenants: %w", err)
	}
	return found, nil
}

// Credential is the interface's.
func (s *Store) Credential(ctx context.Context, tenantID, provider string) ([]byte, error) {
	var sealed []byte
	err := s.db.Read.QueryRowContext(ctx, "SELECT sealed FROM keystore_credentials WHERE tenant_id = ? AND provider = ?",
		tenantID, provider).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, keystore.ErrNoCredential
	}
	if err != nil {
		return nil, fmt.Errorf("reading a credential: %w", err)
	}
	return sealed, nil
}

// poll is how often the log is looked at for what other processes wrote; a look costs
// one read of one row.
const poll = 100 * time.Millisecond

// Changes is the interface's. This store's own commits end the wait at once.
func (s *Store) Changes(ctx context.Context, after int64) (keystore.Changes, error) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for looks := 1; ; looks++ {
		written := s.written.wait() // before the look, so that nothing falls between
		changes, found, err := s.look(ctx, after)
		if err != nil || found || looks > int(keystore.QuietFor/poll) {
			return changes, err
		}
		select {
		case <-written:
		case <-tick.C:
		case <-ctx.Done():
			return keystore.Changes{}, ctx.Err()
		}
	}
}

// look reads what the log holds after a position.
func (s *Store) look(ctx context.Context, after int64) (changes keystore.Changes, found bool, err error) {
	var seq, floor int64
	if err := s.db.Read.QueryRowContext(ctx, "SELECT seq, floor FROM keystore_head").Scan(&seq, &floor); err != nil {
		return changes, false, fmt.Errorf("reading the log's head: %w", err)
	}
	if after < floor || after > seq {
		return keystore.Changes{Next: seq, Reset: true}, true, nil
	}
	changes.Next = after
	if after == seq {
		return changes, false, nil
	}
	rows, err := s.query(ctx, "SELECT seq, kind, ref FROM keystore_changes WHERE seq > ? ORDER BY seq LIMIT ?", after, maxChanges)
	if err != nil {
		return changes, false, fmt.Errorf("reading the log: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	for rows.Next() {
		var at int64
		var c keystore.Change
		if err := rows.Scan(&at, &c.Kind, &c.ID); err != nil {
			return changes, false, fmt.Errorf("reading a change: %w", err)
		}
		if at != changes.Next+1 { // the log was cut between the two reads
			return keystore.Changes{Next: seq, Reset: true}, true, nil
		}
		changes.Next = at
		changes.Items = append(changes.Items, c)
	}
	if err := rows.Err(); err != nil {
		return changes, false, fmt.Errorf("reading the log: %w", err)
	}
	return changes, len(changes.Items) > 0, nil
}
