package budget

import (
	"context"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/money"
)

// Store keeps budgets, leases, the ledger and the outbox. What may be done with them is
// decided by the Service's pure functions; a store loads, applies and commits.
type Store interface {
	// Update runs one transaction: it locks and loads what the footprint names, has
	// decide compute the change, and applies it, all or nothing and durably. Changes of
	// one budget, one replica, or one tenant's sequence never interleave. decide must be
	// pure but for its own results: it is run again when the transaction has to be. Its
	// error ends the transaction and is returned as it is; a nil Mutation changes nothing.
	Update(ctx context.Context, footprint Footprint, decide func(*Snapshot) (*Mutation, error)) error
	// Budgets reads the budgets of some scopes, each with its newest window; one that
	// has none yet comes with a zero WindowState.
	Budgets(ctx context.Context, scopes []Scope) ([]State, error)
	// Changes reads which scopes' budgets changed or were recalled after a revision, and
	// the newest revision. A revision below 0 asks for the newest alone.
	Changes(ctx context.Context, after int64) (changed []Scope, revision int64, err error)
	// Usage reads the ledger by tenant and sequence.
	Usage(ctx context.Context, query UsageQuery) ([]*eventv1.UsageRecord, error)
	// Heads reads the last sequence of some tenants; of all when none is named.
	Heads(ctx context.Context, tenants []string) (map[string]int64, error)
	// Spend adds up the ledger's usage entries, highest sum first. What running totals answer
	// (see SpendQuery.Totals) reads no entries.
	Spend(ctx context.Context, query SpendQuery) ([]Spend, error)
}

// Footprint names what a transaction is about. Stores lock in one order, so that two
// transactions cannot wait for each other: replicas, budgets by id, tenants by id, the
// revision.
type Footprint struct {
	// Now is the caller's time in Unix milliseconds, for a store that has no better one.
	Now int64
	// Replica is the replica that asks: its row and its open leases of the budgets loaded.
	Replica string
	// ActiveWithin asks for the number of other replicas heard of so long ago at most; 0
	// does not ask.
	ActiveWithin time.Duration
	// Scopes asks for all their budgets.
	Scopes []Scope
	// BudgetIDs asks for budgets by id.
	BudgetIDs []string
	// LeaseIDs asks for leases, and their budgets and windows.
	LeaseIDs []string
	// Tenants asks for sequence counters. Those of lost leases among LeaseIDs, of the
	// leases that SilentFor loads, and of the windows that EndedWindows does, come as well.
	Tenants []string
	// EventIDs asks which of them the ledger holds.
	EventIDs []string
	// Digests asks which of them are those of records that were set aside.
	Digests []string
	// SilentFor, when not 0, asks for replicas that were not heard of for longer, and for
	// up to DeadLeases of their open leases with budgets and windows. One that has ended is
	// among them while it has open leases.
	SilentFor time.Duration
	// DeadLeases bounds the leases that SilentFor loads.
	DeadLeases int
	// EndedWindows, when not 0, asks for up to that many windows that are not closed and have
	// ended, with their budgets and the sequences of their tenants.
	EndedWindows int
	// HeldLeases, when not 0, asks for up to that many of the replica's leases that hold
	// something, open or lost, with budgets and windows.
	HeldLeases int
}

// Snapshot is what a footprint named, as it stands under the transaction's locks.
type Snapshot struct {
	// Now is the time in Unix milliseconds: the database's where several processes share it,
	// so that no clock of theirs matters, else the footprint's.
	Now int64
	// ReplicaKnown tells whether the footprint's replica was there, ReplicaEnded whether
	// it has ended.
	ReplicaKnown, ReplicaEnded bool
	// Others is the number of other replicas heard of within Footprint.ActiveWithin
	// that have not ended.
	Others int
	// Budgets are those loaded, in the order of their ids.
	Budgets []Budget
	// Windows are each budget's newest window and those of the leases loaded.
	Windows []WindowState
	// Leases are those loaded.
	Leases []Lease
	// Sequences are the tenants' last sequence numbers, 0 for a new tenant.
	Sequences map[string]int64
	// Known holds those of Footprint.EventIDs that the ledger has.
	Known map[string]bool
	// Rejected holds those of Footprint.Digests that were set aside.
	Rejected map[string]bool
	// Dead are some of the replicas that were silent for Footprint.SilentFor.
	Dead []string
}

// Latest returns the budget's newest window, or nil.
func (s *Snapshot) Latest(budgetID string) *WindowState {
	var newest *WindowState
	for i := range s.Windows {
		if w := &s.Windows[i]; w.BudgetID == budgetID && (newest == nil || w.Start > newest.Start) {
			newest = w
		}
	}
	return newest
}

