package simulator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tollgate.dev/services/simulator"
)

// sink is a response that is thrown away.
type sink struct{ h http.Header }

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Flush()                      {}

// BenchmarkHandler measures the simulator's own work without a network: a 2 KB
// prompt, answered whole and in 50 chunks.
func BenchmarkHandler(b *testing.B) {
	sim := simulator.New(simulator.Options{})
	b.Cleanup(func() { _ = sim.Close() }) // nothing listens, so it cannot fail
	prompt := strings.Repeat("lorem ipsum dolor sit amet ", 75)
	for name, body := range map[string]string{
		"whole":  `{"model":"gpt-4o","messages":[{"role":"user","content":"` + prompt + `"}]}`,
		"stream": `{"model":"gpt-4o;chunks=50","stream":true,"messages":[{"role":"user","content":"` + prompt + `"}]}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				req := httptest.NewRequest(http.MethodPost, openAI, strings.NewReader(body))
				req.Header.Set("Authorization", "Bearer k")
				sim.Handler().ServeHTTP(&sink{h: http.Header{}}, req)
			}
		})
	}
}
