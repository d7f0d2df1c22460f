package secret_test

import (
	"strings"
	"sync"
	"testing"

	"tollgate.dev/platform/secret"
)

func pepper(b byte) (p [32]byte) {
	for i := range p {
		p[i] = b
	}
	return p
}

// RFC 4231 tests HMAC-SHA256 with keys of 20 bytes and more; test case 3's data under
// its own key padded with zeros to 32 bytes is the same HMAC, because HMAC pads so.
func TestHashIsHMACSHA256(t *testing.T) {
	var key [32]byte
	for i := range 20 {
		key[i] = 0xaa
	}
	data := strings.Repeat("\xdd", 50)
	const want = "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
	h := secret.NewHasher(key)
	for range 3 { // a pooled HMAC gives the same again
		if got := h.SumString(data).Hex(); got != want {
			t.Fatalf("got %s", got)
		}
	}
}

func TestHashDependsOnPepperAndWholeInput(t *testing.T) {
	a, b := secret.NewHasher(pepper(1)), secret.NewHasher(pepper(2))
	long := strings.Repeat("x", 1000)
	seen := make(map[secret.Hash]string)
	for _, s := range []string{"", "x", long[:127], long[:128], long[:129], long[:256], long, long[:999] + "y"} {
		h := a.SumString(s)
		if other, twice := seen[h]; twice {
			t.Errorf("%d and %d bytes have one hash", len(s), len(other))
		}
		seen[h] = s
		if h == b.SumString(s) {
			t.Error("the pepper has no effect")
		}
		if h != a.Sum(secret.New(s)) {
			t.Error("Sum and SumString differ")
		}
	}
}

func TestHasherIsConcurrent(t *testing.T) {
	h := secret.NewHasher(pepper(1))
	want := map[string]secret.Hash{"a": h.SumString("a"), "b": h.SumString("b")}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				for s, w := range want {
					if h.SumString(s) != w {
						t.Error("a hash mixed with another")
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkHash(b *testing.B) {
	h := secret.NewHasher(pepper(1))
	key := secret.GenerateKey().Reveal()
	b.ReportAllocs()
	for b.Loop() {
		h.SumString(key)
	}
}
