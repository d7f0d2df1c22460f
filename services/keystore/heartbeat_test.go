package keystore_test

import (
	"testing"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/keystore"
)

// A watch that has nothing to tell says so, as often as it promises.
func TestWatchHasAHeartbeat(t *testing.T) {
	f := newFixture(t)
	server := rpc.NewServer()
	keystorev1connect.RegisterKeystoreServiceHandler(server, keystore.NewHandler(f.Service))
	stream, err := keystorev1connect.NewKeystoreServiceClient(rpc.InProcess(server)).Watch(t.Context(), &keystorev1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		msg, err := stream.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if msg.GetReset_() != (n == 0) || len(msg.GetKeyIds())+len(msg.GetTenantIds()) > 0 || msg.GetHeartbeatMillis() != 300 {
			t.Fatalf("message %d is %v", n, msg)
		}
		f.clock.WaitForTimers(t, 1)
		f.clock.Advance(rpc.Heartbeat)
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
}
