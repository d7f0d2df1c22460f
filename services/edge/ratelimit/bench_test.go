package ratelimit_test

import (
	"context"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/services/edge/ratelimit"
	"tollgate.dev/services/edge/ratelimit/store/redis"
)

// ways are a limiter that counts alone, and one that leases from a real Redis.
func ways(b *testing.B, bench func(b *testing.B, l *ratelimit.Limiter)) {
	b.Helper()
	b.Run("alone", func(b *testing.B) { bench(b, ratelimit.New(clock.Real())) })
	b.Run("shared", func(b *testing.B) {
		client, prefix := redisxtest.New(b)
		store, err := redis.New(client, redis.Options{Prefix: prefix})
		if err != nil {
			b.Fatal(err)
		}
		bench(b, share(b, clock.Real(), store, ratelimit.Options{}))
	})
}

func cycle(ctx context.Context, l *ratelimit.Limiter, s *ratelimit.Subject) error {
	p, err := l.Acquire(ctx, s, "m", 10)
	p.Done(12)
	return err
}

func every(n int64) *keystorev1.Limits {
	return &keystorev1.Limits{RequestsPerMinute: proto.Int64(n), TokensPerMinute: proto.Int64(n), ParallelRequests: proto.Int64(n)}
}

func BenchmarkAcquireDone(b *testing.B) {
	for name, s := range map[string]*ratelimit.Subject{
		"no limits":        nil,
		"requests":         ratelimit.NewSubject("k", rpm(1<<40), "", nil),
		"all of key, team": ratelimit.NewSubject("k", every(1<<40), "t", every(1<<40)),
	} {
		b.Run(name, func(b *testing.B) {
			ways(b, func(b *testing.B, l *ratelimit.Limiter) {
				b.Helper()
				b.ReportAllocs()
				for b.Loop() {
					if err := cycle(b.Context(), l, s); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func BenchmarkAcquireDoneOfManyKeys(b *testing.B) {
	subjects := make([]*ratelimit.Subject, 1024)
	for i := range subjects {
		subjects[i] = ratelimit.NewSubject(strconv.Itoa(i), every(1<<40), "", nil)
	}
	ways(b, func(b *testing.B, l *ratelimit.Limiter) {
		b.Helper()
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if err := cycle(b.Context(), l, subjects[i&1023]); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// What a call costs that finds nothing leased: a round trip. Its limit is far too small
// for slices.
func BenchmarkAcquireAtTheLimit(b *testing.B) {
	ways(b, func(b *testing.B, l *ratelimit.Limiter) {
		b.Helper()
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i++
			if err := cycle(b.Context(), l, ratelimit.NewSubject(strconv.Itoa(i), rpm(1), "", nil)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
