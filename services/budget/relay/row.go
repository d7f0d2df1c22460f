package relay

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
)

// Row is one event that waits.
type Row struct {
	// Position orders the rows.
	Position int64
	// TenantID, Sequence and EventID are those of the event.
	TenantID string
	Sequence int64
	EventID  string
	// Record is the ledger's entry that it tells of; nil where Fault says why there is none.
	Record *eventv1.UsageRecord
	Fault  *Fault
}

// Reason says why a row was set aside. It is a code that stores keep.
type Reason string

// The reasons.
const (
	// Missing is a row whose entry is not in the ledger.
	Missing Reason = "missing"
	// Unreadable is one whose entry cannot be decoded, or is that of another event.
	Unreadable Reason = "unreadable"
	// Unrenderable is one whose entry cannot be written as an event.
	Unrenderable Reason = "unrenderable"
	// TooLarge is one whose event alone is larger than a message of the topic may be.
	TooLarge Reason = "too_large"
)

// Fault is why no event of a row can be published, now or later.
type Fault struct {
	// Reason is the code.
	Reason Reason
	// Err says more, and nothing of the entry's content.
	Err error
}

// Aside names a row that is to be set aside.
type Aside struct {
	// Position is the row's.
	Position int64
	// Reason says why.
	Reason Reason
}

var (
	errMissing = errors.New("the ledger has no such entry")
	errOther   = errors.New("the ledger's entry is that of another event")
)

// Read sets the row's record from the bytes that the ledger has of it, or its fault. inLedger
// tells whether the ledger has the entry.
func (r *Row) Read(raw []byte, inLedger bool) {
	if !inLedger {
		r.Fault = &Fault{Missing, errMissing}
		return
	}
	record := &eventv1.UsageRecord{}
	if err := proto.Unmarshal(raw, record); err != nil {
		r.Fault = &Fault{Unreadable, fmt.Errorf("decoding the ledger's entry: %w", err)}
		return
	}
	// Under another tenant's key, or with another sequence, it would break that one's order.
	if record.GetTenantId() != r.TenantID || record.GetSequence() != r.Sequence || record.GetEventId() != r.EventID {
		r.Fault = &Fault{Unreadable, errOther}
		return
	}
	r.Record = record
}
