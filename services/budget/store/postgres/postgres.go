// Package postgres keeps budgets, leases, the ledger and the outbox in PostgreSQL. A
// transaction takes three or four round trips whatever the number of records: locks and
// loads go in two batches, changes in one, each a statement over arrays.
package postgres

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/proto"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/postgres"
	"tollgate.dev/services/budget"
)

//go:embed migrations/*.sql
var migrations embed.FS

// attempts is how often a transaction that lost against another one is run. Between two of
// them lies a pause, of firstPause at first and twice as much each time.
const (
	attempts   = 6
	firstPause = 5 * time.Millisecond
)

// Store is a budget.Store over a database with this package's schema.
type Store struct {
	pool *pgxpool.Pool
	// callersTime takes the footprints' time for the database's, in tests.
	callersTime bool
}

var _ budget.Store = (*Store)(nil)

// New brings the schema up to date and returns a store over pool, which its owner closes.
func New(ctx context.Context, pool *pgxpool.Pool) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("budget store: %w", err)
	}
	if _, err := postgres.Migrate(ctx, pool, "budget", files); err != nil {
		return nil, fmt.Errorf("budget store: %w", err)
	}
	return &Store{pool: pool}, nil
}

// Update is budget.Store's. Rows are locked in the order that budget.Footprint gives, at
// the default isolation: each statement after a lock sees what was committed before it.
// A row that does not exist yet cannot be locked; when two transactions make the same one,
// the second fails on its key and is run again.
func (s *Store) Update(ctx context.Context, f budget.Footprint, decide func(*budget.Snapshot) (*budget.Mutation, error)) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := s.update(ctx, f, decide)
		if err == nil || attempt == attempts || (!postgres.IsRetryable(err) && !postgres.IsUniqueViolation(err)) {
			return err
		}
		// Those that lost together must not come back together.
		jittered := pause/2 + rand.N(pause) //nolint:gosec // spreads load, keeps no secret
		if clock.Sleep(ctx, clock.Real(), jittered) != nil {
			return err
		}
		pause *= 2
	}
}

func (s *Store) update(ctx context.Context, f budget.Footprint, decide func(*budget.Snapshot) (*budget.Mutation, error)) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		now := f.Now
		if !s.callersTime {
			f.Now = 0
		}
		snap, err := load(ctx, tx, f)
		if err != nil {
			return fmt.Errorf("budget store: load: %w", err)
		}
		snap.Now = cmp.Or(snap.Now, now) // of records without a draw nothing depends on it
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

const (
	budgetColumns = "b.id, b.scope_kind, b.scope_id, b.limit_nanos, b.period, b.time_zone, b.soft, b.managed_by"
	leaseColumns  = "id, budget_id, start_millis, replica, tenant_id, platform_id, granted_nanos, returned_nanos, drawn_nanos, lost_nanos, status, updated_millis"
)

func scanBudget(b *budget.Budget) []any {
	return []any{&b.ID, &b.Scope.Kind, &b.Scope.ID, &b.Limit, &b.Window, &b.TimeZone, &b.Soft, &b.ManagedBy}
}

func scopeArrays(scopes []budget.Scope) (kinds []int16, ids []string) {
	kinds, ids = make([]int16, len(scopes)), make([]string, len(scopes))
	for i, scope := range scopes {
		kinds[i], ids[i] = int16(scope.Kind), scope.ID
	}
	return kinds, ids
}

// Budgets is budget.Store's.
func (s *Store) Budgets(ctx context.Context, scopes []budget.Scope) ([]budget.State, error) {
	kinds, ids := scopeArrays(scopes)
	var out []budget.State
	err := s.each(ctx, func(r pgx.Rows) error {
		var st budget.State
		err := r.Scan(append(scanBudget(&st.Budget), &st.BudgetID, &st.Start, &st.End, &st.Spent, &st.Leased)...)
		out = append(out, st)
		return err
	}, "SELECT "+budgetColumns+`, coalesce(w.budget_id, ''), coalesce(w.start_millis, 0), coalesce(w.end_millis, 0),
			coalesce(w.spent_nanos, 0), coalesce(w.leased_nanos, 0)
		FROM (SELECT DISTINCT * FROM unnest($1::smallint[], $2::text[]) AS s (kind, id)) s
		JOIN budgets b ON b.scope_kind = s.kind AND b.scope_id = s.id
		LEFT JOIN LATERAL (SELECT * FROM budget_windows w WHERE w.budget_id = b.id ORDER BY start_millis DESC LIMIT 1) w ON true
		ORDER BY b.id`, kinds, ids)
	return out, wrap("budgets", err)
}

