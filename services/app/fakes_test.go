package app

import (
	"bytes"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/config"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// net/http keeps a connection that it closes for half a second, on a goroutine of its own.
		goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"),
		// A pool of go-redis whose server refuses sees a second after its next try that it is closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// today is the day that the tests are played on.
var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// load reads a configuration in an environment of name, value, ….
func load(tb testing.TB, yaml string, env ...string) *config.Config {
	tb.Helper()
	cfg, _, err := config.Load(config.Source{Name: "test.yaml", Data: []byte(yaml), LookupEnv: lookup(env...)})
	if err != nil {
		tb.Fatal(err)
	}
	return cfg
}

// shipped is the shipped configuration, whose keys are optional.
func shipped(tb testing.TB, env ...string) *config.Config {
	tb.Helper()
	cfg, _, err := config.Load(config.Default(lookup(env...)))
	if err != nil {
		tb.Fatal(err)
	}
	return cfg
}

func lookup(env ...string) config.LookupEnv {
	return func(name string) (string, bool) {
		for i := 0; i < len(env); i += 2 {
			if env[i] == name {
				return env[i+1], true
			}
		}
		return "", false
	}
}

// priced are the prices of a configuration today.
func priced(tb testing.TB, cfg *config.Config) (*prices, *clocktest.Fake) {
	tb.Helper()
	clk := clocktest.NewAt(today)
	p, err := newPrices(cfg, clk)
	if err != nil {
		tb.Fatal(err)
	}
	return p, clk
}

// journal is a log that tests read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
