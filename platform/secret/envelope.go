package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
)

// The sealed form, all of it authenticated:
//
//	offset  size  field
//	0       1     version, 1
//	1       4     id of the key-encryption key, big-endian
//	5       12    nonce of the wrapped data key
//	17      48    data key under the KEK: AES-256-GCM, AAD = bytes 0–4 ‖ caller's AAD
//	65      12    nonce of the content
//	77      n+16  content under the data key: AES-256-GCM, AAD = byte 0 ‖ caller's AAD
//
// The key id stays out of the content's AAD so that a data key can be wrapped anew without
// touching the content.
// Layout and choices are Tollgate's own; AES-GCM is NIST SP 800-38D. Random 96-bit
// nonces are safe for 2^32 wrappings under one KEK; each data key is used once.
const (
	envelopeVersion = 1
	nonceSize       = 12
	tagSize         = 16
	offWrapNonce    = 5
	offWrapped      = offWrapNonce + nonceSize
	offNonce        = offWrapped + KeySize + tagSize
	offContent      = offNonce + nonceSize
	// Overhead is how many bytes longer a sealed record is than its plaintext.
	Overhead = offContent + tagSize
)

// What can be wrong with a sealed record. None of the errors quotes its content.
var (
	// ErrSealed says that a record is not one of ours, was changed, or belongs to
	// another context than the one given.
	ErrSealed = errors.New("secret: the sealed record cannot be opened")
	// ErrUnknownKey says that a record was sealed under a key that is not loaded.
	ErrUnknownKey = errors.New("secret: sealed under a key that is not loaded")
)

// KEK is a key-encryption key and the number that records name it by.
type KEK struct {
	ID  uint32
	Key [KeySize]byte
}

// Format writes the id only.
func (k KEK) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "KEK(%d, %s)", k.ID, Redacted) }

// MarshalText returns the id only, which keeps the key out of JSON too.
func (k KEK) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", k), nil }

// Envelope seals records: each under a data key of its own, which a key-encryption key
// wraps. It is safe for concurrent use.
type Envelope struct {
	current uint32
	keks    map[uint32]cipher.AEAD
}

// NewEnvelope returns an envelope that seals under current and also opens what was
// sealed under one of the retired keys. Two keys with one id are an error.
func NewEnvelope(current KEK, retired ...KEK) (*Envelope, error) {
	keks := make(map[uint32]cipher.AEAD, 1+len(retired))
	for _, k := range append([]KEK{current}, retired...) {
		if _, twice := keks[k.ID]; twice {
			return nil, fmt.Errorf("secret: two key-encryption keys have the id %d", k.ID)
		}
		aead, err := newAEAD(k.Key[:])
		if err != nil {
			return nil, err
		}
		keks[k.ID] = aead
	}
	return &Envelope{current: current.ID, keks: maps.Clone(keks)}, nil
}

// Seal encrypts plaintext. The AAD is the record's context, such as tenant and
// provider: it is not stored, and Open needs the same, so that a record cannot be
// moved to another row.
func (e *Envelope) Seal(plaintext, aad []byte) ([]byte, error) {
	var dek [KeySize]byte
	defer clear(dek[:])
	_, _ = rand.Read(dek[:]) // never fails (Go 1.24 release notes)
	content, err := newAEAD(dek[:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, offContent, Overhead+len(plaintext))
	out[0] = envelopeVersion
	e.wrap(out, dek[:], aad) //nolint:gosec // G407: wrap draws a random nonce; only the version is fixed
	nonce := out[offNonce:offContent]
	_, _ = rand.Read(nonce)
	return content.Seal(out, nonce, plaintext, contentAAD(aad)), nil
}

// Open decrypts a record that Seal made with the same AAD. Its errors are
// [ErrSealed] and [ErrUnknownKey].
func (e *Envelope) Open(sealed, aad []byte) ([]byte, error) {
	var dek [KeySize]byte
	defer clear(dek[:])
	if err := e.unwrap(dek[:0], sealed, aad); err != nil {
		return nil, err
	}
	content, err := newAEAD(dek[:])
	if err != nil {
		return nil, err
	}
	plain, err := content.Open(nil, sealed[offNonce:offContent], sealed[offContent:], contentAAD(aad))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// wrap fills in the key id, the nonce and the wrapped data key.
func (e *Envelope) wrap(record, dek, aad []byte) {
	binary.BigEndian.PutUint32(record[1:], e.current)
	nonce := record[offWrapNonce:offWrapped]
	_, _ = rand.Read(nonce)
	e.keks[e.current].Seal(record[offWrapped:offWrapped], nonce, dek, wrapAAD(record, aad))
}

func (e *Envelope) unwrap(dek, record, aad []byte) error {
	if len(record) < Overhead || record[0] != envelopeVersion {
		return ErrSealed
	}
	id := binary.BigEndian.Uint32(record[1:])
	kek, ok := e.keks[id]
	if !ok {
		return fmt.Errorf("%w: id %d", ErrUnknownKey, id)
	}
	if _, err := kek.Open(dek, record[offWrapNonce:offWrapped], record[offWrapped:offNonce], wrapAAD(record, aad)); err != nil {
		return ErrSealed
	}
	return nil
}

func wrapAAD(record, aad []byte) []byte {
	return append(append(make([]byte, 0, offWrapNonce+len(aad)), record[:offWrapNonce]...), aad...)
}

func contentAAD(aad []byte) []byte {
	return append(append(make([]byte, 0, 1+len(aad)), envelopeVersion), aad...)
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("secret: AES: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("secret: GCM: %w", err)
	}
	return aead, nil
}