// Changes is budget.Store's.
func (s *Store) Changes(ctx context.Context, after int64) ([]budget.Scope, int64, error) {
	var revision int64
	if err := s.pool.QueryRow(ctx, "SELECT revision FROM budget_revision").Scan(&revision); err != nil {
		return nil, after, wrap("changes", err)
	}
	if after < 0 || revision <= after {
		return nil, max(revision, after), nil
	}
	var changed []budget.Scope
	err := s.each(ctx, func(r pgx.Rows) error {
		var scope budget.Scope
		err := r.Scan(&scope.Kind, &scope.ID)
		changed = append(changed, scope)
		return err
	}, `SELECT scope_kind, scope_id FROM budget_changes WHERE revision > $1 AND revision <= $2
		UNION SELECT scope_kind, scope_id FROM budget_recalls WHERE revision > $1`, after, revision)
	if err != nil {
		return nil, after, wrap("changes", err)
	}
	return changed, revision, nil
}

func (s *Store) each(ctx context.Context, scan func(pgx.Rows) error, query string, args ...any) error {
	rows, err := s.pool.Query(ctx, query, args...)
	return eachRow(rows, err, scan)
}

func eachRow(rows pgx.Rows, err error, scan func(pgx.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("budget store: %s: %w", what, err)
}

// where collects conditions; a ? in a term stands for its next parameter.
type where struct {
	terms []string
	args  []any
}

func (w *where) term(term string, args ...any) string {
	for _, arg := range args {
		w.args = append(w.args, arg)
		term = strings.Replace(term, "?", fmt.Sprintf("$%d", len(w.args)), 1)
	}
	return term
}

func (w *where) add(term string, args ...any) { w.terms = append(w.terms, w.term(term, args...)) }

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
	limit := w.term("?", q.Limit)
	var out []*eventv1.UsageRecord
	err := s.each(ctx, func(r pgx.Rows) error {
		var raw []byte
		if err := r.Scan(&raw); err != nil {
			return err
		}
		record := &eventv1.UsageRecord{}
		out = append(out, record)
		return proto.Unmarshal(raw, record)
	}, "SELECT record FROM ledger WHERE "+w.String()+" ORDER BY tenant_id, sequence LIMIT "+limit, w.args...)
	return out, wrap("usage", err)
}

// Heads is budget.Store's. A counter of 0 is a tenant without a record.
func (s *Store) Heads(ctx context.Context, tenants []string) (map[string]int64, error) {
	heads := map[string]int64{}
	err := s.each(ctx, func(r pgx.Rows) error {
		var tenant string
		var last int64
		err := r.Scan(&tenant, &last)
		heads[tenant] = last
		return err
	}, "SELECT tenant_id, last FROM tenant_sequences WHERE last > 0 AND ($1::text[] IS NULL OR tenant_id = ANY ($1))", tenants)
	return heads, wrap("heads", err)
}

// sqlNow is the time: the first parameter, or the database's where that is 0.
const sqlNow = "coalesce(nullif($1::bigint, 0), " + dbMillis + ")"

// load locks and reads what the footprint names.
func load(ctx context.Context, tx pgx.Tx, f budget.Footprint) (*budget.Snapshot, error) {
	snap := &budget.Snapshot{Sequences: map[string]int64{}, Known: map[string]bool{}, Rejected: map[string]bool{}}
	leaseIDs := f.LeaseIDs
	if f.SilentFor != 0 {
		var err error
		if leaseIDs, err = loadDead(ctx, tx, f, snap); err != nil {
			return nil, err
		}
	}
	if f.HeldLeases != 0 {
		var err error
		if leaseIDs, err = loadHeld(ctx, tx, f); err != nil {
			return nil, err
		}
	}
	ended := windowKeys{budgets: []string{}, starts: []int64{}}
	if f.EndedWindows != 0 {
		var err error
		if ended, err = loadEnded(ctx, tx, f); err != nil {
			return nil, err
		}
	}
	// First the locks of replica and budgets, then everything that they protect.
	first := reader{tx: tx}
	if f.Replica != "" {
		first.queue(func(r pgx.Rows) error { snap.ReplicaKnown = true; return r.Scan(&snap.ReplicaEnded) },
			"SELECT ended FROM replicas WHERE id = $1 FOR UPDATE", f.Replica)
		if f.ActiveWithin != 0 {
			first.queue(func(r pgx.Rows) error { return r.Scan(&snap.Others) },
				"SELECT count(*) FROM replicas WHERE seen_millis >= "+sqlNow+" - $3 AND id <> $2 AND NOT ended",
				f.Now, f.Replica, f.ActiveWithin.Milliseconds())
		}
	}
	var ids []string
	if len(f.BudgetIDs)+len(f.Scopes)+len(leaseIDs)+len(ended.budgets) > 0 {
		kinds, scopes := scopeArrays(f.Scopes)
		first.queue(func(r pgx.Rows) error {
			var b budget.Budget
			err := r.Scan(scanBudget(&b)...)
			snap.Budgets = append(snap.Budgets, b)
			ids = append(ids, b.ID)
			return err
		}, "SELECT "+budgetColumns+` FROM budgets b WHERE b.id IN (
			SELECT unnest($1::text[])
			UNION SELECT b.id FROM unnest($2::smallint[], $3::text[]) AS s (kind, id) JOIN budgets b ON b.scope_kind = s.kind AND b.scope_id = s.id
			UNION SELECT budget_id FROM leases WHERE id = ANY ($4::text[])
			UNION SELECT unnest($5::text[])) ORDER BY b.id FOR UPDATE`,
			f.BudgetIDs, kinds, scopes, leaseIDs, ended.budgets)
	}
	if len(first.scans) > 0 || len(f.Tenants) == 0 {
		first.queue(func(r pgx.Rows) error { return r.Scan(&snap.Now) }, "SELECT "+sqlNow, f.Now)
	}
	if err := first.run(ctx); err != nil {
		return nil, err
	}
	second := reader{tx: tx}
	if len(ids) > 0 {
		replica := f.Replica
		if f.HeldLeases != 0 {
			replica = "" // what HeldLeases names is all that is asked for
		}
		queueBalances(&second, snap, replica, ids, leaseIDs, ended)
	}
	if err := second.run(ctx); err != nil {
		return nil, err
	}
	return snap, loadTenants(ctx, tx, f, snap)
}

