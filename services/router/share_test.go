package router_test

import (
	"testing"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/rpc/rpctest"
	"tollgate.dev/services/router"
)

func TestShare(t *testing.T) {
	rpctest.Shares(t, router.Share, &routerv1.CompleteRequest{}, &routerv1.CompleteResponse{},
		&routerv1.StreamCompleteRequest{}, &routerv1.StreamCompleteResponse{})
}
