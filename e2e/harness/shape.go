package harness

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// shapeVariable names the environment variable that chooses the shape of every gateway
// that tests start: "whole" is one process on embedded stores, "apart" is each service in
// processes of its own, on PostgreSQL and Redis.
const shapeVariable = "TOLLGATE_E2E_SHAPE"

// Apart reports whether services run in processes of their own.
func Apart() bool { return os.Getenv(shapeVariable) == "apart" }

// chooseTests leaves out of the shape apart what is about one whole process: the tests, or
// subtests, of this list, each with the reason.
func chooseTests(wholeOnly map[string]string) error {
	switch shape := os.Getenv(shapeVariable); shape {
	case "", "whole":
		return nil
	case "apart":
	default:
		return fmt.Errorf("%s is %q: it may be whole or apart", shapeVariable, shape)
	}
	// Tests wait for their turn to start a gateway, see turns: what is in nobody's way may run.
	if err := flag.Set("test.parallel", "256"); err != nil {
		return err
	}
	var patterns []string
	for _, name := range slices.Sorted(maps.Keys(wholeOnly)) {
		patterns = append(patterns, "^"+strings.ReplaceAll(name, "/", "$/^")+"$")
	}
	if given := flag.Lookup("test.skip").Value.String(); given != "" {
		patterns = append(patterns, given)
	}
	return flag.Set("test.skip", strings.Join(patterns, "|"))
}

// maxGateways bounds how many gateways of several processes run at one time. Go takes a test
// that waits for its parallel subtests for none that runs, so that it would let gateways of all
// tests live at once, and eight processes look after each other also when nobody calls them.
const maxGateways = 3

// turns are those of tests that start gateways.
type turns struct {
	free chan struct{}

	mu      sync.Mutex
	holders map[string]bool // the names of tests
}

func newTurns(n int) *turns {
	return &turns{free: make(chan struct{}, n), holders: map[string]bool{}}
}

// take waits for the test's turn, which lasts until its end. A test within one that has a turn
// shares it: it would wait for what waits for it.
func (t *turns) take(tb testing.TB) {
	tb.Helper()
	name := tb.Name()
	t.mu.Lock()
	for of := name; of != ""; of = outerOf(of) {
		if t.holders[of] {
			t.mu.Unlock()
			return
		}
	}
	t.mu.Unlock()
	t.free <- struct{}{}
	t.mu.Lock()
	t.holders[name] = true
	t.mu.Unlock()
	tb.Cleanup(func() {
		t.mu.Lock()
		delete(t.holders, name)
		t.mu.Unlock()
		<-t.free
	})
}

// outerOf is the test that a subtest is of; empty for none.
func outerOf(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return ""
}
