// Package sqlite keeps budgets, leases, the ledger and the outbox in SQLite, the embedded
// default.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"google.golang.org/protobuf/proto"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/sqlite"
	"tollgate.dev/services/budget"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is a budget.Store over a database with this package's schema.
type Store struct{ db *sqlite.DB }

var _ budget.Store = (*Store)(nil)

// New brings the schema up to date and returns a store over db, which its owner closes.
// db must be open with [sqlite.Full]: a settled charge survives a loss of power.
func New(ctx context.Context, db *sqlite.DB) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("budget store: %w", err)
	}
	if _, err := sqlite.Migrate(ctx, db, "budget", files); err != nil {
		return nil, fmt.Errorf("budget store: %w", err)
	}
	return &Store{db: db}, nil
}

// Update is budget.Store's. SQLite has one writer, so that transactions take turns.
func (s *Store) Update(ctx context.Context, f budget.Footprint, decide func(*budget.Snapshot) (*budget.Mutation, error)) error {
	return s.db.Update(ctx, func(tx *sql.Tx) error {
		// The transaction itself ends with the context. Its statements wait for nothing;
		// for each that could be cancelled, the driver starts a goroutine.
		ctx := context.WithoutCancel(ctx)
		snap, err := load(ctx, tx, f)
		if err != nil {
			return fmt.Errorf("budget store: load: %w", err)
		}
		m, err := decide(snap)
		if err != nil || m == nil {
			return err
		}
		if err := apply(ctx, tx, m); err != nil {
			return fmt.Errorf("budget store: apply: %w", err)
		}
		return nil
	})
}

// list makes a parameter of json_each.
func list[T any](items []T) string {
	b, err := json.Marshal(items)
	if err != nil || items == nil {
		return "[]"
	}
	return string(b)
}

func scopeList(scopes []budget.Scope) string {
	pairs := make([][2]any, len(scopes))
	for i, scope := range scopes {
		pairs[i] = [2]any{scope.Kind, scope.ID}
	}
	return list(pairs)
}

