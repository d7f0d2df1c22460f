package mesh_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	meshv1 "tollgate.dev/gen/tollgate/mesh/v1"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/mesh"
)

// A peer that is closed waits for no answer, and neither begins calls nor leaves anything behind.
func TestAPeerThatIsClosed(t *testing.T) {
	r := newReplica(t)
	entered := r.hangs()
	p := newPeer(t, mesh.PeerOptions{}, r) // nobody runs it
	under := make(chan error, 1)
	go func() { under <- p.complete(t.Context(), "m") }()
	<-entered
	must(t, p.Close())
	if err := <-under; !errs.Is(err, errs.ServiceUnavailable) || errs.NotSent(err) || errs.Answered(err) {
		t.Errorf("its call ends with %v", errs.Chain(err))
	}
	if err := p.complete(t.Context(), "m"); !errs.Is(err, errs.ServiceUnavailable) || !errs.NotSent(err) || r.calls.Load() != 1 {
		t.Errorf("another call ends with %v", errs.Chain(err))
	}
}

// Two calls of one number are no link's: the first one's handler hears that nobody waits for it,
// and the second does not begin.
func TestANumberOfTwoCalls(t *testing.T) {
	r := newReplica(t)
	ended := make(chan error, 2)
	r.complete = func(ctx context.Context, _ string) error {
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	said, err := proto.Marshal(&meshv1.Call{Procedure: routerv1connect.RouterServiceCompleteProcedure})
	must(t, err)
	call := append(binary.AppendUvarint(nil, uint64(len(said))), said...)
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(call)))
	frame = append(append(frame, 1, 0, 0, 0, 7), call...)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.addr)
	must(t, err)
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, "GET "+mesh.LinkPath+" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tollgate-link\r\n\r\n"+string(frame)+string(frame))
	must(t, err)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the first one ends with %v", err)
	}
	_, _ = io.Copy(io.Discard, conn) // until the replica has closed it
	_ = conn.Close()
	r.kill() // waits for its handlers
	if n := r.calls.Load(); n != 1 {
		t.Errorf("%d calls were begun", n)
	}
}
