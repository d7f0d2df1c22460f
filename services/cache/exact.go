package cache

import (
	"context"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
)

// exact is the first tier: it finds an answer by the fingerprint of its request, byte for
// byte, and so is never wrong.
type exact struct{ records *records }

// find looks for the same request. What it says of the store holds for a miss.
func (e exact) find(ctx context.Context, r Request) (Hit, presence) {
	rec, state := e.records.get(ctx, r.wait, r.Key, r.MaxAge)
	if state != present {
		return Hit{}, state
	}
	return Hit{Kind: cachev1.HitKind_HIT_KIND_EXACT, Entry: rec.Entry, Score: 1, ID: r.Key.Fingerprint}, present
}