const (
	budgetColumns = "b.id, b.scope_kind, b.scope_id, b.limit_nanos, b.period, b.time_zone, b.soft, b.managed_by"
	leaseColumns  = "id, budget_id, start_millis, replica, tenant_id, platform_id, granted_nanos, returned_nanos, drawn_nanos, lost_nanos, status, updated_millis"
	windowColumns = "budget_id, start_millis, end_millis, spent_nanos, leased_nanos, told, closed, counted_from_millis, tenant_id, platform_id"
	inScopes      = "(b.scope_kind, b.scope_id) IN (SELECT value->>0, value->>1 FROM json_each(?))"
)

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each calls scan for every row of a query.
func each(ctx context.Context, q querier, scan func(*sql.Rows) error, query string, args ...any) (err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func scanBudget(b *budget.Budget) []any {
	return []any{&b.ID, &b.Scope.Kind, &b.Scope.ID, &b.Limit, &b.Window, &b.TimeZone, &b.Soft, &b.ManagedBy}
}

func load(ctx context.Context, tx *sql.Tx, f budget.Footprint) (*budget.Snapshot, error) {
	snap := &budget.Snapshot{Now: f.Now, Sequences: map[string]int64{}, Known: map[string]bool{}, Rejected: map[string]bool{}}
	l := loader{ctx: ctx, tx: tx, snap: snap}
	leaseIDs := f.LeaseIDs
	if f.Replica != "" {
		l.each(func(r *sql.Rows) error {
			return r.Scan(&snap.ReplicaKnown, &snap.ReplicaEnded, &snap.Others)
		}, `SELECT EXISTS (SELECT 1 FROM replicas WHERE id = ?1), EXISTS (SELECT 1 FROM replicas WHERE id = ?1 AND ended),
			(SELECT count(*) FROM replicas WHERE seen_millis >= ?2 AND id <> ?1 AND NOT ended AND ?3 > 0)`,
			f.Replica, f.Now-f.ActiveWithin.Milliseconds(), f.ActiveWithin)
	}
	if f.HeldLeases != 0 {
		l.strings(&leaseIDs, `SELECT id FROM (
			SELECT id FROM leases WHERE status = 0 AND replica = ?1 AND granted_nanos - returned_nanos - drawn_nanos > 0
			UNION ALL SELECT id FROM leases WHERE status = 1 AND replica = ?1 AND lost_nanos > 0) ORDER BY id LIMIT ?2`,
			f.Replica, f.HeldLeases)
	}
	if f.SilentFor != 0 {
		l.strings(&snap.Dead, `SELECT id FROM replicas r WHERE seen_millis < ?
			AND (NOT ended OR EXISTS (SELECT 1 FROM leases l WHERE l.replica = r.id AND l.status = 0)) ORDER BY id LIMIT 16`, f.Now-f.SilentFor.Milliseconds())
		l.strings(&leaseIDs, "SELECT id FROM leases WHERE status = 0 AND replica IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?",
			list(snap.Dead), f.DeadLeases)
	}
	var ended []windowKey
	if f.EndedWindows != 0 {
		l.each(func(r *sql.Rows) error {
			var key windowKey
			err := r.Scan(&key[0], &key[1])
			ended = append(ended, key)
			return err
		}, `SELECT budget_id, start_millis FROM budget_windows
			WHERE closed = 0 AND end_millis <> 0 AND end_millis <= ? ORDER BY end_millis LIMIT ?`, f.Now, f.EndedWindows)
	}
	if len(f.BudgetIDs)+len(f.Scopes)+len(leaseIDs)+len(ended) > 0 {
		l.budgets(f, leaseIDs, ended)
	}
	tenants := f.Tenants
	if f.EndedWindows != 0 {
		for _, w := range snap.Windows {
			tenants = append(tenants[:len(tenants):len(tenants)], w.TenantID)
		}
	}
	for _, lease := range snap.Leases {
		if f.SilentFor != 0 || lease.Status == budget.LeaseLost {
			tenants = append(tenants[:len(tenants):len(tenants)], lease.TenantID)
		}
	}
	if len(tenants) > 0 {
		l.each(func(r *sql.Rows) error {
			var tenant string
			var last int64
			err := r.Scan(&tenant, &last)
			snap.Sequences[tenant] = last
			return err
		}, "SELECT tenant_id, last FROM tenant_sequences WHERE tenant_id IN (SELECT value FROM json_each(?))", list(tenants))
	}
	if len(f.EventIDs) > 0 {
		var known []string
		l.strings(&known, "SELECT event_id FROM ledger WHERE event_id IN (SELECT value FROM json_each(?))", list(f.EventIDs))
		for _, id := range known {
			snap.Known[id] = true
		}
	}
	if len(f.Digests) > 0 {
		var there []string
		l.strings(&there, "SELECT digest FROM budget_rejected WHERE digest IN (SELECT value FROM json_each(?))", list(f.Digests))
		for _, digest := range there {
			snap.Rejected[digest] = true
		}
	}
	return snap, l.err
}

// loader runs queries until the first error.
type loader struct {
	ctx  context.Context //nolint:containedctx // lives for one transaction
	tx   *sql.Tx
	snap *budget.Snapshot
	err  error
}

func (l *loader) each(scan func(*sql.Rows) error, query string, args ...any) {
	if l.err == nil {
		l.err = each(l.ctx, l.tx, scan, query, args...)
	}
}

func (l *loader) strings(to *[]string, query string, args ...any) {
	l.each(func(r *sql.Rows) error {
		var s string
		err := r.Scan(&s)
		*to = append(*to, s)
		return err
	}, query, args...)
}

// windowKey is a budget's id and a window's start.
type windowKey [2]any

// ownReplica is the replica whose open leases of the budgets loaded come with them. The
// leases that HeldLeases loads are all that is asked for.
func ownReplica(f budget.Footprint) string {
	if f.HeldLeases != 0 {
		return ""
	}
	return f.Replica
}

func (l *loader) budgets(f budget.Footprint, leaseIDs []string, ended []windowKey) {
	var ids []string
	l.each(func(r *sql.Rows) error {
		var b budget.Budget
		err := r.Scan(scanBudget(&b)...)
		l.snap.Budgets = append(l.snap.Budgets, b)
		ids = append(ids, b.ID)
		return err
	}, "SELECT "+budgetColumns+` FROM budgets b WHERE b.id IN (
		SELECT value FROM json_each(?1)
		UNION SELECT b.id FROM budgets b JOIN json_each(?2) s ON b.scope_kind = s.value->>0 AND b.scope_id = s.value->>1
		UNION SELECT budget_id FROM leases WHERE id IN (SELECT value FROM json_each(?3))
		UNION SELECT value->>0 FROM json_each(?4)) ORDER BY b.id`,
		list(f.BudgetIDs), scopeList(f.Scopes), list(leaseIDs), list(ended))
	l.each(func(r *sql.Rows) error {
		var x budget.Lease
		err := r.Scan(&x.ID, &x.BudgetID, &x.Start, &x.Replica, &x.TenantID, &x.PlatformID,
			&x.Granted, &x.Returned, &x.Drawn, &x.Lost, &x.Status, &x.Updated)
		l.snap.Leases = append(l.snap.Leases, x)
		return err
	}, "SELECT "+leaseColumns+` FROM leases WHERE id IN (
		SELECT value FROM json_each(?1)
		UNION SELECT x.id FROM json_each(?2) b JOIN leases x ON x.replica = ?3 AND x.budget_id = b.value AND x.status = 0) ORDER BY id`,
		list(leaseIDs), list(ids), ownReplica(f))
	keys := ended
	for _, x := range l.snap.Leases {
		keys = append(keys, windowKey{x.BudgetID, x.Start})
	}
	l.each(func(r *sql.Rows) error {
		var w budget.WindowState
		err := r.Scan(&w.BudgetID, &w.Start, &w.End, &w.Spent, &w.Leased, &w.Told, &w.Closed, &w.CountedFrom, &w.TenantID, &w.PlatformID)
		l.snap.Windows = append(l.snap.Windows, w)
		return err
	}, `WITH wanted (budget_id, start_millis) AS (
			SELECT value->>0, value->>1 FROM json_each(?1)
			UNION SELECT value, (SELECT max(start_millis) FROM budget_windows WHERE budget_id = value) FROM json_each(?2))
		SELECT w.budget_id, w.start_millis, w.end_millis, w.spent_nanos, w.leased_nanos, w.told, w.closed, w.counted_from_millis,
			w.tenant_id, w.platform_id
		FROM wanted JOIN budget_windows w ON w.budget_id = wanted.budget_id AND w.start_millis = wanted.start_millis`,
		list(keys), list(ids))
}

// Budgets is budget.Store's.
func (s *Store) Budgets(ctx context.Context, scopes []budget.Scope) ([]budget.State, error) {
	var out []budget.State
	err := each(ctx, s.db.Read, func(r *sql.Rows) error {
		var st budget.State
		err := r.Scan(append(scanBudget(&st.Budget), &st.BudgetID, &st.Start, &st.End, &st.Spent, &st.Leased)...)
		out = append(out, st)
		return err
	}, "SELECT "+budgetColumns+`, coalesce(w.budget_id, ''), coalesce(w.start_millis, 0), coalesce(w.end_millis, 0),
			coalesce(w.spent_nanos, 0), coalesce(w.leased_nanos, 0)
		FROM json_each(?) s JOIN budgets b ON b.scope_kind = s.value->>0 AND b.scope_id = s.value->>1
		LEFT JOIN budget_windows w ON w.budget_id = b.id
			AND w.start_millis = (SELECT max(start_millis) FROM budget_windows WHERE budget_id = b.id)
		GROUP BY b.id ORDER BY b.id`, scopeList(scopes))
	if err != nil {
		return nil, fmt.Errorf("budget store: budgets: %w", err)
	}
	return out, nil
}

// Changes is budget.Store's.
func (s *Store) Changes(ctx context.Context, after int64) ([]budget.Scope, int64, error) {
	var changed []budget.Scope
	revision := after
	err := each(ctx, s.db.Read, func(r *sql.Rows) error { return r.Scan(&revision) }, "SELECT revision FROM budget_revision")
	if err != nil || after < 0 || revision <= after {
		return nil, max(revision, after), wrap("changes", err)
	}
	err = each(ctx, s.db.Read, func(r *sql.Rows) error {
		var scope budget.Scope
		err := r.Scan(&scope.Kind, &scope.ID)
		changed = append(changed, scope)
		return err
	}, `SELECT scope_kind, scope_id FROM budget_changes WHERE revision > ?1 AND revision <= ?2
		UNION SELECT scope_kind, scope_id FROM budget_recalls WHERE revision > ?1`, after, revision)
	return changed, revision, wrap("changes", err)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("budget store: %s: %w", what, err)
}

// where collects conditions and their parameters.
type where struct {
	terms []string
	args  []any
}

func (w *where) add(term string, args ...any) {
	w.terms = append(w.terms, term)
	w.args = append(w.args, args...)
}

func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column+" = ?", value)
	}
}

