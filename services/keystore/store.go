package keystore

import (
	"context"
	"errors"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
)

// Store keeps keys, tenants, credentials and the log of their changes. Several
// processes may share one. Reads see every write that was acknowledged before they
// began. Implementations are safe for concurrent use; package storetest says what
// else they must hold to.
//
// Nobody writes to a message that went into a store or came out of one: callers
// clone first.
type Store interface {
	// Keys finds keys, newest first.
	Keys(ctx context.Context, query KeyQuery) (KeyPage, error)
	// Tenants finds tenants by rising id.
	Tenants(ctx context.Context, query TenantQuery) ([]TenantRecord, error)
	// Credential returns a sealed credential, or [ErrNoCredential].
	Credential(ctx context.Context, tenantID, provider string) ([]byte, error)
	// Apply commits all of a batch, or nothing of it and returns why: [ErrStale],
	// [ErrNoTenant], [ErrNoCredential], a [*TakenError] or a fault of the store. The
	// changes go into the log within the same transaction.
	Apply(ctx context.Context, batch []Mutation) (Applied, error)
	// Changes returns what was logged after a position, in the order of the commits.
	// While there is nothing it waits, for [QuietFor] or until ctx ends, and then returns
	// none: so whoever follows the log knows that it was read. What another process
	// commits is found within 250 ms. [FromNow] as the position, one
	// that the log no longer reaches back to, and one that it has not come to (the
	// database was restored) give a reset at once.
	Changes(ctx context.Context, after int64) (Changes, error)
}

// QuietFor is how long [Store.Changes] waits for a change.
const QuietFor = 400 * time.Millisecond

// What a store says of a batch that it refuses.
var (
	// ErrStale is a record that has another version than its mutation was made from,
	// or is gone: read again and decide anew.
	ErrStale = errors.New("keystore: the record was changed meanwhile")
	// ErrNoTenant is a key or credential of a tenant that does not exist.
	ErrNoTenant = errors.New("keystore: no such tenant")
	// ErrNoCredential is a credential that does not exist.
	ErrNoCredential = errors.New("keystore: no such credential")
)

// TakenError is a name that must be unique and is in use.
type TakenError struct {
	// Name is which one.
	Name UniqueName
}

// Error tells which name is taken, not what it is.
func (e *TakenError) Error() string { return "keystore: the " + string(e.Name) + " is taken" }

// UniqueName is one of the names that a store keeps unique.
type UniqueName string

// The unique names.
const (
	// UniqueKeyID is a key's id.
	UniqueKeyID UniqueName = "key id"
	// UniqueSecret is the keyed hash of a secret, over all current and previous ones.
	UniqueSecret UniqueName = "secret"
	// UniqueAlias is a key's alias within its tenant, or among the keys without one.
	UniqueAlias UniqueName = "alias"
	// UniqueTenantID is a tenant's id.
	UniqueTenantID UniqueName = "tenant id"
)

// KeyRecord is a key as a store keeps it.
type KeyRecord struct {
	// Key is the key without grace_until_millis, which depends on the time of reading.
	Key *keystorev1.Key
	// Secret is the keyed hash of the current secret: 64 hexadecimal digits.
	Secret string
	// Previous is that of the secret before it; empty for none.
	Previous string
	// PreviousUntil is when the previous secret stops working, in Unix milliseconds.
	PreviousUntil int64
	// Version counts the record's changes from 1; 0 is a record that is not stored yet.
	Version int64
}

// TenantRecord is a tenant as a store keeps it.
type TenantRecord struct {
	// Tenant is the tenant.
	Tenant *keystorev1.Tenant
	// Version counts the record's changes from 1; 0 is a record that is not stored yet.
	Version int64
}

// KeyQuery says which keys to find. Empty fields filter nothing.
type KeyQuery struct {
	// ID is the key's id.
	ID string
	// Secret is the keyed hash of the current or the previous secret.
	Secret string
	// TenantID is the tenant's id.
	TenantID string
	// UserID is the user's id.
	UserID string
	// Alias is the key's alias.
	Alias string
	// After is the last key of the page before; the zero value starts.
	After KeyPosition
	// Offset skips so many keys.
	Offset int
	// Limit is the most keys to return, at least 1.
	Limit int
	// Count asks for the total as well.
	Count bool
}

// KeyPosition is a key's place in the order of creation.
type KeyPosition struct {
	// CreatedMillis is the key's creation.
	CreatedMillis int64
	// ID is the key's id.
	ID string
}

// KeyPage is what a query found.
type KeyPage struct {
	// Records are the keys.
	Records []KeyRecord
	// Total is how many fit the query, whatever its After, Offset and Limit; 0
	// unless asked for.
	Total int64
}

// TenantQuery says which tenants to find. Empty fields filter nothing.
type TenantQuery struct {
	// ID is the tenant's id.
	ID string
	// After is the last id of the page before.
	After string
	// Limit is the most tenants to return, at least 1.
	Limit int
}

// Mutation is one step of a batch: PutKey, DropKey, PutTenant, DropTenant,
// PutCredential or DropCredential, all of this package.
type Mutation interface{ mutation() }

// PutKey stores a key: a new one when the record's version is 0, else in place of
// exactly that version. The stored record's version is one higher.
type PutKey struct{ Record KeyRecord }

// DropKey removes exactly this version of a key, with its secrets.
type DropKey struct {
	// ID is the key's id.
	ID string
	// Version is the version that may be removed.
	Version int64
}

// PutTenant stores a tenant, as [PutKey] stores a key.
type PutTenant struct{ Record TenantRecord }

// DropTenant removes exactly this version of a tenant, with its keys and credentials.
type DropTenant struct {
	// ID is the tenant's id.
	ID string
	// Version is the version that may be removed.
	Version int64
}

// PutCredential stores a sealed credential, in place of any before it. The change log
// does not tell of it: put the tenant in the same batch.
type PutCredential struct {
	// TenantID is the tenant's id.
	TenantID string
	// Provider is the provider's name.
	Provider string
	// Sealed is the encrypted credential.
	Sealed []byte
}

// DropCredential removes a credential that must exist.
type DropCredential struct {
	// TenantID is the tenant's id.
	TenantID string
	// Provider is the provider's name.
	Provider string
}

func (PutKey) mutation()         {}
func (DropKey) mutation()        {}
func (PutTenant) mutation()      {}
func (DropTenant) mutation()     {}
func (PutCredential) mutation()  {}
func (DropCredential) mutation() {}

// Applied is what a batch did beyond what it says itself.
type Applied struct {
	// CascadedKeys are the ids of the keys that went with their tenants, in order.
	CascadedKeys []string
}

// FromNow is the position of a reader that has seen nothing yet.
const FromNow int64 = -1

// ChangeKind is what a change is of.
type ChangeKind int

// The kinds of changes. Stores keep the numbers.
const (
	// KeyChanged is a key that is new, different or gone.
	KeyChanged ChangeKind = 1
	// TenantChanged is a tenant that is new, different or gone with all of its keys.
	TenantChanged ChangeKind = 2
)

// Change is one entry of the log.
type Change struct {
	// Kind is what changed.
	Kind ChangeKind
	// ID is its id.
	ID string
}

// Changes are consecutive entries of the log.
type Changes struct {
	// Items are the changes, in order.
	Items []Change
	// Next is the position behind them, from which to go on.
	Next int64
	// Reset says that changes before Next are not known: anything may have changed.
	Reset bool
}
