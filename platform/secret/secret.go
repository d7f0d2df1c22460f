// Package secret holds what must not be seen: values that redact themselves by type
// wherever they are printed, logged or encoded, keyed hashes of virtual keys, and
// envelope encryption of stored credentials.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Redacted stands wherever a secret would have been printed.
const Redacted = "[redacted]"

// String is a credential: an API key, a password, a URL with a password in it. However
// it is printed, logged or encoded, [Redacted] comes out; only Reveal gives the value.
// The zero String is empty. Compare with Equal: == is true for copies of one String only.
type String struct{ p value }

// value is behind a pointer because fmt cannot call the methods of a value that it
// meets in an unexported field: there it prints an address instead of the secret.
type value *string

func hide(v string) value {
	if v == "" {
		return nil
	}
	return &v
}

func reveal(p value) string {
	if p == nil {
		return ""
	}
	return *p
}

// New returns a secret that holds v.
func New(v string) String { return String{hide(v)} }

// Reveal returns the value. Each call is a place to review.
func (s String) Reveal() string { return reveal(s.p) }

// IsZero reports whether there is no value.
func (s String) IsZero() bool { return s.p == nil }

// Equal compares two secrets in time that depends on their lengths alone.
func (s String) Equal(other String) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// UnmarshalText takes the value from text, so that a decoder can fill a String.
func (s *String) UnmarshalText(text []byte) error {
	s.p = hide(string(text))
	return nil
}

// String returns [Redacted].
func (String) String() string { return Redacted }

// GoString returns [Redacted].
func (String) GoString() string { return Redacted }

// Format writes [Redacted] for every verb and flag.
func (String) Format(f fmt.State, _ rune) { redact(f) }

// MarshalText returns [Redacted].
func (String) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON returns [Redacted] as a JSON string.
func (String) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// LogValue returns [Redacted].
func (String) LogValue() slog.Value { return slog.StringValue(Redacted) }

func redact(w io.Writer) { _, _ = io.WriteString(w, Redacted) }