// Mutation is the change that a transaction makes.
type Mutation struct {
	// SeenReplica was heard of at SeenAt, in Unix milliseconds. Ended tells that it was
	// for the last time.
	SeenReplica string
	SeenAt      int64
	Ended       bool
	// HeardAt, when not 0, notes that replicas could be heard of, in Unix milliseconds: what
	// counts is that it can be written.
	HeardAt int64
	// ForgetReplicas are lost ones without open leases. Those among them that have ended are
	// kept, until PruneBefore.
	ForgetReplicas []string
	// PutBudgets are made or replaced.
	PutBudgets []Budget
	// DeleteBudgets are removed with their windows and leases.
	DeleteBudgets []string
	// Changed scopes are added to the log of changes.
	Changed []Scope
	// Recalled scopes are added to it as well; of each, only the newest recall is kept.
	Recalled []Scope
	// Windows and Leases are made or replaced.
	Windows []WindowState
	Leases  []Lease
	// Sequences are the tenants' new last numbers.
	Sequences map[string]int64
	// Entries are added to the ledger and the outbox.
	Entries []Entry
	// Rejected are records that are set aside; one whose digest is there already stays.
	Rejected []Rejection
	// PruneBefore, when not 0, removes up to some thousand rows that are older, in Unix
	// milliseconds: leases that hold nothing, ended windows without leases, changes, replicas
	// that have ended and have no open leases.
	PruneBefore int64
}

// Rejection is a record that cannot be settled as it is.
type Rejection struct {
	// Digest is the SHA-256 of Record in hexadecimal.
	Digest string
	// Reason says what is wrong with it.
	Reason string
	// TenantID, RequestID and Cost are the record's own.
	TenantID, RequestID string
	Cost                money.Nano
	// At is when it came, in Unix milliseconds.
	At int64
	// Record is the encoded record.
	Record []byte
}

// EntryKind says what a ledger entry stands for. The numbers are those of the store.
type EntryKind uint8

// The kinds of ledger entries.
const (
	// EntryUsage is a settled call. Its cost is what the tenant pays.
	EntryUsage EntryKind = 0
	// EntryLost is what a lost lease held. It explains the balance of one budget and is not
	// usage: the same call may stand in the lost leases of several budgets.
	EntryLost EntryKind = 1
	// EntryCorrected takes back a part of an EntryLost; its cost is negative.
	EntryCorrected EntryKind = 2
	// EntryNotice tells that something happened to a budget; it costs nothing.
	EntryNotice EntryKind = 3
)

// Entry is one row of the ledger, and one of the outbox that refers to it.
type Entry struct {
	// Kind says what it stands for.
	Kind EntryKind
	// Record is the whole entry, with its sequence.
	Record *eventv1.UsageRecord
	// Tokens is the sum of its token classes.
	Tokens int64
}

// UsageQuery names a part of the ledger; empty fields do not filter.
type UsageQuery struct {
	TenantID, RequestID, KeyID, UserID string
	// From and To bound the time of settlement, in Unix milliseconds: From ≤ t < To.
	From, To int64
	// AfterTenant and AfterSequence are where an earlier page ended.
	AfterTenant   string
	AfterSequence int64
	// Limit is the most entries to return.
	Limit int
	// AllTenants says that naming none is meant.
	AllTenants bool
}

// SpendGroup says what spend is added up by. The numbers are those of the wire.
type SpendGroup uint8

// The groups.
const (
	ByNothing SpendGroup = 0
	ByKey     SpendGroup = 1
	ByTenant  SpendGroup = 2
	ByModel   SpendGroup = 3
	ByUser    SpendGroup = 4
	ByDay     SpendGroup = 5
)

// SpendQuery names what to add up.
type SpendQuery struct {
	// Group is what to add up by.
	Group SpendGroup
	// Scopes limits the sum to entries of any of them; none means all.
	Scopes []Scope
	// TenantID, KeyID and UserID limit it further; empty ones do not. A user is one of
	// whichever tenant.
	TenantID, KeyID, UserID string
	// From and To bound the time of settlement, in Unix milliseconds: From ≤ t < To; 0 is
	// no bound.
	From, To int64
}

// Spend is a sum over ledger entries.
type Spend struct {
	// Group is what they have in common: an id, a model, a date as 2006-01-02.
	Group string
	// Cost is their sum.
	Cost money.Nano
	// Records and Tokens count them.
	Records, Tokens int64
}
