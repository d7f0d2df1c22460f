package budget

import (
	"strings"
	"unicode/utf8"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
)

// ScopeKind says whom a budget limits. The numbers are those of the wire and the store.
type ScopeKind uint8

// The kinds of scopes.
const (
	Platform ScopeKind = 1
	Tenant   ScopeKind = 2
	User     ScopeKind = 3
	Key      ScopeKind = 4
)

// String is the kind's name: platform, tenant, user or key.
func (k ScopeKind) String() string {
	switch k {
	case Platform:
		return "platform"
	case Tenant:
		return "tenant"
	case User:
		return "user"
	case Key:
		return "key"
	default:
		return "unknown"
	}
}

// Scope is whom a budget limits.
type Scope struct {
	// Kind is one of the constants above.
	Kind ScopeKind
	// ID is the platform's, tenant's or key's id; `{tenant}/{user}` for a user, where the
	// tenant is empty for keys that have none.
	ID string
}

// tenant is whose the scope is: empty for a platform, a key and a user without a tenant.
func (s Scope) tenant() string {
	switch s.Kind {
	case Tenant:
		return s.ID
	case User:
		tenant, _, _ := strings.Cut(s.ID, "/") // no tenant's id has a slash
		return tenant
	case Platform, Key:
	}
	return ""
}

// maxIDLen bounds every id, in bytes.
const maxIDLen = 512

func (s Scope) check(param string) error {
	switch {
	case s.Kind < Platform || s.Kind > Key:
		return errs.New(errs.InvalidRequest, "the scope's kind is none of platform, tenant, user, key").WithParam(param + ".kind")
	case s.ID == "":
		return errs.New(errs.InvalidRequest, "the scope has no id").WithParam(param + ".id")
	case !validText(s.ID):
		return errs.New(errs.InvalidRequest, "the scope's id is too long or no text").WithParam(param + ".id")
	}
	return nil
}

// Budget is a limit over a window.
type Budget struct {
	// ID names it; made by the service when empty.
	ID string
	// Scope is whom it limits.
	Scope Scope
	// Limit is in nano-dollars, 0 or more.
	Limit money.Nano
	// Window is what [ParseWindow] reads.
	Window string
	// TimeZone is the IANA zone that days and months are counted in; empty is UTC.
	TimeZone string
	// Soft budgets only report.
	Soft bool
	// ManagedBy is what keeps it as it is; empty for one that was set by hand.
	ManagedBy string
}

// check validates b and brings it into the form that is kept.
func (b *Budget) check() error {
	if err := b.Scope.check("budget.scope"); err != nil {
		return err
	}
	invalid := func(param, message string) error {
		return errs.New(errs.InvalidRequest, message).WithParam("budget." + param)
	}
	_, user, parted := strings.Cut(b.Scope.ID, "/")
	switch {
	case b.Scope.Kind == User && (!parted || user == ""):
		return invalid("scope.id", "a user's scope is {tenant}/{user}; /{user} for keys without a tenant")
	case !validText(b.ID):
		return invalid("id", "the budget's id is too long or no text")
	case !validText(b.ManagedBy):
		return invalid("managed_by", "what manages the budget is too long or no text")
	case b.Limit < 0:
		return invalid("limit_nanos", "a budget's limit is 0 or more")
	case b.Limit > maxLimit:
		return invalid("limit_nanos", "a budget's limit is at most 2 billion dollars")
	}
	if b.Window == "month" {
		b.Window = "1mo" // one spelling, so that a scope has one budget for a window
	}
	if b.TimeZone == "UTC" {
		b.TimeZone = ""
	}
	if _, err := ParseWindow(b.Window, ""); err != nil {
		return invalid("window", err.Error())
	}
	if _, err := ParseWindow(b.Window, b.TimeZone); err != nil {
		return invalid("time_zone", err.Error())
	}
	return nil
}

func validText(s string) bool {
	return len(s) <= maxIDLen && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// maxLimit leaves room above every limit, so that spent plus leases cannot overflow.
const maxLimit = 2_000_000_000 * money.Dollar

// maxCost bounds one record's cost, for the same reason.
const maxCost = 1_000_000 * money.Dollar

// WindowState is a budget's balance in one window.
type WindowState struct {
	// BudgetID is the budget.
	BudgetID string
	// Start and End are in Unix milliseconds; End is 0 for a window that never ends.
	Start, End int64
	// Spent is settled spend with what lost leases were charged.
	Spent money.Nano
	// Leased is what open leases hold.
	Leased money.Nano
	// Told is the highest threshold that was told of, in percent of the limit.
	Told uint8
	// Closed tells that its end was told of.
	Closed bool
	// CountedFrom is when it was made, in Unix milliseconds: a budget that is made anew
	// counts from another moment in the same window.
	CountedFrom int64
	// TenantID and PlatformID are in whose sequence its end is told of: the tenant
	// of the scope, or the first that leased from it.
	TenantID, PlatformID string
}

// State is a budget in its current window.
type State struct {
	Budget
	WindowState
}

// LeaseStatus is where a lease is in its life.
type LeaseStatus uint8

// The states of a lease. The numbers are those of the store.
const (
	// LeaseOpen can be drawn from.
	LeaseOpen LeaseStatus = 0
	// LeaseLost was charged because its replica was gone.
	LeaseLost LeaseStatus = 1
)

// Lease is one replica's part of a budget in one window. Its amounts only grow, but Lost.
type Lease struct {
	// ID is the lease's UUIDv7.
	ID string
	// BudgetID and Start name the budget and the window.
	BudgetID string
	Start    int64
	// Replica holds it.
	Replica string
	// TenantID and PlatformID are in whose name it is charged if lost; either may be empty.
	TenantID, PlatformID string
	// Granted, Returned and Drawn add up what happened since its beginning.
	Granted, Returned, Drawn money.Nano
	// Lost is what remains charged of a lost lease.
	Lost money.Nano
	// Status is where it is in its life.
	Status LeaseStatus
	// Updated is when it last changed, in Unix milliseconds.
	Updated int64
}

// Outstanding is what the lease holds: never below 0, also when records drew more
// than was granted.
func (l *Lease) Outstanding() money.Nano {
	return max(0, l.Granted-l.Returned-l.Drawn)
}
