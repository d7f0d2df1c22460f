package admission

import (
	"context"
	"encoding/hex"
	"fmt"
	"runtime"
	"testing"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/secret"
)

// endless is a keystore that knows every secret.
type endless struct {
	keystorev1connect.UnimplementedKeystoreServiceHandler
}

func (endless) ResolveKey(_ context.Context, req *keystorev1.ResolveKeyRequest) (*keystorev1.ResolveKeyResponse, error) {
	id := hex.EncodeToString(req.GetSecretSha256())
	tenant := fmt.Sprintf("tenant-%d", req.GetSecretSha256()[0])
	return &keystorev1.ResolveKeyResponse{Grant: &keystorev1.Grant{
		Key:    &keystorev1.Key{Id: id, TenantId: tenant, UserId: "user-" + id[:8], Display: "sk-…" + id[:4], CreatedMillis: 1},
		Tenant: &keystorev1.Tenant{Id: tenant, PlatformId: "platform"},
	}}, nil
}

func (endless) Watch(ctx context.Context, _ *keystorev1.WatchRequest, stream keystorev1connect.KeystoreServiceWatchServerStream) error {
	if err := stream.Send(&keystorev1.WatchResponse{Reset_: true}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkAdmit is the steady state with a million keys in memory; it reports what
// each of them takes.
func BenchmarkAdmit(b *testing.B) {
	const keys = 1_000_000
	k := New(client(endless{}), Options{MasterKey: secret.New(master), MaxKeys: keys})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	}()
	for !k.live() {
		runtime.Gosched()
	}
	presented := func(i int) string { return fmt.Sprintf("sk-%032x", i) }
	before := heap()
	for i := range keys {
		if _, err := k.Admit(ctx, presented(i), k.clock.Now()); err != nil {
			b.Fatal(err)
		}
	}
	perKey := float64(heap()-before) / keys
	secrets := make([]string, 4096)
	for i := range secrets {
		secrets[i] = presented(i * 239)
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := k.Admit(ctx, secrets[i&4095], k.clock.Now()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(perKey, "B/key")
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := k.Admit(ctx, secrets[i&4095], k.clock.Now()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
	b.Run("for tenant", func(b *testing.B) {
		root, _ := k.Admit(ctx, master, k.clock.Now())
		b.ReportAllocs()
		for b.Loop() {
			if _, err := k.ForTenant(ctx, root, "tenant-7", k.clock.Now()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("routes", func(b *testing.B) {
		p := principal([]string{"info_routes", "llm_api_routes"}, nil, func(l *keystorev1.Limits, v []string) { l.Routes = v })
		b.ReportAllocs()
		for b.Loop() {
			if p.AllowsRoute("/v1/chat/completions") != nil {
				b.Fatal("refused")
			}
		}
	})
}
