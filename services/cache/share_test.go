package cache_test

import (
	"testing"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/rpc/rpctest"
	"tollgate.dev/services/cache"
)

func TestShare(t *testing.T) {
	rpctest.Shares(t, cache.Share, &cachev1.LookupRequest{}, &cachev1.LookupResponse{},
		&cachev1.StoreRequest{}, &cachev1.StoreResponse{})
}
