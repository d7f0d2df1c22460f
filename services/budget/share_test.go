package budget

import (
	"testing"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/rpc/rpctest"
)

func TestShareRecord(t *testing.T) {
	rpctest.Shares(t, func(dst, src any) bool {
		to, ok := dst.(*eventv1.UsageRecord)
		from, also := src.(*eventv1.UsageRecord)
		if ok && also {
			shareRecord(to, from)
		}
		return ok && also
	}, &eventv1.UsageRecord{})
}
