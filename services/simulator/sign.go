package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Signatures of thinking. What the simulator signs must come back byte for
// byte; the parts that it covers are given by each dialect.

// sign makes a signature of the parts, in standard base64.
func (s *Server) sign(parts ...string) string {
	return base64.StdEncoding.EncodeToString(s.mac(parts))
}

// verify checks that a signature is byte for byte what sign makes.
func (s *Server) verify(signature string, parts ...string) bool {
	return hmac.Equal([]byte(signature), []byte(s.sign(parts...)))
}

// verifyBytes checks a signature in any of base64's alphabets, as an API does
// for which it is a bytes field of a proto message.
func (s *Server) verifyBytes(signature string, parts ...string) bool {
	got, ok := decodeBase64(signature)
	return ok && hmac.Equal(got, s.mac(parts))
}

func (s *Server) mac(parts []string) []byte {
	m := hmac.New(sha256.New, s.secret[:])
	for _, p := range parts {
		_, _ = m.Write([]byte(p))
		_, _ = m.Write([]byte{0})
	}
	// Two sums make the signature long, as the providers' are.
	sum := m.Sum(nil)
	_, _ = m.Write([]byte{1})
	return m.Sum(sum)
}

func decodeBase64(s string) ([]byte, bool) {
	s = strings.TrimRight(s, "=")
	enc := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		enc = base64.RawURLEncoding
	}
	b, err := enc.Strict().DecodeString(s)
	return b, err == nil
}
