package mesh_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/mesh"
	"tollgate.dev/platform/rpc"
)

const benchChunks = 100

// benchClients are clients of one handler: in process, and over a network without and with TLS
// and a token.
func benchClients(b *testing.B) map[string]routerv1connect.RouterServiceClient {
	b.Helper()
	text := strings.Repeat("x", 200)
	f := func(r *replica) {
		r.stream = func(_ context.Context, _ string, send func(string) error) error {
			for range benchChunks {
				if err := send(text); err != nil {
					return err
				}
			}
			return nil
		}
	}
	certified := newAuthority(b, "ours").certified()
	certified.Token = tokens("t", "").Token
	plain, secured := newReplica(b, f), newReplica(b, f, with(certified))
	server := rpc.NewServer()
	routerv1connect.RegisterRouterServiceHandler(server, plain.fake)
	return map[string]routerv1connect.RouterServiceClient{
		"in process": routerv1connect.NewRouterServiceClient(rpc.InProcess(server)),
		"network":    running(b, mesh.PeerOptions{}, plain).router,
		"secured":    running(b, mesh.PeerOptions{Credentials: certified}, secured).router,
	}
}

// One call with 2 KB there and back.
func BenchmarkUnary(b *testing.B) {
	for name, client := range benchClients(b) {
		req := completeOf("m", strings.Repeat("x", 2<<10))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Complete(b.Context(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Sixteen such calls at a time.
func BenchmarkParallel(b *testing.B) {
	for name, client := range benchClients(b) {
		req := completeOf("m", strings.Repeat("x", 2<<10))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism((16 + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := client.Complete(b.Context(), req); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// One stream of 100 messages of 200 bytes.
func BenchmarkStream(b *testing.B) {
	for name, client := range benchClients(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, err := client.StreamComplete(b.Context(), streamOf("m"))
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for ; err == nil; n++ {
					_, err = s.Receive()
				}
				if !errors.Is(err, io.EOF) || n != benchChunks+1 {
					b.Fatal(n, err)
				}
				must(b, s.Close())
			}
		})
	}
}