func (w *where) during(from, to int64) {
	if from != 0 {
		w.add("occurred_millis >= ?", from)
	}
	if to != 0 {
		w.add("occurred_millis < ?", to)
	}
}

func (w *where) String() string { return strings.Join(w.terms, " AND ") }

// Usage is budget.Store's.
func (s *Store) Usage(ctx context.Context, q budget.UsageQuery) ([]*eventv1.UsageRecord, error) {
	var w where
	w.add("(tenant_id, sequence) > (?, ?)", q.AfterTenant, q.AfterSequence)
	w.equal("tenant_id", q.TenantID)
	w.equal("request_id", q.RequestID)
	w.equal("key_id", q.KeyID)
	w.equal("user_id", q.UserID)
	w.during(q.From, q.To)
	var out []*eventv1.UsageRecord
	err := each(ctx, s.db.Read, func(r *sql.Rows) error {
		var raw sql.RawBytes
		if err := r.Scan(&raw); err != nil {
			return err
		}
		record := &eventv1.UsageRecord{}
		out = append(out, record)
		return proto.Unmarshal(raw, record)
	}, "SELECT record FROM ledger WHERE "+w.String()+" ORDER BY tenant_id, sequence LIMIT ?", append(w.args, q.Limit)...)
	return out, wrap("usage", err)
}

// Heads is budget.Store's.
func (s *Store) Heads(ctx context.Context, tenants []string) (map[string]int64, error) {
	heads := map[string]int64{}
	err := each(ctx, s.db.Read, func(r *sql.Rows) error {
		var tenant string
		var last int64
		err := r.Scan(&tenant, &last)
		heads[tenant] = last
		return err
	}, "SELECT tenant_id, last FROM tenant_sequences WHERE last > 0 AND (?1 OR tenant_id IN (SELECT value FROM json_each(?2)))", tenants == nil, list(tenants))
	return heads, wrap("heads", err)
}
