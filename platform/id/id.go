// Package id makes identifiers: UUIDs of version 7 (RFC 9562, section 5.7), whose
// order is the order of their making, within a process even inside one millisecond.
package id

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"tollgate.dev/platform/clock"
)

// RequestPrefix begins every request id that Tollgate makes.
const RequestPrefix = "req_"

// Generator makes UUIDs of version 7. Those of one generator rise strictly, whatever
// its clock does. It is safe for concurrent use.
type Generator struct {
	clock clock.Clock

	mu   sync.Mutex
	last uint64 // the ordered bits of the last id
	// random is the system's randomness for the next ids, taken for several at a time: a
	// call of the system costs as much as fifty ids. The last left bytes are yet to be used.
	random [64 * randomSize]byte
	left   int
}

// randomSize is how many bytes of an id are random, but for the two bits of the variant.
const randomSize = 8

// NewGenerator returns a generator that takes the time from c.
func NewGenerator(c clock.Clock) *Generator { return &Generator{clock: c} }

// New returns a UUID of version 7. Where the clock has not stepped on since the last
// id, its ordered bits do by one.
func (g *Generator) New() uuid.UUID { return g.newAt(g.clock.Now()) }

func (g *Generator) newAt(at time.Time) (u uuid.UUID) {
	bits := ordered(at)
	g.mu.Lock()
	bits = max(bits, g.last+1)
	g.last = bits
	if g.left == 0 {
		// crypto/rand.Read never fails: it ends the process where the system has no
		// randomness (Go 1.24 release notes).
		_, _ = rand.Read(g.random[:])
		g.left = len(g.random)
	}
	unused := g.random[len(g.random)-g.left:][:randomSize]
	copy(u[8:], unused)
	clear(unused) // whoever reads this memory later learns no id that is out
	g.left -= randomSize
	g.mu.Unlock()
	binary.BigEndian.PutUint64(u[:8], bits>>12<<16|0x7000|bits&0xfff)
	u[8] = u[8]&0x3f | 0x80
	return u
}

// NewString returns New in its canonical form: 36 characters.
func (g *Generator) NewString() string { return g.NewStringAt(g.clock.Now()) }

// NewStringAt is NewString for a caller who has just read the generator's clock.
func (g *Generator) NewStringAt(at time.Time) string {
	var b [36]byte
	encode(&b, g.newAt(at))
	return string(b[:])
}

// NewRequestID returns [RequestPrefix] and a UUID of version 7: 40 characters that are
// safe in a header, a log line and a URL. Those of one generator rise strictly.
func (g *Generator) NewRequestID() string { return requestID(g.New()) }

func requestID(u uuid.UUID) string {
	var b [len(RequestPrefix) + 36]byte
	copy(b[:], RequestPrefix)
	encode((*[36]byte)(b[len(RequestPrefix):]), u)
	return string(b[:])
}

// ordered is the instant as the 60 ordered bits of an id: 48 bits of milliseconds
// since 1970, then 12 bits of 1/4096 ms (RFC 9562, section 6.2, method 3).
func ordered(at time.Time) uint64 {
	sub := at.Nanosecond() % 1_000_000 * 4096 / 1_000_000
	return uint64(max(at.UnixMilli(), 0))<<12 | uint64(sub) //nolint:gosec // neither is negative
}

// Parse reads the canonical form of a UUID of version 7, and no other.
func Parse(s string) (uuid.UUID, error) {
	if len(s) != 36 {
		return uuid.Nil, fmt.Errorf("id: %d characters are not a UUID", len(s))
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return uuid.Nil, fmt.Errorf("id: not a UUID: %w", err)
	}
	if u.Version() != 7 || u.Variant() != uuid.RFC4122 {
		return uuid.Nil, fmt.Errorf("id: a UUID of version %d, not 7", u.Version())
	}
	return u, nil
}

// Time is when an id of version 7 was made, to the millisecond; ok is false for anything
// else.
func Time(s string) (at time.Time, ok bool) {
	u, err := Parse(s)
	if err != nil {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(u[:8]) >> 16)), true
}

// Floor is the lowest id of version 7 of an instant: ids that were made before sort below
// it, as text too.
func Floor(at time.Time) string {
	var u uuid.UUID
	binary.BigEndian.PutUint64(u[:8], uint64(max(at.UnixMilli(), 0))<<16|0x7000)
	u[8] = 0x80
	return u.String()
}

// ValidRequestID reports whether a caller's own request id may be echoed and logged:
// 1 to 128 characters, each a letter, a digit or one of "-_.:/+=".
func ValidRequestID(s string) bool {
	if len(s) == 0 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == ':', c == '/', c == '+', c == '=':
		default:
			return false
		}
	}
	return true
}

// encode writes the canonical form.
func encode(dst *[36]byte, u uuid.UUID) {
	hex(dst[0:8], u[0:4])
	dst[8] = '-'
	hex(dst[9:13], u[4:6])
	dst[13] = '-'
	hex(dst[14:18], u[6:8])
	dst[18] = '-'
	hex(dst[19:23], u[8:10])
	dst[23] = '-'
	hex(dst[24:36], u[10:16])
}

func hex(dst, src []byte) {
	const digits = "0123456789abcdef"
	for i, v := range src {
		dst[2*i], dst[2*i+1] = digits[v>>4], digits[v&15]
	}
}
