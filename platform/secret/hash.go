package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"sync"
)

// Hash is a keyed hash. It is comparable, so it serves as the key of a map, and it is
// no secret without the pepper.
type Hash [sha256.Size]byte

// Hex is the hash as 64 lower-case hexadecimal digits.
func (h Hash) Hex() string { return hex.EncodeToString(h[:]) }

// Hasher computes HMAC-SHA256 (RFC 2104) under a pepper. Virtual keys carry 256 random
// bits, so a slow password hash would add cost and no strength. It is safe for
// concurrent use and allocates nothing once warm.
type Hasher struct{ pool sync.Pool }

// mac is an HMAC with room for its input and output, so that neither escapes anew.
type mac struct {
	h   hash.Hash
	in  [128]byte
	out [sha256.Size]byte
}

// NewHasher returns a hasher under the pepper; see [Derive].
func NewHasher(pepper [KeySize]byte) *Hasher {
	return &Hasher{pool: sync.Pool{New: func() any {
		return &mac{h: hmac.New(sha256.New, pepper[:])}
	}}}
}

// Sum is the keyed hash of a secret.
func (h *Hasher) Sum(s String) Hash { return h.SumString(s.Reveal()) }

// SumString is Sum for a value that is not wrapped, such as a header just read.
func (h *Hasher) SumString(s string) Hash {
	m, ok := h.pool.Get().(*mac)
	if !ok {
		panic("secret: the zero Hasher is not usable; use NewHasher")
	}
	m.h.Reset()
	for len(s) > 0 {
		n := copy(m.in[:], s)
		_, _ = m.h.Write(m.in[:n]) // a hash never fails
		s = s[n:]
	}
	sum := Hash(m.h.Sum(m.out[:0]))
	clear(m.in[:])
	h.pool.Put(m)
	return sum
}
