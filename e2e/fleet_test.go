package e2e_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/e2e/load"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/platform/redisx/redisxtest"
)

// fleetModels are one that answers soon, one whose streams take a second and a half, and one
// whose streams take twenty.
var fleetModels = []harness.Model{
	{Name: "short", Upstream: "openai/gpt-4o-mini;tokens=10;delay=10ms"},
	{Name: "slow", Upstream: "openai/gpt-4o-mini;tokens=40;chunks=20;chunk-delay=1s"},
	{Name: "paced", Upstream: "openai/gpt-4o-mini;tokens=30;first-byte=50ms;chunks=15;chunk-delay=100ms"},
}

// fleetOptions are a fleet's over a PostgreSQL and the shared Redis, with more sections of
// configuration. The drain delay is more than what a balancer and the mesh take to notice, on a
// busy machine too.
func fleetOptions(t *testing.T, database, more string) harness.FleetOptions {
	t.Helper()
	redisxtest.New(t) // it fails when there is none
	config := harness.SimulatedConfig(fmt.Sprintf("server: {drain_delay: 2s}\nlitellm_settings: {cache: true}\n"+
		"rate_limits: {wait: 20s, namespace: fleet-%s}\nrouter_settings: {num_retries: 0}\n%s", strings.ToLower(rand.Text()), more), fleetModels...)
	return harness.FleetOptions{
		Config: config, Env: []string{"DATABASE_URL=" + database, "REDIS_URL=" + os.Getenv(redisxtest.Variable)},
	}
}

// awaitCalls waits until load has had so many more calls answered.
func awaitCalls(t *testing.T, l *load.Load, calls int) {
	t.Helper()
	answered := func() int { r := l.Report(); return r.Whole + r.Streams }
	before := answered()
	harness.Within(t, longPatience, "calls are answered", func() error {
		if n := answered() - before; n < calls {
			return fmt.Errorf("%w: %d of %d; %s", errNotYet, n, calls, l.Report())
		}
		return nil
	})
}

// TestRollingRestart restarts every process of a deployment in turn, under load. No call fails
// and no stream breaks.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	f := harness.StartFleet(t, fleetOptions(t, postgrestest.URL(t).Reveal(), ""))
	key := f.Edge(0).NewTenantKey(map[string]any{"max_budget": ample})
	l := load.Start(t.Context(), load.Options{
		Edges: f.URLs("edge"), Key: key.Secret, Model: "short", StreamModel: "paced", Callers: 8, Streams: 0.4,
		Pause: 20 * time.Millisecond, Timeout: longPatience,
	})
	awaitCalls(t, l, 20)
	for _, n := range f.Nodes {
		n.Restart()
		awaitCalls(t, l, 5)
	}
	report := l.Stop()
	t.Logf("%d restarts:\n%s", len(f.Nodes), report)
	if report.Failed() > 0 {
		t.Error("a restart costs calls")
	}
	f.Stop()
}

// TestAThousandStreams has as many callers follow a stream at the same time, through one process
// of each service. All streams end whole, none waits for long, and no process grows beyond what
// a thousand streams take.
func TestAThousandStreams(t *testing.T) {
	const (
		streams = 1000
		// The pieces are a second apart; the rest is for a busy machine.
		longest = 10 * time.Second
		// An edge takes some 200 KiB for each, and five times that under the race detector.
		most = 2 << 30
	)
	opts := fleetOptions(t, postgrestest.URL(t).Reveal(), "")
	opts.Replicas = 1
	f := harness.StartFleet(t, opts)
	edge := f.Edge(0)
	l := load.Start(t.Context(), load.Options{
		Edges: f.URLs("edge"), Key: edge.NewTenantKey(map[string]any{"max_budget": ample}).Secret,
		Model: "slow", Callers: streams, Streams: 1, Calls: streams, Timeout: longPatience,
	})
	harness.Within(t, longPatience, "all are under way", func() error {
		page := string(edge.Call(http.MethodGet, "/metrics", harness.Call{}).Body)
		if !strings.Contains(page, fmt.Sprintf("\ntollgate_in_flight_requests %d\n", streams)) {
			return errNotYet
		}
		return nil
	})
	report := l.Wait()
	t.Logf("%d streams at the same time:\n%s", streams, report)
	for _, n := range f.Nodes {
		held := n.PeakMemory()
		if t.Logf("%s held %d MiB at most", n.Service, held>>20); held > most {
			t.Errorf("%s held more than %d MiB", n.Service, most>>20)
		}
	}
	if report.LongestGap > longest {
		t.Errorf("a stream waited %s between two pieces", report.LongestGap)
	}
	if report.Streams != streams || report.Failed() > 0 {
		t.Error("not all streams came to their end")
	}
	f.Stop()
}
