package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/services/keystore"
)

// query builds a statement's conditions and arguments.
type query struct {
	terms []string
	args  []any
}

// arg adds an argument and returns its placeholder.
func (q *query) arg(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

// equal adds a condition for a filter that is set.
func (q *query) equal(column, value string) {
	if value != "" {
		q.terms = append(q.terms, column+" = "+q.arg(value))
	}
}

func (q *query) where() string {
	if len(q.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(q.terms, " AND ")
}

// Keys is the interface's.
func (s *Store) Keys(ctx context.Context, kq keystore.KeyQuery) (keystore.KeyPage, error) {
	var q query
	q.equal("k.id", kq.ID)
	if kq.Secret != "" {
		q.terms = append(q.terms, "k.id = (SELECT key_id FROM keystore_secrets WHERE hash = "+q.arg(kq.Secret)+")")
	}
	q.equal("k.tenant_id", kq.TenantID)
	q.equal("k.user_id", kq.UserID)
	q.equal("k.alias", kq.Alias)
	var page keystore.KeyPage
	if kq.Count {
		if err := s.pool.QueryRow(ctx, "SELECT count(*) FROM keystore_keys k"+q.where(), q.args...).Scan(&page.Total); err != nil {
			return page, fmt.Errorf("counting keys: %w", err)
		}
	}
	if kq.After != (keystore.KeyPosition{}) {
		q.terms = append(q.terms, "(k.created_millis, k.id) < ("+q.arg(kq.After.CreatedMillis)+", "+q.arg(kq.After.ID)+")")
	}
	rows, err := s.pool.Query(ctx, `
		SELECT k.body, k.version, c.hash, p.hash, p.until_millis
		FROM keystore_keys k
		JOIN keystore_secrets c ON c.key_id = k.id AND c.rank = 0
		LEFT JOIN keystore_secrets p ON p.key_id = k.id AND p.rank = 1`+q.where()+`
		ORDER BY k.created_millis DESC, k.id DESC LIMIT `+q.arg(kq.Limit)+` OFFSET `+q.arg(kq.Offset), q.args...)
	if err != nil {
		return page, fmt.Errorf("finding keys: %w", err)
	}
	page.Records, err = pgx.CollectRows(rows, keyRecord)
	if err != nil {
		return page, fmt.Errorf("reading keys: %w", err)
	}
	return page, nil
}

func keyRecord(row pgx.CollectableRow) (keystore.KeyRecord, error) {
	var (
		rec      = keystore.KeyRecord{Key: new(keystorev1.Key)}
		body     []byte
		previous *string
		until    *int64
	)
	if err := row.Scan(&body, &rec.Version, &rec.Secret, &previous, &until); err != nil {
		return rec, err
	}
	if previous != nil && until != nil {
		rec.Previous, rec.PreviousUntil = *previous, *until
	}
	return rec, proto.Unmarshal(body, rec.Key)
}

// Tenants is the interface's.
func (s *Store) Tenants(ctx context.Context, tq keystore.TenantQuery) ([]keystore.TenantRecord, error) {
	var q query
	q.equal("id", tq.ID)
	if tq.After != "" {
		q.terms = append(q.terms, "id > "+q.arg(tq.After))
	}
	rows, err := s.pool.Query(ctx, "SELECT body, version FROM keystore_tenants"+q.where()+" ORDER BY id LIMIT "+q.arg(tq.Limit), q.args...)
	if err != nil {
		return nil, fmt.Errorf("finding tenants: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (keystore.TenantRecord, error) {
		rec := keystore.TenantRecord{Tenant: new(keystorev1.Tenant)}
		var body []byte
		if err := row.Scan(&body, &rec.Version); err != nil {
			return rec, err
		}
		return rec, proto.Unmarshal(body, rec.Tenant)
	})
	if err != nil {
		return nil, fmt.Errorf("reading tenants: %w", err)
	}
	return found, nil
}

// Credential is the interface's.
func (s *Store) Credential(ctx context.Context, tenantID, provider string) ([]byte, error) {
	var sealed []byte
	err := s.pool.QueryRow(ctx, "SELECT sealed FROM keystore_credentials WHERE tenant_id = $1 AND provider = $2",
		tenantID, provider).Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, keystore.ErrNoCredential
	}
	if err != nil {
		return nil, fmt.Errorf("reading a credential: %w", err)
	}
	return sealed, nil
}

const (
	// channel is where commits are announced.
	channel = "tollgate_keystore"
	// poll is how often the log is looked at without an announcement: one can be lost
	// with its connection, and a pooler between may pass none on.
	poll = 200 * time.Millisecond
)

// Changes is the interface's. While it waits it holds one of the pool's connections,
// which listens for commits.
func (s *Store) Changes(ctx context.Context, after int64) (keystore.Changes, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return keystore.Changes{}, fmt.Errorf("following the log: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return keystore.Changes{}, fmt.Errorf("listening for changes: %w", err)
	}
	changes, err := wait(ctx, conn, after)
	if _, unlisten := conn.Exec(ctx, "UNLISTEN "+channel); unlisten != nil {
		// The pool must not hand a connection on that still listens; it drops one
		// that is closed.
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_ = conn.Conn().Close(bye)
		cancel()
	}
	return changes, err
}

func wait(ctx context.Context, conn *pgxpool.Conn, after int64) (keystore.Changes, error) {
	for looks := 1; ; looks++ {
		changes, found, err := look(ctx, conn, after)
		if err != nil || found || looks > int(keystore.QuietFor/poll) {
			return changes, err
		}
		pause, cancel := context.WithTimeout(ctx, poll)
		_, err = conn.Conn().WaitForNotification(pause)
		cancel()
		if ctx.Err() != nil {
			return keystore.Changes{}, ctx.Err()
		}
		if err != nil && !pgconn.Timeout(err) {
			return keystore.Changes{}, fmt.Errorf("waiting for changes: %w", err)
		}
	}
}

// look reads what the log holds after a position.
func look(ctx context.Context, conn *pgxpool.Conn, after int64) (changes keystore.Changes, found bool, err error) {
	var seq, floor int64
	if err := conn.QueryRow(ctx, "SELECT seq, floor FROM keystore_head").Scan(&seq, &floor); err != nil {
		return changes, false, fmt.Errorf("reading the log's head: %w", err)
	}
	if after < floor || after > seq {
		return keystore.Changes{Next: seq, Reset: true}, true, nil
	}
	changes.Next = after
	if after == seq {
		return changes, false, nil
	}
	rows, err := conn.Query(ctx, "SELECT seq, kind, ref FROM keystore_changes WHERE seq > $1 ORDER BY seq LIMIT $2", after, maxChanges)
	if err != nil {
		return changes, false, fmt.Errorf("reading the log: %w", err)
	}
	gap := false // the log was cut between the two reads
	var at int64
	var c keystore.Change
	_, err = pgx.ForEachRow(rows, []any{&at, &c.Kind, &c.ID}, func() error {
		gap = gap || at != changes.Next+1
		changes.Next = at
		changes.Items = append(changes.Items, c)
		return nil
	})
	if err != nil {
		return changes, false, fmt.Errorf("reading the log: %w", err)
	}
	if gap {
		return keystore.Changes{Next: seq, Reset: true}, true, nil
	}
	return changes, len(changes.Items) > 0, nil
}