// loadHeld locks the replica and names its leases that hold something.
func loadHeld(ctx context.Context, tx pgx.Tx, f budget.Footprint) (leases []string, err error) {
	q := reader{tx: tx}
	q.queue(func(pgx.Rows) error { return nil }, "SELECT 1 FROM replicas WHERE id = $1 FOR UPDATE", f.Replica)
	q.queue(func(r pgx.Rows) error {
		var id string
		err := r.Scan(&id)
		leases = append(leases, id)
		return err
	}, `SELECT id FROM (
		SELECT id FROM leases WHERE status = 0 AND replica = $1 AND granted_nanos - returned_nanos - drawn_nanos > 0
		UNION ALL SELECT id FROM leases WHERE status = 1 AND replica = $1 AND lost_nanos > 0) l ORDER BY id LIMIT $2`,
		f.Replica, f.HeldLeases)
	return leases, q.run(ctx)
}

// loadDead locks lost replicas and names their leases.
func loadDead(ctx context.Context, tx pgx.Tx, f budget.Footprint, snap *budget.Snapshot) (leases []string, err error) {
	dead := reader{tx: tx}
	dead.queue(func(r pgx.Rows) error {
		var id string
		err := r.Scan(&id)
		snap.Dead = append(snap.Dead, id)
		return err
	}, `SELECT id FROM replicas r WHERE seen_millis < `+sqlNow+` - $2
		AND (NOT ended OR EXISTS (SELECT 1 FROM leases l WHERE l.replica = r.id AND l.status = 0)) ORDER BY id LIMIT 16 FOR UPDATE`, f.Now, f.SilentFor.Milliseconds())
	if err := dead.run(ctx); err != nil || len(snap.Dead) == 0 {
		return nil, err
	}
	of := reader{tx: tx}
	of.queue(func(r pgx.Rows) error {
		var id string
		err := r.Scan(&id)
		leases = append(leases, id)
		return err
	}, "SELECT id FROM leases WHERE status = 0 AND replica = ANY ($1::text[]) ORDER BY id LIMIT $2", snap.Dead, f.DeadLeases)
	return leases, of.run(ctx)
}

// windowKeys name windows by budget and start.
type windowKeys struct {
	budgets []string
	starts  []int64
}

// loadEnded names windows that ended. What it names may change until the budgets are locked.
func loadEnded(ctx context.Context, tx pgx.Tx, f budget.Footprint) (keys windowKeys, err error) {
	q := reader{tx: tx}
	q.queue(func(r pgx.Rows) error {
		var id string
		var start int64
		err := r.Scan(&id, &start)
		keys.budgets, keys.starts = append(keys.budgets, id), append(keys.starts, start)
		return err
	}, `SELECT budget_id, start_millis FROM budget_windows
		WHERE NOT closed AND end_millis <> 0 AND end_millis <= `+sqlNow+` ORDER BY end_millis LIMIT $2`, f.Now, f.EndedWindows)
	return keys, q.run(ctx)
}

