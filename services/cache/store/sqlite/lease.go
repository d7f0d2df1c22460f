package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"tollgate.dev/services/cache"
)

// Claim is [cache.Evidence]'s.
func (e *Evidence) Claim(ctx context.Context, c cache.Claim) (lease cache.Lease, err error) {
	err = e.db.Update(ctx, func(tx *sql.Tx) error {
		lease, err = e.claim(ctx, tx, c)
		return err
	})
	if err != nil && !errors.Is(err, cache.ErrTaken) {
		err = fmt.Errorf("claiming a replica's name: %w", err)
	}
	return lease, err
}

func (e *Evidence) claim(ctx context.Context, tx *sql.Tx, c cache.Claim) (cache.Lease, error) {
	now := e.clock.Now().UnixMilli()
	ends := now + c.Term.Milliseconds()
	if _, err := tx.ExecContext(ctx, `DELETE FROM cache_replicas WHERE ends < ?`, now-cache.EvidenceLife.Milliseconds()); err != nil {
		return cache.Lease{}, err
	}
	var last int64
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(token), 0) FROM cache_replicas`).Scan(&last); err != nil {
		return cache.Lease{}, err
	}
	found := cache.Lease{Name: c.Name, Token: uint64(max(last+1, now))}
	if c.Name == "" {
		found.Name = cache.AnyName + strconv.FormatUint(found.Token, 10)
	}
	// The holder's own first, then of those that may be taken the one that was given up last.
	var name, holder string
	var token, end int64
	err := tx.QueryRowContext(ctx, `
		SELECT name, holder, token, ends FROM cache_replicas
		WHERE name = ?1 OR ?1 = '' AND substr(name, 1, 1) = ?2 AND (holder = ?3 OR ends <= ?4)
		ORDER BY holder = ?3 DESC, ends DESC, name LIMIT 1`,
		c.Name, cache.AnyName, c.Holder, now).Scan(&name, &holder, &token, &end)
	switch {
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return cache.Lease{}, err
	case c.Term == 0 && holder != c.Holder:
		return cache.Lease{}, nil
	case err != nil: // a new one
	case holder == c.Holder:
		found = cache.Lease{Name: name, Token: uint64(token)} //nolint:gosec // none is negative
	case end > now && !c.Sole:
		return cache.Lease{}, cache.ErrTaken
	default:
		found.Name = name
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO cache_replicas (name, holder, token, ends) VALUES (?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = excluded.token, ends = excluded.ends`,
		found.Name, c.Holder, int64(found.Token), ends) //nolint:gosec // it was read as one
	return found, err
}

// holds fails with [cache.ErrLost] where the lease is another's by now.
func (*Evidence) holds(ctx context.Context, tx *sql.Tx, lease cache.Lease) error {
	var mine bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM cache_replicas WHERE name = ? AND token = ?)`,
		lease.Name, int64(lease.Token)).Scan(&mine) //nolint:gosec // it was read as one
	if err == nil && !mine {
		return cache.ErrLost
	}
	return err
}
