package secret

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

// KeySize is the size in bytes of every key that Tollgate derives.
const KeySize = 32

// Purpose separates the keys that are derived from one master secret: it is the info
// of HKDF, and two purposes give unrelated keys.
type Purpose string

// The purposes. A label never changes once keys derived from it are stored.
const (
	// VirtualKeyPepper keys the hash under which virtual keys are stored.
	VirtualKeyPepper Purpose = "tollgate/v1/virtual-key-pepper"
	// CredentialKEK wraps the data keys of stored provider credentials.
	CredentialKEK Purpose = "tollgate/v1/credential-kek" //nolint:gosec // G101: a label, no credential
)

// MinMasterBytes is the least length of a master secret, in bytes.
const MinMasterBytes = 16

// ErrWeakMaster says that a master secret is shorter than [MinMasterBytes].
var ErrWeakMaster = errors.New("secret: the master secret is too short")

// Derive returns the key for a purpose: HKDF-SHA256 (RFC 5869) of the master secret,
// without salt, because the master secret is the only thing that every replica shares.
func Derive(master String, purpose Purpose) ([KeySize]byte, error) {
	var key [KeySize]byte
	if len(master.Reveal()) < MinMasterBytes {
		return key, fmt.Errorf("%w: it needs at least %d characters", ErrWeakMaster, MinMasterBytes)
	}
	b, err := hkdf.Key(sha256.New, []byte(master.Reveal()), nil, string(purpose), KeySize)
	if err != nil {
		return key, fmt.Errorf("secret: deriving the key for %s: %w", purpose, err)
	}
	copy(key[:], b)
	clear(b)
	return key, nil
}

// KeyPrefix begins every virtual key, as OpenAI SDKs and LiteLLM expect.
const KeyPrefix = "sk-"

const (
	keyAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	keyChars    = 43 // log2(62^43) = 256.03
)

// GenerateKey returns a new virtual key: [KeyPrefix] and 43 uniform base62
// characters, which carry 256 bits.
func GenerateKey() String {
	var b strings.Builder
	b.Grow(len(KeyPrefix) + keyChars)
	b.WriteString(KeyPrefix)
	// Bytes from 248 on are thrown away, so that each character is equally likely.
	const limit = 256 - 256%len(keyAlphabet)
	var buf [64]byte
	for n := 0; n < keyChars; {
		_, _ = rand.Read(buf[:]) // never fails (Go 1.24 release notes)
		for _, c := range buf {
			if int(c) >= limit || n == keyChars {
				continue
			}
			b.WriteByte(keyAlphabet[int(c)%len(keyAlphabet)])
			n++
		}
	}
	clear(buf[:])
	return New(b.String())
}

// DisplayName is what may be shown of a virtual key: its prefix and last four
// characters, as LiteLLM's key_name shows it ("sk-...AbCd"); only "sk-..." for a key
// of fewer than 20 characters, of which four would be too many.
func DisplayName(key String) string {
	v := key.Reveal()
	if len(v) < 20 {
		return KeyPrefix + "..."
	}
	return KeyPrefix + "..." + v[len(v)-4:]
}
