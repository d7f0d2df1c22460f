package compressor

import (
	"context"
	"time"
)

// MaxNoteBytes is the most that a [Note] has to say, in bytes.
const MaxNoteBytes = 8 << 10

// Note is something short that is known for a while.
type Note struct {
	// Name is what it is found by, within its tenant's.
	Name string
	// Text is what it says, in at most [MaxNoteBytes] bytes; never empty where it is written.
	Text string
	// Life is how long it is there after it was last written or read.
	Life time.Duration
}

// Notes are a memory that replicas may share, each tenant's apart. Implementations are safe
// for concurrent use, never return another tenant's note, and may forget anything at any
// time. They keep nothing that needs closing: who opened a connection closes it.
type Notes interface {
	// Read returns the texts of a tenant's notes in their order, empty where there is none of
	// the name. Those that are there live on for their Life.
	Read(ctx context.Context, tenant string, notes []Note) ([]string, error)
	// Write keeps notes in the place of those that had their names. After an error some may
	// be kept.
	Write(ctx context.Context, tenant string, notes []Note) error
}
