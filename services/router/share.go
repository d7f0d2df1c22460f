package router

import routerv1 "tollgate.dev/gen/tollgate/router/v1"

// Share hands the messages that every call sends from one side of an in-process call to
// the other, field by field and without reflection; it is an [rpc.Sharer]. A field that
// is added to one of these messages is added here: a test compares.
func Share(dst, src any) bool {
	switch to := dst.(type) {
	case *routerv1.CompleteRequest:
		from, ok := src.(*routerv1.CompleteRequest)
		if ok {
			to.Call = from.Call
		}
		return ok
	case *routerv1.CompleteResponse:
		from, ok := src.(*routerv1.CompleteResponse)
		if ok {
			to.Body, to.Usage, to.Served, to.BilledAttempts = from.Body, from.Usage, from.Served, from.BilledAttempts
			to.Error, to.ErrorMessage, to.Resumption = from.Error, from.ErrorMessage, from.Resumption
		}
		return ok
	case *routerv1.StreamCompleteRequest:
		from, ok := src.(*routerv1.StreamCompleteRequest)
		if ok {
			to.Call = from.Call
		}
		return ok
	case *routerv1.StreamCompleteResponse:
		from, ok := src.(*routerv1.StreamCompleteResponse)
		if ok {
			to.Served, to.Chunks, to.Usage, to.End = from.Served, from.Chunks, from.Usage, from.End
		}
		return ok
	}
	return false
}
