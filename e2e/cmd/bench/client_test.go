package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tollgate.dev/services/simulator"
)

// testTarget is a target at a test server.
func testTarget(t *testing.T, handler http.Handler) *target {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &target{
		name: "direct", addr: server.Listener.Addr().String(), key: "sk-test", model: "gpt-4o-mini",
		path: openAIBase + chatPath,
	}
}

func callOnce(t *testing.T, to *target, p prompt, cache string) (timing, error) {
	t.Helper()
	req, err := p.render(to, false)
	if err != nil {
		t.Fatal(err)
	}
	c, err := dial(t.Context(), to.addr, req, cache)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	return c.call(42)
}

// The simulator, as the benchmark asks it to answer, passes all checks.
func TestCallsOfTheSimulator(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Options{KeepBodies: 1 << 16})
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	to := testTarget(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Simulate", always)
		sim.Handler().ServeHTTP(w, r)
	}))
	for _, p := range []prompt{smallPrompt, largePrompt, streamPrompt} {
		took, err := callOnce(t, to, p, "")
		if err != nil || took.first <= 0 || took.whole < took.first || took.whole > time.Minute {
			t.Errorf("%+v: %+v, %v", p, took, err)
		}
	}
	for _, call := range sim.Calls() {
		if !json.Valid(call.Body) || !strings.Contains(string(call.Body), `"0000000000000042 `) {
			t.Errorf("the body is no JSON with the serial: %.200s", call.Body)
		}
	}
}

func TestPromptSizes(t *testing.T) {
	t.Parallel()
	for _, p := range []prompt{smallPrompt, largePrompt} {
		body, serial, err := p.body("bench")
		if err != nil || serial < 0 || len(body) < p.size || len(body) > p.size+p.size/8+400 {
			t.Errorf("a prompt of %d bytes has %d with the serial at %d: %v", p.size, len(body), serial, err)
		}
	}
}

// Answers that are wrong must end the run, not count as fast ones.
func TestWrongAnswersAreErrors(t *testing.T) {
	t.Parallel()
	events := strings.Repeat("data: {}\n\n", streamChunks)
	good := `{"finish_reason":"stop"}` + strings.Repeat(" ", answerBytes)
	for name, c := range map[string]struct {
		status  int
		cache   string
		body    string
		close   bool
		prompt  prompt
		want    string // of X-Cache
		problem string
	}{
		"right":             {body: good, prompt: smallPrompt},
		"right from cache":  {body: good, prompt: smallPrompt, cache: "hit", want: "hit"},
		"status":            {status: http.StatusTooManyRequests, body: good, prompt: smallPrompt, problem: "429"},
		"unwanted hit":      {body: good, prompt: smallPrompt, cache: "hit", want: "miss", problem: "X-Cache"},
		"no finish":         {body: strings.Repeat(" ", answerBytes), prompt: smallPrompt, problem: "stop"},
		"short":             {body: `{"finish_reason":"stop"}`, prompt: smallPrompt, problem: "24 bytes"},
		"closes":            {body: good, close: true, prompt: smallPrompt, problem: "closes"},
		"right stream":      {body: events + "data: [DONE]\n\n", prompt: streamPrompt},
		"stream cut":        {body: events, prompt: streamPrompt, problem: "[DONE]"},
		"stream of a chunk": {body: "data: {}\n\ndata: [DONE]\n\n", prompt: streamPrompt, problem: "1 events"},
	} {
		to := testTarget(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if c.close {
				w.Header().Set("Connection", "close")
			}
			if c.cache != "" {
				w.Header().Set("X-Cache", c.cache)
			}
			w.WriteHeader(max(c.status, http.StatusOK))
			_, _ = io.WriteString(w, c.body) // the client sees a cut
		}))
		_, err := callOnce(t, to, c.prompt, c.want)
		switch {
		case c.problem == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)):
			t.Errorf("%s: %v, want an error about %q", name, err, c.problem)
		}
	}
}

func TestParseCounters(t *testing.T) {
	t.Parallel()
	const text = "# TYPE go_memstats_mallocs_total counter\ngo_memstats_mallocs_total 1.5e+06\n" +
		"go_memstats_alloc_bytes 12\ngo_memstats_alloc_bytes_total 2.5e+09\n"
	c, err := parseCounters(strings.NewReader(text))
	if want := (counters{1.5e6, 2.5e9}); err != nil || c != want {
		t.Errorf("%+v, %v, want %+v", c, err, want)
	}
	for name, bad := range map[string]string{
		"missing":   "go_memstats_mallocs_total 1\n",
		"no number": "go_memstats_mallocs_total one\ngo_memstats_alloc_bytes_total 2\n",
	} {
		if _, err := parseCounters(strings.NewReader(bad)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args string
		ok   bool
		rows int
	}{
		"defaults":      {"", true, len(rowNames)},
		"some rows":     {"--only small,hit --quick", true, 2},
		"unknown row":   {"--only smal", false, 0},
		"no rounds":     {"--rounds 0", false, 0},
		"a stray word":  {"gateway", false, 0},
		"few requests":  {"--requests 3", false, 0},
		"own requests":  {"--requests 500 --rounds 1", true, len(rowNames)},
		"unknown flag":  {"--fast", false, 0},
		"negative size": {"--cache-bytes -1", false, 0},
	} {
		o, err := parseOptions(strings.Fields(c.args), io.Discard)
		var rows []row
		if err == nil {
			rows, err = plan(o.requests, o.only)
		}
		if (err == nil) != c.ok || len(rows) != c.rows {
			t.Errorf("%s: %d rows, %v", name, len(rows), err)
		}
	}
}
