package mesh

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"tollgate.dev/platform/secret"
)

// Credentials prove a process to the others of its deployment. The zero value proves
// nothing and asks for nothing.
type Credentials struct {
	// Token is sent with every call and asked of every caller; an empty one is neither.
	Token secret.String
	// Previous is taken as well as Token, while a deployment changes from one to the other;
	// empty for none. Without a Token it has no effect.
	Previous secret.String
	// Certificates make connections mutual TLS; nil is plain HTTP.
	Certificates *Certificates
}

// challenge is the header that tells a refusal by the mesh from one by a service, which may
// have the same code.
const challenge = "Www-Authenticate"

// gatekeeper tells who may call.
type gatekeeper struct {
	tokens      [][sha256.Size]byte // none lets everybody pass
	certificate bool
}

func newGatekeeper(c Credentials) gatekeeper {
	g := gatekeeper{certificate: c.Certificates != nil}
	if c.Token.IsZero() {
		return g
	}
	for _, token := range []secret.String{c.Token, c.Previous} {
		if !token.IsZero() {
			g.tokens = append(g.tokens, sha256.Sum256([]byte(token.Reveal())))
		}
	}
	return g
}

// admits reports whether the caller has proved all that is asked for. How long it takes
// tells nothing of the tokens: their hashes are compared, each in constant time.
func (g gatekeeper) admits(r *http.Request) bool {
	if g.certificate && (r.TLS == nil || len(r.TLS.VerifiedChains) == 0) {
		return false
	}
	if len(g.tokens) == 0 {
		return true
	}
	const scheme = "Bearer "
	header := r.Header.Get("Authorization")
	if len(header) < len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return false
	}
	presented := sha256.Sum256([]byte(header[len(scheme):]))
	same := 0
	for i := range g.tokens {
		same |= subtle.ConstantTimeCompare(presented[:], g.tokens[i][:])
	}
	return same == 1
}

// authorization is the header that proves this process; nil when there is no token.
func (c Credentials) authorization() []string {
	if c.Token.IsZero() {
		return nil
	}
	return []string{"Bearer " + c.Token.Reveal()}
}