func queueBalances(q *reader, snap *budget.Snapshot, replica string, budgetIDs, leaseIDs []string, ended windowKeys) {
	const wanted = `SELECT id FROM leases WHERE id = ANY ($1::text[])
		UNION SELECT id FROM leases WHERE replica = $2 AND budget_id = ANY ($3::text[]) AND status = 0`
	q.queue(func(r pgx.Rows) error {
		var x budget.Lease
		err := r.Scan(&x.ID, &x.BudgetID, &x.Start, &x.Replica, &x.TenantID, &x.PlatformID,
			&x.Granted, &x.Returned, &x.Drawn, &x.Lost, &x.Status, &x.Updated)
		snap.Leases = append(snap.Leases, x)
		return err
	}, "SELECT "+leaseColumns+" FROM leases WHERE id IN ("+wanted+") ORDER BY id", leaseIDs, replica, budgetIDs)
	q.queue(func(r pgx.Rows) error {
		var w budget.WindowState
		err := r.Scan(&w.BudgetID, &w.Start, &w.End, &w.Spent, &w.Leased, &w.Told, &w.Closed, &w.CountedFrom, &w.TenantID, &w.PlatformID)
		snap.Windows = append(snap.Windows, w)
		return err
	}, `SELECT w.budget_id, w.start_millis, w.end_millis, w.spent_nanos, w.leased_nanos, w.told, w.closed, w.counted_from_millis,
			w.tenant_id, w.platform_id
		FROM (SELECT DISTINCT budget_id, start_millis FROM leases WHERE id IN (`+wanted+`)
			UNION SELECT b, (SELECT start_millis FROM budget_windows WHERE budget_id = b ORDER BY start_millis DESC LIMIT 1)
				FROM unnest($3::text[]) AS b
			UNION SELECT * FROM unnest($4::text[], $5::bigint[])) k
		JOIN budget_windows w ON w.budget_id = k.budget_id AND w.start_millis = k.start_millis`,
		leaseIDs, replica, budgetIDs, ended.budgets, ended.starts)
}

// loadTenants locks the sequence counters, making those that are missing, and reads which
// events are known: after the locks, so that a repeat that was just committed is seen.
func loadTenants(ctx context.Context, tx pgx.Tx, f budget.Footprint, snap *budget.Snapshot) error {
	tenants := f.Tenants
	for _, lease := range snap.Leases {
		if f.SilentFor != 0 || lease.Status == budget.LeaseLost {
			tenants = append(tenants[:len(tenants):len(tenants)], lease.TenantID)
		}
	}
	if f.EndedWindows != 0 {
		for _, w := range snap.Windows {
			tenants = append(tenants[:len(tenants):len(tenants)], w.TenantID)
		}
	}
	q := reader{tx: tx}
	if len(f.Digests) > 0 {
		q.queue(func(r pgx.Rows) error {
			var digest string
			err := r.Scan(&digest)
			snap.Rejected[digest] = true
			return err
		}, "SELECT digest FROM budget_rejected WHERE digest = ANY ($1::text[])", f.Digests)
	}
	if len(tenants) == 0 {
		return q.run(ctx)
	}
	q.queue(func(r pgx.Rows) error {
		var tenant string
		var last int64
		err := r.Scan(&tenant, &last)
		snap.Sequences[tenant] = last
		return err
	}, `INSERT INTO tenant_sequences (tenant_id, last) SELECT DISTINCT t, 0 FROM unnest($1::text[]) AS t ORDER BY t
		ON CONFLICT (tenant_id) DO UPDATE SET last = tenant_sequences.last RETURNING tenant_id, last`, tenants)
	if len(f.EventIDs) > 0 {
		q.queue(func(r pgx.Rows) error {
			var id string
			err := r.Scan(&id)
			snap.Known[id] = true
			return err
		}, "SELECT event_id FROM ledger WHERE event_id = ANY ($1::text[])", f.EventIDs)
	}
	return q.run(ctx)
}

// reader sends queries together and reads their rows in order.
type reader struct {
	tx    pgx.Tx
	batch pgx.Batch
	scans []func(pgx.Rows) error
}

func (q *reader) queue(scan func(pgx.Rows) error, query string, args ...any) {
	q.batch.Queue(query, args...)
	q.scans = append(q.scans, scan)
}

func (q *reader) run(ctx context.Context) (err error) {
	if len(q.scans) == 0 {
		return nil
	}
	results := q.tx.SendBatch(ctx, &q.batch)
	defer func() { err = errors.Join(err, results.Close()) }()
	for _, scan := range q.scans {
		rows, err := results.Query()
		if err := eachRow(rows, err, scan); err != nil {
			return err
		}
	}
	return nil
}
