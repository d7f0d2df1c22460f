package compressor

import (
	"context"
	"time"

	"tollgate.dev/services/compressor/prompt"
)

// MaxPartBytes is the largest part that is kept, in bytes.
const MaxPartBytes = 4 << 20

// Store keeps what was left out of prompts, each tenant's apart. Implementations are safe
// for concurrent use, never return another tenant's part, and may forget anything at any
// time. They keep nothing that needs closing: who opened a connection closes it.
type Store interface {
	// Put keeps parts of a tenant's until an instant; those that are there already as well.
	// It returns how many of them it keeps: none above [MaxPartBytes]. After an error some
	// may be kept.
	Put(ctx context.Context, tenant string, parts []prompt.Omission, until time.Time) (kept int, err error)
	// Get returns the text of a tenant's part; ok is false when there is none of the name,
	// or its time is over.
	Get(ctx context.Context, tenant, name string) (text string, ok bool, err error)
}
