package cache

import cachev1 "tollgate.dev/gen/tollgate/cache/v1"

// Share hands the messages that every call sends from one side of an in-process call to
// the other, field by field and without reflection; it is an [rpc.Sharer]. A field that
// is added to one of these messages is added here: a test compares.
func Share(dst, src any) bool {
	switch to := dst.(type) {
	case *cachev1.LookupRequest:
		from, ok := src.(*cachev1.LookupRequest)
		if ok {
			to.Namespace, to.Fingerprint, to.MaxAge = from.Namespace, from.Fingerprint, from.MaxAge
			to.Question, to.Last, to.Threshold, to.LeastScore = from.Question, from.Last, from.Threshold, from.LeastScore
			to.Incomparable = from.Incomparable
		}
		return ok
	case *cachev1.LookupResponse:
		from, ok := src.(*cachev1.LookupResponse)
		if ok {
			to.Hit, to.Entry, to.Score, to.EntryId, to.Comparison, to.Last = from.Hit, from.Entry, from.Score, from.EntryId, from.Comparison, from.Last
			to.Embedding, to.Embedded = from.Embedding, from.Embedded
		}
		return ok
	case *cachev1.StoreRequest:
		from, ok := src.(*cachev1.StoreRequest)
		if ok {
			to.Namespace, to.Fingerprint, to.Entry, to.Ttl = from.Namespace, from.Fingerprint, from.Entry, from.Ttl
			to.Question, to.Last, to.Embedding = from.Question, from.Last, from.Embedding
			to.AskedMicros = from.AskedMicros
		}
		return ok
	case *cachev1.StoreResponse:
		from, ok := src.(*cachev1.StoreResponse)
		if ok {
			to.Stored = from.Stored
		}
		return ok
	}
	return false
}
