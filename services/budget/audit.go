package budget

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
)

// Books reads what must agree.
type Books interface {
	// Snapshot calls visit with every record of the ledger, or of one tenant, in the order
	// of tenants and sequences, and then returns what else there is, all as it stands
	// at one moment. An error of visit ends it and is returned.
	Snapshot(ctx context.Context, tenantID string, visit func(*eventv1.UsageRecord) error) (Standing, error)
}

// Standing is what the ledger must explain.
type Standing struct {
	// Windows are all that are kept, with their budgets.
	Windows []State
	// Heads are the tenants' last sequences.
	Heads map[string]int64
	// Waiting is what the outbox has of each tenant.
	Waiting map[string]Waiting
	// SetAside are the events of each tenant that could not be published, by sequence; of
	// all tenants [MaxSetAside] at most.
	SetAside map[string][]SetAside
}

// MaxSetAside bounds the events that could not be published which an audit lists.
const MaxSetAside = 10_000

// SetAside is an event that could not be published.
type SetAside struct {
	// Sequence and EventID are its own.
	Sequence int64
	EventID  string
	// Reason is the code of a relay.Reason.
	Reason string
	// At is when it was set aside, in Unix milliseconds.
	At int64
}

// Waiting is what the outbox has of a tenant.
type Waiting struct {
	// First is the lowest sequence, Rows how many rows there are.
	First, Rows int64
}

// Audit is what an audit found.
type Audit struct {
	// Tenants are by id.
	Tenants []TenantAudit
	// Windows are by budget and start.
	Windows []WindowAudit
}

// TenantAudit is a tenant's sequence.
type TenantAudit struct {
	TenantID string
	// Records are in the ledger, Last is the counter.
	Records, Last int64
	// Gaps are the first runs of missing sequences, as what stands before and after them.
	Gaps [][2]int64
	// Waiting is what the outbox has.
	Waiting Waiting
	// SetAside could not be published.
	SetAside []SetAside
}

// WindowAudit is a balance beside what the ledger says it is.
type WindowAudit struct {
	State
	// Explained is the sum of the entries that name the window.
	Explained money.Nano
	// Unknown tells that the window is older than such names.
	Unknown bool
}

// maxGaps bounds the runs of missing sequences that an audit lists of one tenant.
const maxGaps = 100

// auditKey is a window, as draws name it.
type auditKey struct {
	budgetID       string
	start, counted int64
}

// AuditLedger holds balances, sequences and the outbox against the ledger, all as they
// stand at one moment: of each window, what is spent must be the sum of the entries whose
// draws name it; of each tenant, sequences must have no gap up to the counter. For one
// tenant it looks at the budgets of the tenant and its users alone: others may have
// entries of several tenants. Errors: invalid_request; conflict while another one runs;
// service_unavailable where the service has no books.
func (s *Service) AuditLedger(ctx context.Context, tenantID string) (*Audit, error) {
	if !validText(tenantID) {
		return nil, errs.New(errs.InvalidRequest, "the tenant's id is too long or no text").WithParam("tenant_id")
	}
	if s.opts.Books == nil {
		return nil, errs.New(errs.ServiceUnavailable, "this service cannot audit its ledger")
	}
	if !s.audit.TryLock() {
		return nil, errs.New(errs.Conflict, "another audit of the ledger is running")
	}
	defer s.audit.Unlock()
	explained := map[auditKey]money.Nano{}
	tenants := map[string]*TenantAudit{}
	standing, err := s.opts.Books.Snapshot(ctx, tenantID, func(r *eventv1.UsageRecord) error {
		explain(explained, r)
		t := tenantOf(tenants, r.GetTenantId())
		t.follow(r.GetSequence())
		t.Records++
		return nil
	})
	if err != nil {
		return nil, err
	}
	for tenant, head := range standing.Heads {
		if head > 0 {
			t := tenantOf(tenants, tenant)
			t.follow(head + 1) // nothing may be missing before the counter
			t.Last = head
		}
	}
	for tenant, waiting := range standing.Waiting {
		tenantOf(tenants, tenant).Waiting = waiting
	}
	for tenant, events := range standing.SetAside {
		tenantOf(tenants, tenant).SetAside = events
	}
	out := &Audit{}
	for _, id := range slices.Sorted(maps.Keys(tenants)) {
		out.Tenants = append(out.Tenants, *tenants[id])
	}
	for _, state := range standing.Windows {
		if tenantID != "" && !belongs(state.Scope, tenantID) {
			continue
		}
		out.Windows = append(out.Windows, WindowAudit{
			State: state, Explained: explained[auditKey{state.BudgetID, state.Start, state.CountedFrom}], Unknown: state.CountedFrom == 0,
		})
	}
	slices.SortFunc(out.Windows, func(x, y WindowAudit) int {
		return cmp.Or(strings.Compare(x.BudgetID, y.BudgetID), cmp.Compare(x.Start, y.Start))
	})
	return out, nil
}

// explain adds a record to the windows that its draws name: its cost once to each.
func explain(explained map[auditKey]money.Nano, r *eventv1.UsageRecord) {
	draws := r.GetDraws()
	for i, d := range draws {
		key := auditKey{d.GetBudgetId(), d.GetStartMillis(), d.GetCountedFromMillis()}
		if key.budgetID == "" || slices.ContainsFunc(draws[:i], func(e *eventv1.LeaseDraw) bool {
			return key == auditKey{e.GetBudgetId(), e.GetStartMillis(), e.GetCountedFromMillis()}
		}) {
			continue
		}
		explained[key] = money.AddSat(explained[key], money.Nano(r.GetCostNanos()))
	}
}

func tenantOf(tenants map[string]*TenantAudit, id string) *TenantAudit {
	t := tenants[id]
	if t == nil {
		t = &TenantAudit{TenantID: id}
		tenants[id] = t
	}
	return t
}

// follow notes that a sequence comes next; Last is that of the one before.
func (t *TenantAudit) follow(sequence int64) {
	if sequence != t.Last+1 && len(t.Gaps) < maxGaps {
		t.Gaps = append(t.Gaps, [2]int64{t.Last, sequence})
	}
	t.Last = sequence
}

// belongs reports whether all entries of a scope's budgets are one tenant's.
func belongs(s Scope, tenant string) bool {
	switch s.Kind {
	case Tenant:
		return s.ID == tenant
	case User:
		of, _, _ := strings.Cut(s.ID, "/")
		return of == tenant
	case Platform, Key:
	}
	return false
}
