package tokens_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/tokens"
)

// BenchmarkCount gives nanoseconds a thousand tokens: warm where the text was counted before,
// cold where nothing is kept but the vocabulary.
func BenchmarkCount(b *testing.B) {
	for _, e := range []tokens.Encoding{tokens.O200k, tokens.CL100k} {
		for _, kind := range kinds {
			text := sample(b, kind)
			for _, warmth := range []string{"warm", "cold"} {
				b.Run(fmt.Sprintf("%s/%s/%s", e, kind, warmth), func(b *testing.B) {
					b.ReportAllocs()
					want, took := count(b, e, text), time.Duration(0)
					for b.Loop() {
						if warmth == "cold" {
							b.StopTimer()
							if err := counter.Forget(e); err != nil {
								b.Fatal(err)
							}
							b.StartTimer()
						}
						start := time.Now()
						if got := count(b, e, text); got != want {
							b.Fatalf("%+v, want %+v", got, want)
						}
						took += time.Since(start)
					}
					b.ReportMetric(float64(took.Nanoseconds())/float64(b.N)/float64(want.Tokens)*1000, "ns/1k")
				})
			}
		}
	}
}

// BenchmarkCountLong counts a hundred thousand tokens of prose.
func BenchmarkCountLong(b *testing.B) {
	text := sample(b, "prose")
	text = strings.Repeat(text, 1+int(100_000/count(b, tokens.O200k, text).Tokens))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		count(b, tokens.O200k, text)
	}
}

// BenchmarkFirstCount builds a vocabulary, without what the library does but once a process.
func BenchmarkFirstCount(b *testing.B) {
	for _, e := range []tokens.Encoding{tokens.O200k, tokens.CL100k} {
		b.Run(e.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var c tokens.Counter
				if _, err := c.Count(e, "x"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
